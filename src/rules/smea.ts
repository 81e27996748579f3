/**
 * SMEA, smallest maximum eigenvalue averaging: the mean of the n − f updates whose covariance has the
 * smallest top eigenvalue.
 *
 * Allouah, Guerraoui, Gupta, Pinot, Rizk. "Robust distributed learning: tight error bounds and
 * breakdown point under data heterogeneity", NeurIPS 2023.
 *
 * Subsets are visited in lexicographic order. A row more never lowers an eigenvalue of the scatter,
 * Σ (xᵢ − μ)(xᵢ − μ)ᵀ, so a partial subset is dropped as soon as a bound on its own scatter exceeds the
 * best seen: half the squared distance of a pair, or its trace divided by its rank.
 *
 * @module
 */

import { assertInteger } from '../core/assert.ts';
import { AggregationError } from '../core/errors.ts';
import { integer, optional } from '../core/parameter.ts';
import { topEigenvalue } from '../core/symmetric.ts';
import { honestMajority, membersOf, requireClients, uniformOn } from './clients.ts';
import { defineRule, f, type RuleEntry } from './entry.ts';
import {
  type Geometry,
  geometryOf,
  nearestTo,
  productsAround,
  restrict,
  rowsToChooseFrom,
} from './geometry.ts';
import type { Rule } from './rule.ts';

/** Options of {@link smea}. */
export interface SmeaOptions {
  /** Bound on the number of Byzantine clients. */
  readonly f: number;
  /** Subsets whose eigenvalue may be computed before giving up. Default 100,000. */
  readonly maxSubsets?: number;
}

const DEFAULT_MAX_SUBSETS = 100_000;
/** A bound must exceed the best by this share, so that rounding drops no subset that ties. */
const SLACK = 1e-12;

/**
 * The mean of the n − f rows whose covariance has the smallest top eigenvalue, computed exactly; among
 * equal ones the first subset in lexicographic order. Rows with infinities are kept only where fewer
 * than n − f others are there.
 *
 * Needs n ≥ 2f + 1. One pass of n²·d; on the host n³ for each subset that no bound drops, at worst
 * C(n, f) of them.
 *
 * @throws {AggregationError} `cost-limit` on applying, when `maxSubsets` were not enough.
 */
export function smea({ f, maxSubsets = DEFAULT_MAX_SUBSETS }: SmeaOptions): Rule {
  assertInteger('f', f, 0);
  assertInteger('maxSubsets', maxSubsets, 1);
  const condition = honestMajority('smea', f);
  return {
    name: 'smea',
    laws: ['permutation', 'translation', 'scale', 'mean-without-faults', 'agreement', 'bounded'],
    minClients: condition.min,
    async apply(x, ops) {
      const n = x.rows;
      requireClients(condition, n);
      const all = await geometryOf(x, ops);
      const rows = rowsToChooseFrom(all, n - f);
      const geometry = restrict(all, rows);
      const kept = smallestScatter(geometry, { size: n - f, rank: x.cols, maxSubsets });
      const weights = [
        uniformOn(
          kept.map((k) => rows[k]!),
          n,
        ),
      ];
      const reason = 'not in the subset of smallest top eigenvalue';
      return {
        value: ops.combine(weights, x),
        weights,
        evidence: membersOf(
          kept.map((k) => rows[k]!),
          n,
          reason,
        ),
      };
    },
  };
}

interface Search {
  /** Rows to keep. */
  readonly size: number;
  /** No scatter has more eigenvalues above 0 than this. */
  readonly rank: number;
  readonly maxSubsets: number;
}

/** The first subset, in lexicographic order, among those of smallest top eigenvalue. */
function smallestScatter(geometry: Geometry, { size, rank, maxSubsets }: Search): number[] {
  const { n, squaredDistances: D } = geometry;
  // With a single subset there is nothing to compare, and its rows may hold infinities.
  if (n === size) return Array.from({ length: n }, (_, i) => i);
  let computed = 0;
  let best = firstGuess(geometry, size);
  let found: number[] | undefined;

  const visit = (chosen: readonly number[], squares: number): void => {
    if (chosen.length === size) {
      if (++computed > maxSubsets) throw tooMany({ n, size, maxSubsets });
      const value = scatterOf(geometry, chosen);
      if (value < best || (found === undefined && value === best))
        [best, found] = [value, [...chosen]];
      return;
    }
    const last = n - (size - chosen.length);
    for (let row = (chosen.at(-1) ?? -1) + 1; row <= last; row++) {
      const distances = chosen.map((other) => D[row * n + other]!);
      const sum = distances.reduce((total, distance) => total + distance, squares);
      const rows = chosen.length + 1;
      // The trace of a scatter of m rows is the sum of squared distances of its pairs over m.
      const trace = sum / rows / Math.max(1, Math.min(rows - 1, rank));
      const pair = Math.max(0, ...distances) / 2;
      if (Math.max(trace, pair) * (1 - SLACK) <= best) visit([...chosen, row], sum);
    }
  };
  visit([], 0);
  return found!;
}

/** The least top eigenvalue among each row with its nearest: a start that lets bounds bite. */
function firstGuess(geometry: Geometry, size: number): number {
  const rows = Array.from({ length: geometry.n }, (_, i) => i);
  return Math.min(
    ...rows.map((i) => {
      const nearest = nearestTo(geometry, i).slice(0, size);
      return scatterOf(
        geometry,
        nearest.sort((a, b) => a - b),
      );
    }),
  );
}

/** The top eigenvalue of Σ (xᵢ − μ)(xᵢ − μ)ᵀ over the given rows, which is that of their products. */
function scatterOf(geometry: Geometry, rows: readonly number[]): number {
  const size = rows.length;
  const part = restrict(geometry, rows);
  return topEigenvalue(productsAround(part, new Float64Array(size).fill(1 / size)), size);
}

function tooMany(search: { n: number; size: number; maxSubsets: number }): AggregationError {
  return new AggregationError(
    'cost-limit',
    `smea computed ${search.maxSubsets} of the subsets of ${search.size} among ${search.n} rows ` +
      'in vain: raise maxSubsets or lower f',
  );
}

/** SMEA's line in the list. */
export const smeaEntry: RuleEntry = defineRule({
  name: 'smea',
  parameters: { f, maxSubsets: optional(integer('subsets computed before giving up')) },
  make: smea,
  sample: ({ f }) => ({ f }),
  paper: 'Allouah et al. 2023',
  guarantee: 'bounded for n ≥ 2f + 1, error of optimal order',
  cost: 'n²·d, then up to C(n, f)·n³',
});
