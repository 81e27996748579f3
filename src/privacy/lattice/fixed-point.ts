/**
 * Numbers with many binary places as big integers: what tables of noise are computed with.
 *
 * A number v is held as ⌊v·2^PLACES⌋ or one of its neighbours; functions say how far off they are.
 *
 * @module
 */

/** Binary places of a fixed-point number: 77 decimal ones. */
export const PLACES = 256n;

/** 1. */
export const ONE: bigint = 1n << PLACES;

/** Places that are computed besides, so that what rounding loses stays below the last one. */
const GUARD = 64n;

/** A fraction of integers; the denominator is positive. */
export interface Rational {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/**
 * A finite f64 as the fraction that it is, exactly.
 */
export function rationalOf(value: number): Rational {
  let denominator = 1n;
  let scaled = value;
  // Powers of two: exact, unless it overflows, and what is so large is an integer.
  while (!Number.isInteger(scaled)) {
    scaled *= 2;
    denominator *= 2n;
  }
  return { numerator: BigInt(scaled), denominator };
}

/** Whether a ≥ b. */
export function isAtLeast(a: Rational, b: Rational): boolean {
  return a.numerator * b.denominator >= b.numerator * a.denominator;
}

/**
 * e^(−x) in fixed point, for x ≥ 0; off by less than 2^−PLACES for x up to 2^30.
 *
 * The argument is halved until it is below 2⁻⁸, Taylor's series is summed, and the sum squared as
 * often.
 */
export function expOfMinus({ numerator, denominator }: Rational): bigint {
  const places = PLACES + GUARD;
  const x = (numerator << places) / denominator;
  // Below the last place, as e^(−0.7·PLACES) is.
  if (x >> places > PLACES) return 0n;
  const excess = bitLength(x) - Number(places) + 8;
  const halvings = BigInt(Math.max(0, excess));
  const small = x >> halvings;
  let sum = 0n;
  let term = 1n << places;
  for (let k = 1n; term !== 0n; k++) {
    sum += term;
    term = -((term * small) >> places) / k;
  }
  for (let i = 0n; i < halvings; i++) sum = (sum * sum) >> places;
  return sum >> GUARD;
}

/** The product of two fixed-point numbers, rounded down. */
export function times(a: bigint, b: bigint): bigint {
  return (a * b) >> PLACES;
}

/** Bits that a positive integer takes; 0 for 0. */
export function bitLength(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length;
}

/** Binary logarithm of a positive integer, to about 2⁻⁵⁰. */
export function log2(value: bigint): number {
  const shift = Math.max(0, bitLength(value) - 53);
  return Math.log2(Number(value >> BigInt(shift))) + shift;
}
