import { describe, expect, test } from 'vitest';
import type { Accountant } from '../../src/privacy/accountants/accountant.ts';
import {
  GaussianAccountant,
  gaussianNoiseMultiplier,
} from '../../src/privacy/accountants/gaussian.ts';
import { RdpAccountant } from '../../src/privacy/accountants/rdp.ts';
import { calibrateNoise, calibrateSteps } from '../../src/privacy/calibrate.ts';
import { itShared } from '../support/shared.ts';
import {
  deviation,
  eventOf,
  INTEGER_ORDERS,
  poissonGaussian,
  rowsOf,
} from './accountants/support.ts';

const GOLDEN = ['golden/dp_accounting.json'] as const;
const rdp = (): Accountant => new RdpAccountant();
const integers = (): Accountant => new RdpAccountant({ orders: INTEGER_ORDERS });

describe('Calibration', () => {
  test('finds the least noise, from the safe side', () => {
    const target = { epsilon: 0.7, delta: 1e-6, accountant: () => new GaussianAccountant() };
    const { noiseMultiplier, epsilon } = calibrateNoise((accountant, z) => {
      accountant.compose(eventOf({ kind: 'gaussian', noiseMultiplier: z }), 4);
    }, target);
    const known = 2 * gaussianNoiseMultiplier(0.7, 1e-6);
    expect(noiseMultiplier).toBeGreaterThanOrEqual(known * (1 - 1e-14));
    expect(noiseMultiplier).toBeLessThan(known * (1 + 2 ** -29));
    expect(epsilon).toBeLessThanOrEqual(0.7);
  });

  test('serves plans of several parts, and loose searches', () => {
    const compose = (accountant: Accountant, z: number) => {
      accountant.compose(poissonGaussian(z, 0.1), 100);
      accountant.compose(poissonGaussian(2 * z, 0.5));
    };
    const target = { epsilon: 2, delta: 1e-5, accountant: rdp };
    const fine = calibrateNoise(compose, target);
    const loose = calibrateNoise(compose, { ...target, tolerance: 0.01 });
    expect(loose.noiseMultiplier).toBeGreaterThanOrEqual(fine.noiseMultiplier);
    expect(loose.noiseMultiplier).toBeLessThan(fine.noiseMultiplier * 1.011);
    expect(loose.epsilon).toBeLessThanOrEqual(2);
  });

  test('refuses what no noise and no round can keep', () => {
    const laplace = eventOf({ kind: 'laplace', scale: 0.1 });
    const target = { epsilon: 1, delta: 1e-5, accountant: rdp };
    const refused = expect.objectContaining({ name: 'PrivacyError', code: 'over-budget' });
    expect(() => calibrateNoise((accountant) => accountant.compose(laplace), target)).toThrow(
      refused,
    );
    expect(() =>
      calibrateSteps((accountant, steps) => accountant.compose(laplace, steps), target),
    ).toThrow(refused);
    expect(() => calibrateNoise(() => {}, { ...target, epsilon: 0 })).toThrow(RangeError);
    expect(() => calibrateSteps(() => {}, { ...target, delta: 1 })).toThrow(RangeError);
  });

  test('of what costs nothing: hardly any noise, and any number of rounds', () => {
    const target = { epsilon: 1, delta: 1e-5, accountant: rdp };
    expect(calibrateNoise(() => {}, target).noiseMultiplier).toBeLessThan(1e-5);
    expect(calibrateSteps(() => {}, target)).toEqual({ steps: 2 ** 50, epsilon: 0 });
  });

  itShared('finds the noise that dp_accounting does', GOLDEN, ([file]) => {
    for (const { params, result, id } of rowsOf(file, 'calibrate_sigma')) {
      const { q, steps, eps: epsilon, delta } = params;
      const compose = (accountant: Accountant, z: number) =>
        accountant.compose(poissonGaussian(z, q), steps);
      const target = { epsilon, delta, accountant: integers };
      const found = calibrateNoise(compose, target);
      // Theirs is within 10⁻⁶ of the least.
      expect(Math.abs(found.noiseMultiplier - result.sigma_rdp_integer_orders), id).toBeLessThan(
        2e-6,
      );
      const again = new RdpAccountant({ orders: INTEGER_ORDERS });
      compose(again, found.noiseMultiplier);
      expect(again.epsilon(delta), id).toBeLessThanOrEqual(epsilon);
      expect(again.epsilon(delta), id).toBe(found.epsilon);
    }
  });

  itShared('finds the number of rounds that dp_accounting does', GOLDEN, ([file]) => {
    for (const { params, result } of rowsOf(file, 'calibrate_steps')) {
      const event = poissonGaussian(params.noise_multiplier, params.q);
      const target = { epsilon: params.eps, delta: params.delta, accountant: integers };
      const found = calibrateSteps((accountant, n) => accountant.compose(event, n), target);
      expect(found.steps).toBe(result.max_steps_rdp_integer_orders);
      expect(found.epsilon).toBeLessThanOrEqual(params.eps);
    }
  });

  test('one more round would be too many', () => {
    const event = poissonGaussian(1, 0.01);
    const target = { epsilon: 3, delta: 1e-6, accountant: rdp };
    const { steps, epsilon } = calibrateSteps((a, n) => a.compose(event, n), target);
    const [as, more] = [new RdpAccountant(), new RdpAccountant()];
    as.compose(event, steps);
    more.compose(event, steps + 1);
    expect(deviation(as.epsilon(1e-6), epsilon)).toBe(0);
    expect(more.epsilon(1e-6)).toBeGreaterThan(3);
  });
});
