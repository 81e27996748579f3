/**
 * What sampling a fixed number of units, all subsets alike, does to Rényi divergence when one unit is
 * replaced by another.
 *
 * Wang, Balle, Kasiviswanathan. "Subsampled Rényi differential privacy and analytical moments
 * accountant", AISTATS 2019, with the terms from j = 3 on refined by even moments of the likelihood
 * ratio.
 *
 * @module
 */

import { logAddExp, logBinomial, logExpm1, logSumExp } from '../../core/special.ts';
import { chords, HIGHEST_SUM, memoized, type RenyiCurve } from './renyi.ts';

/** The refinement of terms costs a pass for each even order: higher ones go without. */
const MAX_REFINED = 256;

/** How many of how many, and what more is known of the mechanism. */
export interface FixedSampling {
  /** γ: cohort over population, in (0, 1). */
  readonly share: number;
  /** The z of normal noise, or of noise that has its moments at integers. */
  readonly noiseMultiplier?: number;
}

/**
 * The curve of a mechanism after sampling without replacement, under `replace-one`.
 *
 * With base moments K and γ = cohort/population, at an integer order
 * A(α) ≤ 1 + γ²·binom(α,2)·min(4(e^K(2) − 1), 2e^K(2)) + Σⱼ₌₃ γʲ·binom(α,j)·min(2e^K(j), 4√(B(j⁻)·B(j⁺))),
 * j⁻ and j⁺ the even numbers next to j, B(l) = E[(p/p′ − 1)ˡ] the even moments, where known. Not tight:
 * up to about twice the loss of Poisson sampling. O(α) at an integer order up to
 * 4096; chords between.
 */
export function withoutReplacement(base: RenyiCurve, sampling: FixedSampling): RenyiCurve {
  const { share, noiseMultiplier } = sampling;
  const logShare = Math.log(share);
  const evenMoment = noiseMultiplier === undefined ? undefined : evenMoments(noiseMultiplier);
  const logTerm = memoized((j) => {
    const plain = Math.LN2 + base.logMoment(j);
    if (j === 2) return Math.min(2 * Math.LN2 + logExpm1(base.logMoment(2)), plain);
    if (evenMoment === undefined || j > MAX_REFINED) return plain;
    const [below, above] = [2 * Math.floor(j / 2), 2 * Math.ceil(j / 2)];
    return Math.min(plain, 2 * Math.LN2 + (evenMoment(below) + evenMoment(above)) / 2);
  });
  // Balle, Barthe, Gaboardi. "Privacy amplification by subsampling", NeurIPS 2018.
  const pureEpsilon = Math.log1p(share * Math.expm1(base.pureEpsilon));
  const atInteger = (order: number): number => {
    if (order > HIGHEST_SUM) return (order - 1) * pureEpsilon;
    const terms = Array.from({ length: order - 1 }, (_, i) => {
      const j = i + 2;
      return j * logShare + logBinomial(order, j) + logTerm(j);
    });
    return Math.min(logAddExp(0, logSumExp(terms)), (order - 1) * pureEpsilon);
  };
  return { logMoment: chords(atInteger), pureEpsilon };
}

/** Steps of the trapezoidal rule per standard deviation: enough for moments of order 256. */
const STEPS = 8;
/** Beyond √(2l) + 9 standard deviations there is less than e⁻⁴⁰ of the moment l. */
const REACH = Math.sqrt(2 * MAX_REFINED) + 9;
/** Below it, the plain bound is the less anyway, and nodes would be many. */
const LEAST_MULTIPLIER = 0.1;

/**
 * ln E[(e^ℓ − 1)ˡ] for even l ≥ 2 over x ~ N(0, z²), ℓ = (2x − 1)/(2z²), by the trapezoidal rule: the
 * integrand is positive and entire. Infinity where z is so small that the plain bound is as good.
 */
function evenMoments(z: number): (l: number) => number {
  if (z < LEAST_MULTIPLIER) return () => Number.POSITIVE_INFINITY;
  const nodes = Math.ceil(STEPS * (MAX_REFINED / z + 2 * REACH));
  const xs = Array.from({ length: nodes + 1 }, (_, i) => (i / STEPS - REACH) * z);
  const logRatios = xs.map((x) => {
    const loss = (x - 0.5) / (z * z);
    return loss > 0 ? logExpm1(loss) : Math.log(-Math.expm1(loss));
  });
  const scale = Math.log(1 / STEPS) - Math.log(2 * Math.PI) / 2;
  return memoized((l) => {
    const logs = xs.map((x, i) => l * logRatios[i]! - (x / z) * (x / z) * 0.5);
    return logSumExp(logs) + scale;
  });
}
