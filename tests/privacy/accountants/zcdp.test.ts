import { describe, expect, test } from 'vitest';
import { RdpAccountant } from '../../../src/privacy/accountants/rdp.ts';
import {
  ZcdpAccountant,
  zcdpBudget,
  zcdpDelta,
  zcdpEpsilon,
} from '../../../src/privacy/accountants/zcdp.ts';
import { itShared } from '../../support/shared.ts';
import { deviation, eventOf, poissonGaussian, rowsOf, worst } from './support.ts';

const GOLDEN = ['golden/dp_distributed.json'] as const;

describe('Zero-concentrated privacy', () => {
  test('adds up ρ: 1/(2z²), s²/(2σ²), ε²/2', () => {
    const accountant = new ZcdpAccountant();
    accountant.compose(eventOf({ kind: 'gaussian', noiseMultiplier: 2 }), 2);
    expect(accountant.rho).toBe(0.25);
    accountant.compose(eventOf({ kind: 'discrete-gaussian', sigma: 4, sensitivity: 2 }));
    expect(accountant.rho).toBe(0.375);
    accountant.compose(eventOf({ kind: 'laplace', scale: 2 }));
    expect(accountant.rho).toBe(0.5);
    // ⌈log₂(4)⌉/(2·2²)
    accountant.compose(eventOf({ kind: 'tree', noiseMultiplier: 2, steps: 3 }));
    expect(accountant.rho).toBe(0.75);
    accountant.compose(eventOf({ kind: 'zcdp', rho: 0.25 }));
    expect(accountant.rho).toBe(1);
    expect(accountant.epsilon(1e-5)).toBe(zcdpEpsilon(1, 1e-5));
  });

  test('proves less than 1 + 2·√(ln(1/δ)) for ρ = 1, and what the best Rényi order does', () => {
    const epsilon = zcdpEpsilon(1, 1e-5);
    expect(epsilon).toBeLessThan(1 + 2 * Math.sqrt(Math.log(1e5)));
    const rdp = new RdpAccountant();
    rdp.compose(eventOf({ kind: 'zcdp', rho: 1 }));
    expect(deviation(rdp.epsilon(1e-5), epsilon)).toBeLessThan(1e-12);
    expect(deviation(rdp.delta(4), zcdpDelta(1, 4))).toBeLessThan(1e-12);
  });

  test('the budget of (ε, δ) keeps it, and no more would', () => {
    for (const [epsilon, delta] of [
      [0.1, 1e-6],
      [1, 1e-5],
      [20, 1e-9],
    ] as const) {
      const rho = zcdpBudget(epsilon, delta);
      expect(zcdpDelta(rho, epsilon)).toBeLessThanOrEqual(delta);
      expect(zcdpDelta(rho * (1 + 1e-9), epsilon)).toBeGreaterThan(delta);
    }
  });

  test('refuses sampling, Skellam noise and numbers out of range', () => {
    const accountant = new ZcdpAccountant();
    const refused = expect.objectContaining({ code: 'unsupported' });
    const skellam = { kind: 'skellam', variance: 9, l1Sensitivity: 1, l2Sensitivity: 1 } as const;
    expect(() => accountant.compose(poissonGaussian(1, 0.5))).toThrow(refused);
    expect(() => accountant.compose(eventOf(skellam))).toThrow(refused);
    expect(() => zcdpEpsilon(-1, 0.1)).toThrow('rho must be 0 or above');
    expect(() => zcdpBudget(0, 0.1)).toThrow('epsilon must be above 0');
    expect([zcdpEpsilon(0, 0.1), zcdpDelta(0, 0)]).toEqual([0, 0]);
  });

  itShared('agrees with the authors of the conversion', GOLDEN, ([file]) => {
    const epsilon = worst(rowsOf(file, 'zcdp_to_eps'), ({ params, result }) =>
      deviation(zcdpEpsilon(params.rho, params.delta), result.eps),
    );
    const delta = worst(rowsOf(file, 'zcdp_to_delta'), ({ params, result }) =>
      deviation(zcdpDelta(params.rho, params.eps), result.delta),
    );
    const rho = worst(rowsOf(file, 'eps_delta_to_rho'), ({ params, result }) =>
      deviation(zcdpBudget(params.eps, params.delta), result.rho),
    );
    for (const { deviation: most, id } of [epsilon, delta, rho]) {
      expect(most, id).toBeLessThan(1e-12);
    }
  });
});
