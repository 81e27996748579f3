/**
 * Majority vote on signs: per coordinate the sign that more clients have.
 *
 * Bernstein, Zhao, Azizzadenesheli, Anandkumar. "signSGD with majority vote is communication efficient
 * and fault tolerant", ICLR 2019.
 *
 * @module
 */

import { defineRule, type RuleEntry } from './entry.ts';
import type { Rule } from './rule.ts';

/**
 * Per coordinate −1, 0 or 1: the sign of the sum of signs. Zeros abstain, a split vote gives 0. Give
 * it a step size through the server's optimizer. One pass.
 */
export function signVote(): Rule {
  return {
    name: 'sign-vote',
    laws: ['permutation', 'scale-invariant', 'bounded'],
    minClients: 1,
    async apply(x, ops) {
      // The sum of signs of a single row is its sign.
      return { value: ops.signSum(ops.signSum(x)) };
    },
  };
}

/**
 * The sign vote's line in the list.
 *
 * - Paper: Bernstein et al. 2019
 * - Guarantee: each client has one vote of ±1 per coordinate
 * - Cost: n·d
 */
export const signVoteEntry: RuleEntry = defineRule<object>({
  name: 'sign-vote',
  parameters: {},
  make: signVote,
  sample: () => ({}),
});
