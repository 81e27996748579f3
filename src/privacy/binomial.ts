/**
 * Binomial probabilities to nearly all digits of a double, for any n.
 *
 * Loader. "Fast and accurate computation of binomial probabilities", 2000: the logarithm of a
 * probability as a sum of small terms, none of which grows with n.
 *
 * @module
 */

import { assertInteger } from '../core/assert.ts';

/** From here on four terms of Stirling's series err by less than 10⁻¹⁶. */
const STIRLING_FROM = 64;
/** Within this distance of the mean, relative to x + mean, the deviance is summed as a series. */
const SERIES_WITHIN = 0.1;

/**
 * P(X = k) for X binomial with n trials of chance p. Relative error below 10⁻¹², as measured against
 * exact integers up to n = 2000; 0 where it is below the smallest double.
 *
 * @param chance - p, in [0, 1].
 */
export function binomialMass(
  k: number,
  { trials, chance }: { readonly trials: number; readonly chance: number },
): number {
  assertInteger('trials', trials, 0);
  if (!Number.isInteger(k) || k < 0 || k > trials) return 0;
  if (chance <= 0 || chance >= 1) return Number(k === (chance <= 0 ? 0 : trials));
  if (k === 0) return Math.exp(trials * Math.log1p(-chance));
  if (k === trials) return Math.exp(trials * Math.log(chance));
  const rest = trials - k;
  const log =
    stirlingError(trials) -
    stirlingError(k) -
    stirlingError(rest) -
    deviance(k, trials * chance) -
    deviance(rest, trials * (1 - chance));
  return Math.exp(log) * Math.sqrt(trials / (2 * Math.PI * k * rest));
}

/** ln n! less Stirling's formula: ln n! − (n + 1/2)·ln n + n − ln(2π)/2, n ≥ 1. */
function stirlingError(n: number): number {
  if (n >= STIRLING_FROM) return stirlingSeries(n);
  // ln n! = ln 64! − Σ ln i, over the few between.
  let error = stirlingSeries(STIRLING_FROM);
  for (let i = STIRLING_FROM - 1; i >= n; i--) {
    // Step from i + 1 to i: (i + 1/2)·ln(1 + 1/i) − 1, added.
    error += (i + 0.5) * Math.log1p(1 / i) - 1;
  }
  return error;
}

function stirlingSeries(n: number): number {
  const square = n * n;
  return (1 / 12 - (1 / 360 - (1 / 1260 - 1 / (1680 * square)) / square) / square) / n;
}

/** x·ln(x/m) + m − x, ≥ 0, without the loss of digits near x = m. */
function deviance(x: number, m: number): number {
  const ratio = (x - m) / (x + m);
  if (Math.abs(ratio) >= SERIES_WITHIN) return x * Math.log(x / m) + m - x;
  // ln(x/m) = 2·artanh(ratio), whose first term is taken together with m − x.
  const square = ratio * ratio;
  let sum = (x - m) * ratio;
  let power = 2 * x * ratio;
  for (let k = 3; ; k += 2) {
    power *= square;
    const next = sum + power / k;
    if (next === sum) return sum;
    sum = next;
  }
}
