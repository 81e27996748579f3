import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assertQuantization, quantized } from '../../src/core/stochastic-rounding.ts';

const GRID = { clip: 8, scale: 2, limit: 16 };
const ALL = 0xffff_ffff;

describe('quantized', () => {
  test('goes up where 24 random bits are below the fraction', () => {
    // 1.375·2 = 2.75: up for the lower three quarters of all words.
    expect(quantized(1.375, 0, GRID)).toBe(3);
    expect(quantized(1.375, 0xbfff_ffff, GRID)).toBe(3);
    expect(quantized(1.375, 0xc000_0000, GRID)).toBe(2);
    // −2.75 is −3 and a quarter.
    expect(quantized(-1.375, 0x3fff_ffff, GRID)).toBe(-2);
    expect(quantized(-1.375, 0x4000_0000, GRID)).toBe(-3);
  });

  test('does not look at the lowest eight bits', () => {
    // The fraction is 2⁻²⁴: up for one of 2²⁴ chances.
    const grid = { clip: 1, scale: 1, limit: 1 };
    expect(quantized(2 ** -24, 0xff, grid)).toBe(1);
    expect(quantized(2 ** -24, 0x100, grid)).toBe(0);
  });

  test('leaves integers where they are, whatever the chance', () => {
    for (const value of [-8, -7.5, -1, 0, 0.5, 3, 8]) {
      expect(quantized(value, 0, GRID)).toBe(2 * value);
      expect(quantized(value, ALL, GRID)).toBe(2 * value);
    }
  });

  test('makes 0, never −0, of all that is too small for a chance', () => {
    const tiny = [0, -0, 2 ** -149, -(2 ** -149), 2 ** -126, -(2 ** -126), 2 ** -26, -(2 ** -26)];
    for (const value of tiny) {
      expect(quantized(value, 0, GRID)).toBe(0);
      expect(quantized(value, ALL, GRID)).toBe(0);
    }
    // −2⁻²⁵·2 is −1 and all but a chance of 2⁻²⁴.
    expect(quantized(-(2 ** -25), ALL, GRID)).toBe(-1);
    expect(quantized(-(2 ** -25), 0xffff_fe00, GRID)).toBe(0);
    // −½ rounded up.
    expect(Object.is(quantized(-0.25, 0, GRID), 0)).toBe(true);
  });

  test('rounds the fraction to an f32', () => {
    // v = −1.75·2⁻²⁴: 1 − 1.75·2⁻²⁴ is 1 − 2·2⁻²⁴ as an f32.
    const grid = { clip: 1, scale: 1, limit: 1 };
    expect(quantized(-1.75 * 2 ** -24, 0xffff_fd00, grid)).toBe(0);
    expect(quantized(-1.75 * 2 ** -24, 0xffff_fe00, grid)).toBe(-1);
  });

  test('brings values to the clip and integers to the limit; NaN is 0', () => {
    const infinity = Number.POSITIVE_INFINITY;
    expect(quantized(infinity, 0, GRID)).toBe(16);
    expect(quantized(-infinity, 0, GRID)).toBe(-16);
    expect(quantized(8.25, 0, GRID)).toBe(16);
    expect(quantized(Number.NaN, 0, GRID)).toBe(0);
    expect(quantized(7.75, 0, { ...GRID, limit: 15 })).toBe(15);
    expect(quantized(-8, 0, { ...GRID, limit: 15 })).toBe(-15);
  });

  test('is within one step of the value, up to the largest', () => {
    const grid = { clip: 1, scale: 2 ** 23 - 1, limit: 2 ** 23 - 1 };
    const values = fc.float({ min: -1, max: 1, noNaN: true });
    const words = fc.integer({ min: 0, max: ALL });
    fc.assert(
      fc.property(values, words, (value, word) => {
        const rounded = quantized(value, word, grid);
        expect(Number.isInteger(rounded)).toBe(true);
        // In [2^e, 2^(e+1)) v has steps of u = 2^(e−23): it is rounded by u/2, then by 1 − u at most.
        expect(Math.abs(rounded - value * grid.scale)).toBeLessThanOrEqual(1);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a quantization', () => {
  test('has numbers of 32 bits, and integers that an f32 has fractions beside', () => {
    expect(assertQuantization(GRID)).toEqual(GRID);
    expect(() => assertQuantization({ ...GRID, clip: 0.1 })).toThrow('clip must be a number of 32');
    expect(() => assertQuantization({ ...GRID, clip: 0 })).toThrow('clip must be above 0');
    expect(() => assertQuantization({ ...GRID, scale: 0.3 })).toThrow(TypeError);
    expect(() => assertQuantization({ ...GRID, scale: 2 ** -101 })).toThrow('scale must be in');
    expect(() => assertQuantization({ ...GRID, scale: 2 ** 101 })).toThrow('scale must be in');
    expect(() => assertQuantization({ ...GRID, clip: 2 ** 23 })).toThrow('clip·scale must be');
    expect(() => assertQuantization({ ...GRID, limit: 2 ** 23 + 1 })).toThrow('limit must be');
    expect(() => assertQuantization({ ...GRID, limit: 0.5 })).toThrow(TypeError);
  });
});
