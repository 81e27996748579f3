/**
 * The exponential tilt of a sum of losses: each loss's mass times e^(θ·loss), scaled to 1. The sum of
 * tilted losses has its mass where a chosen ε is, so that what happens there is computed with a small
 * relative error even where δ is tiny.
 *
 * @module
 */

import type { DiscreteLoss } from './discrete-loss.ts';

/** A loss that is taken `count` times, independently. */
export interface RepeatedLoss {
  readonly loss: DiscreteLoss;
  readonly count: number;
}

/** K(θ) = ln E e^(θL) for the sum L of losses, infinite ones left out, and what it says about L. */
export interface Cumulants {
  /** K(θ). */
  readonly value: number;
  /** K′(θ), the mean of the tilted sum. */
  readonly mean: number;
  /** K″(θ), its variance. */
  readonly variance: number;
}

/** K and its derivatives at θ: one exponential for each mass. */
export function cumulants(losses: readonly RepeatedLoss[], theta: number): Cumulants {
  let value = 0;
  let mean = 0;
  let variance = 0;
  for (const { loss, count } of losses) {
    const one = cumulantsOfOne(loss, theta);
    value += count * one.value;
    mean += count * one.mean;
    variance += count * one.variance;
  }
  return { value, mean, variance };
}

function cumulantsOfOne({ indices, logMasses, interval }: DiscreteLoss, theta: number): Cumulants {
  const step = theta * interval;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < indices.length; i++) {
    high = Math.max(high, logMasses[i]! + step * indices[i]!);
  }
  let sum = 0;
  let first = 0;
  let second = 0;
  for (let i = 0; i < indices.length; i++) {
    const loss = indices[i]! * interval;
    const weight = Math.exp(logMasses[i]! + step * indices[i]! - high);
    sum += weight;
    first += weight * loss;
    second += weight * loss * loss;
  }
  const mean = first / sum;
  return { value: high + Math.log(sum), mean, variance: Math.max(0, second / sum - mean * mean) };
}

/** Where a tilted sum is. */
interface Extent {
  /** Standard deviation of the tilted sum. */
  readonly deviation: number;
  /** All but 2⁻⁵⁰ of its mass lies below. */
  readonly top: number;
  /** All but 2⁻⁵⁰ of its mass lies above. */
  readonly bottom: number;
  /** How far above θ Chernoff's bound for `top` is taken. */
  readonly reach: number;
}

/** Which tilt, and where the tilted sum then is. */
export interface Tilt extends Extent {
  /** θ ≥ 0. */
  readonly theta: number;
  /** The ε that was asked for; or Chernoff's upper bound on it, for the δ that was. */
  readonly epsilon: number;
  /** The δ that was asked for; or Chernoff's upper bound on it, for the ε that was. */
  readonly delta: number;
}

/** What is asked of a sum of losses. */
export type Question = { readonly delta: number } | { readonly epsilon: number };

/** Tilts tried: a wider range would change no digit. */
const LEAST_TILT = 2 ** -14;
const GREATEST_TILT = 2 ** 20;

/**
 * The tilt for a question: where Chernoff's bound is least. For the hockey stick,
 * δ(ε) ≤ e^(K(θ) − θε)·max over t of e^(−θt)(1 − e^(−t)), which is θ^θ/(1 + θ)^(1 + θ): the conversion
 * of Rényi privacy of order θ + 1 (Canonne, Kamath, Steinke 2020, Prop. 12).
 */
export function tiltFor(losses: readonly RepeatedLoss[], question: Question): Tilt {
  const infinite = infiniteMass(losses);
  const bound = (logTheta: number): number => {
    const theta = 2 ** logTheta;
    const exponent = cumulants(losses, theta).value + logHockeyMax(theta);
    return 'delta' in question
      ? (exponent - Math.log(Math.max(0, question.delta - infinite))) / theta
      : exponent - theta * question.epsilon;
  };
  const logTheta = leastOf(bound, Math.log2(LEAST_TILT), Math.log2(GREATEST_TILT));
  const theta = 2 ** logTheta;
  const extent = extentOf(losses, theta);
  const answer = bound(logTheta);
  return 'delta' in question
    ? { theta, ...extent, epsilon: Math.max(0, answer), delta: question.delta }
    : {
        theta,
        ...extent,
        epsilon: question.epsilon,
        delta: Math.min(1, infinite + Math.exp(answer)),
      };
}

/** The chance that any of the losses is infinite. */
export function infiniteMass(losses: readonly RepeatedLoss[]): number {
  return -Math.expm1(
    losses.reduce((sum, { loss, count }) => sum + count * Math.log1p(-loss.infinite), 0),
  );
}

/** ln max over t ≥ 0 of e^(−θt)(1 − e^(−t)). */
function logHockeyMax(theta: number): number {
  return -theta * Math.log1p(1 / theta) - Math.log1p(theta);
}

/** Where a function with one valley is least, to 1/8: golden section. */
function leastOf(f: (x: number) => number, from: number, to: number): number {
  const ratio = (Math.sqrt(5) - 1) / 2;
  let low = from;
  let high = to;
  let a = high - ratio * (high - low);
  let b = low + ratio * (high - low);
  let fa = f(a);
  let fb = f(b);
  while (high - low > 1 / 8) {
    if (fa <= fb) {
      high = b;
      [b, fb] = [a, fa];
      a = high - ratio * (high - low);
      fa = f(a);
    } else {
      low = a;
      [a, fa] = [b, fb];
      b = low + ratio * (high - low);
      fb = f(b);
    }
  }
  return fa <= fb ? a : b;
}

/** −ln of the tilted mass that may lie beyond each end of the window. */
const LOG_OUTSIDE = 50 * Math.LN2;

/** Where the tilted sum is, by Chernoff's bound at some distances from θ on either side. */
function extentOf(losses: readonly RepeatedLoss[], theta: number): Extent {
  const { value, mean, variance } = cumulants(losses, theta);
  const deviation = Math.sqrt(variance);
  let top = Number.POSITIVE_INFINITY;
  let bottom = Number.NEGATIVE_INFINITY;
  let reach = 1;
  // For a normal sum the best distance is √(2·LOG_OUTSIDE) over the deviation.
  const normal = Math.sqrt(2 * LOG_OUTSIDE) / Math.max(deviation, 2 ** -100);
  for (let halvings = -2; halvings <= 4; halvings++) {
    const distance = normal * 2 ** -halvings;
    const up = (cumulants(losses, theta + distance).value - value + LOG_OUTSIDE) / distance;
    if (up < top) [top, reach] = [up, distance];
    const down = (cumulants(losses, theta - distance).value - value + LOG_OUTSIDE) / distance;
    bottom = Math.max(bottom, -down);
  }
  return { deviation, top: Math.max(top, mean), bottom: Math.min(bottom, mean), reach };
}
