/**
 * The weighted mean: federated averaging by the number of examples each client trained on.
 *
 * McMahan, Moore, Ramage, Hampson, Agüera y Arcas. "Communication-efficient learning of deep
 * networks from decentralized data", AISTATS 2017.
 *
 * @module
 */

import { optional, reals } from '../core/parameter.ts';
import { defineRule, type RuleEntry } from './entry.ts';
import { exampleWeights } from './example-weights.ts';
import type { Law, Rule } from './rule.ts';

/** Options of {@link weightedMean}. */
export interface WeightedMeanOptions {
  /** One weight for each row, not negative, in any unit. Default: the round's example counts. */
  readonly weights?: readonly number[];
}

/**
 * Σ wᵢ xᵢ / Σ wᵢ. No protection: example counts are the clients' own claims. One pass.
 *
 * @throws {AggregationError} `constraint` if there are no weights, or all are 0.
 */
export function weightedMean({ weights }: WeightedMeanOptions = {}): Rule {
  const laws: Law[] = ['translation', 'scale', 'agreement'];
  return {
    name: 'weighted-mean',
    // Weights of the round move with the clients; weights given here stay with the row numbers.
    laws: weights === undefined ? ['permutation', ...laws] : laws,
    minClients: 1,
    async apply(x, ops, { exampleCounts }) {
      const rows = Array.from({ length: x.rows }, (_, i) => i);
      const counts = weights ?? exampleCounts;
      const shares = [exampleWeights('weighted-mean', { counts, rows, n: x.rows })];
      return { value: ops.combine(shares, x), weights: shares };
    },
  };
}

/**
 * The weighted mean's line in the list.
 *
 * - Paper: McMahan et al. 2017
 * - Guarantee: none against Byzantine clients
 * - Cost: n·d
 */
export const weightedMeanEntry: RuleEntry = defineRule<WeightedMeanOptions>({
  name: 'weighted-mean',
  parameters: { weights: optional(reals('one for each row instead of example counts')) },
  make: weightedMean,
  sample: () => ({}),
  variants: ({ n }) => [{ weights: Array.from({ length: n }, (_, i) => i + 1) }],
});
