/**
 * Rényi divergence of the Poisson-sampled Gaussian mechanism, at any order.
 *
 * Mironov, Talwar, Zhang. "Rényi differential privacy of the sampled Gaussian mechanism", 2019:
 * A(α) = E[(1 − q + q·e^((2x−1)/(2z²)))^α] over x ~ N(0, z²) bounds both directions, for any number of
 * dimensions; K(α) = ln A(α).
 *
 * Integer orders are exact up to rounding (`poisson.ts`). Others are by quadrature, or where noise is so
 * small that it would be long, by the paper's two series (§3.3), with the sign of each term.
 *
 * @module
 */

import {
  erfcx,
  logAddExp,
  logExpm1,
  logNormalCdf,
  logSubExp,
  logSumExp,
  signedBinomials,
} from '../../core/special.ts';
import { poissonSampled } from './poisson.ts';
import { HIGHEST_SUM, memoized, type RenyiCurve } from './renyi.ts';

/** One sampled Gaussian. */
export interface SampledGaussian {
  /** q: the chance of a unit to be drawn, in (0, 1). */
  readonly rate: number;
  /** z: standard deviation over sensitivity, above 0. */
  readonly noiseMultiplier: number;
}

/** Normal noise without sampling: K(α) = α·(α − 1)/(2z²). */
export function gaussianCurve(noiseMultiplier: number): RenyiCurve {
  return {
    logMoment: (order) => (order / noiseMultiplier) * ((order - 1) / noiseMultiplier) * 0.5,
    pureEpsilon: Number.POSITIVE_INFINITY,
  };
}

/** The curve of a sampled Gaussian, exact at fractional orders too. */
export function sampledGaussianCurve({ rate, noiseMultiplier }: SampledGaussian): RenyiCurve {
  const integers = poissonSampled(gaussianCurve(noiseMultiplier), { rate, symmetric: true });
  const logMoment = memoized((order) => {
    if (Number.isInteger(order) || order > HIGHEST_SUM) return integers.logMoment(order);
    const fractional = fractionalLogMoment(order, { rate, noiseMultiplier });
    // The chord is no less than the truth: a guard where quadrature would be too long.
    return fractional ?? integers.logMoment(order);
  });
  return { logMoment, pureEpsilon: Number.POSITIVE_INFINITY };
}

/** ln A(α) at an order that is no integer; `undefined` where that takes too many nodes. */
function fractionalLogMoment(order: number, event: SampledGaussian): number | undefined {
  if (nodesFor(order, event) <= FEW_NODES) return quadratureLogMoment(order, event);
  const series = seriesLogMoment(order, event);
  if (series !== undefined && series >= LEAST_BY_SERIES) return series;
  return nodesFor(order, event) <= MAX_NODES ? quadratureLogMoment(order, event) : undefined;
}

/** Below it ln A by series, whose sum is A itself, has fewer than 13 digits. */
const LEAST_BY_SERIES = 1e-2;
/** Beyond the order. Terms fall like i^−α: few are enough where noise is small, or all are too few. */
const MAX_TERMS = 64;
/** So many nodes take as long as the series. */
const FEW_NODES = 2 ** 9;
/** More nodes than this take over 2 ms, and only losses in the tens of thousands need them. */
const MAX_NODES = 2 ** 14;
/** A term below this share of the sum, e⁻³⁸, is below its rounding. */
const NEGLIGIBLE = 38;

/**
 * ln A(α) by the two signed series; `undefined` if they do not converge in so many terms.
 *
 * The larger of the two summands under the power is expanded on each side of the point x₀ where they
 * are equal. With S(t) = e^(t²/2)·Φ(−t), a term whose normal tail is small simplifies, as the exponents
 * cancel: both series then have the terms binom(α, i)·(1−q)^α·e^(−x₀²/(2z²))·S(…). From i > α + 1 on these
 * alternate and shrink, so that what is left off is less than the first term left off; it is added.
 */
