/**
 * `aggregis serve` as a process, and what it tells.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const ROOT = join(import.meta.dirname, '../..');

/** A server that runs. */
export class Served implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly news: Record<string, unknown>[] = [];
  stdout = '';
  stderr = '';
  readonly exit: Promise<unknown>;
  #heard: () => void = () => {};

  constructor(words: readonly string[]) {
    const main = join(ROOT, 'src/cli/main.ts');
    const args = ['--import', import.meta.resolve('tsx'), main, 'serve', ...words];
    this.child = spawn(process.execPath, [...args, '--json', '--port', '0', '--linger', '0'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.exit = once(this.child, 'exit').then(([code, signal]) => code ?? signal);
    createInterface({ input: this.child.stdout! }).on('line', (line) => {
      this.stdout += `${line}\n`;
      this.news.push(JSON.parse(line));
      this.#heard();
    });
    this.child.stderr!.on('data', (text) => {
      this.stderr += String(text);
    });
  }

  /** The first news of that kind. */
  async told(event: string): Promise<Record<string, unknown>> {
    for (;;) {
      const found = this.news.find((one) => one.event === event);
      if (found !== undefined) return found;
      const next = new Promise<void>((done) => {
        this.#heard = done;
      });
      const ended = this.exit.then(() => {
        throw new Error(`ended before ${event}: ${this.stderr}`);
      });
      await Promise.race([next, ended]);
    }
  }

  async url(): Promise<string> {
    return String((await this.told('listening')).url);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exit;
  }
}
