import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  erfcx,
  log1mExp,
  logAddExp,
  logBinomial,
  logExpm1,
  logGamma,
  logNormalCdf,
  logScaledNormalCdf,
  logSubExp,
  logSumExp,
  millsRatio,
  normalCdf,
  signedBinomials,
} from '../../src/core/special.ts';

const INF = Number.POSITIVE_INFINITY;

/** Within a few roundings of a value that is known to all digits of f64. */
function expectClose(actual: number, known: number, relative = 2e-15): void {
  expect(Math.abs(actual - known)).toBeLessThanOrEqual(relative * Math.abs(known));
}

describe('The normal distribution', () => {
  // Values from tables of 18 digits and more.
  test.each([
    [0, 0.5],
    [1, 0.8413447460685429],
    [-1, 0.15865525393145705],
    [-5, 2.866515718791939e-7],
    [-37, 5.725571222524577e-300],
    [-INF, 0],
    [INF, 1],
  ])('Φ(%d) = %d', (x, known) => {
    expectClose(normalCdf(x), known);
  });

  test.each([
    [0, -Math.LN2],
    [8, -6.220960574271786e-16],
    [-40, -804.6084420137538],
    // −x²/2 − ln(10⁶·√(2π)) + ln(1 − 10⁻¹²)
    [-1e6, -500_000_000_014.73444],
  ])('ln Φ(%d) = %d', (x, known) => {
    expectClose(logNormalCdf(x), known);
  });

  test.each([
    [0, 1],
    [0.25, 0.7703465477309968],
    [1, 0.427583576155807],
    [10, 0.05614099274382259],
  ])('erfcx(%d) = %d', (x, known) => {
    expectClose(erfcx(x), known);
  });

  test('far out, Mills’ ratio is 1/x − 1/x³ + 3/x⁵', () => {
    expectClose(millsRatio(0), Math.sqrt(Math.PI / 2));
    expectClose(millsRatio(2000), 1 / 2000 - 1 / 2000 ** 3 + 3 / 2000 ** 5);
    expectClose(millsRatio(1e300), 1e-300);
  });

  test('lies between the bounds of Birnbaum and Komatsu', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 50, noNaN: true }), (x) => {
        const ratio = millsRatio(x) * (1 + 4e-15);
        expect(ratio).toBeGreaterThanOrEqual(2 / (x + Math.sqrt(x * x + 4)));
        expect(millsRatio(x)).toBeLessThanOrEqual((2 / (x + Math.sqrt(x * x + 2))) * (1 + 4e-15));
      }),
    );
  });

  test('the logarithm and the value agree where both are normal', () => {
    fc.assert(
      fc.property(fc.double({ min: -37, max: 37, noNaN: true }), (x) => {
        // exp turns an error of the logarithm, 700·2⁻⁵³ or so, into a relative one.
        expectClose(Math.exp(logNormalCdf(x)), normalCdf(x), 4e-13);
        expectClose(normalCdf(x) + normalCdf(-x), 1);
      }),
    );
  });

  test('is smooth where one formula takes over from another', () => {
    for (const x of [0.5, Math.PI * 2]) {
      expectClose(erfcx(x * (1 - 2 ** -52)), erfcx(x), 2e-15);
    }
  });

  test('keeps its digits where x²/2 is taken off', () => {
    expectClose(logScaledNormalCdf(0), -Math.LN2);
    // φ(x)·R(x)·exp(x²/2) = R(x)/√(2π)
    expectClose(logScaledNormalCdf(-1e8), -Math.log(1e8 * Math.sqrt(2 * Math.PI)));
  });
});

