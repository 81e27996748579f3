/**
 * Losses of Laplace noise, with and without sampling.
 *
 * The noise may be on any number of coordinates: one that moves by the whole L1 sensitivity is the
 * worst. For moved by e scales, δ(ε) = 1 − e^((ε − e)/2) where |ε| ≤ e. With L the loss of a move by b,
 * E[1 − e^((ε − L − a)/2)] = 1 − (1 + b/2)·e^((ε − a − b)/2), and what the true δ of a move by a is
 * above that where |ε − L| > a adds up to ¼·((b + ε − a)₊ + (b − ε − a)₊)·e^((ε − a − b)/2), at most
 * b/2·e^((ε − a − b)/2): moves by a and b in two coordinates have at most the δ of one by a + b.
 *
 * @module
 */

import { dilute, undilute } from './gaussian-loss.ts';
import type { LossPiece, PrivacyLoss } from './privacy-loss.ts';

/** P's density where the loss is l, |l| < e; Q's is that at −l. */
function densityAt(l: number, e: number): number {
  return Math.exp((l - e) / 2) / 4;
}

/** P's masses where the loss is e, and where it is −e; Q's the other way round. */
function endsOf(e: number): { high: number; low: number } {
  return { high: 1 / 2, low: Math.exp(-e) / 2 };
}

/** Loss of Laplace noise of this scale around 0 and around 1; its own mirror image. */
export function laplaceLoss(scale: number): PrivacyLoss {
  const e = 1 / scale;
  const { high, low } = endsOf(e);
  return {
    points: [
      { loss: -e, mass: low },
      { loss: e, mass: high },
    ],
    pieces: [
      {
        from: -e,
        to: e,
        density: (x) => densityAt(x, e),
        loss: (x) => x,
        where: (loss) => loss,
        scale: 1,
      },
    ],
    infinite: 0,
  };
}

/** Singularities of the sampled loss lie at a distance of π. */
const SAMPLED_SCALE = 1 / 2;

/** Loss of (1 − q)·Q + q·P against Q: somebody left. 0 < q < 1. */
export function sampledLaplaceRemoveLoss(scale: number, q: number): PrivacyLoss {
  const e = 1 / scale;
  const { high, low } = endsOf(e);
  const piece: LossPiece = {
    from: -e,
    to: e,
    density: (x) => (1 - q) * densityAt(-x, e) + q * densityAt(x, e),
    loss: (x) => dilute(x, q),
    where: (loss) => undilute(loss, q),
    scale: SAMPLED_SCALE,
  };
  const points = [
    { loss: dilute(-e, q), mass: (1 - q) * high + q * low },
    { loss: dilute(e, q), mass: (1 - q) * low + q * high },
  ];
  return { points, pieces: [piece], infinite: 0 };
}

/** Loss of Q against (1 − q)·Q + q·P: somebody came. 0 < q < 1. */
export function sampledLaplaceAddLoss(scale: number, q: number): PrivacyLoss {
  const e = 1 / scale;
  const { high, low } = endsOf(e);
  const piece: LossPiece = {
    from: -e,
    to: e,
    // x is the unsampled loss with its sign turned, so that the loss rises.
    density: (x) => densityAt(x, e),
    loss: (x) => -dilute(-x, q),
    where: (loss) => -undilute(-loss, q),
    scale: SAMPLED_SCALE,
  };
  const points = [
    { loss: -dilute(e, q), mass: low },
    { loss: -dilute(-e, q), mass: high },
  ];
  return { points, pieces: [piece], infinite: 0 };
}
