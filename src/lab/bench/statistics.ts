/**
 * What repeated timings say: the median, and how far they lie apart.
 *
 * @module
 */

/** Times of one thing, in seconds. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Half of the times lie between the quartiles. */
  readonly lowerQuartile: number;
  readonly upperQuartile: number;
  /** Times taken; those of the warm-up are not among them. */
  readonly runs: number;
}

/**
 * Median, quartiles and extremes; quantiles are interpolated linearly between the two nearest times.
 *
 * @throws {RangeError} if there is no time, or one that is not finite.
 */
export function spreadOf(seconds: readonly number[]): Spread {
  if (seconds.length === 0 || !seconds.every(Number.isFinite)) {
    throw new RangeError(`times must be finite and at least one, got [${seconds.join(', ')}]`);
  }
  const sorted = Float64Array.from(seconds).sort();
  return {
    median: quantile(sorted, 0.5),
    min: sorted[0]!,
    max: sorted.at(-1)!,
    lowerQuartile: quantile(sorted, 0.25),
    upperQuartile: quantile(sorted, 0.75),
    runs: sorted.length,
  };
}

function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const below = sorted[Math.floor(place)]!;
  return below + (place % 1) * (sorted[Math.ceil(place)]! - below);
}
