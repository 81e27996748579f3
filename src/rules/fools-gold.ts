/**
 * FoolsGold: clients whose updates have been alike lose their weight, as one person behind many names
 * would send them.
 *
 * Fung, Yoon, Beschastnikh. "The limitations of federated learning in sybil settings", RAID 2020.
 *
 * @module
 */

import type { Matrix, Ops } from '../backend/kernels.ts';
import { AggregationError } from '../core/errors.ts';
import { cosineDistances } from './cosines.ts';
import { defineRule, type RuleEntry } from './entry.ts';
import { geometryOf, sumOf } from './geometry.ts';
import type { Rule } from './rule.ts';
import { sybilShares } from './sybil-shares.ts';

/**
 * Σ αᵢ xᵢ / Σ αᵢ, with αᵢ from how alike the sums are of all that two clients have sent: this round's
 * rows, and `round.past` where there is one. The shares: `sybil-shares.ts`.
 *
 * Assumes that honest clients differ and attackers are alike, so a lone attacker keeps its full weight,
 * and where all are alike nobody has any: the result is then zero, and the reasons say so. The paper adds
 * rows up; here they are averaged, since a server's step is about a mean.
 *
 * Rows with infinities have no weight. Evidence: α. One pass of n²·d; n² on the host.
 *
 * @throws {AggregationError} `constraint` if `round.past` has another number of rows or columns.
 */
export function foolsGold(): Rule {
  return {
    name: 'fools-gold',
    laws: ['permutation', 'scale'],
    minClients: 1,
    async apply(x, ops, { past }) {
      const sums = past === undefined ? x : added(x, past, ops);
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

function added(x: Matrix, past: Matrix, ops: Ops): Matrix {
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
 * - Guarantee: none but against clients that are alike; give it their past
 * - Cost: n²·d
 */
export const foolsGoldEntry: RuleEntry = defineRule<object>({
  name: 'fools-gold',
  parameters: {},
  make: foolsGold,
  sample: () => ({}),
});
