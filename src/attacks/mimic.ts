/**
 * Mimic: every attacker copies one honest client, which then counts as many. Nothing sent is an
 * outlier; what suffers is the share of all other clients when their data differ.
 *
 * Karimireddy, He, Jaggi. "Byzantine-robust learning on heterogeneous datasets via bucketing",
 * ICLR 2022. arXiv:2006.09365
 *
 * @module
 */

import type { Matrix, Ops } from '../backend/kernels.ts';
import { assertInteger } from '../core/assert.ts';
import type { Attack } from './attack.ts';

/** Options of {@link mimic}. */
export interface MimicOptions {
  /**
   * The honest row to copy. Default: the row farthest from the mean along the direction in which
   * the honest rows differ most, found anew in each round.
   */
  readonly client?: number;
}

/** Power steps towards the direction of greatest variance; a rough direction serves. */
const POWER_STEPS = 50;

/** A copy of one honest row, unchanged. By default costs one pass over the rows for distances. */
export function mimic({ client }: MimicOptions = {}): Attack {
  if (client !== undefined) assertInteger('client', client, 0);
  return {
    name: 'mimic',
    async craft(honest, ops) {
      const row = client ?? (await extremeClient(honest, ops));
      assertInteger('client', row, 0, honest.rows - 1);
      return { value: ops.select(honest, [row]), note: `copies honest client ${row}` };
    },
  };
}

/**
 * The row with the largest coordinate along the first principal direction. That direction is a
 * combination of the centred rows, whose weights are the top eigenvector u of their Gram matrix B,
 * and the coordinates of the rows along it are proportional to Bu = λu: the vector u itself.
 */
async function extremeClient(honest: Matrix, ops: Ops): Promise<number> {
  const n = honest.rows;
  const gram = centredGram((await ops.pairs(honest)).squaredDistances, n);
  // The Gram row of the row farthest from the mean: in general not orthogonal to what is sought,
  // and there already if all rows lie on a line.
  const start = argmax(diagonal(gram, n)) * n;
  let u: Float64Array = gram.slice(start, start + n);
  for (let step = 0; step < POWER_STEPS; step++) {
    const length = Math.hypot(...u);
    if (length === 0) return 0;
    u = multiply(
      gram,
      u.map((value) => value / length),
    );
  }
  return argmax(u.map(Math.abs));
}

/**
 * −½ · J D J with J = I − 11ᵀ/n: inner products of the rows minus their mean, in units of the
 * largest squared distance, so that powers stay in range.
 */
function centredGram(squaredDistances: Float64Array, n: number): Float64Array {
  const unit = squaredDistances[argmax(squaredDistances)]! || 1;
  const d = squaredDistances.map((value) => value / unit);
  const means = Float64Array.from({ length: n }, (_, i) => mean(d.subarray(i * n, (i + 1) * n)));
  const total = mean(means);
  return d.map((value, k) => -(value - means[Math.floor(k / n)]! - means[k % n]! + total) / 2);
}

function diagonal(a: Float64Array, n: number): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => a[i * n + i]!);
}

function multiply(a: Float64Array, v: Float64Array): Float64Array {
  const n = v.length;
  return v.map((_, i) => a.subarray(i * n, (i + 1) * n).reduce((sum, x, j) => sum + x * v[j]!, 0));
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Lowest index of the greatest value. */
function argmax(values: Float64Array): number {
  return values.reduce((best, value, i) => (value > values[best]! ? i : best), 0);
}
