import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { aliasTable } from '../../../src/privacy/lattice/alias-table.ts';
import { PLACES } from '../../../src/privacy/lattice/fixed-point.ts';
import { discreteGaussian } from '../../../src/privacy/lattice/laws.ts';
import {
  gaussianPlan,
  laplacePlan,
  log2CombinationError,
  log2RoundedGaussianDistance,
  log2Sum,
  type NoisePlan,
  numericalDelta,
  requireNumericalDelta,
  skellamPlan,
} from '../../../src/privacy/lattice/noise-plan.ts';
import { itShared } from '../../support/shared.ts';
import { GOLDEN, goldenRows } from './golden.ts';

/** Variance of what the tables of a plan realise. */
function variance({ draws }: NoisePlan): number {
  return draws.reduce((sum, { table, factor }) => {
    const total = 2 ** (96 + table.log2Columns);
    const own = table.weights.reduce(
      (s, weight, i) => s + (i - table.offset) ** 2 * (Number(weight) / total),
      0,
    );
    return sum + factor ** 2 * own;
  }, 0);
}

describe('a plan for a discrete Gaussian', () => {
  test('of σ = 2^20 takes the three draws of the design', () => {
    const { draws, log2TotalVariation, log2Combination } = gaussianPlan(2 ** 20);
    expect(draws.map(({ factor }) => factor)).toEqual([1, 64, 4096]);
    expect(draws[0]!.table).toBe(draws[1]!.table);
    // 13.3 · 144 = 1915.2, and two more; σ₃ = 255.99.
    expect(draws.map(({ table }) => table.offset)).toEqual([1917, 1917, 3406]);
    expect(log2TotalVariation).toBeLessThan(-95.6);
    expect(log2Combination).toBeLessThan(-141);
  });

  test.each([
    [0.5, 1],
    [600, 1],
    [600.5, 2],
    [2 ** 17, 2],
    [2 ** 17 + 1, 3],
    [2 ** 25, 3],
  ])('of σ = %d takes %i draws, and tables of at most 2^14 columns', (sigma, count) => {
    const { draws } = gaussianPlan(sigma);
    expect(draws.length).toBe(count);
    for (const { table } of draws) expect(table.log2Columns).toBeLessThanOrEqual(14);
  });

  test('never has less variance than was asked for, nor much more', () => {
    const sigmas = fc.double({ min: 601, max: 2 ** 25, noNaN: true });
    fc.assert(
      fc.property(sigmas, (sigma) => {
        const plan = gaussianPlan(sigma);
        // Sums of f64 products: 2⁻⁴⁰ is far above what they lose, and tables cut 2⁻⁹⁷.
        expect(variance(plan) / sigma ** 2).toBeCloseTo(1, 11);
        expect(plan.sigma).toBe(sigma);
      }),
      { numRuns: 8, seed: 4 },
    );
  });

  test('keeps every combination below 2^-140', () => {
    for (let log = 9.3; log <= 25; log += 0.1) {
      const sigma = 2 ** log;
      const levels = sigma <= 2 ** 17 ? 1 : 2;
      let k = 1;
      while (sigma / k ** levels > 512) k *= 2;
      const parts = log2CombinationError({ factor: k, sigma1: 2.25 * k, sigma2: 250 });
      expect(parts).toBeLessThan(-140);
    }
  });

  test('of two draws is as close to one Gaussian as it says, counted out', () => {
    const [first, second, factor] = [18, 10, 8];
    const a = aliasTable(discreteGaussian(first ** 2));
    const b = aliasTable(discreteGaussian(second ** 2));
    const whole = discreteGaussian(first ** 2 + factor ** 2 * second ** 2);
    const sums = new Map<number, bigint>();
    for (const [i, v] of a.weights.entries()) {
      for (const [j, w] of b.weights.entries()) {
        const value = i - a.offset + factor * (j - b.offset);
        sums.set(value, (sums.get(value) ?? 0n) + v * w);
      }
    }
    const unit = 2n * 96n + BigInt(a.log2Columns + b.log2Columns) - PLACES;
    expect(unit).toBeLessThan(0n);
    let twice = 1n << PLACES;
    for (const [value, weight] of sums) {
      const mass = whole.masses[Math.abs(value)] ?? 0n;
      const realised = weight << -unit;
      twice += (realised > mass ? realised - mass : mass - realised) - mass;
    }
    const found = Math.log2(Number(twice)) - 1 - Number(PLACES);
    const bound = log2Sum([
      a.log2TotalVariation,
      b.log2TotalVariation,
      log2CombinationError({ factor, sigma1: first, sigma2: second }),
    ]);
    expect(found).toBeLessThanOrEqual(bound);
    expect(found).toBeGreaterThan(bound - 2);
  });

  test.each([0, -3, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 26])('refuses σ = %d', (sigma) => {
    expect(() => gaussianPlan(sigma)).toThrow(/sigma must be/);
  });

  itShared('bounds combinations as the golden rows', [GOLDEN], ([file]) => {
    const rows = goldenRows<
      { k: number; sigma1: number; sigma2: number },
      { log2_max_log_ratio_bound: string }
    >(file, 'gaussian_convolution_plan');
    for (const { params, result } of rows) {
      const { k: factor, sigma1, sigma2 } = params;
      const bound = log2CombinationError({ factor, sigma1, sigma2 });
      // Given to five places, or to two.
      const places = result.log2_max_log_ratio_bound.split('.')[1]!.length;
      expect(Math.abs(bound - Number(result.log2_max_log_ratio_bound))).toBeLessThan(
        0.6 * 10 ** -places,
      );
    }
  });

  itShared('is near a rounded normal variable as the golden rows', [GOLDEN], ([file]) => {
    const rows = goldenRows<{ sigma: number }, { log2_tv_to_rounded_N_sigma2_minus_1_12: number }>(
      file,
      'tv_discrete_vs_rounded_gaussian',
    );
    for (const { params, result } of rows) {
      const bound = log2RoundedGaussianDistance(params.sigma);
      expect(bound).toBeGreaterThan(result.log2_tv_to_rounded_N_sigma2_minus_1_12);
      expect(bound).toBeLessThan(result.log2_tv_to_rounded_N_sigma2_minus_1_12 + 0.13);
    }
  });
});

