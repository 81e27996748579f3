/**
 * The command line as a user starts it: a process of its own.
 *
 * @module
 */

import { execFile } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

/** What a process left behind. */
export interface Outcome {
  readonly code: number | string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `aggregis` with these words, in this folder. */
export function aggregis(
  words: readonly string[],
  { cwd = ROOT, env = {} }: { cwd?: string; env?: Readonly<Record<string, string>> } = {},
): Promise<Outcome> {
  const loader = import.meta.resolve('tsx');
  const main = join(ROOT, 'src/cli/main.ts');
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--import', loader, main, ...words],
      { cwd, env: { ...process.env, ...env } },
      (error, stdout, stderr) =>
        resolve({ code: error ? (error.code ?? null) : 0, stdout, stderr }),
    );
  });
}
