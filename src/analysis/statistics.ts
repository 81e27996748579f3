/**
 * Robust statistics of a few numbers: where most of them lie, and how far out the others are.
 *
 * Rousseeuw, Croux. "Alternatives to the median absolute deviation", Journal of the American
 * Statistical Association 88, 1993.
 *
 * @module
 */

/** Makes the median absolute deviation of normal numbers their standard deviation: 1/Φ⁻¹(¾). */
const NORMAL = 1.482602218505602;
/** No deviation is larger: what is infinitely far out must be a number still. */
const FARTHEST = 1e6;

/** The median; of an even number of values the midpoint of the two middle ones; NaN of none. */
export function medianOf(values: ArrayLike<number>): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  // Halves first: the sum of two large numbers might not be one.
  return sorted[middle - 1]! / 2 + sorted[middle]! / 2;
}

/** Where most of some values lie, and how far they spread. */
export interface Location {
  readonly median: number;
  /** 1.4826 times the median of the distances from it: σ where the values are normal. */
  readonly spread: number;
}

/** Median and median absolute deviation. */
export function locationOf(values: ArrayLike<number>): Location {
  const median = medianOf(values);
  const away = Float64Array.from(values, (value) => Math.abs(value - median));
  return { median, spread: NORMAL * medianOf(away) };
}

/**
 * Robust z of each value: its distance from the median in units of the spread, which is taken as no
 * less than `floor`. Else clients that agree to the last bits would make the next best one an outlier.
 */
export function deviationsOf(values: ArrayLike<number>, floor: number): Float64Array {
  const { median, spread } = locationOf(values);
  const unit = Math.max(spread, floor);
  return Float64Array.from(values, (value) => bounded(ratio(value - median, unit)));
}

/** A ratio in which nothing over nothing is nothing. */
export function ratio(part: number, whole: number): number {
  return part === 0 ? 0 : part / whole;
}

/** A deviation as a number that JSON has, too. */
export function bounded(deviation: number): number {
  return Math.min(FARTHEST, Math.max(-FARTHEST, deviation));
}

/** Count, mean and sum of squared distances from the mean, of numbers that come one by one. */
export interface Moments {
  readonly count: number;
  readonly mean: number;
  readonly squares: number;
}

/** The moments of no number. */
export const NO_MOMENTS: Moments = { count: 0, mean: 0, squares: 0 };

/**
 * Moments with one more number. With `most`, they are as if no more than so many had come before:
 * older numbers fade.
 *
 * Welford. "Note on a method for calculating corrected sums of squares", Technometrics 4, 1962.
 */
export function withNumber(
  { count, mean, squares }: Moments,
  value: number,
  most: number = Number.POSITIVE_INFINITY,
): Moments {
  const before = Math.min(count, most - 1);
  const kept = count === 0 ? 0 : (squares * before) / count;
  const next = mean + (value - mean) / (before + 1);
  return { count: before + 1, mean: next, squares: kept + (value - mean) * (value - next) };
}

/** The standard deviation, with the count in the denominator; 0 of no number. */
export function standardDeviation({ count, squares }: Moments): number {
  return count === 0 ? 0 : Math.sqrt(Math.max(0, squares) / count);
}
