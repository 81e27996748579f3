/**
 * Arithmetic on integers that a float's logarithm would get wrong by one.
 *
 * @module
 */

/** ⌈log₂ n⌉ for an integer n in [1, 2³¹]. */
export function log2Ceil(n: number): number {
  return 32 - Math.clz32(n - 1);
}

/** The least integer b ≥ 0 with 2^b ≥ x, for any finite x: powers of two are exact. */
export function leastPower(x: number): number {
  let bits = 0;
  for (let power = 1; power < x; power *= 2) bits++;
  return bits;
}
