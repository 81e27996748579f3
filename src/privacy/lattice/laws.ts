/**
 * The laws of noise on the integers, as exact as a fixed-point number of 256 places: what tables
 * are made from and measured against. All are symmetric around 0.
 *
 * Canonne, Kamath, Steinke. "The discrete Gaussian for differential privacy", NeurIPS 2020
 * (discrete Gaussian and Laplace). Agarwal, Kairouz, Liu. "The Skellam mechanism for differentially
 * private federated learning", NeurIPS 2021.
 *
 * @module
 */

import { assertInteger, assertPositive } from '../../core/assert.ts';
import { expOfMinus, ONE, PLACES, type Rational, rationalOf, times } from './fixed-point.ts';

/** A symmetric law on the integers. */
export interface Law {
  /**
   * P(X = k) for k = 0 … reach in fixed point, each less than 2^−200 off. What lies beyond weighs
   * less than 2^−130.
   */
  readonly masses: readonly bigint[];
}

/**
 * Standard deviations that a table of a discrete Gaussian has columns for: 2^−131 lies beyond. Masses
 * below the table's 2^−(m + 96) become 0 already at about 11.7; both count as its distance.
 */
const GAUSSIAN_REACH = 13.3;
/** What may lie beyond the reach of other laws, 2^−131. */
const BEYOND = ONE >> 131n;

/**
 * The discrete Gaussian: P(k) = exp(−k²/(2σ²)) / Σⱼ exp(−j²/(2σ²)). Its variance is at most σ².
 *
 * Neighbouring masses by the recurrence P(k+1) = P(k)·exp(−(2k+1)/(2σ²)), two products each; their
 * roundings add up to less than σ²·2^−256 of the largest mass. Takes about 13·σ steps.
 *
 * @param sigma2 - σ², above 0 and at most 2³⁰.
 */
export function discreteGaussian(sigma2: number): Law {
  assertPositive('sigma2', sigma2);
  if (sigma2 > 2 ** 30) throw new RangeError(`sigma2 must be at most 2^30, got ${sigma2}`);
  const { numerator, denominator } = rationalOf(sigma2);
  const step = expOfMinus({ numerator: denominator, denominator: numerator });
  let ratio = expOfMinus({ numerator: denominator, denominator: 2n * numerator });
  const weights: bigint[] = [];
  for (let weight = ONE; weight > 0n; ) {
    weights.push(weight);
    weight = times(weight, ratio);
    ratio = times(ratio, step);
  }
  const reach = Math.floor(GAUSSIAN_REACH * Math.sqrt(sigma2)) + 2;
  return { masses: normalised(weights).slice(0, reach + 1) };
}

/**
 * The discrete Laplace law: P(k) = tanh(1/(2t))·exp(−|k|/t).
 *
 * @param scale - t, above 0 and at most 2¹⁰; larger scales are put together from digits.
 */
export function discreteLaplace(scale: number): Law {
  return geometricDifference(reciprocal(scale));
}

/**
 * The difference of two geometric variables with P(j) ∝ e^(−rate·j): the discrete Laplace law of
 * scale 1/rate.
 */
export function geometricDifference(rate: Rational): Law {
  const ratio = expOfMinus(rate);
  if (ratio > ONE - (ONE >> 10n)) throw new RangeError('scale must be at most 2^10');
  const masses: bigint[] = [];
  let mass = ((ONE - ratio) << PLACES) / (ONE + ratio);
  // Beyond k lies 2·P(k + 1)/(1 − ratio).
  while (masses.length === 0 || 2n * mass * ONE > BEYOND * (ONE - ratio)) {
    masses.push(mass);
    mass = times(mass, ratio);
  }
  return { masses };
}

/**
 * The difference of two independent digits in 0 … base − 1, each with P(j) ∝ e^(−rate·j):
 * P(e) ∝ q^|e|·(1 − q^(2(base − |e|))) with q = e^(−rate).
 */
export function digitDifference(rate: Rational, base: number): Law {
  assertInteger('base', base, 2, 2 ** 15);
  const ratio = expOfMinus(rate);
  const powers = [ONE];
  for (let k = 1; k <= 2 * base; k++) powers.push(times(powers[k - 1]!, ratio));
  const weights = Array.from({ length: base }, (_, e) =>
    times(powers[e]!, ONE - powers[2 * (base - e)]!),
  );
  return { masses: normalised(weights) };
}

/**
 * The Skellam law, the difference of two Poisson variables of mean `variance`/2:
 * P(k) = e^(−v)·I_|k|(v).
 *
 * Bessel's I by its recurrence I(k−1) = I(k+1) + (2k/v)·I(k) downwards from an order where it is
 * below 2^−270 of the whole (Miller's algorithm), with 256 places more than are needed. The whole is
 * the sum over all k, so that no exponential is.
 *
 * @param variance - v, above 0 and at most 2²³.
 */
export function skellam(variance: number): Law {
  assertPositive('variance', variance);
  if (variance > 2 ** 23) throw new RangeError(`variance must be at most 2^23, got ${variance}`);
  const { numerator, denominator } = rationalOf(variance);
  // 24 standard deviations: by Chernoff's bound at least 400 bits away, for small variances more.
  const top = Math.ceil(24 * Math.sqrt(variance)) + 120;
  const weights = Array<bigint>(top + 1).fill(0n);
  let above = 0n;
  let here = ONE;
  for (let k = top; k >= 0; k--) {
    weights[k] = here;
    const below = above + (2n * BigInt(k) * denominator * here) / numerator;
    above = here;
    here = below;
  }
  const masses = normalised(weights);
  let beyond = 0n;
  let reach = top;
  while (reach > 0 && beyond + 2n * masses[reach]! <= BEYOND) beyond += 2n * masses[reach--]!;
  return { masses: masses.slice(0, reach + 1) };
}

/** 1/value, exactly. */
function reciprocal(value: number): Rational {
  const { numerator, denominator } = rationalOf(assertPositive('scale', value));
  return { numerator: denominator, denominator: numerator };
}

/** Masses of a symmetric law from weights of 0, 1, 2, …, the whole being 1. */
function normalised(weights: readonly bigint[]): bigint[] {
  const total = 2n * weights.reduce((sum, weight) => sum + weight, 0n) - weights[0]!;
  return weights.map((weight) => (weight << PLACES) / total);
}
