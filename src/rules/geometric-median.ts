/**
 * The geometric median: the point with the least sum of distances to the updates.
 *
 * Smoothed steps: Pillutla, Kakade, Harchaoui. "Robust aggregation for federated learning", IEEE
 * Transactions on Signal Processing, 2022. The point itself: `minimiser.ts`.
 *
 * @module
 */

import { assertInteger, assertPositive } from '../core/assert.ts';
import { integer, optional, real } from '../core/parameter.ts';
import { defineRule, type RuleEntry } from './entry.ts';
import {
  finiteRows,
  type Geometry,
  geometryOf,
  restrict,
  spread,
  squaredDistancesTo,
} from './geometry.ts';
import { type Iterations, iterate } from './iterate.ts';
import { minimiser, normalised } from './minimiser.ts';
import type { ClientEvidence, Rule } from './rule.ts';

/** Options of {@link geometricMedian}. */
export interface GeometricMedianOptions {
  /** Smoothed Weiszfeld steps from the zero update. Default: the true minimiser. */
  readonly iterations?: number;
  /** Distances below it count as `nu`, above 0; only with `iterations`. Default 0.1. */
  readonly nu?: number;
}

const DEFAULT_NU = 0.1;

/**
 * The point z with the least Σ ‖xᵢ − z‖, to 10⁻⁹ of that sum; where several rows attain the least, their
 * mean. Or, with `iterations`, that many steps z ← Σ wᵢ xᵢ / Σ wᵢ, wᵢ = 1/max(ν, ‖xᵢ − z‖), from z = 0.
 *
 * Rows with infinities are left out; with no other row the result is zero. Bounded while fewer than
 * half of the rows are Byzantine. Evidence: the distance to the result, less is better.
 *
 * One pass of n²·d; on the host n² for each smoothed step, or some twenty rounds of a few times 10·n².
 *
 * @throws {TypeError} if `nu` is given without `iterations`.
 */
export function geometricMedian({ iterations, nu }: GeometricMedianOptions = {}): Rule {
  if (iterations !== undefined) assertInteger('iterations', iterations, 1);
  if (nu !== undefined) assertPositive('nu', nu);
  if (iterations === undefined && nu !== undefined) {
    throw new TypeError(`nu is for smoothed steps: it needs iterations, got only nu = ${nu}`);
  }
  return {
    name: 'geometric-median',
    laws:
      iterations === undefined
        ? ['permutation', 'translation', 'scale', 'agreement', 'bounded']
        : ['permutation', 'joint-scale', 'agreement', 'bounded'],
    minClients: 1,
    async apply(x, ops, { signal }) {
      const all = await geometryOf(x, ops);
      const rows = finiteRows(all);
      const geometry = restrict(all, rows);
      const alpha =
        iterations === undefined
          ? minimiser(geometry)
          : await smoothedSteps(geometry, { steps: iterations, nu: nu ?? DEFAULT_NU, signal });
      const weights = [spread(alpha, rows, x.rows)];
      const away = squaredDistancesTo(geometry, alpha).map(Math.sqrt);
      return { value: ops.combine(weights, x), weights, evidence: evidenceOf(rows, away, x.rows) };
    },
  };
}

function evidenceOf(rows: readonly number[], away: Float64Array, n: number): ClientEvidence[] {
  const left = { selected: false, reason: 'left out: holds an infinity' };
  const evidence = new Array<ClientEvidence>(n).fill(left);
  for (const [k, row] of rows.entries()) evidence[row] = { score: away[k]! };
  return evidence;
}

/** Coefficients of the point that smoothed steps from z = 0 lead to. */
async function smoothedSteps(
  geometry: Geometry,
  { nu, ...iterations }: Iterations & { nu: number },
): Promise<Float64Array> {
  const start = new Float64Array(geometry.n);
  const next = (alpha: Float64Array): Float64Array => {
    const away = squaredDistancesTo(geometry, alpha);
    return normalised(away.map((squared) => 1 / Math.max(nu, Math.sqrt(squared))));
  };
  return iterate(start, next, iterations);
}

/**
 * The geometric median's line in the list.
 *
 * - Paper: Pillutla et al. 2022
 * - Guarantee: bounded for n ≥ 2f + 1
 * - Cost: n²·d, then some 20 rounds of n²
 */
export const geometricMedianEntry: RuleEntry = defineRule<GeometricMedianOptions>({
  name: 'geometric-median',
  parameters: {
    iterations: optional(integer('smoothed steps instead of the minimiser')),
    nu: optional(real('least distance of a smoothed step')),
  },
  make: geometricMedian,
  sample: () => ({}),
  variants: () => [
    { iterations: 3, nu: DEFAULT_NU },
    { iterations: 8, nu: 1e-6 },
  ],
  scaled: ['nu'],
});
