import { expect, test } from 'vitest';
import { binomialMass } from '../../src/privacy/binomial.ts';

/** binom(n, k) in integers. */
function choose(n: number, k: number): bigint {
  let value = 1n;
  for (let i = 1n; i <= BigInt(k); i++) value = (value * (BigInt(n) - i + 1n)) / i;
  return value;
}

/** a/b to 53 bits, of integers of any size. */
function quotient(a: bigint, b: bigint): number {
  const shift = b.toString(2).length - a.toString(2).length + 60;
  return Number((a << BigInt(shift)) / b) * 2 ** -shift;
}

test('binomial masses agree with integers to 10⁻¹²', () => {
  let worst = 0;
  for (const n of [1, 2, 10, 63, 64, 65, 300, 1000]) {
    // Chances 1/2, 1/8, 5/16.
    for (const [part, bits] of [
      [1, 1n],
      [1, 3n],
      [5, 4n],
    ] as const) {
      const whole = 1n << bits;
      for (let k = 0; k <= n; k++) {
        const exact = quotient(
          choose(n, k) * BigInt(part) ** BigInt(k) * (whole - BigInt(part)) ** BigInt(n - k),
          whole ** BigInt(n),
        );
        if (exact < 1e-250) continue;
        const mass = binomialMass(k, { trials: n, chance: part / Number(whole) });
        worst = Math.max(worst, Math.abs(mass / exact - 1));
      }
    }
  }
  expect(worst).toBeLessThan(1e-12);
});

test('binomial masses sum to 1 for many trials', () => {
  const law = { trials: 10_000_000, chance: Math.exp(-2) };
  let sum = 0;
  for (let k = 1_340_000; k < 1_367_000; k++) sum += binomialMass(k, law);
  // 12 standard deviations of 1081 on either side.
  expect(Math.abs(sum - 1)).toBeLessThan(1e-11);
});

test('binomial masses are 0 outside the trials, and certain for chances 0 and 1', () => {
  expect(binomialMass(-1, { trials: 3, chance: 0.5 })).toBe(0);
  expect(binomialMass(4, { trials: 3, chance: 0.5 })).toBe(0);
  expect(binomialMass(0, { trials: 3, chance: 0 })).toBe(1);
  expect(binomialMass(3, { trials: 3, chance: 1 })).toBe(1);
  expect(binomialMass(0, { trials: 0, chance: 0.5 })).toBe(1);
  expect(() => binomialMass(0, { trials: -1, chance: 0.5 })).toThrow(RangeError);
});
