/**
 * The Hybrid mechanism for a number in [−1, 1]: Piecewise or Duchi's by a coin that knows nothing of
 * the value.
 *
 * Wang et al. "Collecting and analyzing multidimensional data with local differential privacy", ICDE
 * 2019, §3.3.
 *
 * @module
 */

import { createChance, numeratorOf } from './chance.ts';
import { duchi, type Sign } from './duchi.ts';
import { piecewise } from './piecewise.ts';
import { defineScalarMean, type MeanProtocol } from './protocol.ts';

/** Options of {@link hybrid}. */
export interface HybridOptions {
  /** The ε aimed at, in (0, 20]. */
  readonly epsilon: number;
}

/** What one of the two mechanisms reported. */
export type HybridReport =
  | { readonly kind: 'piecewise'; readonly report: number }
  | { readonly kind: 'duchi'; readonly report: Sign };

/** The paper's ε*, from which on Piecewise has a part in the least worst-case variance. */
const PIECEWISE_FROM = 0.609;

/**
 * Hybrid: Piecewise with chance 1 − e^(−ε/2) where ε is above 0.609, else Duchi's. Its worst-case
 * variance is nowhere above the better of the two. The achieved ε is the larger of theirs: the coin is
 * tossed without looking, and is part of the report.
 *
 * @throws {TypeError | RangeError} if epsilon is out of its range.
 */
export function hybrid({ epsilon }: HybridOptions): MeanProtocol<number, HybridReport> {
  const one = piecewise({ epsilon });
  const other = duchi({ epsilon });
  const share = epsilon > PIECEWISE_FROM ? numeratorOf(1 - Math.exp(-epsilon / 2)) : 0n;
  const coin = createChance(share);
  return defineScalarMean({
    name: 'hybrid',
    epsilon: share === 0n ? other.epsilon : Math.max(one.epsilon, other.epsilon),
    randomise: (value, random) =>
      coin.happens(random)
        ? { kind: 'piecewise', report: one.randomise(value, random) }
        : { kind: 'duchi', report: other.randomise(value, random) },
    isReport: (given): given is HybridReport => {
      if (typeof given !== 'object' || given === null) return false;
      const { kind, report } = given as { kind?: unknown; report?: unknown };
      if (kind === 'duchi') return other.isReport(report);
      return kind === 'piecewise' && share > 0n && one.isReport(report);
    },
    decode: (given) =>
      given.kind === 'piecewise' ? one.decode(given.report) : other.decode(given.report),
    // Both have mean x, so the variance of the mixture is that of its parts.
    variance: (value) =>
      coin.probability * one.variance(value) + (1 - coin.probability) * other.variance(value),
  });
}
