/**
 * Logarithms that are integers: exact where a float's would be off by one.
 *
 * @module
 */

import { expect, test } from 'vitest';
import { leastPower, log2Ceil } from '../../src/core/integers.ts';

test('⌈log₂ n⌉ is the bits of n − 1, around every power of two', () => {
  expect([1, 2, 3, 4, 5, 8, 9].map(log2Ceil)).toEqual([0, 1, 2, 2, 3, 3, 4]);
  for (let b = 2; b <= 30; b++) {
    const power = 2 ** b;
    expect([power - 1, power, power + 1].map(log2Ceil)).toEqual([b, b, b + 1]);
  }
  expect(log2Ceil(2 ** 31)).toBe(31);
});

test('the least power is exact where x is one, and one more just above', () => {
  expect([0, 0.3, 1, 1.5, 2, 3].map(leastPower)).toEqual([0, 0, 0, 1, 1, 2]);
  for (let b = 1; b <= 60; b++) {
    expect(leastPower(2 ** b)).toBe(b);
    expect(leastPower(2 ** b * (1 + Number.EPSILON))).toBe(b + 1);
    expect(leastPower(2 ** b * (1 - Number.EPSILON))).toBe(b);
  }
});
