/**
 * Updates to be timed on: normal entries from a seed, made at the speed of memory.
 *
 * @module
 */

import { assertInteger } from '../../core/assert.ts';
import { createRandom } from '../../core/random.ts';

/** Pieces into which the quantile function is cut. */
const PIECES = 4096;
/** Entries that are drawn anew; rows beyond repeat them at other places. */
const LARGEST_BASE = 2 ** 26;
/** Where in the drawn entries one row starts after another: odd, and no divisor of a power of two. */
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

/** n rows of d normal entries from a seed, each its own. */
export function normalRows(n: number, d: number, seed: number): Float32Array[] {
  return rowsOver(n, d, (i) => fillNormal(new Float32Array(d), seed * 4096 + i));
}

/**
 * n rows of d normal entries that may share memory: beyond 2²⁶ entries, rows are windows on the same
 * entries, each further along, so that 256 rows of 10,000,000 entries take 0.1 GB instead of 10. No
 * two entries of a column are the same draw. Caches hold such rows more easily than rows of their own.
 */
export function windowedRows(n: number, d: number, seed: number): Float32Array[] {
  if (n * d <= LARGEST_BASE) return normalRows(n, d, seed);
  const base = fillNormal(new Float32Array(d + (n - 1) * STRIDE), seed);
  return rowsOver(n, d, (i) => base.subarray(i * STRIDE, i * STRIDE + d));
}

function rowsOver(n: number, d: number, row: (i: number) => Float32Array): Float32Array[] {
  assertInteger('n', n, 1);
  assertInteger('d', d, 1);
  return Array.from({ length: n }, (_, i) => row(i));
}

/** Copies of the rows that threads can read where they lie; the rows themselves where there are none. */
export function shared(rows: readonly Float32Array[]): Float32Array[] {
  if (typeof SharedArrayBuffer === 'undefined') return [...rows];
  return rows.map((row) => {
    const copy = new Float32Array(new SharedArrayBuffer(row.byteLength));
    copy.set(row);
    return copy;
  });
}
