/**
 * How failures read on the command line, and what they exit with.
 *
 * @module
 */

import { CommanderError } from 'commander';
import { AggregationError, BackendError, FormatError } from '../core/errors.ts';
import { visible } from '../formats/quote.ts';

/** What a command ends with, for its help. */
export const EXIT_CODES: string = `
Exit codes:
  0    done
  1    the work says no: too few clients for the rule, a failed check, no such backend
  2    wrong usage, or input of yours that cannot be read
  130  interrupted

A stack trace is printed with AGGREGIS_DEBUG=1.`;

/** The user interrupted. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';

  constructor() {
    super('interrupted');
  }
}

/** Wrong usage that is found after the options are parsed. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What `make` makes of an option's value; its errors name the option. */
export function ofOption<T>(name: string, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof AggregationError || cause instanceof RangeError)) throw cause;
    throw new UsageError(`${name}: ${cause.message}`, { cause });
  }
}

/** One line; with AGGREGIS_DEBUG=1 the stack and its causes. */
export function explain(error: unknown): string {
  if (process.env.AGGREGIS_DEBUG === '1' && error instanceof Error) {
    return [`aggregis: ${error.stack ?? error.message}`, ...causesOf(error)].join('\n');
  }
  const message = error instanceof Error ? systemMessage(error) : String(error);
  // Paths are others' words too: a client may have named its file.
  return `aggregis: ${visible(message.replaceAll(/:\s*\n\s*/g, ': ').replaceAll(/\s*\n\s*/g, '; '))}`;
}

function causesOf({ cause }: Error): string[] {
  return cause instanceof Error
    ? [`caused by ${cause.stack ?? cause.message}`, ...causesOf(cause)]
    : [];
}

const SYSTEM: Readonly<Record<string, string>> = {
  EEXIST: 'there is a file of that name',
  ELOOP: 'links lead in a circle',
  ENAMETOOLONG: 'the name is too long',
  ENOENT: 'no such file or folder',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EISDIR: 'is a folder',
  ENOTDIR: 'a part of the path is no folder',
  EMFILE: 'too many files are open; raise the limit (ulimit -n)',
  ENOSPC: 'no space is left on the device',
  EROFS: 'the file system is read-only',
};

/** Errors of the system say `ENOENT: no such file …, open 'x'`; people want the path first. */
function systemMessage(error: Error): string {
  const { code, path } = error as NodeJS.ErrnoException;
  const known = code === undefined ? undefined : SYSTEM[code];
  return known !== undefined && path !== undefined ? `${path || '""'}: ${known}` : error.message;
}

/** The exit code of a failure; see `aggregis --help`. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof Interrupted) return 130;
  if (error instanceof BackendError) return 1;
  if (error instanceof AggregationError) {
    return error.code === 'bad-spec' || error.code === 'unreadable' ? 2 : 1;
  }
  const isInput =
    error instanceof UsageError ||
    error instanceof FormatError ||
    error instanceof RangeError ||
    (error instanceof Error && 'syscall' in error);
  return isInput ? 2 : 1;
}
