/**
 * Files: does aggregating more data than memory holds go at the speed of reading it? `aggregate` in a
 * process of its own under a budget, against reading the same bytes as often as the rule needs passes,
 * and against the same rule on rows in memory; all in turn, in one run. Under Node.
 *
 * @module
 */

import { execFile } from 'node:child_process';
import { mkdtemp, open as openFile, rm } from 'node:fs/promises';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { aggregateWith } from '../../aggregate.ts';
import type { Backend, BackendName } from '../../backend/kernels.ts';
import {
  type Bench,
  isShared,
  open,
  type Question,
  type Settings,
  type Shape,
  type Subject,
  type Timing,
  timed,
} from './bench.ts';
import { fillNormal, normalRows, type Storage, windowedRows } from './data.ts';
import { race } from './stopwatch.ts';
import { attackersAmong, subject } from './subjects.ts';
import { readVector, writeRows } from './vector-files.ts';

const run = promisify(execFile);

/** How files are aggregated. */
export interface FilesOptions extends Shape {
  /** What `aggregate` is told of memory, in bytes. */
  readonly memory: number;
  /** The command line, up to and without `aggregate`. */
  readonly command: readonly string[];
}

/** Bytes that one read asks for. */
const READ_BYTES = 2 ** 22;

/** Passes over the rows that a rule on files needs at least, the screen fused into the first. */
const RULES: readonly { readonly rule: (f: number) => string; readonly passes: number }[] = [
  { rule: (f) => `trimmed-mean:f=${f}`, passes: 1 },
  { rule: (f) => `multi-krum:f=${f}`, passes: 2 },
];

/** The question, on files of these sizes. */
export function fileTimes(options: FilesOptions): Question {
  const { n, d, memory } = options;
  const bytes = `${Math.ceil((4 * n * d) / 2 ** 20)} MiB under ${Math.round(memory / 2 ** 20)} MiB`;
  return {
    name: 'files',
    asks: `Does aggregating files (${bytes}) go at the speed of reading them?`,
    async ask(bench) {
      const folder = await mkdtemp(join(tmpdir(), 'aggregis-bench-'));
      try {
        const paths = await writeClients(folder, { n, d, settings: bench.settings });
        for (const name of bench.settings.backends) {
          await timeOn(name, { bench, options, folder, paths });
        }
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}

interface Scene {
  readonly bench: Bench;
  readonly options: FilesOptions;
  readonly folder: string;
  readonly paths: readonly string[];
}

/** One file for each client; at most one row is in memory. */
async function writeClients(
  folder: string,
  { n, d, settings }: Shape & { settings: Settings },
): Promise<string[]> {
  const row = new Float32Array(d);
  const paths: string[] = [];
  for (let i = 0; i < n; i++) {
    settings.repeats.signal?.throwIfAborted();
    const path = join(folder, `client-${String(i).padStart(4, '0')}.npy`);
    await writeRows(path, [fillNormal(row, settings.seed * 4096 + i)], { flat: true });
    paths.push(path);
  }
  return paths;
}

async function timeOn(name: BackendName, scene: Scene): Promise<void> {
  const { bench, options } = scene;
  const { n, d } = options;
  const threads = bench.settings.cores;
  const opened = await open(bench, { name, threads });
  if (typeof opened === 'string') {
    const line = { question: 'files', what: 'all', mode: 'files', n, d, backend: name } as const;
    bench.record({ ...line, problem: opened });
    return;
  }
  try {
    const rows = await rowsInMemory(scene, { shared: isShared(opened.place) });
    for (const { rule, passes } of RULES) {
      const one = subject(rule(attackersAmong(n)));
      await timeRule(scene, { one, passes, rows, backend: opened.backend, place: opened.place });
    }
  } finally {
    await opened.backend.close();
  }
}

/** The rows of the files where memory has room for twice as much, else stand-ins that share memory. */
async function rowsInMemory(
  { options: { n, d }, bench: { settings } }: Scene,
  storage: Storage,
): Promise<{ values: Float32Array[]; real: boolean }> {
  const real = 2 * 4 * n * d < freemem();
  const make = real ? normalRows : windowedRows;
  return { values: make({ n, d }, settings.seed, storage), real };
}

interface Contest {
  readonly one: Subject;
  readonly passes: number;
  readonly backend: Backend;
  readonly place: Pick<Timing, 'backend' | 'adapter' | 'emulated' | 'threads'>;
  readonly rows: { readonly values: readonly Float32Array[]; readonly real: boolean };
}

async function timeRule(scene: Scene, contest: Contest): Promise<void> {
  const { bench, options, paths } = scene;
  const { one, passes, backend, place, rows } = contest;
  const aggregate = aggregateWith(bench.createBackend);
  const output = join(scene.folder, 'result.npy');
  const buffer = new Uint8Array(READ_BYTES);
  let [peak, value] = [0, new Float32Array()];
  const [files, reading, inMemory] = await race(
    [
      async () => {
        const { seconds, peakBytes } = await inProcess(scene, { one, place, output });
        peak = Math.max(peak, peakBytes);
        return seconds;
      },
      async () => {
        for (let pass = 0; pass < passes; pass++) await readAll(paths, buffer);
      },
      async () => {
        value = (await aggregate(rows.values, one.rule, { backend })).value as typeof value;
      },
    ],
    bench.settings.repeats,
  );
  const { n, d } = options;
  const line = { question: 'files', what: one.spec, n, d, ...place };
  const wrong = rows.real && !sameBits(await readVector(output), value);
  const problem = wrong ? { problem: 'the result is not that of rows in memory' } : {};
  bench.record({ ...timed({ ...line, mode: 'files', peakBytes: peak }, files!), ...problem });
  bench.record(timed({ ...line, mode: 'reading' }, reading!));
  const note = rows.real ? {} : { note: 'rows share memory: there is no room for all' };
  bench.record({ ...timed({ ...line, mode: 'in memory' }, inMemory!), ...note });
}

/** `aggregate` in a process of its own: what it says of its time and its memory. */
async function inProcess(
  { options, paths }: Scene,
  { one, place, output }: { one: Subject; place: Contest['place']; output: string },
): Promise<{ seconds: number; peakBytes: number }> {
  const words = ['--rule', one.spec, '--backend', place.backend, '-o', output, '--json'];
  const [file, ...before] = options.command;
  const args = [...before, 'aggregate', ...paths, ...words, '--memory', String(options.memory)];
  // The verdicts on many clients are more than the default buffer holds.
  const { stdout } = await run(file!, args, { maxBuffer: 2 ** 28 });
  return JSON.parse(stdout) as { seconds: number; peakBytes: number };
}

async function readAll(paths: readonly string[], buffer: Uint8Array): Promise<void> {
  for (const path of paths) {
    const file = await openFile(path);
    try {
      while ((await file.read(buffer, 0, buffer.length, null)).bytesRead > 0);
    } finally {
      await file.close();
    }
  }
}

function sameBits(a: Float32Array, b: Float32Array): boolean {
  return Buffer.compare(bytesIn(a), bytesIn(b)) === 0;
}

function bytesIn({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
