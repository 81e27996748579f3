/**
 * FLTrust: each update counts as far as it goes the way of an update that the server made itself.
 *
 * Cao, Fang, Liu, Gong. "FLTrust: Byzantine-robust federated learning via trust bootstrapping", NDSS 2021.
 *
 * @module
 */

import { assertOneOf } from '../core/assert.ts';
import { AggregationError } from '../core/errors.ts';
import { optional, word } from '../core/parameter.ts';
import { medianOf } from './coordinates.ts';
import { normsFrom } from './cosines.ts';
import { defineRule, type RuleEntry } from './entry.ts';
import { geometryOf, sumOf } from './geometry.ts';
import type { Rule } from './rule.ts';

/** What stands for the server's own update. */
export type FlTrustRoot = 'reference' | 'median';

const ROOTS: readonly FlTrustRoot[] = ['reference', 'median'];

/** Options of {@link flTrust}. */
export interface FlTrustOptions {
  /**
   * - `reference`: the round's reference, from data that the server trusts, as the paper has it.
   * - `median`: the coordinate-wise median of the updates, where there are no such data. Not the paper's.
   *
   * Default `reference`.
   */
  readonly root?: FlTrustRoot;
}

/**
 * Σ τᵢ·(‖r‖/‖xᵢ‖)·xᵢ / Σ τᵢ for the root r, with trust τᵢ = max(0, cos(xᵢ, r)). Zero rows and rows with
 * infinities have no trust. Where nobody has any, the result is zero: the paper leaves 0/0.
 *
 * The result is never longer than the root, whoever sends what. Evidence: τ, and what the row was scaled
 * by. One pass of n²·d.
 *
 * @throws {AggregationError} `constraint` if the root is a reference that is missing or not finite.
 */
export function flTrust({ root = 'reference' }: FlTrustOptions = {}): Rule {
  assertOneOf('root', root, ROOTS);
  return {
    name: 'fl-trust',
    laws: root === 'median' ? ['permutation', 'scale', 'agreement', 'bounded'] : ['permutation'],
    minClients: 1,
    async apply(x, ops, { reference }) {
      const n = x.rows;
      const trusted = root === 'median' ? medianOf(x, ops) : reference;
      if (trusted?.rows !== 1) throw unusable('an update of the server’s own');
      const all = await geometryOf(ops.stack(x, trusted), ops);
      if (!all.finite[n]) throw unusable('a reference without infinities');
      const norms = normsFrom(all);
      const trust = Array.from({ length: n }, (_, i) => {
        const size = norms[i]! * norms[n]!;
        if (!all.finite[i] || size === 0) return 0;
        return Math.min(1, Math.max(0, all.products[i * all.n + n]! / size));
      });
      const total = sumOf(trust);
      const weights = trust.map((own, i) =>
        own === 0 ? 0 : (own / total) * (norms[n]! / norms[i]!),
      );
      return {
        value: ops.combine([weights], x),
        weights: [weights],
        evidence: trust.map((score, i) => {
          if (score === 0) return { score, reason: 'does not go the way of the root update' };
          return { score, clipFactor: norms[n]! / norms[i]! };
        }),
      };
    },
  };
}

function unusable(needs: string): AggregationError {
  return new AggregationError('constraint', `fl-trust needs ${needs}`);
}

/**
 * FLTrust's line in the list.
 *
 * - Paper: Cao et al. 2021
 * - Guarantee: no longer than the server’s own update, and never against it
 * - Cost: n²·d
 */
export const flTrustEntry: RuleEntry = defineRule<FlTrustOptions>({
  name: 'fl-trust',
  parameters: { root: optional(word('what stands for the server’s own update', ROOTS)) },
  make: flTrust,
  sample: () => ({ root: 'median' }),
});
