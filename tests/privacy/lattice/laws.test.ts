import { describe, expect, test } from 'vitest';
import {
  ONE,
  PLACES,
  type Rational,
  rationalOf,
  times,
} from '../../../src/privacy/lattice/fixed-point.ts';
import {
  digitDifference,
  discreteGaussian,
  discreteLaplace,
  geometricDifference,
  type Law,
  skellam,
} from '../../../src/privacy/lattice/laws.ts';
import { itShared } from '../../support/shared.ts';
import { GOLDEN, goldenRows, relativeError } from './golden.ts';

const DISTRIBUTED = 'golden/dp_distributed.json';

interface Masses {
  readonly pmf: Readonly<Record<string, string>>;
  readonly variance?: string;
}

/** Golden masses have 40 digits; the last is rounded, and numbers may begin with a 1. */
const DIGITS = 0.51e-39;

function expectMasses(masses: (k: number) => bigint, { pmf }: Masses, digits = DIGITS): void {
  for (const [k, mass] of Object.entries(pmf)) {
    // Very small masses are given with fewer digits.
    const given = mass.replace(/e.*|^0\.0*|\./g, '').length;
    const allowed = Math.max(digits, 0.51 * 10 ** (1 - given));
    expect(relativeError(masses(Number(k)), mass), `P(${k}) = ${mass}`).toBeLessThan(allowed);
  }
}

/** What lies beyond the reach, times its square, is below 10⁻³⁴ of the variance. */
function expectVariance({ masses }: Law, variance: string): void {
  const sum = masses.reduce((s, mass, k) => s + 2n * BigInt(k) ** 2n * mass, 0n);
  expect(relativeError(sum, variance)).toBeLessThan(1e-33);
}

describe('laws have the masses of the golden file, to 40 digits', () => {
  itShared('discrete Gaussian', [GOLDEN], ([file]) => {
    const rows = goldenRows<{ sigma2: string }, Masses & { variance: string }>(
      file,
      'discrete_gaussian_pmf',
    );
    for (const { params, result } of rows) {
      const law = discreteGaussian(Number(params.sigma2));
      expectMasses((k) => law.masses[k]!, result);
      expectVariance(law, result.variance);
    }
  });

  itShared('and its normaliser and variance, to f64', [DISTRIBUTED], ([file]) => {
    const rows = goldenRows<{ sigma2: number }, { normalizing_constant: number; variance: number }>(
      file,
      'discrete_gaussian_moments',
    );
    for (const { params, result } of rows) {
      const { masses } = discreteGaussian(params.sigma2);
      // P(0) is 1 over the normaliser. Theirs are sums in f64: a few units of 2⁻⁵³ for each of some terms.
      const normaliser = Number(ONE) / Number(masses[0]!);
      expect(Math.abs(normaliser / result.normalizing_constant - 1)).toBeLessThan(1e-14);
      const variance = masses.reduce((sum, mass, k) => sum + 2n * BigInt(k * k) * mass, 0n);
      const relative = Number(variance) / Number(ONE) / result.variance - 1;
      expect(Math.abs(relative)).toBeLessThan(1e-14);
    }
  });

  itShared('discrete Laplace', [GOLDEN], ([file]) => {
    const rows = goldenRows<{ scale: string }, Masses & { variance: string }>(
      file,
      'discrete_laplace_pmf',
    );
    for (const { params, result } of rows) {
      const scale = Number(params.scale);
      if (scale > 2 ** 10) continue;
      const law = discreteLaplace(scale);
      expectMasses((k) => law.masses[k]!, result);
      expectVariance(law, result.variance);
    }
  });

  itShared('discrete Laplace put together from digits', [GOLDEN], ([file]) => {
    const rows = goldenRows<{ scale: string }, Masses>(file, 'discrete_laplace_pmf');
    for (const { params, result } of rows) {
      const scale = Number(params.scale);
      if (scale < 1000) continue;
      expectMasses(massFromDigits(scale, { base: 256, digits: scale > 2 ** 16 ? 2 : 1 }), result);
    }
  });

  itShared('Skellam', [GOLDEN], ([file]) => {
    for (const { params, result } of goldenRows<{ variance: string }, Masses>(
      file,
      'skellam_pmf',
    )) {
      const law = skellam(Number(params.variance));
      expectMasses((k) => law.masses[k]!, result);
    }
  });
});