describe('Logarithms of Γ and of binomials', () => {
  test.each([
    [0.5, 0.5723649429247001],
    [4.5, 2.4537365708424423],
    [100, 359.1342053695754],
  ])('ln Γ(%d) = %d', (x, known) => {
    expectClose(logGamma(x), known, 4e-15);
  });

  test('ln Γ at its zeros, its pole and without end', () => {
    expect(Math.abs(logGamma(1))).toBeLessThan(2e-14);
    expect(Math.abs(logGamma(2))).toBeLessThan(2e-14);
    expect(logGamma(0)).toBe(INF);
    expect(logGamma(INF)).toBe(INF);
  });

  test('Γ(x + 1) = x·Γ(x)', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-3, max: 1e6, noNaN: true }), (x) => {
        const error = logGamma(x + 1) - logGamma(x) - Math.log(x);
        expect(Math.abs(error)).toBeLessThan(4e-14 + 4e-15 * Math.abs(logGamma(x)));
      }),
    );
  });

  test('ln of binomials: Pascal’s triangle, and 1024 over 512', () => {
    expect([0, 1, 2, 3, 4].map((k) => Math.round(Math.exp(logBinomial(4, k))))).toEqual([
      1, 4, 6, 4, 1,
    ]);
    expect(logBinomial(4, 5)).toBe(-INF);
    expect(logBinomial(4, -1)).toBe(-INF);
    expectClose(logBinomial(1024, 512), 706.0909414973534, 1e-14);
  });

  test('generalised binomials change sign, and sum to the power', () => {
    const first = signedBinomials(2.5);
    // 5/2, (5/2·3/2)/2, (5/2·3/2·1/2)/6, (5/2·3/2·1/2·−1/2)/24
    for (const known of [1, 2.5, 1.875, 0.3125, -0.0390625]) {
      const { sign, log } = first.next().value;
      expectClose(sign * Math.exp(log), known);
    }
    let power = 0;
    let i = 0;
    for (const { sign, log } of signedBinomials(-1.5)) {
      power += sign * Math.exp(log) * 0.25 ** i;
      if (++i > 60) break;
    }
    expectClose(power, 1.25 ** -1.5);
  });

  test('those of an integer end in zeros', () => {
    const all = signedBinomials(2);
    const signs = Array.from({ length: 6 }, () => all.next().value);
    expect(signs.map(({ sign, log }) => sign * Math.round(Math.exp(log)))).toEqual([
      1, 2, 1, 0, 0, 0,
    ]);
  });
});

describe('Numbers by their logarithms', () => {
  test('add and subtract beyond the range of f64', () => {
    expect(logAddExp(1000, 1000)).toBe(1000 + Math.LN2);
    expect(logAddExp(-INF, -INF)).toBe(-INF);
    expect(logAddExp(-INF, 3)).toBe(3);
    expect(logAddExp(INF, 3)).toBe(INF);
    expect(logSumExp([])).toBe(-INF);
    expect(logSumExp([-INF, -2000, -2000])).toBe(-2000 + Math.LN2);
    expectClose(logSubExp(1000 + Math.LN2, 1000), 1000);
    expect(logSubExp(7, 7)).toBe(-INF);
    expect(logSubExp(5, -INF)).toBe(5);
    expect(logSubExp(1, 2)).toBeNaN();
    expect(logExpm1(1000)).toBe(1000);
  });

  test('lose nothing next to 0 and to 1', () => {
    expectClose(log1mExp(-1e-20), Math.log(1e-20));
    expectClose(log1mExp(-50), -Math.exp(-50));
    expect(log1mExp(0)).toBe(-INF);
    expectClose(logExpm1(1e-20), Math.log(1e-20));
    expectClose(logExpm1(2), Math.log(Math.exp(2) - 1));
  });

  test('what is added can be taken off', () => {
    const log = fc.double({ min: -600, max: 600, noNaN: true });
    fc.assert(
      fc.property(log, log, (x, y) => {
        const back = logSubExp(logAddExp(x, y), Math.min(x, y));
        // Rounding of the sum is up to 600·2⁻⁵³, and stays beside the larger.
        expect(Math.abs(back - Math.max(x, y))).toBeLessThan(3e-13);
      }),
    );
  });
});
