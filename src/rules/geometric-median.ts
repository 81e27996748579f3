/**
 * The geometric median: the point with the least sum of distances to the updates.
 *
 * Smoothed steps: Pillutla, Kakade, Harchaoui. "Robust aggregation for federated learning", IEEE
 * Transactions on Signal Processing, 2022. Steps that leave an input: Vardi, Zhang. "The multivariate
 * L1-median and associated data depth", PNAS 2000. Longer steps: Varadhan, Roland. "Simple and globally
 * convergent methods for accelerating the convergence of any EM algorithm", Scandinavian Journal of
 * Statistics, 2008.
 *
 * @module
 */

import { assertInteger, assertPositive } from '../core/assert.ts';
import { defineRule, integer, optional, type RuleEntry, real } from './entry.ts';
import {
  distancesFrom,
  finiteRows,
  type Geometry,
  geometryOf,
  restrict,
  spread,
  squaredDistancesTo,
  squaredNormOf,
} from './geometry.ts';
import type { ClientEvidence, Rule } from './rule.ts';

/** Options of {@link geometricMedian}. */
export interface GeometricMedianOptions {
  /** Smoothed Weiszfeld steps from the zero update. Default: the true minimiser. */
  readonly iterations?: number;
  /** Distances below it count as `nu`, above 0; only with `iterations`. Default 0.1. */
  readonly nu?: number;
}

const DEFAULT_NU = 0.1;
/** The minimiser is found to this share of its objective. */
const TOLERANCE = 1e-9;
/** Rounds of longer steps; each is three steps. Far more than any input has been seen to need. */
const MAX_ROUNDS = 10_000;
/** A distance is taken for no less than this share of the mean distance. */
const LEAST_DISTANCE = 2 ** -40;

/**
 * The point z with the least Σ ‖xᵢ − z‖, to 10⁻⁹ of that sum; where several rows attain the least, their
 * mean. Or, with `iterations`, that many steps z ← Σ wᵢ xᵢ / Σ wᵢ, wᵢ = 1/max(ν, ‖xᵢ − z‖), from z = 0.
 *
 * Rows with infinities are left out; with no other row the result is zero. Bounded while fewer than
 * half of the rows are Byzantine. Evidence: the distance to the result, less is better.
 *
 * One pass of n²·d; a step is n² on the host, and seldom more than a hundred are needed.
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
    async apply(x, ops) {
      const all = await geometryOf(x, ops);
      const rows = finiteRows(all);
      const geometry = restrict(all, rows);
      const alpha =
        iterations === undefined
          ? minimiser(geometry)
          : smoothedSteps(geometry, { iterations, nu: nu ?? DEFAULT_NU });
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

function smoothedSteps(
  geometry: Geometry,
  { iterations, nu }: { iterations: number; nu: number },
): Float64Array {
  let alpha: Float64Array = new Float64Array(geometry.n);
  for (let t = 0; t < iterations; t++) {
    const away = squaredDistancesTo(geometry, alpha);
    alpha = normalised(away.map((squared) => 1 / Math.max(nu, Math.sqrt(squared))));
  }
  return alpha;
}

/** Coefficients of a point with the least sum of distances. */
function minimiser(geometry: Geometry): Float64Array {
  if (geometry.n === 0) return new Float64Array();
  const start = bestRows(geometry);
  const pull = pullAt(geometry, start[0]!);
  // A row is the minimiser if the others' unit pulls add to no more than the rows that lie on it.
  if (pull.strength <= pull.multiplicity) {
    return normalised(geometry.finite.map((_, i) => (start.includes(i) ? 1 : 0)));
  }
  return descend(geometry, pull.step);
}

/** The rows whose sum of distances to all rows is least: more than one only in exact ties. */
function bestRows(geometry: Geometry): number[] {
  const sums = Array.from({ length: geometry.n }, (_, i) =>
    // Ascending, so that rows with the same distances get the same sum to the last bit.
    distancesFrom(geometry, i)
      .map(Math.sqrt)
      .sort()
      .reduce((sum, away) => sum + away, 0),
  );
  const least = Math.min(...sums);
  return [...sums.keys()].filter((i) => sums[i] === least);
}

