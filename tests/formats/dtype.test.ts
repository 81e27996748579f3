import { describe, expect, it } from 'vitest';
import { bytesSource } from '../../src/formats/byte-source.ts';
import {
  alignmentRank,
  bitsOf,
  byteLengthOf,
  countOf,
  dtypes,
  readFloats,
  widenBrainFloats,
  widenHalves,
} from '../../src/formats/dtype.ts';
import { bytesOf, sameBits } from './support.ts';

const allHalves = Uint16Array.from({ length: 65_536 }, (_, i) => i);

/** What the bits of an IEEE 754 number mean, straight from the definition. */
function meaning(bits: number, exponentBits: number, mantissaBits: number): number {
  const sign = bits >> (exponentBits + mantissaBits) ? -1 : 1;
  const exponent = (bits >> mantissaBits) & (2 ** exponentBits - 1);
  const mantissa = bits & (2 ** mantissaBits - 1);
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return mantissa === 0 ? sign * Infinity : Number.NaN;
  if (exponent === 0) return sign * mantissa * 2 ** (1 - bias - mantissaBits);
  return sign * (1 + mantissa / 2 ** mantissaBits) * 2 ** (exponent - bias);
}

/** Places where two arrays differ by Object.is, so that −0 and NaN count. */
function differences(actual: Float32Array, expected: (bits: number) => number): number[] {
  return [...actual.keys()].filter((i) => !Object.is(actual[i], expected(i)));
}

describe('16-bit floats', () => {
  it('f16 widens exactly, all 65,536 of them', () => {
    const wide = new Float32Array(65_536);
    widenHalves(allHalves, wide);
    expect(differences(wide, (bits) => meaning(bits, 5, 10))).toEqual([]);
  });

  it('bf16 widens exactly, all 65,536 of them', () => {
    const wide = new Float32Array(65_536);
    widenBrainFloats(allHalves, wide);
    expect(differences(wide, (bits) => meaning(bits, 8, 7))).toEqual([]);
  });

  it('NaN payloads and signs survive', () => {
    const wide = new Float32Array(4);
    widenHalves(Uint16Array.of(0x7c01, 0xfe55), wide);
    widenBrainFloats(Uint16Array.of(0x7f81, 0xffc1), wide.subarray(2));
    const bits = [...new Uint32Array(wide.buffer)].map((b) => b.toString(16));
    // 0x7c01: mantissa 1, moved up by 23 − 10 = 13 places; bf16 moves by 16.
    expect(bits).toEqual(['7f802000', 'ffcaa000', '7f810000', 'ffc10000']);
  });

  it.each(['F16', 'BF16'] as const)('%s is read within the memory of the result', async (dtype) => {
    const source = bytesSource('all', bytesOf(allHalves));
    const whole = new Float32Array(65_536 + 1);
    // An odd place in a larger array, as a row of a tile is.
    const into = whole.subarray(1);
    await readFloats(source, 0, { dtype, into });
    const expected = new Float32Array(65_536);
    (dtype === 'F16' ? widenHalves : widenBrainFloats)(allHalves, expected);
    expect(sameBits(into, expected)).toBe(true);
    expect(whole[0]).toBe(0);
  });
});

describe('f64', () => {
  it('is rounded to the nearest f32, ties to even, and to infinity beyond its range', async () => {
    const ulp = 2 ** -23;
    const cases: [number, number][] = [
      [1 + ulp / 2, 1],
      [1 + ulp / 2 + ulp / 2 ** 20, 1 + ulp],
      [1 + 1.5 * ulp, 1 + 2 * ulp],
      [1e300, Infinity],
      [-1e300, -Infinity],
      // Half of the smallest f32 is a tie, and goes to even, which is zero.
      [2 ** -150, 0],
      [-(2 ** -150), -0],
      [1.5 * 2 ** -149, 2 * 2 ** -149],
      [Number.NaN, Number.NaN],
    ];
    const source = bytesSource('f64', bytesOf(Float64Array.from(cases, ([x]) => x)));
    const into = new Float32Array(cases.length);
    await readFloats(source, 0, { dtype: 'F64', into });
    expect([...into]).toEqual(cases.map(([, y]) => y));
  });

  it('is read across several pieces of memory', async () => {
    const values = Float64Array.from({ length: 200_003 }, (_, i) => i / 2);
    const into = new Float32Array(200_000);
    await readFloats(bytesSource('f64', bytesOf(values)), 24, { dtype: 'F64', into });
    expect(into.every((x, i) => x === (i + 3) / 2)).toBe(true);
  });
});

describe('f32', () => {
  it('is copied bit by bit, signalling NaNs included, from any byte', async () => {
    const bits = Uint32Array.of(0x7f800001, 0x80000000, 0x00000001, 0xffc12345);
    const bytes = new Uint8Array(19);
    bytes.set(bytesOf(bits), 3);
    const into = new Float32Array(4);
    await readFloats(bytesSource('odd', bytes), 3, { dtype: 'F32', into });
    expect(new Uint32Array(into.buffer)).toEqual(bits);
  });
});

describe('sizes', () => {
  it('of types grow with their alignment, from BOOL to U64', () => {
    expect(dtypes.map(alignmentRank)).toEqual([...dtypes.keys()]);
    const wholeBytes = dtypes.map(bitsOf).filter((bits) => bits >= 8);
    expect(wholeBytes).toEqual(wholeBytes.toSorted((a, b) => a - b));
    expect([dtypes[0], dtypes.at(-1)]).toEqual(['BOOL', 'U64']);
  });

  it('of shapes are products, 1 for a scalar, and refused beyond 2^53', () => {
    expect(countOf([])).toBe(1);
    expect(countOf([3, 4])).toBe(12);
    expect(countOf([3, 0, 4])).toBe(0);
    expect(countOf([2 ** 27, 2 ** 26])).toBeUndefined();
    expect(countOf([0, 2 ** 27, 2 ** 26])).toBeUndefined();
    expect(countOf([2 ** 52, 2 ** 52, 2 ** 52])).toBeUndefined();
  });

  it('in bytes must be whole and small enough to count', () => {
    expect(byteLengthOf('F6_E2M3', 4)).toBe(3);
    expect(byteLengthOf('F6_E2M3', 3)).toBeUndefined();
    expect(byteLengthOf('F4', 2)).toBe(1);
    expect(byteLengthOf('F64', 2 ** 50)).toBeUndefined();
  });
});
