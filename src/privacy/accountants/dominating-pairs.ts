/**
 * Pairs of laws that dominate what an event's outputs look like on two neighbouring inputs: as losses,
 * one for each order of the two. An event for which no pair is proven is refused.
 *
 * Zhu, Dong, Wang. "Optimal accounting of differential privacy via characteristic function", AISTATS
 * 2022: pairs compose (Theorem 10), and what sampling makes of them (Theorem 11); for sampling without
 * replacement Balle, Barthe, Gaboardi. "Privacy amplification by subsampling", NeurIPS 2018.
 *
 * @module
 */

import { PrivacyError } from '../../core/errors.ts';
import type { Mechanism, PrivacyEvent, Sampling } from '../event.ts';
import {
  discreteGaussianPoints,
  discreteGaussianSize,
  discreteLaplacePoints,
  MAX_POINTS,
  type MirroredPoints,
  pointsLoss,
  randomWordLosses,
  sampledPointsAddLoss,
  sampledPointsRemoveLoss,
  swappedWordsLoss,
} from './discrete-noise-loss.ts';
import {
  gaussianLoss,
  replacedGaussianLoss,
  sampledGaussianAddLoss,
  sampledGaussianRemoveLoss,
} from './gaussian-loss.ts';
import { laplaceLoss, sampledLaplaceAddLoss, sampledLaplaceRemoveLoss } from './laplace-loss.ts';
import { mixture, NO_LOSS, type PrivacyLoss } from './privacy-loss.ts';
import { type CutOff, cutOffCohort } from './truncated-cohort.ts';

/** The losses of an event, in either order of the two inputs. Both bounds must hold together. */
export interface PairLosses {
  /** From the input with the unit to the one without. */
  readonly remove: PrivacyLoss;
  /** From the input without the unit to the one with it; the same object where they agree. */
  readonly add: PrivacyLoss;
  /** How far, in total variation, the event's outputs are from others that the pair dominates. */
  readonly distance: number;
}

type Of<K extends Mechanism['kind']> = Extract<Mechanism, { kind: K }>;

/** Noise of which it is known what sampling does to it. */
interface Noise {
  /** Without sampling; its own mirror image. */
  readonly loss: () => PrivacyLoss;
  /** With coins of rate q, 0 < q < 1. */
  readonly sampled: (q: number) => Pair;
  readonly distance: number;
  /** The multiplier of the normal noise that this is, up to that distance. */
  readonly normal?: number;
}

type Pair = Pick<PairLosses, 'remove' | 'add'>;

/** @throws {PrivacyError} `unsupported` if no dominating pair is known, saying why. */
export function dominatingPairs(event: PrivacyEvent): PairLosses {
  const { mechanism, sampling, relation } = event;
  switch (mechanism.kind) {
    case 'gaussian':
      return sampledNoise(event, gaussianNoise(mechanism.noiseMultiplier));
    case 'laplace':
      return sampledNoise(event, laplaceNoise(mechanism));
    case 'discrete-laplace':
      return sampledNoise(event, discreteLaplaceNoise(mechanism));
    case 'discrete-gaussian':
      return sampledNoise(event, discreteGaussianNoise(mechanism));
    case 'tree':
      // All nodes that a unit is in, together: one Gaussian vector, moved by √levels.
      requireEverybody(sampling, 'a tree');
      return exact(
        both(gaussianLoss(mechanism.noiseMultiplier / Math.sqrt(levelsOf(mechanism.steps)))),
      );
    case 'randomized-response':
      requireEverybody(sampling, 'randomized response');
      if (relation === 'replace-one') return exact(both(swappedWordsLoss(mechanism)));
      if (relation === 'zero-out') return exact(randomWordLosses(mechanism));
      throw unsupported('randomized response under add-remove: that a word was sent is seen');
    case 'zcdp':
      throw unsupported('zero-concentrated privacy: it bounds moments, not a law');
    case 'skellam':
    case 'distributed-discrete-gaussian':
      throw unsupported(`a ${mechanism.kind} mechanism: use Rényi accounting`);
    default:
      return mechanism satisfies never;
  }
}

/** Levels of a complete binary tree over so many steps. */
function levelsOf(steps: number): number {
  return Math.ceil(Math.log2(steps + 1));
}

function gaussianNoise(noiseMultiplier: number): Noise {
  return {
    loss: () => gaussianLoss(noiseMultiplier),
    sampled: (q) => ({
      remove: sampledGaussianRemoveLoss(noiseMultiplier, q),
      add: sampledGaussianAddLoss(noiseMultiplier, q),
    }),
    distance: 0,
    normal: noiseMultiplier,
  };
}

function laplaceNoise({ scale }: Of<'laplace'>): Noise {
  return {
    loss: () => laplaceLoss(scale),
    sampled: (q) => ({
      remove: sampledLaplaceRemoveLoss(scale, q),
      add: sampledLaplaceAddLoss(scale, q),
    }),
    distance: 0,
  };
}

function discreteLaplaceNoise({ rate, sensitivity }: Of<'discrete-laplace'>): Noise {
  if (sensitivity >= MAX_POINTS) {
    throw unsupported(`discrete Laplace noise of sensitivity ${sensitivity} ≥ ${MAX_POINTS}`);
  }
  return pointsNoise(() => discreteLaplacePoints(rate, sensitivity));
}

