/**
 * FLAME: the mean of the updates in the one dense cluster of directions, clipped to the median norm.
 *
 * Nguyen, Rieger, Chen, Yalame, Möllering, Fereidooni, Marchal, Miettinen, Mirhoseini, Zeitouni,
 * Koushanfar, Sadeghi, Schneider. "FLAME: taming backdoors in federated learning", USENIX Security 2022.
 * The clustering is HDBSCAN's: Campello, Moulavi, Sander. "Density-based clustering based on
 * hierarchical density estimates", PAKDD 2013.
 *
 * @module
 */

import { uniformOn } from './clients.ts';
import { coreCluster } from './core-cluster.ts';
import { middleOf, normsFrom } from './cosines.ts';
import { defineRule, type RuleEntry } from './entry.ts';
import { geometryOf } from './geometry.ts';
import type { Rule } from './rule.ts';

/**
 * The mean of the rows in the cluster, each shortened to the median norm of all n rows if it is longer.
 *
 * The cluster is that of HDBSCAN on cosine distances, with at least ⌊n/2⌋ + 1 members, one neighbour for
 * the density and a single cluster allowed: as two of that size cannot be, it is the set of rows that
 * hang together by steps of at most ε, for the least ε that makes such a set. Steps that tie count alike,
 * so the order of the clients has no say. Zero rows are at a right angle to all; rows with infinities
 * are in no cluster, and where they leave too few others, all of those are the cluster.
 *
 * The paper adds noise at the end. This rule does not: noise that protects is `aggregis/privacy`'s.
 * Evidence: the steps by which a row hangs together with the cluster, over ε.
 *
 * One pass of n²·d; n²·log n on the host.
 */
export function flame(): Rule {
  return {
    name: 'flame',
    laws: ['permutation', 'scale', 'agreement', 'bounded'],
    minClients: 1,
    async apply(x, ops) {
      const geometry = await geometryOf(x, ops);
      const n = x.rows;
      const norms = normsFrom(geometry);
      const { members, reach } = coreCluster(geometry);
      const limit = middleOf(norms);
      const kept = new Set(members);
      const factors = Array.from(norms, (norm) => (norm > limit ? limit / norm : 1));
      const weights = uniformOn(members, n).map((share, i) => share && share * factors[i]!);
      return {
        value: ops.combine([weights], x),
        weights: [weights],
        evidence: factors.map((clipFactor, i) => ({
          score: reach[i]!,
          clipFactor,
          selected: kept.has(i),
          ...(!kept.has(i) && { reason: 'outside the cluster of directions' }),
        })),
      };
    },
  };
}

/**
 * FLAME's line in the list.
 *
 * - Paper: Nguyen et al. 2022
 * - Guarantee: no longer than the median norm, n ≥ 2f + 1
 * - Cost: n²·d, then n²·log n
 */
export const flameEntry: RuleEntry = defineRule<object>({
  name: 'flame',
  parameters: {},
  make: flame,
  sample: () => ({}),
});
