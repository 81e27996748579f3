/**
 * A benchmark is a list of questions. Each is asked of backends, on rows from a seed, and answers with
 * timings, one line of a table each.
 *
 * @module
 */

import type { BackendOptions, CreateBackend } from '../../backend/create.ts';
import type { Backend, BackendName } from '../../backend/kernels.ts';
import { AggregationError, BackendError } from '../../core/errors.ts';
import type { Rule } from '../../rules/rule.ts';
import type { Bandwidth } from './bandwidth.ts';
import type { Spread } from './statistics.ts';
import type { Repeats } from './stopwatch.ts';

/** Rows × columns. */
export interface Shape {
  readonly n: number;
  readonly d: number;
}

/** What was timed. */
export type Mode =
  /** A rule on rows that the backend has already: uploaded, or in memory that it works on in place. */
  | 'resident'
  /** The same, and the result stays on the device. */
  | 'on device'
  /** `aggregate` on rows in ordinary arrays: screen, upload, rule, result at home. */
  | 'end to end'
  /** Several rules by one call, and by a call for each. */
  | 'together'
  | 'one by one'
  /** `aggregate` on files, reading those files, and the same rule on rows in memory. */
  | 'files'
  | 'reading'
  | 'in memory'
  /** A round of secure aggregation in one process. */
  | 'round';

/** One line of a table: a time, or why there is none. */
export interface Timing extends Shape {
  readonly question: string;
  /** The rule's SPEC, or several. */
  readonly what: string;
  readonly mode: Mode;
  readonly backend: BackendName;
  readonly adapter?: string;
  /** Whether the GPU is emulated on the CPU. */
  readonly emulated?: boolean;
  /** Threads that the kernels may use, where that can be said. */
  readonly threads?: number;
  /** Kernels that reading the result runs, with their regimes. */
  readonly kernels?: readonly string[];
  readonly seconds?: Spread;
  /** Updates once plus result once, divided by the median, in bytes per second. */
  readonly bandwidth?: number;
  /** Of a copy that took turns with it: bytes read and written, per second. */
  readonly copy?: number;
  /** Largest number of bytes that the backend's tiles have taken, since it was made for these lines. */
  readonly peakTileBytes?: number;
  /** Largest resident memory of the process, where the work had one of its own. */
  readonly peakBytes?: number;
  /** Of n clients, those who shared secrets and sent no input. */
  readonly dropped?: number;
  /** Seconds of each part of the median, where it was measured in parts: they add up. */
  readonly parts?: Readonly<Record<string, number>>;
  /** Seconds that parts would take by others, from a sample of their work. */
  readonly otherwise?: Readonly<Record<string, number>>;
  /** Seconds that others published of such work, on their machine. */
  readonly published?: number;
  /** Bytes that were held on to. */
  readonly heldBytes?: number;
  /** What a reader must know of these numbers. */
  readonly note?: string;
  /** Why there is no time, or what is wrong with the result. */
  readonly problem?: string;
}

/** A rule and what it is called in tables. */
export interface Subject {
  readonly spec: string;
  readonly rule: Rule;
  /** The same rule where clients have names, if it knows one of them by name. */
  readonly named?: Rule;
}

/** What a benchmark is asked. */
export interface Settings {
  /** Rules by SPEC; default: every rule of the list, with options that suit the shape. */
  readonly rules?: readonly string[];
  readonly shapes: readonly Shape[];
  readonly backends: readonly BackendName[];
  /** Numbers of threads, for backends that have any choice. */
  readonly threads: readonly number[];
  /** Threads that run at once on this machine. */
  readonly cores: number;
  readonly repeats: Repeats;
  readonly seed: number;
  /** Bytes that tiles may take. */
  readonly memory?: number;
  /** Small sizes, for a test that everything runs. */
  readonly quick: boolean;
}

/** What questions work with. */
export interface Bench {
  readonly settings: Settings;
  readonly createBackend: CreateBackend;
  readonly bandwidth: Bandwidth;
  /** Takes the answers, one by one. */
  readonly record: (timing: Timing) => void;
}

/** A question: what it asks, and how it is answered. */
export interface Question {
  readonly name: string;
  /** In one sentence, as the head of its table. */
  readonly asks: string;
  ask(bench: Bench): Promise<void>;
  /** Its tables, where they are not those of all questions. */
  readonly table?: (timings: readonly Timing[]) => string;
}

/** A backend that was opened for a question. */
export interface Opened {
  readonly backend: Backend;
  /** What its timings have in common. */
  readonly place: Pick<Timing, 'backend' | 'adapter' | 'emulated' | 'threads'>;
}

/** Whether the number of threads of a backend is a matter of choice. */
export function hasThreads(name: BackendName): boolean {
  return name === 'wasm';
}

/**
 * Whether rows for that place lie in shared memory, which several threads read where it is. One thread
 * reads ordinary arrays faster.
 */
export function isShared({ threads = 1 }: Pick<Timing, 'threads'>): boolean {
  return threads > 1;
}

/**
 * A backend by name, with so many threads; in one line, why there is none.
 *
 * @throws whatever is no matter of what this machine and this version have.
 */
export async function open(
  { createBackend, settings }: Pick<Bench, 'createBackend' | 'settings'>,
  { name, threads, ...more }: { name: BackendName; threads?: number } & BackendOptions,
): Promise<Opened | string> {
  const chosen = hasThreads(name) && threads !== undefined ? { threads } : {};
  const memory = settings.memory === undefined ? {} : { memory: settings.memory };
  try {
    const backend = await createBackend(name, { ...memory, ...chosen, ...more });
    const { adapter, software } = backend.info;
    const place = { backend: name, adapter, emulated: name === 'webgpu' && software, ...chosen };
    return { backend, place };
  } catch (error) {
    // A version without that backend refuses its name as it does any other word.
    if (error instanceof BackendError || error instanceof RangeError) return error.message;
    throw error;
  }
}

/** Every backend of the settings with every number of threads that it can have. */
export function places({ backends, threads }: Settings): { name: BackendName; threads?: number }[] {
  return backends.flatMap((name) =>
    hasThreads(name) ? threads.map((count) => ({ name, threads: count })) : [{ name }],
  );
}

/** Bytes of the updates once and of the result once. */
export function bytesOf({ n, d }: Shape): number {
  return 4 * (n + 1) * d;
}

/** A timing out of times. */
export function timed(line: Omit<Timing, 'seconds' | 'bandwidth'>, seconds: Spread): Timing {
  return { ...line, seconds, bandwidth: bytesOf(line) / seconds.median };
}

/**
 * Runs `work`; a rule that cannot serve this shape, or a backend that cannot do it, is a line of the
 * table too.
 */
export async function orProblem(
  line: Omit<Timing, 'seconds' | 'bandwidth'>,
  work: () => Promise<Timing>,
): Promise<Timing> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AggregationError || error instanceof BackendError)) throw error;
    return { ...line, problem: error.message };
  }
}
