/**
 * Losses of mechanisms with finitely many, or countably many, outputs: points of mass alone.
 *
 * @module
 */

import { dilute } from './gaussian-loss.ts';
import { type LossPoint, type PrivacyLoss, TAIL_START } from './privacy-loss.ts';

/** Beyond so many points a loss takes too much memory. */
export const MAX_POINTS: number = 2 ** 20;

/**
 * Points of a loss that is its own mirror image: Q's mass at one is P's mass at the one as far from the
 * other end.
 */
export interface MirroredPoints {
  readonly points: readonly LossPoint[];
  /** P's mass that was cut off, and as much of Q's at most. */
  readonly infinite: number;
}

/**
 * Noise P(k) ∝ exp(−rate·|k|) moved by the integer `shift`: losses rate·(shift − 2k) for k from 0 to
 * `shift`, the ends with all beyond them. On several integers, one that moves by all of the shift is
 * the worst: δ at these losses is 1 − e^((ε − rate·shift)/2), as for Laplace noise, and sums take the
 * place of its integrals.
 */
export function discreteLaplacePoints(rate: number, shift: number): MirroredPoints {
  const end = 1 / (1 + Math.exp(-rate));
  const inner = Math.tanh(rate / 2);
  const points = Array.from({ length: shift + 1 }, (_, k) => ({
    loss: rate * (shift - 2 * k),
    mass: (k === 0 || k === shift ? end : inner) * Math.exp(-rate * k),
  }));
  return { points, infinite: 0 };
}

/** How many points `discreteGaussianPoints` makes. */
export function discreteGaussianSize(sigma: number, shift: number): number {
  return 2 * Math.ceil(TAIL_START * sigma) + 1 + shift;
}

/**
 * Noise P(k) ∝ exp(−k²/(2σ²)) on one integer, moved by the integer `shift`: losses
 * shift·(2k − shift)/(2σ²). It is sub-Gaussian (Canonne, Kamath, Steinke, "The discrete Gaussian for
 * differential privacy", 2020): P(|k| ≥ t·σ) ≤ 2·exp(−t²/2).
 */
export function discreteGaussianPoints(sigma: number, shift: number): MirroredPoints {
  const reach = Math.ceil(TAIL_START * sigma);
  const weight = (k: number): number => Math.exp(-((k / sigma) ** 2) / 2);
  let total = 1;
  for (let k = reach; k > 0; k--) total += 2 * weight(k);
  const points = Array.from({ length: discreteGaussianSize(sigma, shift) }, (_, i) => {
    const k = i - reach;
    return {
      loss: ((shift / sigma) * ((2 * k - shift) / sigma)) / 2,
      mass: weight(k - shift) / total,
    };
  });
  return { points, infinite: 2 * Math.exp(-(TAIL_START ** 2) / 2) };
}

/** The loss as it is: everybody takes part. */
export function pointsLoss({ points, infinite }: MirroredPoints): PrivacyLoss {
  return { points, pieces: [], infinite };
}

/** Loss of (1 − q)·Q + q·P against Q: somebody left. */
export function sampledPointsRemoveLoss(loss: MirroredPoints, q: number): PrivacyLoss {
  const { points, infinite } = loss;
  const sampled = points.map(({ loss: l, mass }, i) => ({
    loss: dilute(l, q),
    mass: (1 - q) * points[points.length - 1 - i]!.mass + q * mass,
  }));
  return { points: sampled, pieces: [], infinite };
}

/** Loss of Q against (1 − q)·Q + q·P: somebody came. */
export function sampledPointsAddLoss(loss: MirroredPoints, q: number): PrivacyLoss {
  const { points, infinite } = loss;
  const sampled = points.map(({ loss: l }, i) => ({
    loss: -dilute(l, q),
    mass: points[points.length - 1 - i]!.mass,
  }));
  return { points: sampled, pieces: [], infinite };
}

/** One of `values` words, with `noiseProbability` any of them. */
export interface WordNoise {
  readonly values: number;
  readonly noiseProbability: number;
}

/** Loss between two words of a randomized response; its own mirror image. */
export function swappedWordsLoss({ values, noiseProbability }: WordNoise): PrivacyLoss {
  const other = noiseProbability / values;
  const own = 1 - noiseProbability + other;
  // ln(own/other), accurate also for much noise.
  const loss = Math.log1p((1 - noiseProbability) / other);
  return finite([
    { loss, mass: own },
    { loss: 0, mass: (values - 2) * other },
    { loss: -loss, mass: other },
  ]);
}

/** Losses between a word and one at random. */
export function randomWordLosses({ values, noiseProbability }: WordNoise): {
  readonly remove: PrivacyLoss;
  readonly add: PrivacyLoss;
} {
  const others = values - 1;
  const up = Math.log1p((1 - noiseProbability) * others);
  const down = Math.log(noiseProbability);
  const share = (others * noiseProbability) / values;
  return {
    remove: finite([
      { loss: up, mass: 1 - share },
      { loss: down, mass: share },
    ]),
    add: finite([
      { loss: -up, mass: 1 / values },
      { loss: -down, mass: others / values },
    ]),
  };
}

/** Points with mass; infinite losses told apart. */
function finite(points: readonly LossPoint[]): PrivacyLoss {
  const withMass = points.filter(({ mass }) => mass > 0);
  return {
    points: withMass.filter(({ loss }) => Number.isFinite(loss)),
    pieces: [],
    infinite: withMass.reduce((sum, { loss, mass }) => sum + (loss === Infinity ? mass : 0), 0),
  };
}
