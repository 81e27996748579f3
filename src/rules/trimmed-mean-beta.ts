/**
 * The trimmed mean by a fraction, as Flower's FedTrimmedAvg takes it.
 *
 * Yin, Chen, Ramchandran, Bartlett. "Byzantine-robust distributed learning: towards optimal
 * statistical rates", ICML 2018.
 *
 * @module
 */

import { assertFinite } from '../core/assert.ts';
import { real } from '../core/parameter.ts';
import { defineRule, type RuleEntry } from './entry.ts';
import type { Rule } from './rule.ts';

/** Options of {@link trimmedMeanBeta}. */
export interface TrimmedMeanBetaOptions {
  /** Share of the values dropped at each end, in [0, 0.5). */
  readonly beta: number;
}

/**
 * Per coordinate the mean of what remains when the ⌊βn⌋ lowest and highest values are dropped. The
 * product is taken in double precision: 100 clients with β = 0.29 lose 28 at each end. Tolerates
 * ⌊βn⌋ Byzantine clients; with few clients that may be none. One pass of sorting.
 *
 * @throws {RangeError} if `beta` is outside its range.
 */
export function trimmedMeanBeta({ beta }: TrimmedMeanBetaOptions): Rule {
  if (assertFinite('beta', beta) < 0 || beta >= 0.5) {
    throw new RangeError(`beta must be in [0, 0.5), got ${beta}`);
  }
  return {
    name: 'trimmed-mean-beta',
    laws: ['permutation', 'translation', 'scale', 'mean-without-faults', 'agreement', 'bounded'],
    minClients: 1,
    async apply(x, ops) {
      const dropped = Math.floor(beta * x.rows);
      return { value: ops.rankMean(x, dropped, x.rows - dropped) };
    },
  };
}

/**
 * The line of the trimmed mean by a fraction in the list.
 *
 * - Paper: Yin et al. 2018
 * - Guarantee: bounded for f ≤ ⌊βn⌋
 * - Cost: n·log n·d
 */
export const trimmedMeanBetaEntry: RuleEntry = defineRule<TrimmedMeanBetaOptions>({
  name: 'trimmed-mean-beta',
  parameters: { beta: real('share dropped at each end') },
  make: trimmedMeanBeta,
  // A quarter of a client more than f: no rounding of β·n falls below f, and β < ½ for n = 2f + 1.
  sample: ({ n, f }) => ({ beta: f === 0 ? 0 : (f + 0.25) / n }),
});
