import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { discreteGaussianDelta } from '../../../src/privacy/accountants/discrete-gaussian.ts';
import {
  GaussianAccountant,
  gaussianDelta,
  gaussianEpsilon,
  gaussianNoiseMultiplier,
} from '../../../src/privacy/accountants/gaussian.ts';
import { GdpAccountant } from '../../../src/privacy/accountants/gdp.ts';
import { RdpAccountant } from '../../../src/privacy/accountants/rdp.ts';
import { itShared } from '../../support/shared.ts';
import { deviation, eventOf, poissonGaussian, rowsOf, worst } from './support.ts';

const GOLDEN = ['golden/dp_accounting.json'] as const;
const gaussian = (noiseMultiplier: number) => eventOf({ kind: 'gaussian', noiseMultiplier });

describe('Normal noise without sampling', () => {
  test('at ε = 0 is total variation: 2Φ(1/(2z)) − 1', () => {
    // 2·Φ(1) − 1 and 2·Φ(½) − 1
    expect(deviation(gaussianDelta(0.5, 0), 0.6826894921370859)).toBeLessThan(1e-14);
    expect(deviation(gaussianDelta(1, 0), 0.3829249225480262)).toBeLessThan(1e-14);
  });

  test('with much noise is 1/(z·√(2π)) at ε = 0, to all digits', () => {
    for (const z of [1e3, 1e6, 1e16, 1e100]) {
      const error = deviation(gaussianDelta(z, 0) * z, 1 / Math.sqrt(2 * Math.PI));
      expect(error).toBeLessThan(1e-14 + 1 / (23 * z * z));
    }
    // φ(1)·(1 − R(1))/z at ε = 1/z, with 1 − R(1) = 0.3443204575812…
    expect(deviation(gaussianDelta(1e16, 1e-16) * 1e16, 0.0833154705876862)).toBeLessThan(1e-12);
  });

  test('goes over from one formula to the other', () => {
    const fall = (z: number) => gaussianDelta(z, 2 / z) * z;
    expect(deviation(fall(64 * (1 - 1e-12)), fall(64 * (1 + 1e-12)))).toBeLessThan(1e-12);
  });

  test('ε and z are at the safe end of their brackets', () => {
    const z = fc.double({ min: 0.05, max: 1e4, noNaN: true });
    const logDelta = fc.double({ min: -60, max: -1, noNaN: true });
    fc.assert(
      fc.property(z, logDelta, (noise, log) => {
        const delta = Math.exp(log);
        const epsilon = gaussianEpsilon(noise, delta);
        expect(gaussianDelta(noise, epsilon)).toBeLessThanOrEqual(delta);
        if (epsilon === 0) return;
        expect(gaussianDelta(noise, epsilon * (1 - 1e-9))).toBeGreaterThan(delta);
        const back = gaussianNoiseMultiplier(epsilon, delta);
        expect(gaussianDelta(back, epsilon)).toBeLessThanOrEqual(delta);
        expect(deviation(back, noise)).toBeLessThan(1e-9);
      }),
    );
  });

  test('with next to none, or endless noise', () => {
    expect(gaussianDelta(1e-200, 5)).toBe(1);
    expect(gaussianEpsilon(1e-200, 1e-5)).toBe(Number.POSITIVE_INFINITY);
    expect(gaussianDelta(Number.POSITIVE_INFINITY, 0)).toBe(0);
    expect(() => gaussianDelta(0, 1)).toThrow('noiseMultiplier must be above 0');
    expect(() => gaussianDelta(1, -1)).toThrow('epsilon must be 0 or above');
  });

  test('T rounds are one with √T less noise, and a tree is its height in rounds', () => {
    const [rounds, tree] = [new GaussianAccountant(), new GaussianAccountant()];
    rounds.compose(gaussian(6), 4);
    // ⌈log₂(9)⌉ = 4 nodes
    tree.compose(eventOf({ kind: 'tree', noiseMultiplier: 6, steps: 8 }));
    expect(deviation(rounds.epsilon(1e-5), gaussianEpsilon(3, 1e-5))).toBeLessThan(1e-12);
    expect(tree.epsilon(1e-5)).toBe(rounds.epsilon(1e-5));
  });

  test('is never above what Rényi divergence proves', () => {
    for (const z of [0.3, 1, 4, 30]) {
      const [exact, bound] = [new GaussianAccountant(), new RdpAccountant()];
      for (const accountant of [exact, bound]) accountant.compose(gaussian(z));
      for (const delta of [1e-12, 1e-5, 0.01]) {
        expect(exact.epsilon(delta)).toBeLessThanOrEqual(bound.epsilon(delta));
      }
      expect(exact.delta(1)).toBeLessThanOrEqual(bound.delta(1));
    }
  });

  test('refuses sampling and other noise', () => {
    const refused = expect.objectContaining({ code: 'unsupported' });
    const accountant = new GaussianAccountant();
    expect(() => accountant.compose(poissonGaussian(1, 0.5))).toThrow(refused);
    expect(() => accountant.compose(eventOf({ kind: 'zcdp', rho: 1 }))).toThrow(refused);
  });

  itShared('agrees with dp_accounting', GOLDEN, ([file]) => {
    const epsilon = worst(rowsOf(file, 'gaussian_eps_from_sigma'), ({ params, result }) =>
      deviation(gaussianEpsilon(params.sigma / params.sensitivity, params.delta), result.eps),
    );
    const sigma = worst(rowsOf(file, 'gaussian_sigma_from_eps'), ({ params, result }) =>
      deviation(
        gaussianNoiseMultiplier(params.eps, params.delta) * params.sensitivity,
        result.sigma,
      ),
    );
    const sampled = rowsOf(file, 'poisson_subsampled_gaussian');
    const analytic = worst(
      sampled.filter(({ result }) => typeof result.eps_analytic_gaussian === 'number'),
      ({ params, result }) => {
        const z = params.noise_multiplier / Math.sqrt(params.steps);
        return deviation(gaussianEpsilon(z, params.delta), result.eps_analytic_gaussian);
      },
    );
    for (const { deviation: most, id } of [epsilon, sigma, analytic]) {
      expect(most, id).toBeLessThan(1e-9);
    }
  });
});

