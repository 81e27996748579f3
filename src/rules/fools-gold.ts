/**
 * FoolsGold: clients whose updates have been alike lose their weight, as one person behind many names
 * would send them.
 *
 * Fung, Yoon, Beschastnikh. "The limitations of federated learning in sybil settings", RAID 2020.
 *
 * @module
 */

import type { Matrix, Ops } from '../backend/kernels.ts';
import { assertOneOf } from '../core/assert.ts';
import { AggregationError } from '../core/errors.ts';
import { optional, word } from '../core/parameter.ts';
import { cosineDistances } from './cosines.ts';
import { defineRule, type RuleEntry } from './entry.ts';
import { geometryOf, sumOf } from './geometry.ts';
import type { Rule } from './rule.ts';
import { sybilShares } from './sybil-shares.ts';

/** What FoolsGold compares clients by. */
export type FoolsGoldSpan = 'all-rounds' | 'this-round';

const SPANS: readonly FoolsGoldSpan[] = ['all-rounds', 'this-round'];

/** Options of {@link foolsGold}. */
export interface FoolsGoldOptions {
  /**
   * - `all-rounds`: all that a client has sent, added up, as the paper has it: needs `round.past`.
   * - `this-round`: its update alone. Not the paper's; honest updates of one round are more alike.
   *
   * Default `all-rounds`.
   */
  readonly over?: FoolsGoldSpan;
}

/**
 * Σ αᵢ xᵢ / Σ αᵢ, with αᵢ from how alike the sums are of all that two clients have sent: this round's
 * rows and `round.past`. The shares: `sybil-shares.ts`.
 *
 * Assumes that honest clients differ and attackers are alike, so a lone attacker keeps its full weight,
 * and where all are alike nobody has any: the result is then zero, and the reasons say so. The paper adds
 * rows up; here they are averaged, since a server's step is about a mean.
 *
 * Rows with infinities have no weight. Evidence: α. One pass of n²·d; n² on the host.
 *
 * @throws {AggregationError} `constraint` if there is no `round.past`, or one of another shape; not with `this-round`.
 */
export function foolsGold({ over = 'all-rounds' }: FoolsGoldOptions = {}): Rule {
  assertOneOf('over', over, SPANS);
  return {
    name: 'fools-gold',
    laws: ['permutation', 'scale'],
    minClients: 1,
    async apply(x, ops, { past }) {
      const sums = over === 'this-round' ? x : added(x, past, ops);
      const geometry = await geometryOf(sums, ops);
      const shares = sybilShares(cosineDistances(geometry), geometry.finite);
      const total = sumOf(shares);
      const weights = Array.from(shares, (share) => (total > 0 ? share / total : 0));
      const reason = 'another client has sent the like';
      return {
        value: ops.combine([weights], x),
        weights: [weights],
        evidence: Array.from(shares, (score) => ({ score, ...(score === 0 && { reason }) })),
      };
    },
  };
}

function added(x: Matrix, past: Matrix | undefined, ops: Ops): Matrix {
  if (past === undefined) {
    throw new AggregationError(
      'constraint',
      'fools-gold needs what each client has sent before (past), or over=this-round',
    );
  }
  if (past.rows !== x.rows || past.cols !== x.cols) {
    throw new AggregationError(
      'constraint',
      `fools-gold needs a past of ${x.rows}×${x.cols}, got ${past.rows}×${past.cols}`,
    );
  }
  const both = Array.from({ length: x.rows }, (_, i) =>
    Array.from({ length: 2 * x.rows }, (_, k) => Number(k % x.rows === i)),
  );
  return ops.combine(both, ops.stack(x, past));
}

/**
 * FoolsGold's line in the list.
 *
 * - Paper: Fung et al. 2020
 * - Guarantee: none but against clients that are alike, round after round
 * - Cost: n²·d
 */
export const foolsGoldEntry: RuleEntry = defineRule<FoolsGoldOptions>({
  name: 'fools-gold',
  parameters: { over: optional(word('what clients are compared by', SPANS)) },
  make: foolsGold,
  sample: () => ({ over: 'this-round' }),
});
