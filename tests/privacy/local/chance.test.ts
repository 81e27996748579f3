import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createChance, lossOf, numeratorOf } from '../../../src/privacy/local/chance.ts';
import { exactLog, fixed, logOf } from '../../support/exact-log.ts';
import { countOfWords, scriptedRandom } from '../../support/scripted-random.ts';

const WHOLE = 1n << 64n;

describe('a chance', () => {
  test('takes place for exactly as many words as its numerator says', () => {
    for (const numerator of [0n, 1n, (1n << 32n) - 1n, 1n << 32n, WHOLE / 3n, WHOLE - 1n, WHOLE]) {
      expect(countOfWords(createChance(numerator).happens)).toBe(numerator);
    }
    const long = (1n << 128n) / 7n;
    expect(countOfWords(createChance(long, 4).happens, { words: 4 })).toBe(long);
  });

  test('takes all its words even where the first has decided', () => {
    const random = scriptedRandom([0, 5, 77]);
    createChance(WHOLE / 2n).happens(random);
    expect(random.uint32()).toBe(77);
  });

  test('has a numerator inside the whole', () => {
    expect(() => createChance(WHOLE + 1n)).toThrow(RangeError);
    expect(() => createChance(-1n)).toThrow(/numerator must be in \[0, 2\^64\], got -1/);
  });
});

describe('a probability as an integer', () => {
  test('is exact where a double is, and neither impossible nor certain at the ends', () => {
    expect(numeratorOf(0.25)).toBe(1n << 62n);
    expect(numeratorOf(0)).toBe(1n);
    expect(numeratorOf(1)).toBe(WHOLE - 1n);
    expect(numeratorOf(2 ** -100, 4)).toBe(1n << 28n);
  });

  test('is refused outside [0, 1]', () => {
    expect(() => numeratorOf(1.1)).toThrow(RangeError);
    expect(() => numeratorOf(Number.NaN)).toThrow(TypeError);
  });
});

describe('the loss between two weights', () => {
  test('is 0 for equal ones and infinite against an impossible one', () => {
    expect(lossOf(7n, 7n)).toBe(0);
    expect(lossOf(0n, 0n)).toBe(0);
    expect(lossOf(7n, 0n)).toBe(Number.POSITIVE_INFINITY);
    expect(lossOf(0n, 7n)).toBe(Number.POSITIVE_INFINITY);
  });

  test('is an upper bound, by at most 2⁻⁴⁶ of it, and the same both ways', () => {
    const weight = fc.bigInt(1n, 1n << 130n);
    fc.assert(
      fc.property(weight, weight, (a, b) => {
        const loss = lossOf(a, b);
        expect(lossOf(b, a)).toBe(loss);
        const [low, high] = a < b ? [a, b] : [b, a];
        expect(fixed(loss)).toBeGreaterThanOrEqual(exactLog(high, low));
        expect(loss).toBeLessThanOrEqual(logOf(high, low) * (1 + 2 ** -46));
      }),
      { seed: 1 },
    );
  });

  test('is an upper bound next to equality too', () => {
    for (let shift = 1n; shift <= 128n; shift++) {
      const a = (1n << 128n) + (1n << (128n - shift));
      expect(fixed(lossOf(a, 1n << 128n))).toBeGreaterThanOrEqual(exactLog(a, 1n << 128n));
    }
  });
});
