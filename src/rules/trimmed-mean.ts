/**
 * The coordinate-wise trimmed mean.
 *
 * Yin, Chen, Ramchandran, Bartlett. "Byzantine-robust distributed learning: towards optimal
 * statistical rates", ICML 2018.
 *
 * @module
 */

import { assertInteger } from '../core/assert.ts';
import { honestMajority, requireClients } from './clients.ts';
import { defineRule, f, type RuleEntry } from './entry.ts';
import { grown } from './lattice.ts';
import type { Releasable, Rule } from './rule.ts';

/** Options of {@link trimmedMean}. */
export interface TrimmedMeanOptions {
  /** Values dropped at each end: a bound on the number of Byzantine clients. */
  readonly f: number;
}

/**
 * Per coordinate the mean of what remains when the f lowest and the f highest values are dropped.
 * Only kept values are added, so dropped ones may be infinite. Needs n ≥ 2f + 1. One pass of sorting.
 *
 * As one value of a coordinate moves and the others stay, the sum of the kept ones moves as far or not
 * at all: so the result moves at most 1/(n − 2f) of what rows move.
 */
export function trimmedMean({ f }: TrimmedMeanOptions): Releasable<Rule> {
  assertInteger('f', f, 0);
  const condition = honestMajority('trimmed-mean', f);
  return {
    name: 'trimmed-mean',
    laws: ['permutation', 'translation', 'scale', 'mean-without-faults', 'agreement', 'bounded'],
    minClients: condition.min,
    sensitivity({ rows, norm, moved, single }) {
      requireClients(condition, rows);
      const kept = rows - 2 * f;
      // Of each coordinate other rows may be kept: the square of a mean is no more than that of squares.
      return { rows: 1, norm: norm * Math.sqrt(rows / kept), moved: moved / kept, single };
    },
    async apply(x, ops) {
      requireClients(condition, x.rows);
      return { value: ops.rankMean(x, f, x.rows - f) };
    },
    async onLattice(x, ops) {
      const { rows } = x.words;
      requireClients(condition, rows);
      const kept = rows - 2 * f;
      const sums = grown(x, { words: ops.rankSum(x.words, f, rows - f), terms: kept });
      // As above: of each coordinate other rows may be kept.
      return { ...sums, norm: x.norm * Math.sqrt(rows / kept) };
    },
  };
}

/**
 * The trimmed mean's line in the list.
 *
 * - Paper: Yin et al. 2018
 * - Guarantee: bounded for n ≥ 2f + 1
 * - Cost: n·log n·d
 */
export const trimmedMeanEntry: RuleEntry = defineRule<TrimmedMeanOptions>({
  name: 'trimmed-mean',
  parameters: { f },
  make: trimmedMean,
  sample: ({ f }) => ({ f }),
});
