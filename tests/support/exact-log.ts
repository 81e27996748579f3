/**
 * Logarithms of ratios of integers to many digits, for bounds that must hold exactly.
 *
 * @module
 */

/** Fractional bits of a fixed-point number. */
const BITS = 200n;
const ONE = 1n << BITS;

/** ln(a/b), a ≥ b > 0, times 2²⁰⁰, to within 2⁻¹⁸⁰. */
export function exactLog(a: bigint, b: bigint): bigint {
  if (b <= 0n || a < b) throw new RangeError(`a ≥ b > 0 is needed, got ${a} and ${b}`);
  let doublings = 0n;
  const high = a;
  let low = b;
  // Into [1, 2), without loss.
  while (high >= 2n * low) {
    low *= 2n;
    doublings++;
  }
  return doublings * artanhTwice(2n, 1n) + artanhTwice(high, low);
}

/** ln(a/b) = 2·artanh((a − b)/(a + b)), by its series. */
function artanhTwice(a: bigint, b: bigint): bigint {
  const x = ((a - b) * ONE) / (a + b);
  const square = (x * x) >> BITS;
  let power = x;
  let sum = 0n;
  for (let k = 1n; power > 0n; k += 2n) {
    sum += power / k;
    power = (power * square) >> BITS;
  }
  return 2n * sum;
}

/** A double in the same fixed point, exactly, where it is a multiple of 2⁻²⁰⁰. */
export function fixed(value: number): bigint {
  if (!Number.isFinite(value)) throw new RangeError(`value must be finite, got ${value}`);
  let scaled = value;
  let shift = BITS;
  while (!Number.isInteger(scaled)) {
    scaled *= 2;
    shift--;
  }
  return shift >= 0n ? BigInt(scaled) << shift : BigInt(scaled) >> -shift;
}

/** ln(a/b) as a double, for messages and for upper limits with room. */
export function logOf(a: bigint, b: bigint): number {
  return Number(exactLog(a, b)) / 2 ** 200;
}
