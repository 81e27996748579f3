import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import { normsOf, roundAtRandom } from '../../../src/privacy/lattice/random-rounding.ts';

function squaredNorm(values: Int32Array): bigint {
  return values.reduce((sum, value) => sum + BigInt(value) ** 2n, 0n);
}

describe('rounding at random', () => {
  test('by hand: up if the word is below the fraction', () => {
    const words = [0x4000_0000 - 1, 0x4000_0000, 0xc000_0000 - 1, 0xc000_0000, 0];
    const random = { uint32: () => words.shift()! };
    // Steps of a quarter: 10.25, 10.25, −10.25, −10.25, 3.
    const x = Float32Array.of(2.5625, 2.5625, -2.5625, -2.5625, 0.75);
    const { values, tries, factor } = roundAtRandom(x, { scale: 4, norm: 1000 }, random);
    expect([...values]).toEqual([11, 10, -10, -11, 3]);
    expect({ tries, factor }).toEqual({ tries: 1, factor: 1 });
  });

  test('is without bias where the bound is far', () => {
    const random = createRandom(1);
    const x = Float32Array.of(0.3, -0.3, 0.9);
    const sums = [0, 0, 0];
    const rounds = 20_000;
    for (let i = 0; i < rounds; i++) {
      const { values } = roundAtRandom(x, { scale: 1, norm: 100, bias: 0 }, random);
      for (const [j, value] of values.entries()) sums[j]! += value;
    }
    // Five standard errors: √(0.21/20000) and √(0.09/20000).
    expect(Math.abs(sums[0]! / rounds - 0.3)).toBeLessThan(0.0162);
    expect(Math.abs(sums[1]! / rounds + 0.3)).toBeLessThan(0.0162);
    expect(Math.abs(sums[2]! / rounds - 0.9)).toBeLessThan(0.0107);
  });

  test('draws anew what is too long, seldom more often than β says', () => {
    const random = createRandom(2);
    // Half-way everywhere: √(c² + d/4) is the typical length, and lengths differ.
    const d = 64;
    const x = new Float32Array(d).fill(0.5);
    const rounding = { scale: 1, norm: 4 * (1 + 2 ** -20), bias: 0.99 };
    const { l2 } = normsOf(rounding, d);
    const rounds = 2000;
    let tries = 0;
    for (let i = 0; i < rounds; i++) {
      const row = roundAtRandom(x, rounding, random);
      tries += row.tries;
      expect(squaredNorm(row.values)).toBeLessThanOrEqual(BigInt(Math.floor(l2 ** 2)));
    }
    // Of 64 coins at most 32 + 4.2·√… may be heads: L2² = 16 + 16 + 0.1418·8 = 33.13.
    expect(l2 ** 2).toBeCloseTo(33.13, 2);
    expect(tries).toBeGreaterThan(1.2 * rounds);
    expect(tries).toBeLessThan(rounds / (1 - 0.99));
  });

  test('clips before it rounds, and rejects what is no number', () => {
    const random = createRandom(3);
    const { values, factor } = roundAtRandom(
      Float32Array.of(3e38, -3e38),
      { scale: 2 ** 20, norm: 1000 },
      random,
    );
    expect(factor).toBeLessThan(1e-30);
    // 1000/√2 = 707.1
    expect(Math.abs(values[0]! - 707)).toBeLessThanOrEqual(1);
    expect(Math.abs(values[1]! + 707)).toBeLessThanOrEqual(1);
    const bad = Float32Array.of(1, Number.NaN, Number.NEGATIVE_INFINITY);
    expect(roundAtRandom(bad, { scale: 1, norm: 10 }, random)).toEqual({
      values: new Int32Array(3),
      nonFinite: 2,
      factor: 0,
      tries: 0,
    });
  });

  test('truncates when chance is against it all the time', () => {
    // Words of 0 round everything up, to 3² + 63; L2² is 25 + 16 + 0.459·9 = 45.1.
    const unlucky = { uint32: () => 0 };
    const x = new Float32Array(64).fill(0.5);
    x[0] = 2.5;
    const { values, tries } = roundAtRandom(x, { scale: 1, norm: 5, bias: 0.9 }, unlucky);
    expect(tries).toBe(120);
    expect([...values]).toEqual([2, ...Array<number>(63).fill(0)]);
  });

  test('has the norm that noise is made for, whatever the floats are', () => {
    const words = fc.oneof(
      fc.integer({ min: 0, max: 0xffffffff }),
      fc.constantFrom(1, 0x7f7fffff, 0xff61b1e6, 0x3f800000, 0xbf7fffff, 0x3f000000),
    );
    const random = createRandom(4);
    fc.assert(
      fc.property(
        fc.array(words, { minLength: 1, maxLength: 30 }),
        fc.double({ min: 0.01, max: 2 ** 24, noNaN: true }),
        fc.double({ min: 2 ** -40, max: 2 ** 60, noNaN: true }),
        fc.double({ min: 0, max: 0.9, noNaN: true }),
        (bits, norm, scale, bias) => {
          const x = new Float32Array(Uint32Array.from(bits).buffer);
          const { values } = roundAtRandom(x, { scale, norm, bias }, random);
          const { l1, l2 } = normsOf({ scale, norm, bias }, x.length);
          // f64 of a square below 2⁵³, to a part in 2⁵².
          expect(Number(squaredNorm(values))).toBeLessThanOrEqual(l2 ** 2);
          expect(values.reduce((sum, value) => sum + Math.abs(value), 0)).toBeLessThanOrEqual(l1);
        },
      ),
      { numRuns: 1000, seed: 13 },
    );
  });

  test.each([
    [{ scale: 0, norm: 1 }, 'scale must be above 0'],
    [{ scale: 2 ** 128, norm: 1 }, 'scale must be at most 2^127'],
    [{ scale: 1, norm: 2 ** 25 }, 'norm must be at most 2^24'],
    [{ scale: 1, norm: 1, bias: 1 }, 'bias must be in [0, 1)'],
  ])('is refused for %o', (rounding, message) => {
    expect(() => roundAtRandom(new Float32Array(2), rounding, createRandom(1))).toThrow(message);
    expect(() => roundAtRandom([1] as unknown as Float32Array, rounding, createRandom(1))).toThrow(
      TypeError,
    );
  });
});
