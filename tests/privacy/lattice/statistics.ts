/** Quantiles and tests that fixed draws are held to: each is failed by chance once in a million. */

import { expect } from 'vitest';

/** A normal variable is farther up than this with probability 10⁻⁶. */
const Z = 4.753;
/** Kolmogorov's D·√N is above this with probability 10⁻⁶: 2·e^(−2x²). */
const KOLMOGOROV = 2.694;

/** Pearson's statistic against the chi-square quantile, by Wilson and Hilferty's cube root. */
export function expectChiSquare(counts: readonly { count: number; expected: number }[]): void {
  const degrees = counts.length - 1;
  const statistic = counts.reduce(
    (sum, { count, expected }) => sum + (count - expected) ** 2 / expected,
    0,
  );
  const spread = 2 / (9 * degrees);
  const limit = degrees * (1 - spread + Z * Math.sqrt(spread)) ** 3;
  expect(statistic, `chi-square with ${degrees} degrees of freedom`).toBeLessThan(limit);
}

/** A count against the Poisson law of its mean: neither tail may be below 10⁻⁶. */
export function expectPoisson(count: number, mean: number): void {
  let term = Math.exp(-mean);
  let below = 0;
  for (let k = 0; k < count; k++) {
    below += term;
    term *= mean / (k + 1);
  }
  expect(below, `at least ${count} where ${mean} are expected`).toBeLessThan(1 - 1e-6);
  expect(below + term, `at most ${count} where ${mean} are expected`).toBeGreaterThan(1e-6);
}

/** A sample against a distribution function. Sorts the sample. */
export function expectKolmogorov(sample: Int32Array, cdf: (x: number) => number): void {
  sample.sort();
  let distance = 0;
  for (let i = 0; i < sample.length; i++) {
    const at = cdf(sample[i]!);
    distance = Math.max(
      distance,
      Math.abs(at - i / sample.length),
      Math.abs((i + 1) / sample.length - at),
    );
  }
  expect(distance * Math.sqrt(sample.length), 'Kolmogorov distance').toBeLessThan(KOLMOGOROV);
}

/** Correlation of two samples, in standard errors, against five. */
export function expectUncorrelated(a: ArrayLike<number>, b: ArrayLike<number>, what: string): void {
  const n = Math.min(a.length, b.length);
  let [sa, sb, saa, sbb, sab] = [0, 0, 0, 0, 0];
  for (let i = 0; i < n; i++) {
    const [x, y] = [a[i]!, b[i]!];
    sa += x;
    sb += y;
    saa += x * x;
    sbb += y * y;
    sab += x * y;
  }
  const covariance = sab / n - (sa / n) * (sb / n);
  const spread = Math.sqrt((saa / n - (sa / n) ** 2) * (sbb / n - (sb / n) ** 2));
  expect(Math.abs(covariance / spread) * Math.sqrt(n), what).toBeLessThan(5);
}

/** Φ to 1.5·10⁻⁷, far below what a sample shows (Abramowitz and Stegun, 7.1.26). */
export function normalCdf(x: number): number {
  const z = Math.abs(x) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * z);
  const series =
    t *
    (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const half = (series * Math.exp(-z * z)) / 2;
  return x < 0 ? half : 1 - half;
}