/** How the other rows pull at row k, and the point to which Vardi and Zhang step from it. */
function pullAt(geometry: Geometry, k: number) {
  const away = distancesFrom(geometry, k).map(Math.sqrt);
  const weights = away.map((distance) => (distance > 0 ? 1 / distance : 0));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const multiplicity = away.filter((distance) => distance === 0).length;
  const pulls = Float64Array.from(weights);
  pulls[k]! -= total;
  const strength = Math.sqrt(squaredNormOf(geometry, pulls));
  const stay = Math.min(1, multiplicity / strength);
  const step = weights.map((weight) => ((1 - stay) * weight) / total);
  step[k]! += stay;
  return { strength, multiplicity, step };
}

/** A point, its objective, where Weiszfeld's step leads from it, and how far from minimal it may be. */
interface Place {
  readonly alpha: Float64Array;
  readonly objective: number;
  readonly next: Float64Array;
  /** Upper bound on the share of the objective above its minimum. */
  readonly gap: number;
}

function placeAt(geometry: Geometry, alpha: Float64Array): Place {
  const away = squaredDistancesTo(geometry, alpha).map(Math.sqrt);
  const objective = away.reduce((sum, distance) => sum + distance, 0);
  const least = (LEAST_DISTANCE * objective) / geometry.n;
  const weights = away.map((distance) => 1 / Math.max(least, distance));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const gradient = alpha.map((share, i) => total * share - weights[i]!);
  // By convexity the objective F is at most ‖gradient‖·‖z − z*‖ above its minimum F*, and
  // n·‖z − z*‖ ≤ F + F* ≤ 2F.
  const gap = (2 * Math.sqrt(squaredNormOf(geometry, gradient))) / geometry.n;
  return { alpha, objective, next: normalised(weights), gap };
}

/**
 * Weiszfeld's steps from a point that is better than every row, so that none is met on the way down.
 * Two steps in a row tell how the error shrinks; the step extrapolated from them is taken where it
 * leads lower.
 */
function descend(geometry: Geometry, start: Float64Array): Float64Array {
  let here = placeAt(geometry, start);
  for (let round = 0; round < MAX_ROUNDS && here.gap > TOLERANCE; round++) {
    const first = placeAt(geometry, here.next);
    const second = placeAt(geometry, first.next);
    const jump = placeAt(geometry, extrapolated(geometry, [here, first, second]));
    const lower = jump.objective < second.objective ? jump : second;
    // In f64 a point may be as low as it gets before the bound can show it.
    if (lower.objective >= here.objective) return here.alpha;
    here = lower;
  }
  return here.alpha;
}

function extrapolated(geometry: Geometry, places: readonly [Place, Place, Place]): Float64Array {
  const [a, b, c] = places.map(({ alpha }) => alpha) as [Float64Array, Float64Array, Float64Array];
  const step = b.map((share, i) => share - a[i]!);
  const bend = c.map((share, i) => share - b[i]! - step[i]!);
  const ratio = Math.sqrt(squaredNormOf(geometry, step) / squaredNormOf(geometry, bend));
  const length = Number.isFinite(ratio) ? Math.max(1, ratio) : 1;
  return a.map((share, i) => share + 2 * length * step[i]! + length ** 2 * bend[i]!);
}

function normalised(weights: ArrayLike<number>): Float64Array {
  const shares = Float64Array.from(weights);
  const total = shares.reduce((sum, weight) => sum + weight, 0);
  return shares.map((weight) => weight / total);
}

/** The geometric median's line in the list. */
export const geometricMedianEntry: RuleEntry = defineRule({
  name: 'geometric-median',
  parameters: {
    iterations: optional(integer('smoothed steps instead of the minimiser')),
    nu: optional(real('least distance of a smoothed step')),
  },
  make: geometricMedian,
  sample: () => ({}),
  scaled: ['nu'],
  paper: 'Pillutla et al. 2022',
  guarantee: 'bounded for n ≥ 2f + 1',
  cost: 'n²·d, then n² per step',
});
