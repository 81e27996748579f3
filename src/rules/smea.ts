/**
 * SMEA, smallest maximum eigenvalue averaging: the mean of the n − f updates whose covariance has the
 * smallest top eigenvalue.
 *
 * Allouah, Guerraoui, Gupta, Pinot, Rizk. "Robust distributed learning: tight error bounds and
 * breakdown point under data heterogeneity", NeurIPS 2023.
 *
 * Subsets are visited in lexicographic order. A row more never lowers an eigenvalue of the scatter,
 * Σ (xᵢ − μ)(xᵢ − μ)ᵀ, so a partial subset is dropped as soon as a bound on its own scatter exceeds the
 * best seen: half the squared distance of a pair, or the trace over the greatest possible rank.
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
  restrict,
  rowsToChooseFrom,
  sumOf,
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
/** A bound must exceed the best by this share: distances may have been summed in f32. */
const SLACK = 2 ** -16;

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
      const subset = smallestScatter(geometry, { size: n - f, maxSubsets });
      const kept = subset.map((k) => rows[k]!);
      const weights = [uniformOn(kept, n)];
      const evidence = membersOf(kept, n, 'not in the subset of smallest top eigenvalue');
      return { value: ops.combine(weights, x), weights, evidence };
    },
  };
}

interface Search {
  /** Rows to keep. */
  readonly size: number;
  readonly maxSubsets: number;
}

/** A subset in ascending order, and the top eigenvalue of its scatter. */
interface Subset {
  readonly rows: readonly number[];
  readonly top: number;
}

/** The first subset, in lexicographic order, among those of smallest top eigenvalue. */
function smallestScatter(geometry: Geometry, { size, maxSubsets }: Search): readonly number[] {
  const { n, squaredDistances: D } = geometry;
  // With a single subset there is nothing to compare, and its rows may hold infinities.
  if (n === size) return [...geometry.finite.keys()];
  let computed = 0;
  let best = firstGuess(geometry, size);
  let guessed = true;

  const visit = (chosen: readonly number[], squares: number): void => {
    if (chosen.length === size) {
      if (++computed > maxSubsets) throw tooMany({ n, size, maxSubsets });
      const top = scatterOf(geometry, chosen);
      // Subsets come in order: the first one met replaces a guess that is only as good.
      if (top < best.top || (guessed && top === best.top)) {
        best = { rows: chosen, top };
        guessed = false;
      }
      return;
    }
    const last = n - (size - chosen.length);
    for (let row = (chosen.at(-1) ?? -1) + 1; row <= last; row++) {
      const distances = chosen.map((other) => D[row * n + other]!);
      const sum = distances.reduce((total, distance) => total + distance, squares);
      const m = chosen.length + 1;
      // The trace of a scatter of m rows is the sum of squared distances of its pairs over m.
      const bound = Math.max(sum / m / Math.max(1, m - 1), Math.max(0, ...distances) / 2);
      if (bound * (1 - SLACK) <= best.top) visit([...chosen, row], sum);
    }
  };
  visit([], 0);
  return best.rows;
}

/** The best among each row with its nearest: a start that lets bounds bite. */
function firstGuess(geometry: Geometry, size: number): Subset {
  const guesses = Array.from({ length: geometry.n }, (_, i) => {
    const rows = nearestTo(geometry, i).slice(0, size);
    rows.sort((a, b) => a - b);
    return { rows, top: scatterOf(geometry, rows) };
  });
  return guesses.reduce((best, guess) => (guess.top < best.top ? guess : best));
}

/**
 * The top eigenvalue of Σ (xᵢ − μ)(xᵢ − μ)ᵀ over the given rows: that of the products around μ, which are
 * their squared distances centred twice. It is at least half the largest squared distance, so what
 * rounding does to the distances does not show.
 */
function scatterOf({ n, squaredDistances: D }: Geometry, rows: readonly number[]): number {
  const size = rows.length;
  const around = new Float64Array(size * size);
  const means = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) means[i]! += D[rows[i]! * n + rows[j]!]! / size;
  }
  const mean = sumOf(means) / size;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      around[i * size + j] = (means[i]! + means[j]! - D[rows[i]! * n + rows[j]!]! - mean) / 2;
    }
  }
  return topEigenvalue(around, size);
}

function tooMany(search: { n: number; size: number; maxSubsets: number }): AggregationError {
  return new AggregationError(
    'cost-limit',
    `smea computed ${search.maxSubsets} of the subsets of ${search.size} among ${search.n} rows ` +
      'in vain: raise maxSubsets or lower f',
  );
}

/** SMEA's line in the list. */
export const smeaEntry: RuleEntry = defineRule<SmeaOptions>({
  name: 'smea',
  parameters: { f, maxSubsets: optional(integer('subsets computed before giving up')) },
  make: smea,
  sample: ({ f }) => ({ f }),
  paper: 'Allouah et al. 2023',
  guarantee: 'bounded for n ≥ 2f + 1, error of optimal order',
  cost: 'n²·d, then up to C(n, f)·n³',
});