describe('a plan for a discrete Laplace law', () => {
  test.each([0.3, 10, 64, 65, 1000, 2 ** 20, 2 ** 22])('of scale %d has its variance', (scale) => {
    const ratio = Math.exp(-1 / scale);
    const want = scale > 100 ? 2 * scale ** 2 - 1 / 6 : (2 * ratio) / (1 - ratio) ** 2;
    expect(variance(laplacePlan(scale)) / want).toBeCloseTo(1, 9);
  });

  test('of scale 2^20 takes three draws of at most 2^12 columns', () => {
    const { draws, log2TotalVariation } = laplacePlan(2 ** 20);
    expect(draws.map(({ factor }) => factor)).toEqual([1, 256, 65_536]);
    for (const { table } of draws) expect(table.log2Columns).toBeLessThanOrEqual(12);
    expect(log2TotalVariation).toBeLessThan(-95);
  });

  test.each([0, Number.NaN, 2 ** 23])('refuses scale %d', (scale) => {
    expect(() => laplacePlan(scale)).toThrow(/scale must be/);
  });
});

describe('a plan for a Skellam law', () => {
  test.each([
    [0.5, 1],
    [400, 1],
    [2 ** 20, 1],
    [2 ** 21, 2],
  ])('of variance %d takes %i draws and has that variance', (asked, count) => {
    const plan = skellamPlan(asked);
    expect(plan.draws.length).toBe(count);
    expect(variance(plan) / asked).toBeCloseTo(1, 9);
    expect(plan.log2TotalVariation).toBeLessThan(-95);
  });
});

describe("a run's numerical delta", () => {
  const run = { log2TotalVariation: -95.7, coordinates: 2 ** 24, rounds: 2 ** 14, epsilon: 8 };

  test('is that of the worked example: 2^-46.2', () => {
    // −95.7 + 38 + log₂(1 + e⁸) = −57.7 + 11.54.
    expect(Math.log2(numericalDelta(run))).toBeCloseTo(-46.16, 1);
  });

  test('is small beside the usual delta, and refused where it is not', () => {
    expect(requireNumericalDelta(run, 1e-8)).toBeLessThan(1e-13);
    expect(() => requireNumericalDelta(run, 1e-12)).toThrow(
      expect.objectContaining({ code: 'numerics', name: 'PrivacyError' }),
    );
    // Thresholds of 64 bits would not do.
    expect(() => requireNumericalDelta({ ...run, log2TotalVariation: -63.7 }, 1e-5)).toThrow(
      /at most 1 % of delta 1e-5, got 0\.00005|at most 1 % of delta 0\.00001, got 0\.00005/,
    );
  });

  test('grows with everything, and is never below the part of the generator', () => {
    const base = numericalDelta(run);
    expect(numericalDelta({ ...run, rounds: 2 ** 15 })).toBeGreaterThan(base);
    expect(numericalDelta({ ...run, coordinates: 2 ** 25 })).toBeGreaterThan(base);
    expect(numericalDelta({ ...run, epsilon: 9 })).toBeGreaterThan(base);
    const least = numericalDelta({
      log2TotalVariation: -Infinity,
      coordinates: 1,
      rounds: 1,
      epsilon: 0,
    });
    expect(Math.log2(least)).toBeCloseTo(-99, 6);
  });

  test('at an epsilon beyond all bounds is refused, not passed over', () => {
    expect(() => requireNumericalDelta({ ...run, epsilon: 1e9 }, 0.5)).toThrow(/at most 1 %/);
    expect(() => numericalDelta({ ...run, epsilon: Number.NaN })).toThrow(/epsilon must be/);
  });
});
