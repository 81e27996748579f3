/**
 * f32 in 16 bits: rounded to the nearest number that f16 or bf16 has, ties to even.
 *
 * IEEE 754-2019, binary16; bfloat16 is the upper half of a binary32.
 *
 * @module
 */

const F32_INFINITY = 0x7f800000;
/** The least f32 that rounds to a normal f16: 2⁻¹⁴. */
const F16_NORMAL = 0x38800000;
/** The least f32 that rounds beyond the largest f16, 65504: halfway to 65536. */
const F16_OVERFLOW = 0x477ff000;

/** As `widenHalves` reads it. What is beyond the range becomes infinite; NaN stays NaN. */
export function toHalves(values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = bitsOf(values);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < halves.length; i++) {
    const sign = (bits[i]! >>> 16) & 0x8000;
    const rest = bits[i]! & 0x7fffffff;
    halves[i] = sign | magnitudeOfHalf(rest);
  }
  return halves;
}

function magnitudeOfHalf(rest: number): number {
  if (rest > F32_INFINITY) return 0x7e00;
  if (rest >= F16_OVERFLOW) return 0x7c00;
  // The exponent bias shrinks from 127 to 15; a carry out of the fraction is the next exponent.
  if (rest >= F16_NORMAL) return roundedShift(rest - (112 << 23), 13);
  const exponent = rest >>> 23;
  // A subnormal f16 counts units of 2⁻²⁴; below half of one there is nothing left.
  const shift = 126 - exponent;
  return shift > 24 ? 0 : roundedShift((rest & 0x7fffff) | 0x800000, shift);
}

/** As `widenBrainFloats` reads it. What is beyond the range becomes infinite; NaN stays NaN. */
export function toBrainFloats(values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = bitsOf(values);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < halves.length; i++) {
    const word = bits[i]!;
    const isNaN = (word & 0x7fffffff) > F32_INFINITY;
    // Its payload may lie in the lower half alone.
    halves[i] = isNaN ? (word >>> 16) | 0x40 : roundedShift(word, 16);
  }
  return halves;
}

/** word / 2^shift, to the nearest, ties to even. */
function roundedShift(word: number, shift: number): number {
  const kept = word >>> shift;
  const lost = word - kept * 2 ** shift;
  const half = 2 ** (shift - 1);
  return lost > half || (lost === half && kept % 2 === 1) ? kept + 1 : kept;
}

function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}