export function seriesLogMoment(
  order: number,
  { rate, noiseMultiplier: z }: SampledGaussian,
): number | undefined {
  const logTaken = Math.log(rate);
  const logLeft = Math.log1p(-rate);
  const middle = z * z * (logLeft - logTaken) + 0.5;
  const common = order * logLeft - (middle / z) * (middle / z) * 0.5;
  /** ln of e^(k·ln q + (α−k)·ln(1−q) + k(k−1)/(2z²))·Φ(t), where t falls short of the middle or not. */
  const logTerm = (k: number, t: number): number =>
    t <= 0
      ? common + Math.log(0.5 * erfcx(-t * Math.SQRT1_2))
      : k * logTaken + (order - k) * logLeft + (k / z) * ((k - 1) / z) * 0.5 + logNormalCdf(t);
  let positive = Number.NEGATIVE_INFINITY;
  let negative = Number.NEGATIVE_INFINITY;
  let i = 0;
  for (const { sign, log } of signedBinomials(order)) {
    const low = logTerm(i, (middle - i) / z);
    const high = logTerm(order - i, (order - i - middle) / z);
    const term = log + logAddExp(low, high);
    const alternates = i > order + 1 && i > middle && i > order - middle;
    const last = alternates && term < positive - NEGLIGIBLE;
    if (sign > 0 || last) positive = logAddExp(positive, term);
    else negative = logAddExp(negative, term);
    if (last) break;
    if (++i > order + MAX_TERMS) return undefined;
  }
  return logSubExp(positive, negative);
}

/** Normal tails beyond so many standard deviations are left off: e⁻⁵⁰. */
const REACH = 10;
/** Exponent of the error that the step is chosen for: e⁻³⁷ is below rounding. */
const EXPONENT = 37;

/**
 * ln A(α) by the trapezoidal rule on A − 1 = E[g(w)], w = q·(e^((2x−1)/(2z²)) − 1), as E[w] = 0, where
 * g(w) = (1+w)^α − 1 − α·w ≥ 0: nothing cancels, however near A is to 1.
 *
 * The integrand is analytic for |Im x| < πz², where 1 + w first is 0, and a shift by a takes it up by no
 * more than e^(a²/(2z²)): the error of step h is about e^(a²/(2z²) − 2πa/h), least at a = 2πz²/h, or at
 * the strip's edge if that is nearer. Numerical, not certified; 10⁻¹³ relative in all tests.
 */
export function quadratureLogMoment(order: number, event: SampledGaussian): number {
  const { rate, noiseMultiplier: z } = event;
  const step = stepFor(z);
  const start = -REACH * z;
  const nodes = nodesFor(order, event);
  const logs = Array.from({ length: nodes + 1 }, (_, i) => {
    const x = start + i * step;
    return logExcess((x - 0.5) / (z * z), { order, rate }) - (x / z) * (x / z) * 0.5;
  });
  const scale = Math.log(step / z) - Math.log(2 * Math.PI) / 2;
  return logAddExp(0, logSumExp(logs) + scale);
}

function nodesFor(order: number, { noiseMultiplier: z }: SampledGaussian): number {
  return Math.ceil((order + 2 * REACH * z) / stepFor(z));
}

function stepFor(z: number): number {
  const free = z * Math.PI * Math.sqrt(2 / EXPONENT);
  if (free >= 2) return free;
  const half = (Math.PI * z) ** 2 / 2;
  return (4 * half) / (EXPONENT + half);
}

/** Powers up to here, times 2, are f64. */
const LARGEST_EXPONENT = 700;

/** ln g(w) at the loss ℓ of one drawn unit, w = q·(e^ℓ − 1). */
function logExcess(loss: number, { order, rate }: { order: number; rate: number }): number {
  const w = rate * Math.expm1(loss);
  if (order * Math.abs(w) < 0.5) return Math.log(excessSeries(w, order));
  const beta = order - 1;
  // g = (1 + w)·((1 + w)^β − 1) − β·w: both parts vanish with β, and neither is much the larger.
  const grows = beta * Math.log1p(w);
  if (w <= 1 && grows < LARGEST_EXPONENT) {
    return Math.log((1 + w) * Math.expm1(grows) - beta * w);
  }
  const u = loss + Math.log(rate - (rate - 1) * Math.exp(-loss));
  const grown = logExpm1(beta * u);
  return u + grown + Math.log1p(beta * Math.expm1(-u) * Math.exp(-grown));
}

/** Σ binom(α, i)·wⁱ from i = 2, for α·|w| < ½: positive, and its terms at least halve. */
function excessSeries(w: number, order: number): number {
  let term = (order * (order - 1) * w * w) / 2;
  let sum = term;
  for (let i = 2; Math.abs(term) > sum * 2 ** -56; i++) {
    term *= ((order - i) / (i + 1)) * w;
    sum += term;
  }
  return sum;
}
