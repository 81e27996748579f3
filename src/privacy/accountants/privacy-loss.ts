/**
 * The loss of privacy as a random variable: L = ln(P(o)/Q(o)) of an output o drawn from P, where P
 * and Q are a pair that dominates the outputs on two neighbouring inputs.
 *
 * Sommer, Meiser, Mohammadi. "Privacy loss classes", PoPETs 2019; Zhu, Dong, Wang. "Optimal accounting
 * of differential privacy via characteristic function", AISTATS 2022, for dominating pairs.
 *
 * @module
 */

/**
 * The law of a loss, as points of mass and smooth pieces: with the `infinite` mass they sum to 1.
 * P's mass m at loss l is Q's mass m·exp(−l), so that P's law says everything about both.
 */
export interface PrivacyLoss {
  readonly points: readonly LossPoint[];
  readonly pieces: readonly LossPiece[];
  /** P's mass where Q has none, and P's mass in tails that were cut off. */
  readonly infinite: number;
}

/** P's mass where the loss has one value. */
export interface LossPoint {
  readonly loss: number;
  readonly mass: number;
}

/** A range of a variable x over which both P's density and the loss are smooth, the loss rising. */
export interface LossPiece {
  readonly from: number;
  readonly to: number;
  density(x: number): number;
  loss(x: number): number;
  /** Where the loss is `loss`; −Infinity or Infinity for losses below or above all. */
  where(loss: number): number;
  /**
   * A length so short that the k-th derivatives of the density, and of its product with e^(−loss),
   * are at most about the value over scaleᵏ, for k ≤ 12.
   */
  readonly scale: number;
}

/** No loss at all: P = Q. */
export const NO_LOSS: PrivacyLoss = { points: [{ loss: 0, mass: 1 }], pieces: [], infinite: 0 };

/** Where tails of normal densities are cut, in standard deviations. */
export const TAIL_START = 13.5;

/** The mass of one normal tail from {@link TAIL_START} on: φ(t)/t is above it. */
export const TAIL_MASS: number =
  Math.exp(-(TAIL_START ** 2) / 2) / (Math.sqrt(2 * Math.PI) * TAIL_START);

/** The normal density. */
export function normalDensity(x: number): number {
  return Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
}

/** The loss where one of several pairs is drawn, in plain sight: each with its probability. */
export function mixture(...parts: readonly (readonly [number, PrivacyLoss])[]): PrivacyLoss {
  return {
    points: parts.flatMap(([share, { points }]) =>
      points.map(({ loss, mass }) => ({ loss, mass: share * mass })),
    ),
    pieces: parts.flatMap(([share, { pieces }]) =>
      pieces.map((piece) => ({ ...piece, density: (x: number) => share * piece.density(x) })),
    ),
    infinite: parts.reduce((sum, [share, { infinite }]) => sum + share * infinite, 0),
  };
}
