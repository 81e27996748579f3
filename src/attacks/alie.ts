/**
 * A little is enough (ALIE): every attacker sends the honest mean plus z standard deviations, per
 * coordinate; z is chosen so small that enough honest clients lie farther out.
 *
 * Baruch, Baruch, Goldberg. "A little is enough: circumventing defenses for distributed learning",
 * NeurIPS 2019. arXiv:1902.06156
 *
 * @module
 */

import type { Matrix, Ops } from '../backend/kernels.ts';
import { assertFinite, assertInteger } from '../core/assert.ts';
import { AggregationError } from '../core/errors.ts';
import { type Attack, meanWeights } from './attack.ts';

/** Options of {@link alie}. */
export interface AlieOptions {
  /** Standard deviations away from the mean. Default: {@link alieFactor} of the round. */
  readonly tau?: number;
}

/**
 * mean + τ · standard deviation of the honest rows, with n − 1 in the denominator. Needs 2 honest
 * rows. Where the deviation itself exceeds what f32 holds, so does the attack.
 */
export function alie({ tau }: AlieOptions = {}): Attack {
  if (tau !== undefined) assertFinite('tau', tau);
  return {
    name: 'alie',
    async craft(honest, ops, { attackers }) {
      const factor = tau ?? alieFactor({ clients: honest.rows + attackers, attackers });
      const value = alieRow(honest, ops, factor);
      if (factor !== 0) return { value, factor };
      return { value, factor, note: 'z is 0: the attackers send the honest mean' };
    },
  };
}

/** The row mean + factor · deviation. */
export function alieRow(honest: Matrix, ops: Ops, factor: number): Matrix {
  const weights = Float64Array.of(...meanWeights(honest.rows), factor);
  return ops.combine([weights], ops.stack(honest, ops.deviation(honest)));
}

/**
 * The paper's z = Φ⁻¹((n − f − s) / (n − f)), where s = ⌊n/2 + 1⌋ − f is the number of honest
 * clients whose support makes a majority. It is small, and 0 or below for small f: 0.25 for n = 25
 * and f = 5, 0 for n = 12 and f = 2, −0.14 for n = 10 and f = 1. Libraries commonly fix 1.5.
 *
 * @throws {AggregationError} `constraint` if the attackers are a majority of their own.
 */
export function alieFactor(options: { clients: number; attackers: number }): number {
  const n = assertInteger('clients', options.clients, 2);
  const f = assertInteger('attackers', options.attackers, 1, n - 1);
  const supporters = Math.floor(n / 2 + 1) - f;
  if (supporters <= 0) {
    throw new AggregationError(
      'constraint',
      `alie needs f ≤ n / 2 to choose z, got n = ${n} and f = ${f}; give tau instead`,
    );
  }
  return normalQuantile((n - f - supporters) / (n - f));
}

/** Φ⁻¹ by Newton's method from 0, where it never overshoots: Φ is concave on one side. */
function normalQuantile(p: number): number {
  if (p < 0.5) return -normalQuantile(1 - p);
  let x = 0;
  for (let step = 1; step > 1e-15 * (1 + x); ) {
    const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
    step = (p - 0.5 - density * oddSeries(x)) / density;
    x += step;
  }
  return x;
}

/** x + x³/3 + x⁵/15 + …: (Φ(x) − ½) / φ(x). Marsaglia, "Evaluating the normal distribution", 2004. */
function oddSeries(x: number): number {
  let sum = x;
  let term = x;
  for (let k = 3; term > sum * Number.EPSILON; k += 2) {
    term *= (x * x) / k;
    sum += term;
  }
  return sum;
}
