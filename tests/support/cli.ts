/**
 * The command line as a user starts it: a process of its own.
 *
 * @module
 */

import { type ChildProcess, execFile } from 'node:child_process';
import { join } from 'node:path';
import { compiled } from './program.ts';

const ROOT = join(import.meta.dirname, '../..');

/** What a process left behind. */
export interface Outcome {
  readonly code: number | string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where and how a process runs. */
export interface Surroundings {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** A file that takes what it prints, by way of a shell. */
  readonly printsTo?: string;
  /** Told of the process once it runs. */
  readonly onStart?: (child: ChildProcess) => void;
}

/** Runs `aggregis` with these words. */
export async function aggregis(
  words: readonly string[],
  { cwd = ROOT, env = {}, printsTo, onStart }: Surroundings = {},
): Promise<Outcome> {
  const main = await compiled(join(ROOT, 'src/cli/main.ts'));
  const command = [process.execPath, main, ...words];
  const [file, ...args] =
    printsTo === undefined ? command : ['sh', '-c', `exec "$@" >${printsTo}`, 'sh', ...command];
  return new Promise((resolve) => {
    const child = execFile(
      file!,
      args,
      { cwd, env: { ...process.env, ...env } },
      (error, stdout, stderr) =>
        resolve({ code: error ? (error.code ?? null) : 0, stdout, stderr }),
    );
    onStart?.(child);
  });
}
