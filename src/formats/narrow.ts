/**
 * f32 to the floats of 16 bits, rounded to nearest, ties to even: the way back of `widenHalves` and
 * `widenBrainFloats`.
 *
 * @module
 */

/**
 * f32 → f16 of all `values`. A value is off by at most 2⁻¹¹ of itself, below 2⁻¹⁴ by at most 2⁻²⁵;
 * from 65,520 on it becomes infinite. NaN stays NaN.
 */
export function narrowToHalves(values: Float32Array, into: Uint16Array): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < values.length; i++) into[i] = halfBits(bits[i]!);
}

/** The bits of an f16, of those of an f32. */
function halfBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const rest = bits & 0x7fffffff;
  if (rest > 0x7f800000) return sign | 0x7e00;
  // 65,520 lies between the greatest f16 and what would be the next one, which is even.
  if (rest >= 0x477ff000) return sign | 0x7c00;
  // Normal in f16 from 2⁻¹⁴ on: the bias shrinks by 112, 13 bits fall off.
  if (rest >= 0x38800000) return sign | dropBits(rest - (112 << 23), 13);
  // Below half of 2⁻²⁴ nothing is left; a tie goes to 0, which is even.
  if (rest <= 0x33000000) return sign;
  // A multiple of 2⁻²⁴: the mantissa with its leading 1, moved down as far as the exponent is low.
  return sign | dropBits((rest & 0x7fffff) | 0x800000, 126 - (rest >>> 23));
}

/** The number without its last `count` bits, rounded to nearest, ties to even. */
function dropBits(bits: number, count: number): number {
  const odd = (bits >>> count) & 1;
  return (bits + (1 << (count - 1)) - 1 + odd) >>> count;
}

/**
 * f32 → bf16 of all `values`. A value is off by at most 2⁻⁸ of itself, as long as it is normal in f32;
 * one above the greatest bf16 by half a step or more becomes infinite. NaN stays NaN.
 */
export function narrowToBrainFloats(values: Float32Array, into: Uint16Array): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < values.length; i++) {
    const value = bits[i]!;
    // A NaN whose payload is all in the lower half must not become an infinity.
    const quiet = (value & 0x7fffffff) > 0x7f800000;
    into[i] = quiet ? (value >>> 16) | 0x40 : dropBits(value, 16);
  }
}
