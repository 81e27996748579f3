/**
 * The mean of the updates: what federated averaging takes when every client counts the same.
 *
 * McMahan, Moore, Ramage, Hampson, Agüera y Arcas. "Communication-efficient learning of deep
 * networks from decentralized data", AISTATS 2017.
 *
 * @module
 */

import { defineRule, type RuleEntry } from './entry.ts';
import { sumsOf } from './lattice.ts';
import type { Releasable, Rule } from './rule.ts';

/** The plain mean. No protection: one client moves it anywhere. One pass. */
export function mean(): Releasable<Rule> {
  return {
    name: 'mean',
    laws: ['permutation', 'translation', 'scale', 'mean-without-faults', 'agreement'],
    minClients: 1,
    sensitivity: ({ rows, norm, moved, single }) => ({
      rows: 1,
      norm,
      moved: moved / rows,
      single,
    }),
    async apply(x, ops) {
      const weights = [new Array<number>(x.rows).fill(1 / x.rows)];
      return { value: ops.combine(weights, x), weights };
    },
    async onLattice(x, ops) {
      return sumsOf(x, [Array.from({ length: x.words.rows }, (_, i) => i)], ops);
    },
  };
}

/**
 * The mean's line in the list.
 *
 * - Paper: McMahan et al. 2017
 * - Guarantee: none against Byzantine clients
 * - Cost: n·d
 */
export const meanEntry: RuleEntry = defineRule<object>({
  name: 'mean',
  parameters: {},
  make: mean,
  sample: () => ({}),
});