describe('The central limit', () => {
  test('is μ = q·√(T·(e^(1/z²) − 1)), and says that it is an estimate', () => {
    const accountant = new GdpAccountant();
    accountant.compose(poissonGaussian(1, 0.01), 10_000);
    const mu = 0.01 * Math.sqrt(10_000 * (Math.E - 1));
    expect(deviation(accountant.epsilon(1e-5), gaussianEpsilon(1 / mu, 1e-5))).toBeLessThan(1e-12);
    expect(accountant.isEstimate).toBe(true);
    expect('isEstimate' in new RdpAccountant()).toBe(false);
  });

  test('is below the truth where rounds are few: no bound', () => {
    const accountant = new GdpAccountant();
    accountant.compose(poissonGaussian(0.7, 0.01));
    // Sampling with rate q takes δ at ε to q·δ at ln(1 + q·(e^ε − 1)): Balle, Barthe, Gaboardi, 2018.
    const truth = 0.01 * gaussianDelta(0.7, Math.log1p(Math.expm1(1) / 0.01));
    expect(accountant.delta(1)).toBeLessThan(truth);
  });

  test('refuses what it knows no limit of', () => {
    const accountant = new GdpAccountant();
    const refused = expect.objectContaining({ code: 'unsupported' });
    expect(() => accountant.compose(eventOf({ kind: 'laplace', scale: 1 }))).toThrow(refused);
    const replaced = { ...poissonGaussian(1, 0.1), relation: 'replace-one' } as const;
    expect(() => accountant.compose(replaced)).toThrow(refused);
  });
});

describe('One integer with discrete Gaussian noise', () => {
  itShared('agrees with exact sums', ['golden/dp_distributed.json'], ([file]) => {
    const rows = rowsOf(file, 'discrete_gaussian_exact_delta_1d');
    const found = worst(rows, ({ params, result }) => {
      const noise = { sigma: Math.sqrt(params.sigma2), sensitivity: params.sensitivity };
      const ours = discreteGaussianDelta(noise, params.eps);
      // Theirs is a difference, which has no digits below 10⁻¹⁵ of its parts.
      return Math.abs(ours - result.delta) / Math.max(result.delta, 1e-14);
    });
    expect(found.deviation, found.id).toBeLessThan(1e-2);
  });

  test('is Σ max(0, p(k) − e^ε·p(k + s))', () => {
    const weight = (k: number) => Math.exp(-(k * k) / 8);
    let [sum, all] = [0, 0];
    for (let k = -60; k <= 60; k++) {
      sum += Math.max(0, weight(k) - Math.E ** 0.5 * weight(k + 3));
      all += weight(k);
    }
    const ours = discreteGaussianDelta({ sigma: 2, sensitivity: 3 }, 0.5);
    expect(deviation(ours, sum / all)).toBeLessThan(1e-13);
  });

  test('goes over to that of continuous noise', () => {
    const ours = discreteGaussianDelta({ sigma: 5000, sensitivity: 5000 }, 1);
    expect(deviation(ours, gaussianDelta(1, 1))).toBeLessThan(1e-6);
    expect(() => discreteGaussianDelta({ sigma: 1, sensitivity: 1.5 }, 1)).toThrow(TypeError);
  });
});
