/**
 * What this machine's memory does at its best on one thread: the yardstick for kernels that do little
 * but read.
 *
 * @module
 */

import { measure, type Repeats } from './stopwatch.ts';

/** Rates in bytes per second, medians. */
export interface Bandwidth {
  /** Of a copy: bytes read plus bytes written. */
  readonly copy: number;
  /** Of a sum over what is only read; missing where WebAssembly has no SIMD. */
  readonly read?: number;
  /** Bytes of what was copied or read. */
  readonly bytes: number;
}

/** Larger than the caches of most machines. */
export const BANDWIDTH_BYTES: number = 2 ** 28;

const PAGE_BYTES = 2 ** 16;

/**
 * A WebAssembly module with a memory of its own and `sum(at, end)`: the i32 sum of memory [at, end),
 * 64 bytes for each turn of a loop of
 *
 *     (local.set $a (i32x4.add (local.get $a) (v128.load (local.get $at))))
 *
 * four times with sums and offsets of their own, so that no addition waits for another's load.
 */
const READER =
  'AGFzbQEAAAABBwFgAn9/AX8DAgEABQMBAAAHEAIGbWVtb3J5AgADc3VtAAAKdgF0AQR7A0AgAiAA/QAEAP2uASECIAMg' +
  'AP0ABBD9rgEhAyAEIAD9AAQg/a4BIQQgBSAA/QAEMP2uASEFIABBwABqIQAgACABSQ0ACyACIAP9rgEgBCAF/a4B/a4B' +
  'IQIgAv0bACAC/RsBaiAC/RsCIAL9GwNqags=';

interface Reader {
  readonly memory: WebAssembly.Memory;
  /** The sum of the i32 words in [at, end), a multiple of 64 bytes, modulo 2³². */
  readonly sum: (at: number, end: number) => number;
}

/** A reader over `bytes` of memory; `undefined` where the module cannot be compiled. */
export async function createReader(bytes: number): Promise<Reader | undefined> {
  try {
    const code = Uint8Array.from(atob(READER), (letter) => letter.charCodeAt(0));
    const { instance } = await WebAssembly.instantiate(code);
    const { memory, sum } = instance.exports as unknown as Reader;
    memory.grow(Math.ceil(bytes / PAGE_BYTES));
    return { memory, sum };
  } catch (error) {
    if (error instanceof WebAssembly.CompileError) return undefined;
    throw error;
  }
}

/** A copy between two arrays, to take turns with what is held against it. */
export function copier(bytes: number = BANDWIDTH_BYTES): {
  readonly run: () => Promise<void>;
  /** The bandwidth of a copy that took so many seconds: bytes read plus bytes written. */
  readonly rate: (seconds: number) => number;
} {
  const source = new Float64Array(bytes / 8).fill(1);
  const target = new Float64Array(bytes / 8).fill(2);
  return {
    run: async () => target.set(source),
    rate: (seconds) => (2 * bytes) / seconds,
  };
}

/** Measures this thread's bandwidth on arrays of `bytes` bytes; some 30 passes over them. */
export async function measureBandwidth(
  repeats: Repeats,
  bytes: number = BANDWIDTH_BYTES,
): Promise<Bandwidth> {
  const { run, rate } = copier(bytes);
  const copied = await measure(run, repeats);
  const copy = rate(copied.median);
  const reader = await createReader(bytes);
  if (reader === undefined) return { copy, bytes };
  // Untouched pages would all be the one page of zeros.
  new Uint32Array(reader.memory.buffer).fill(1);
  const read = await measure(async () => {
    // Used, so that no compiler may leave it out.
    if (reader.sum(0, bytes) !== bytes / 4) throw new Error('the sum of ones is wrong');
  }, repeats);
  return { copy, read: bytes / read.median, bytes };
}
