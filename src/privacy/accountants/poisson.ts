/**
 * What sampling each unit by a coin of its own does to Rényi divergence, at integer orders.
 *
 * Exact for noise that a reflection about the midpoint carries from one input to the other: Mironov,
 * Talwar, Zhang. "Rényi differential privacy of the sampled Gaussian mechanism", 2019.
 * A bound for any mechanism: Zhu, Wang. "Poisson subsampled Rényi differential privacy",
 * ICML 2019.
 *
 * @module
 */

import { logAddExp, logBinomial, logExpm1, logSumExp } from '../../core/special.ts';
import { chords, HIGHEST_SUM, type RenyiCurve } from './renyi.ts';

/**
 * The curve of a mechanism after Poisson sampling; `add-remove` and `zero-out` alike.
 *
 * With base moments K, A(α) = Σₖ b(k)·e^K(k) over the binomial weights b of α coins with chance q. As
 * those add to 1, A − 1 = Σₖ₌₂ b(k)·(e^K(k) − 1): a sum of positive terms, which keeps its digits where
 * A is next to 1. The relative error of ln A is below 10⁻¹¹ up to order 1024, where ln Γ of the order
 * loses three digits of the sixteen. O(α) at an integer order up to
 * 4096; chords between.
 *
 * @param base - Its log-moments at integers from 2 on.
 * @param options.rate - The coin's chance q, in (0, 1).
 * @param options.symmetric - Whether the noise is as above; else terms from k = 3 count threefold.
 */
export function poissonSampled(
  base: RenyiCurve,
  { rate, symmetric }: { readonly rate: number; readonly symmetric: boolean },
): RenyiCurve {
  // 1 − q + q·e^ε, and the other direction's 1/(1 − q + q·e^−ε) is no more.
  const pureEpsilon = Math.log1p(rate * Math.expm1(base.pureEpsilon));
  const atInteger = (order: number): number =>
    order > HIGHEST_SUM
      ? (order - 1) * pureEpsilon
      : poissonLogMoment(order, { base, rate, symmetric });
  return { logMoment: chords(atInteger), pureEpsilon };
}

/** Zhu and Wang's factor on the terms of order 3 and above. */
const UNSYMMETRIC = Math.log(3);

/** ln A(α) at an integer order. */
function poissonLogMoment(
  order: number,
  { base, rate, symmetric }: { base: RenyiCurve; rate: number; symmetric: boolean },
): number {
  const logTaken = Math.log(rate);
  const logLeft = Math.log1p(-rate);
  const excess = Array.from({ length: order - 1 }, (_, i) => {
    const k = i + 2;
    const weight = logBinomial(order, k) + k * logTaken + (order - k) * logLeft;
    const factor = symmetric || k === 2 ? 0 : UNSYMMETRIC;
    return weight + logExpm1(base.logMoment(k) + factor);
  });
  return logAddExp(0, logSumExp(excess));
}
