/**
 * Phocas: per coordinate the mean of the n − f values nearest to the trimmed mean.
 *
 * Xie, Koyejo, Gupta. "Phocas: dimensional Byzantine-resilient stochastic gradient descent", 2018.
 * arXiv:1805.09682
 *
 * @module
 */

import { assertInteger } from '../core/assert.ts';
import { honestMajority, requireClients } from './clients.ts';
import { defineRule, f, type RuleEntry } from './entry.ts';
import type { Rule } from './rule.ts';

/** Options of {@link phocas}. */
export interface PhocasOptions {
  /** Bound on the number of Byzantine clients, and values the trimmed mean drops at each end. */
  readonly f: number;
}

/**
 * Per coordinate the mean of the n − f values nearest to the trimmed mean; equal distances go to the
 * lower value. Needs n ≥ 2f + 1. Two passes of sorting.
 */
export function phocas({ f }: PhocasOptions): Rule {
  assertInteger('f', f, 0);
  const condition = honestMajority('phocas', f);
  return {
    name: 'phocas',
    laws: ['permutation', 'translation', 'scale', 'mean-without-faults', 'agreement', 'bounded'],
    minClients: condition.min,
    async apply(x, ops) {
      requireClients(condition, x.rows);
      return { value: ops.nearestMean(x, ops.rankMean(x, f, x.rows - f), x.rows - f) };
    },
  };
}

/**
 * Phocas's line in the list.
 *
 * - Paper: Xie et al. 2018, arXiv:1805.09682
 * - Guarantee: bounded for n ≥ 2f + 1
 * - Cost: n·log n·d
 */
export const phocasEntry: RuleEntry = defineRule<PhocasOptions>({
  name: 'phocas',
  parameters: { f },
  make: phocas,
  sample: ({ f }) => ({ f }),
});
