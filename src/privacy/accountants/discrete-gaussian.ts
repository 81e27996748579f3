/**
 * One release of one integer with discrete Gaussian noise: exact.
 *
 * Canonne, Kamath, Steinke. "The discrete Gaussian for differential privacy", 2020, Theorem 7.
 *
 * @module
 */

import { assertInteger, assertPositive } from '../../core/assert.ts';
import { assertEpsilon } from './accountant.ts';

/** Noise P(k) ∝ exp(−k²/(2σ²)) on an integer. */
export interface DiscreteGaussian {
  /** Above 0. */
  readonly sigma: number;
  /** How far one unit moves the integer: an integer ≥ 1. */
  readonly sensitivity: number;
}

/** Terms below this share of the largest, e⁻⁵⁰, are left off: rounding is more. */
const NEGLIGIBLE = -50;

/**
 * The least δ at ε ≥ 0: P[X ≥ m] − e^ε·P[X ≥ m + s], m = ⌊εσ²/s − s/2⌋ + 1, as the sum of
 * p(k)·(1 − e^(ε − (2ks + s²)/(2σ²))) from k = m on, whose terms are positive: nothing cancels. O(σ)
 */
export function discreteGaussianDelta(
  { sigma, sensitivity: s }: DiscreteGaussian,
  epsilon: number,
): number {
  assertPositive('sigma', sigma);
  assertInteger('sensitivity', s, 1);
  assertEpsilon(epsilon);
  const exponent = (k: number) => -0.5 * (k / sigma) ** 2;
  const first = Math.floor((epsilon * sigma * sigma) / s - s / 2) + 1;
  const largest = exponent(Math.max(0, first));
  let sum = 0;
  for (let k = first; k <= 0 || exponent(k) > largest + NEGLIGIBLE; k++) {
    const rest = epsilon - ((2 * k + s) * s) / (2 * sigma * sigma);
    sum += Math.exp(exponent(k)) * -Math.expm1(Math.min(0, rest));
  }
  return sum / normaliser(sigma);
}

/** Σ exp(−k²/(2σ²)) over all integers. */
function normaliser(sigma: number): number {
  let half = 0;
  for (let k = Math.ceil(10 * sigma); k >= 1; k--) half += Math.exp(-0.5 * (k / sigma) ** 2);
  return 1 + 2 * half;
}