/**
 * On one integer exact. On more, and for wide noise, that of N(0, σ² − 1/12), rounded to integers,
 * which is post-processing of normal noise: for integer data the rounded sum is the sum rounded.
 */
function discreteGaussianNoise(mechanism: Of<'discrete-gaussian'>): Noise {
  const { sigma, sensitivity, dimensions } = mechanism;
  // One integer moves by an integer.
  const shift = Math.floor(sensitivity);
  if (dimensions === 1 && discreteGaussianSize(sigma, shift) <= MAX_POINTS) {
    return pointsNoise(() => discreteGaussianPoints(sigma, shift));
  }
  if (dimensions === undefined) {
    throw unsupported('discrete Gaussian noise on an unknown number of dimensions');
  }
  if (sigma < ROUNDED_FROM) {
    throw unsupported(
      `discrete Gaussian noise of sigma ${sigma} < ${ROUNDED_FROM} on many integers`,
    );
  }
  const noiseMultiplier = Math.sqrt(sigma * sigma - 1 / 12) / sensitivity;
  const distance = (dimensions * ROUNDED_DISTANCE) / sigma ** 4;
  return { ...gaussianNoise(noiseMultiplier), distance };
}

/** From this σ on the distance below was computed. */
const ROUNDED_FROM = 4;

/**
 * σ⁴ times the total variation between P(k) ∝ exp(−k²/(2σ²)) and N(0, σ² − 1/12) rounded. Their
 * cumulants differ by 1/120 in the fourth, so that it is E|He₄(Z)|/5760 = 4.862·10⁻⁴ in the limit; at
 * most 4.908·10⁻⁴ (at σ = 4.6) where computed with 25 digits: σ from 4 to 4.6 by tenths, 5, 8, 16, 32.
 */
const ROUNDED_DISTANCE = 5e-4;

function pointsNoise(make: () => MirroredPoints): Noise {
  return {
    loss: () => pointsLoss(make()),
    sampled: (q) => {
      const points = make();
      return {
        remove: sampledPointsRemoveLoss(points, q),
        add: sampledPointsAddLoss(points, q),
      };
    },
    distance: 0,
  };
}

/** Sampling mixes laws, and a mixture is no farther from another than what it is mixed of. */
function sampledNoise({ sampling, relation }: PrivacyEvent, noise: Noise): PairLosses {
  const { distance, normal } = noise;
  switch (sampling.kind) {
    case 'none':
      return { ...both(noise.loss()), distance };
    case 'poisson':
      if (relation === 'replace-one') throw unsupported('Poisson sampling under replace-one');
      return { ...atRate(noise, sampling.rate), distance };
    case 'truncated-poisson':
      if (normal === undefined)
        throw unsupported('other than Gaussian noise on a cohort that is cut off');
      if (relation !== 'add-remove')
        throw unsupported(`a cohort that is cut off under ${relation}`);
      return { ...truncatedPair(normal, cutOffCohort(sampling)), distance };
    case 'without-replacement':
      if (normal === undefined) throw unsupported('other than Gaussian noise on a fixed cohort');
      if (relation !== 'replace-one') throw unsupported(`a fixed cohort under ${relation}`);
      return { ...fixedPair(normal, sampling), distance };
    default:
      return sampling satisfies never;
  }
}

function atRate(noise: Noise, rate: number): Pair {
  if (rate === 0) return both(NO_LOSS);
  return rate === 1 ? both(noise.loss()) : noise.sampled(rate);
}

/**
 * If at least `cohort` others came up heads, a unit that is in takes the place of another, which moves
 * the result by up to twice the sensitivity; else coins are all there is. Which of the two holds does
 * not depend on the unit, so that the loss is the mixture of losses.
 */
function truncatedPair(noiseMultiplier: number, { chance, rate, rateIfCut }: CutOff): Pair {
  const whole = atRate(gaussianNoise(noiseMultiplier), rate);
  const cut = atRate(gaussianNoise(noiseMultiplier / 2), rateIfCut);
  if (chance === 0) return whole;
  return {
    remove: mixture([1 - chance, whole.remove], [chance, cut.remove]),
    add: mixture([1 - chance, whole.add], [chance, cut.add]),
  };
}

/**
 * Theorem 9 of Balle et al.: δ′(ln(1 + q(e^ε − 1))) ≤ q·δ(ε) for ε ≥ 0; and for ε ≤ 0 what that says of
 * the two inputs in the other order.
 */
function fixedPair(
  noiseMultiplier: number,
  { cohort, population }: Extract<Sampling, { kind: 'without-replacement' }>,
): Pair {
  if (cohort === population) return both(gaussianLoss(noiseMultiplier));
  return both(replacedGaussianLoss(noiseMultiplier, cohort / population));
}

function requireEverybody(sampling: Sampling, what: string): void {
  if (sampling.kind !== 'none') throw unsupported(`${what} with ${sampling.kind} sampling`);
}

function both(loss: PrivacyLoss): Pair {
  return { remove: loss, add: loss };
}

function exact(pair: Pair): PairLosses {
  return { ...pair, distance: 0 };
}

function unsupported(what: string): PrivacyError {
  return new PrivacyError('unsupported', `the PLD accountant knows no dominating pair for ${what}`);
}
