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
import { pathToFileURL } from 'node:url';
import { compiledTogether } from './program.ts';

const ROOT = join(import.meta.dirname, '../..');

/** How it is started. */
export interface StartOptions {
  /** A module that is loaded before it, by its path. */
  readonly before?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What becomes of what it says to people: it is passed on (the default), left out, or kept. */
  readonly complaints?: 'shown' | 'dropped' | 'kept';
}

/** News in a line of JSON. */
export type News = Record<string, unknown>;

/** A server that runs. */
export class ServedProcess implements AsyncDisposable {
  readonly process: ChildProcess;
  /** Its lines, parsed, and as they were. */
  readonly told: News[] = [];
  stdout = '';
  /** What it said to people, where that is kept. */
  stderr = '';
  readonly exit: Promise<unknown>;
  /** Where it listens, once it does. */
  url = '';
  #heard: () => void = () => {};

  private constructor(
    node: readonly string[],
    words: readonly string[],
    { env, complaints = 'shown' }: StartOptions,
  ) {
    const stderr = ({ shown: 'inherit', dropped: 'ignore', kept: 'pipe' } as const)[complaints];
    this.process = spawn(process.execPath, [...node, 'serve', '--json', '--port', '0', ...words], {
      stdio: ['ignore', 'pipe', stderr],
      env: { ...process.env, ...env },
    });
    // Not before all that it said has come.
    this.exit = once(this.process, 'close').then(([code, signal]) => code ?? signal);
    createInterface({ input: this.process.stdout! }).on('line', (line) => this.#take(line));
    this.process.stderr?.on('data', (text) => {
      this.stderr += String(text);
    });
  }

  /** Starts it with words of the command line; what `before` names is loaded first. */
  static async spawned(
    words: readonly string[],
    options: StartOptions = {},
  ): Promise<ServedProcess> {
    const before = options.before === undefined ? [] : [options.before];
    const [main, ...loaded] = await compiledTogether([join(ROOT, 'src/cli/main.ts'), ...before]);
    const imports = loaded.flatMap((path) => ['--import', pathToFileURL(path).href]);
    return new ServedProcess([...imports, main!], words, options);
  }

  /** Starts it and waits until it listens; `undefined` if it ends before. */
  static async tried(
    words: readonly string[],
    options?: StartOptions,
  ): Promise<ServedProcess | undefined> {
    const server = await ServedProcess.spawned(words, options);
    return (await server.#next('listening')) === undefined ? undefined : server;
  }

  /** As `tried`. @throws if it ends before it listens. */
  static async start(words: readonly string[], options?: StartOptions): Promise<ServedProcess> {
    const server = await ServedProcess.spawned(words, options);
    await server.hears('listening');
    return server;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** The first news of that kind, when it is there. @throws if it ends before. */
  async hears(event: string): Promise<News> {
    const news = await this.#next(event);
    if (news !== undefined) return news;
    throw new Error(`the server ended before it told of ${event}: ${this.stderr}`);
  }

  async #next(event: string): Promise<News | undefined> {
    for (;;) {
      const found = this.told.find((one) => one.event === event);
      if (found !== undefined || this.process.stdout!.closed) return found;
      await new Promise<void>((done) => {
        this.#heard = done;
        this.process.stdout!.once('close', done);
      });
    }
  }

  #take(line: string): void {
    this.stdout += `${line}\n`;
    const news = JSON.parse(line) as News;
    this.told.push(news);
    if (news.event === 'listening') this.url = String(news.url);
    this.#heard();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
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

/** A server whose words to people are kept, and that ends with its run. */
export function served(words: readonly string[]): Promise<ServedProcess> {
  return ServedProcess.spawned([...words, '--linger', '0'], { complaints: 'kept' });
}
