/**
 * Losses of normal noise, in closed form: with and without sampling.
 *
 * The pair of the mechanism itself is N(μ, 1) against N(0, 1), μ = 1/z. With sampling at rate q, the
 * one where a unit may be present is (1 − q)·N(0, 1) + q·N(μ, 1).
 *
 * @module
 */

import { normalCdf } from '../../core/special.ts';
import {
  type LossPiece,
  normalDensity,
  type PrivacyLoss,
  TAIL_MASS,
  TAIL_START,
} from './privacy-loss.ts';

/** From this distance on, two normal densities have no tail in common that is not cut off. */
const APART = 2 * TAIL_START;

/** Losses of sampled noise are straight but near μ/2, which lies outside all tails from here on. */
const STEEP = 40;

/** Loss of N(μ, 1) against N(0, 1): μ·x + μ²/2 for x from N(0, 1). Its own mirror image. */
export function gaussianLoss(noiseMultiplier: number): PrivacyLoss {
  const mu = 1 / noiseMultiplier;
  const piece: LossPiece = {
    from: -TAIL_START,
    to: TAIL_START,
    density: normalDensity,
    loss: (x) => mu * (x + mu / 2),
    where: (loss) => loss / mu - mu / 2,
    scale: 1 / (16 + Math.min(mu, STEEP)),
  };
  return { points: [], pieces: [piece], infinite: 2 * TAIL_MASS };
}

/** Loss of (1 − q)·N(0, 1) + q·N(μ, 1) against N(0, 1): somebody left. 0 < q < 1. */
export function sampledGaussianRemoveLoss(noiseMultiplier: number, q: number): PrivacyLoss {
  const mu = 1 / noiseMultiplier;
  const part = {
    density: (x: number) => (1 - q) * normalDensity(x) + q * normalDensity(x - mu),
    loss: (x: number) => dilute(mu * (x - mu / 2), q),
    where: (loss: number) => undilute(loss, q) / mu + mu / 2,
    scale: scaleOf(mu),
  };
  const pieces: LossPiece[] =
    mu < APART
      ? [{ ...part, from: -TAIL_START, to: mu + TAIL_START }]
      : [
          { ...part, from: -TAIL_START, to: TAIL_START },
          { ...part, from: mu - TAIL_START, to: mu + TAIL_START },
        ];
  return { points: [], pieces, infinite: 2 * TAIL_MASS };
}

/** Loss of N(0, 1) against (1 − q)·N(0, 1) + q·N(μ, 1): somebody came. 0 < q < 1. */
export function sampledGaussianAddLoss(noiseMultiplier: number, q: number): PrivacyLoss {
  const mu = 1 / noiseMultiplier;
  const piece: LossPiece = {
    from: -TAIL_START,
    to: TAIL_START,
    density: normalDensity,
    // x is the output with its sign turned, so that the loss rises.
    loss: (x) => -dilute(-mu * (x + mu / 2), q),
    where: (loss) => -(undilute(-loss, q) / mu + mu / 2),
    scale: scaleOf(mu),
  };
  return { points: [], pieces: [piece], infinite: 2 * TAIL_MASS };
}

/**
 * Loss of sampling without replacement, one unit replaced by another: for ε ≥ 0 it has the δ of
 * (1 − q)·N(0, 1) + q·N(μ, 1) against N(0, 1), for ε ≤ 0 that of N(0, 1) against the mixture, and in
 * between a point at 0 with the rest of the mass, (1 − q) times the total variation of the pair. Holds
 * in either order of the two units. 0 < q < 1.
 */
export function replacedGaussianLoss(noiseMultiplier: number, q: number): PrivacyLoss {
  const half = 1 / (2 * noiseMultiplier);
  const gained = cut(sampledGaussianRemoveLoss(noiseMultiplier, q), { from: half });
  const lost = cut(sampledGaussianAddLoss(noiseMultiplier, q), { to: -half });
  const still = (1 - q) * (1 - 2 * normalCdf(-half));
  return {
    points: [{ loss: 0, mass: still }],
    pieces: [...lost.pieces, ...gained.pieces],
    infinite: gained.infinite,
  };
}

/** The pieces between two ends. */
function cut(
  { points, pieces, infinite }: PrivacyLoss,
  {
    from = Number.NEGATIVE_INFINITY,
    to = Number.POSITIVE_INFINITY,
  }: { from?: number; to?: number },
): PrivacyLoss {
  const left = pieces
    .map((piece) => ({ ...piece, from: Math.max(from, piece.from), to: Math.min(to, piece.to) }))
    .filter((piece) => piece.from < piece.to);
  return { points, pieces: left, infinite };
}

function scaleOf(mu: number): number {
  return 1 / (16 + 2 * Math.min(mu, STEEP));
}

/** ln(1 − q + q·eˡ): a loss l after sampling. */
export function dilute(loss: number, q: number): number {
  // Past 500 the exponential might overflow; the rest is ln(1 + e^(−l)·(1 − q)/q), and tiny.
  if (loss > 500) return loss + Math.log(q) + Math.log1p(((1 - q) / q) * Math.exp(-loss));
  return Math.log1p(q * Math.expm1(loss));
}

/** The l with `dilute(l, q)` = `loss`; −Infinity for losses of at most ln(1 − q). */
export function undilute(loss: number, q: number): number {
  if (loss > 1) return loss - Math.log(q) + Math.log1p((q - 1) * Math.exp(-loss));
  const ratio = Math.expm1(loss) / q;
  return ratio > -1 ? Math.log1p(ratio) : Number.NEGATIVE_INFINITY;
}
