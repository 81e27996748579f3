/**
 * SignGuard: the mean of the updates whose norm and whose shares of positive and negative entries are
 * like those of most.
 *
 * Xu, Huang, Song, Lan. "Byzantine-robust federated learning through collaborative malicious gradient
 * filtering", ICDCS 2022.
 *
 * @module
 */

import { middleOf } from './cosines.ts';
import { defineRule, type RuleEntry } from './entry.ts';
import type { Rule } from './rule.ts';
import { signCluster, signStatistics } from './signs.ts';

/** Norms beyond these, in units of the median norm, are left out: the paper's. */
const NORMS = { least: 0.1, most: 3 };

/**
 * The mean of the rows that pass both filters, each shortened to the median norm if it is longer.
 *
 * Norms: within 0.1 and 3 times the median norm. Signs: in the largest cluster of the shares of
 * positive, zero and negative entries, by mean shift with a flat kernel: see `signs.ts`. The
 * paper draws a tenth of the coordinates; all are counted here. Where no row passes both, the result is
 * zero, and the reasons say why. Rows with infinities are left out.
 *
 * The result is no longer than the median norm. Evidence: the norm over the median norm. One pass, whose tiles
 * take some 6 + 2·log₂ n rows for each row.
 */
export function signGuard(): Rule {
  return {
    name: 'sign-guard',
    laws: ['permutation', 'scale', 'agreement', 'bounded'],
    minClients: 1,
    async apply(x, ops) {
      const { norms, shares } = await signStatistics(x, ops);
      const median = middleOf(norms);
      const finite = [...norms.keys()].filter((i) => Number.isFinite(norms[i]!));
      const cluster = signCluster(finite.map((i) => shares[i]!));
      const inCluster = new Set(cluster.members.map((k) => finite[k]!));
      const reasons = Array.from(norms, (norm, i): string | undefined => {
        if (!(norm >= NORMS.least * median && norm <= NORMS.most * median)) {
          return 'norm is unlike the median norm';
        }
        return inCluster.has(i) ? undefined : 'signs are unlike those of most';
      });
      const passed = reasons.filter((reason) => reason === undefined).length;
      const factors = Array.from(norms, (norm) => (norm > median ? median / norm : 1));
      const weights = reasons.map((reason, i) => (reason === undefined ? factors[i]! / passed : 0));
      return {
        value: ops.combine([weights], x),
        weights: [weights],
        evidence: reasons.map((reason, i) => ({
          score: norms[i] === median ? 1 : norms[i]! / median,
          clipFactor: factors[i]!,
          selected: reason === undefined,
          ...(reason !== undefined && { reason }),
        })),
      };
    },
  };
}

/**
 * SignGuard's line in the list.
 *
 * - Paper: Xu et al. 2022
 * - Guarantee: no longer than the median norm, n ≥ 2f + 1
 * - Cost: n·d, then n²
 */
export const signGuardEntry: RuleEntry = defineRule<object>({
  name: 'sign-guard',
  parameters: {},
  make: signGuard,
  sample: () => ({}),
});
