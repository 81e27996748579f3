/**
 * `aggregis serve` in a process of its own, as an operator starts it.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const ROOT = join(import.meta.dirname, '../..');

/** How it is started. */
export interface StartOptions {
  /** A module that is loaded before it, by its URL. */
  readonly before?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Whether what it says to people is left out. */
  readonly isQuiet?: boolean;
}

/** A server that runs. */
export class ServedProcess {
  readonly process: ChildProcess;
  readonly port: number;
  readonly url: string;
  /** Its lines, parsed. */
  readonly told: readonly Record<string, unknown>[];
  readonly exit: Promise<unknown>;

  private constructor(parts: Pick<ServedProcess, 'process' | 'url' | 'told' | 'exit'>) {
    this.process = parts.process;
    this.url = parts.url;
    this.port = Number(new URL(parts.url).port);
    this.told = parts.told;
    this.exit = parts.exit;
  }

  /**
   * Starts it with words of the command line, and waits until it listens; `undefined` if it ends before.
   * What `before` names is loaded first.
   */
  static async tried(
    words: readonly string[],
    options: StartOptions = {},
  ): Promise<ServedProcess | undefined> {
    const { before, env } = options;
    const main = join(ROOT, 'src/cli/main.ts');
    const loaded = [import.meta.resolve('tsx'), ...(before === undefined ? [] : [before])];
    const node = [...loaded.flatMap((module) => ['--import', module]), main];
    const child = spawn(process.execPath, [...node, 'serve', '--json', '--port', '0', ...words], {
      stdio: ['ignore', 'pipe', options.isQuiet ? 'ignore' : 'inherit'],
      env: { ...process.env, ...env },
    });
    const exit = once(child, 'exit').then(([code, signal]) => code ?? signal);
    const told: Record<string, unknown>[] = [];
    const listening = new Promise<string>((resolve) => {
      createInterface({ input: child.stdout! }).on('line', (line) => {
        const news = JSON.parse(line) as Record<string, unknown>;
        told.push(news);
        if (news.event === 'listening') resolve(String(news.url));
      });
    });
    const url = await Promise.race([listening, exit.then(() => undefined)]);
    return url === undefined ? undefined : new ServedProcess({ process: child, url, told, exit });
  }

  /** As `tried`. @throws if it ends before it listens. */
  static async start(words: readonly string[], options?: StartOptions): Promise<ServedProcess> {
    const server = await ServedProcess.tried(words, options);
    if (server === undefined) throw new Error('the server ended before it listened');
    return server;
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.exit;
  }

  /** Bytes of memory that it has and has had at most; on Linux. */
  memory(): { readonly now: number; readonly peak: number } {
    const text = readFileSync(`/proc/${this.process.pid}/status`, 'utf8');
    const of = (name: string): number =>
      1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]);
    return { now: of('VmRSS'), peak: of('VmHWM') };
  }

  /** Lets the most it has had begin anew; on Linux. */
  forgetPeak(): void {
    writeFileSync(`/proc/${this.process.pid}/clear_refs`, '5');
  }

  /** Seconds of processor time that it has taken, all threads; on Linux. */
  processorTime(): number {
    const text = readFileSync(`/proc/${this.process.pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    // Fields 14 and 15, in ticks of 10 ms.
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }
}
