/**
 * Updates to be timed on: normal entries from a seed, made at the speed of memory.
 *
 * @module
 */

import { assertInteger } from '../../core/assert.ts';
import { createRandom } from '../../core/random.ts';
import type { Shape } from './bench.ts';

/** Pieces into which the quantile function is cut. */
const PIECES = 4096;
/** Rows with more entries than this may share memory. */
const LARGEST_ENTRIES = 2 ** 29;
/** How far along one window lies after another: a multiple of 64, and no divisor of a power of two. */
const STRIDE = 64 * 1021;

let quantiles: Float64Array | undefined;

/**
 * The standard normal quantile at the borders of the pieces, by inverting its distribution function,
 * which is integrated by trapezoids from −5 to 5.
 */
function quantileTable(): Float64Array {
  if (quantiles !== undefined) return quantiles;
  const [steps, from, to] = [200_000, -5, 5];
  const width = (to - from) / steps;
  const density = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  const table = new Float64Array(PIECES + 1);
  table[PIECES] = to;
  let reached = 0;
  let next = 0;
  for (let k = 0; k < steps && next < PIECES; k++) {
    const x = from + k * width;
    while (next < PIECES && reached >= next / PIECES) table[next++] = x;
    reached += (width * (density(x) + density(x + width))) / 2;
  }
  // What the tails beyond ±5 lack, 6e-7, may leave the last border open.
  while (next < PIECES) table[next++] = to;
  // Linear pieces towards ±5 would make the tails too heavy.
  table[0] = 2 * table[1]! - table[2]!;
  table[PIECES] = -table[0]!;
  quantiles = table;
  return table;
}

/** Fills `into` with standard normal entries (to 12 bits and linear in between) from a seed. */
export function fillNormal(into: Float32Array, seed: number): Float32Array {
  const table = quantileTable();
  let state = createRandom(seed).uint32() | 1;
  for (let j = 0; j < into.length; j++) {
    // Marsaglia, "Xorshift RNGs", 2003: all that is asked of it is to look random to a sort.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const piece = state >>> 20;
    const low = table[piece]!;
    into[j] = low + (table[piece + 1]! - low) * ((state & 0xfffff) * 2 ** -20);
  }
  return into;
}

/** Where rows lie. */
export interface Storage {
  /** Memory that threads can read where it lies, as far as the platform has any. Default false. */
  readonly shared?: boolean;
}

/** n rows of d normal entries from a seed, each its own. */
export function normalRows({ n, d }: Shape, seed: number, storage: Storage = {}): Float32Array[] {
  checkShape({ n, d });
  return Array.from({ length: n }, (_, i) => fillNormal(allocate(d, storage), seed * 4096 + i));
}

/**
 * n rows of d normal entries that may share memory: beyond 2²⁹ entries (2 GiB), rows are windows on the
 * same entries, each further along, so that 256 rows of 10,000,000 entries take 0.1 GB instead of 10.
 * No two entries of a column are the same draw. Caches hold such rows more easily than rows of their own.
 */
export function windowedRows(shape: Shape, seed: number, storage: Storage = {}): Float32Array[] {
  if (!isWindowed(shape)) return normalRows(shape, seed, storage);
  const { n, d } = checkShape(shape);
  const base = fillNormal(allocate(d + (n - 1) * STRIDE, storage), seed);
  return Array.from({ length: n }, (_, i) => base.subarray(i * STRIDE, i * STRIDE + d));
}

/** Whether rows of that shape share memory. */
export function isWindowed({ n, d }: Shape): boolean {
  return n * d > LARGEST_ENTRIES;
}

function checkShape(shape: Shape): Shape {
  assertInteger('n', shape.n, 1);
  assertInteger('d', shape.d, 1);
  return shape;
}

function allocate(d: number, { shared = false }: Storage): Float32Array {
  return shared && typeof SharedArrayBuffer !== 'undefined'
    ? new Float32Array(new SharedArrayBuffer(4 * d))
    : new Float32Array(d);
}
