import { describe, expect, test } from 'vitest';
import { normalCdf } from '../../../src/core/special.ts';
import {
  type DiscreteLoss,
  discretize,
  FINE_RESOLUTION,
  MASS_ERROR,
} from '../../../src/privacy/accountants/discrete-loss.ts';
import {
  gaussianLoss,
  replacedGaussianLoss,
  sampledGaussianAddLoss,
  sampledGaussianRemoveLoss,
} from '../../../src/privacy/accountants/gaussian-loss.ts';
import {
  laplaceLoss,
  sampledLaplaceAddLoss,
  sampledLaplaceRemoveLoss,
} from '../../../src/privacy/accountants/laplace-loss.ts';
import type { PrivacyLoss } from '../../../src/privacy/accountants/privacy-loss.ts';

/** A grid on which 0.1, 0.5, … are grid losses. */
const GRID = { interval: 2 ** -12, resolution: FINE_RESOLUTION };
const EPSILONS = [-0.75, -0.125, 0, 0.125, 0.5, 2, 5, 8] as const;

/** δ(ε) of a law on a grid. */
function deltaOf({ indices, masses, interval, infinite }: DiscreteLoss, epsilon: number): number {
  return masses.reduce((sum, mass, i) => {
    const loss = indices[i]! * interval;
    return loss > epsilon ? sum - mass * Math.expm1(epsilon - loss) : sum;
  }, infinite);
}

/** δ(ε) of N(μ, 1) against N(0, 1). */
function gaussianDelta(z: number, epsilon: number): number {
  const mu = 1 / z;
  const [high, low] = [normalCdf(mu / 2 - epsilon / mu), normalCdf(-mu / 2 - epsilon / mu)];
  return high - Math.exp(epsilon) * low;
}

/** δ(ε) of Laplace noise moved by e scales. */
function laplaceDelta(e: number, epsilon: number): number {
  if (epsilon >= e) return 0;
  return epsilon <= -e ? -Math.expm1(epsilon) : -Math.expm1((epsilon - e) / 2);
}

/** δ of (1 − q)·Q + q·P against Q, from that of P against Q: q·δ(ln(1 + (e^ε − 1)/q)). */
function sampledRemoveDelta(base: (epsilon: number) => number, q: number, epsilon: number): number {
  const ratio = Math.expm1(epsilon) / q;
  return ratio > -1 ? q * base(Math.log1p(ratio)) : -Math.expm1(epsilon);
}

/** δ of Q against (1 − q)·Q + q·P: δ(ε) = 1 − e^ε + e^ε·δ′(−ε), δ′ in the other order. */
function turned(other: (epsilon: number) => number, epsilon: number): number {
  return -Math.expm1(epsilon) + Math.exp(epsilon) * other(-epsilon);
}

/** Laws, their δ in closed form, and whether both orders have it. */
const LAWS: readonly (readonly [string, PrivacyLoss, (epsilon: number) => number])[] = [
  ...[0.4, 1, 30].map((z) => {
    return [`a Gaussian, z = ${z}`, gaussianLoss(z), (e: number) => gaussianDelta(z, e)] as const;
  }),
  ...(
    [
      [1, 0.01],
      [0.5, 0.5],
      [0.3, 1e-4],
      [10, 0.001],
      [0.02, 0.2],
    ] as const
  ).flatMap(([z, q]) => {
    const remove = (e: number): number => sampledRemoveDelta((x) => gaussianDelta(z, x), q, e);
    const name = `a Gaussian, z = ${z}, at rate ${q}`;
    return [
      [`${name}, remove`, sampledGaussianRemoveLoss(z, q), remove],
      [`${name}, add`, sampledGaussianAddLoss(z, q), (e: number) => turned(remove, e)],
      [
        `${name}, replace`,
        replacedGaussianLoss(z, q),
        (e: number) => (e >= 0 ? remove(e) : turned(remove, e)),
      ],
    ] as const;
  }),
  ...[0.3, 1, 20].flatMap((scale) => {
    const base = (e: number): number => laplaceDelta(1 / scale, e);
    const remove = (e: number): number => sampledRemoveDelta(base, 0.05, e);
    return [
      [`Laplace noise, scale ${scale}`, laplaceLoss(scale), base],
      [`Laplace noise, scale ${scale}, remove`, sampledLaplaceRemoveLoss(scale, 0.05), remove],
      [
        `Laplace noise, scale ${scale}, add`,
        sampledLaplaceAddLoss(scale, 0.05),
        (e: number) => turned(remove, e),
      ],
    ] as const;
  }),
];

describe.each(LAWS)('the discrete loss of %s', (name, loss, delta) => {
  const apart = name.includes('z = 0.02');
  const discrete = discretize(loss, GRID);

  test('has positive masses that sum to 1, P’s and Q’s', () => {
    expect(discrete.masses.every((mass) => mass > 0)).toBe(true);
    const p = discrete.masses.reduce((sum, mass) => sum + mass, discrete.infinite);
    const q = discrete.masses.reduce(
      (sum, mass, i) => sum + mass * Math.exp(-discrete.indices[i]! * discrete.interval),
      0,
    );
    expect(Math.abs(p - 1)).toBeLessThan(MASS_ERROR);
    // Q may have mass where P has none to speak of, never more than 1.
    expect(q - 1).toBeLessThan(MASS_ERROR);
    if (!apart) expect(1 - q).toBeLessThan(MASS_ERROR);
  });

  test('has the δ of the closed form at losses of the grid', () => {
    for (const epsilon of EPSILONS) {
      const known = delta(epsilon);
      // The closed form subtracts: it is good to 2⁻⁵⁰ of what it subtracts from, 1 at most.
      const tolerance = MASS_ERROR * Math.abs(known) + 2 ** -50;
      expect(Math.abs(deltaOf(discrete, epsilon) - known)).toBeLessThan(tolerance);
    }
  });

  test('has no less than the true δ between them', () => {
    for (const epsilon of EPSILONS) {
      for (const part of [0.1, 0.5, 0.9]) {
        const between = epsilon + part * GRID.interval;
        const known = delta(between);
        const least = known - MASS_ERROR * Math.abs(known) - 2 ** -50;
        expect(deltaOf(discrete, between)).toBeGreaterThanOrEqual(least);
      }
    }
  });
});

describe('a coarse grid', () => {
  test('has no less than the true δ anywhere', () => {
    const loss = sampledGaussianRemoveLoss(0.6, 0.1);
    for (const resolution of [4, 64, 1024]) {
      const coarse = discretize(loss, { interval: 0.01, resolution });
      for (let epsilon = -0.5; epsilon < 12; epsilon += 0.0371) {
        const known = sampledRemoveDelta((e) => gaussianDelta(0.6, e), 0.1, epsilon);
        expect(deltaOf(coarse, epsilon)).toBeGreaterThanOrEqual(known * (1 - 1e-9) - 2 ** -50);
      }
    }
  });

  test('keeps far masses to all digits: δ of a Gaussian near 10⁻³⁰', () => {
    // From mpmath with 40 digits: δ(11) = 3.698…·10⁻²⁷ and δ(12) at z = 1.
    const discrete = discretize(gaussianLoss(1), { interval: 2 ** -12, resolution: 2 ** 14 });
    expect(Math.abs(deltaOf(discrete, 11) / 3.6984477495257605e-27 - 1)).toBeLessThan(1e-9);
    expect(Math.abs(deltaOf(discrete, 12) / 5.208442068950465e-32 - 1)).toBeLessThan(1e-9);
  });
});
