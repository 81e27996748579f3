/**
 * A federation of processes: `aggregis serve`, and so many `aggregis join`, on this machine.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  type AttackOutcome,
  type AttackRun,
  countsOf,
  firstModel,
  networkOf,
  pipelineConfig,
  qualityOf,
} from '../src/lab/federation-attacks.ts';

const SOURCE = join(import.meta.dirname, '../src/cli/main.ts');

/** Where and how processes run. */
export interface ProcessOptions {
  /** Of this run alone; the run itself is kept in `run` below it. */
  readonly folder: string;
  /** What clients are given as `--data`. Default: they draw digits. */
  readonly dataFile?: string | undefined;
  /** The command line as JavaScript. Default: the source, which starts more slowly. */
  readonly program?: string | undefined;
  /** The longest that a run may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Where `aggregis report` writes what happened. Default: nowhere. */
  readonly report?: string | undefined;
  /** Is told why there is no report. */
  readonly warn?: ((text: string) => void) | undefined;
}

/** A line that a process prints with `--json`. */
type News = Readonly<Record<string, unknown>>;

/** Makes the run with one process for the server and one for each client. */
export async function attackWithProcesses(
  run: AttackRun,
  options: ProcessOptions,
): Promise<AttackOutcome> {
  const { folder, timeoutMs } = options;
  const { pipeline, setting, seed, data } = run;
  const network = networkOf(data, setting);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'model.safetensors'), await firstModel(network, seed));
  const config = join(folder, 'config.json');
  await writeFile(config, JSON.stringify(pipelineConfig(pipeline, setting)));
  const runFolder = join(folder, 'run');
  const started: Process[] = [];
  const endAll = (): void => {
    for (const { child } of started) child.kill('SIGKILL');
  };
  const deadline = setTimeout(endAll, timeoutMs);
  // Clients are patient: they would outlive whoever started them. First of all, or they go on writing.
  process.prependOnceListener('exit', endAll);
  try {
    const words = ['serve', '--config', config, '--run', runFolder, '--port', '0', '--json'];
    const server = new Process([...words, '--threads', '1', '--linger', '1'], options);
    started.push(server);
    const { url } = await server.news(({ event }) => event === 'listening');
    const clients = Array.from({ length: setting.clients }, (_, i) => {
      return new Process(['join', String(url), '--json', ...joinWords(run, i, options)], options);
    });
    started.push(...clients);
    const joined = await Promise.all(
      clients.map((one) => one.news(({ event }) => event === 'joined')),
    );
    await server.ended();
    for (const client of clients) client.checked();
    const published = server.all.filter(({ event }) => event === 'published');
    const last = String(published.at(-1)?.model);
    const file = await readFile(join(runFolder, 'blobs', last));
    const attackers = new Set(joined.slice(0, setting.attackers).map(({ client }) => client));
    const isAttacker = (client: string): boolean => run.deed !== undefined && attackers.has(client);
    await report(runFolder, started, options);
    return {
      ...(await qualityOf(new Uint8Array(file), { network, data })),
      failed: setting.rounds - published.length,
      ...(await countsOf(runFolder, isAttacker)),
    };
  } finally {
    clearTimeout(deadline);
    process.off('exit', endAll);
    endAll();
    await Promise.all(started.map((one) => one.gone));
  }
}

/** Writes the report of a run. What was measured counts without it. */
async function report(run: string, started: Process[], options: ProcessOptions): Promise<void> {
  if (options.report === undefined) return;
  const reporter = new Process(['report', run, '--out', options.report], options);
  started.push(reporter);
  try {
    await reporter.ended();
  } catch (error) {
    options.warn?.(`no report: ${(error as Error).message}`);
  }
}

function joinWords(
  { deed, setting, seed }: AttackRun,
  i: number,
  { dataFile }: ProcessOptions,
): string[] {
  const { clients, attackers, alpha } = setting;
  const words = ['--part', `${i + 1}/${clients}`, '--alpha', `${alpha}`, '--seed', `${seed}`];
  if (dataFile !== undefined) words.push('--data', dataFile);
  if (deed === undefined || i >= attackers) return words;
  if (deed.spec !== undefined) words.push('--attack', deed.spec, '--attackers', `${attackers}`);
  return [...words, '--claim', `${deed.claim}`];
}

/** A process of the command line that tells what happens in lines of JSON. */
class Process {
  readonly child: ChildProcess;
  readonly all: News[] = [];
  /** When it has ended, however it did. */
  readonly gone: Promise<void>;
  #said = '';
  /** Whether all that it said was read. */
  #isGone = false;
  readonly #waiting = new Set<() => void>();

  constructor(words: readonly string[], { program }: Pick<ProcessOptions, 'program'>) {
    const start =
      program === undefined ? ['--import', import.meta.resolve('tsx'), SOURCE] : [program];
    this.child = spawn(process.execPath, [...start, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.gone = once(this.child, 'close').then(() => {
      this.#isGone = true;
      this.#wake();
    });
    this.child.stderr!.on('data', (data: Buffer) => {
      this.#said = (this.#said + data.toString()).slice(-2000);
    });
    createInterface({ input: this.child.stdout! }).on('line', (line) => {
      // What is for people, such as where a report was written, is no news.
      if (line.startsWith('{')) this.all.push(JSON.parse(line) as News);
      this.#wake();
    });
  }

  /** The first line of a kind. @throws {Error} if it ends without. */
  async news(isIt: (news: News) => boolean): Promise<News> {
    for (;;) {
      const found = this.all.find(isIt);
      if (found !== undefined) return found;
      if (this.#isGone) throw this.#failure();
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** @throws {Error} if it ends with another code than 0. */
  async ended(): Promise<void> {
    await this.gone;
    if (this.child.exitCode !== 0) throw this.#failure();
  }

  /** @throws {Error} if it has failed; it may go on. */
  checked(): void {
    const { exitCode, signalCode } = this.child;
    if ((exitCode ?? 0) !== 0 || signalCode !== null) throw this.#failure();
  }

  #failure(): Error {
    const { exitCode, signalCode, spawnargs } = this.child;
    const words = spawnargs.slice(2).join(' ');
    return new Error(`${words}: ended with ${exitCode ?? signalCode}: ${this.#said}`);
  }

  #wake(): void {
    for (const resume of this.#waiting) resume();
    this.#waiting.clear();
  }
}
