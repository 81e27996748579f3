/**
 * The coordinate-wise median.
 *
 * Yin, Chen, Ramchandran, Bartlett. "Byzantine-robust distributed learning: towards optimal
 * statistical rates", ICML 2018.
 *
 * @module
 */

import { medianOf } from './coordinates.ts';
import { defineRule, type RuleEntry } from './entry.ts';
import type { Rule } from './rule.ts';

/**
 * Per coordinate the middle value; for an even number of clients the midpoint of the two middle
 * ones. Bounded while fewer than half of the clients are Byzantine. One pass of sorting.
 */
export function median(): Rule {
  return {
    name: 'median',
    laws: ['permutation', 'translation', 'scale', 'agreement', 'bounded'],
    minClients: 1,
    async apply(x, ops) {
      return { value: medianOf(x, ops) };
    },
  };
}

/**
 * The median's line in the list.
 *
 * - Paper: Yin et al. 2018
 * - Guarantee: bounded for n ≥ 2f + 1
 * - Cost: n·log n·d
 */
export const medianEntry: RuleEntry = defineRule<object>({
  name: 'median',
  parameters: {},
  make: median,
  sample: () => ({}),
});