/** P(X = k) as the sum over all ways to write k with differences of digits. */
function massFromDigits(
  scale: number,
  { base, digits }: { base: number; digits: number },
): (k: number) => bigint {
  const { numerator, denominator } = rationalOf(scale);
  const rate = (place: number): Rational => ({
    numerator: BigInt(place) * denominator,
    denominator: numerator,
  });
  const low = Array.from({ length: digits }, (_, i) => digitDifference(rate(base ** i), base));
  const top = geometricDifference(rate(base ** digits));
  const mass = (k: number, level: number): bigint => {
    if (level === digits) return top.masses[Math.abs(k)] ?? 0n;
    const rest = ((k % base) + base) % base;
    const ways = rest === 0 ? [0] : [rest, rest - base];
    return ways.reduce(
      (sum, e) => sum + times(low[level]!.masses[Math.abs(e)]!, mass((k - e) / base, level + 1)),
      0n,
    );
  };
  return (k) => mass(k, 0);
}

describe('a law', () => {
  const all: [string, Law][] = [
    ['discrete Gaussian of σ = 3.7', discreteGaussian(3.7 ** 2)],
    ['discrete Gaussian of σ = 0.3', discreteGaussian(0.09)],
    ['discrete Laplace of scale 7.5', discreteLaplace(7.5)],
    ['discrete Laplace of scale 0.1', discreteLaplace(0.1)],
    ['digit', digitDifference({ numerator: 1n, denominator: 100n }, 16)],
    ['Skellam of variance 30', skellam(30)],
    ['Skellam of variance 0.01', skellam(0.01)],
  ];

  test.each(all)('%s: falls off from 0, and all but 2^-130 of it is there', (_, { masses }) => {
    for (const [k, mass] of masses.entries()) {
      if (k > 0) expect(mass).toBeLessThan(masses[k - 1]!);
    }
    const total = 2n * masses.reduce((sum, mass) => sum + mass, 0n) - masses[0]!;
    expect(total).toBeLessThanOrEqual(ONE);
    expect(ONE - total).toBeLessThan(1n << (PLACES - 130n));
  });

  test('of digits is the difference of two digits, counted out', () => {
    // q = e^(−ln 2) would be 1/2; with rate 0.75, weights of a digit below 3 are 1, q, q².
    const q = Math.exp(-0.75);
    const digit = [1, q, q * q].map((w) => w / (1 + q + q * q));
    const { masses } = digitDifference({ numerator: 3n, denominator: 4n }, 3);
    const [a, b, c] = digit as [number, number, number];
    const want = [a * a + b * b + c * c, a * b + b * c, a * c];
    for (const [e, mass] of masses.entries()) {
      expect(Number(mass) / Number(ONE)).toBeCloseTo(want[e]!, 14);
    }
  });

  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('has no parameter %d', (bad) => {
    expect(() => discreteGaussian(bad)).toThrow(/sigma2 must be/);
    expect(() => discreteLaplace(bad)).toThrow(/scale must be/);
    expect(() => skellam(bad)).toThrow(/variance must be/);
  });

  test('that is too wide to be one table is refused', () => {
    expect(() => discreteGaussian(2 ** 31)).toThrow('sigma2 must be at most 2^30');
    expect(() => discreteLaplace(5000)).toThrow('scale must be at most 2^10');
    expect(() => skellam(2 ** 24)).toThrow('variance must be at most 2^23');
  });
});
