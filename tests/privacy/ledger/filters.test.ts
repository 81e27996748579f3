import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { epsilonAt } from '../../../src/privacy/accountants/conversion.ts';
import { GdpAccountant } from '../../../src/privacy/accountants/gdp.ts';
import { RdpAccountant } from '../../../src/privacy/accountants/rdp.ts';
import { zcdpEpsilon } from '../../../src/privacy/accountants/zcdp.ts';
import type { PrivacyEvent } from '../../../src/privacy/event.ts';
import type { BudgetFilter } from '../../../src/privacy/ledger/filter.ts';
import { rdpFilter } from '../../../src/privacy/ledger/rdp-filter.ts';
import { scheduleFilter } from '../../../src/privacy/ledger/schedule-filter.ts';
import { zcdpFilter } from '../../../src/privacy/ledger/zcdp-filter.ts';
import { gaussian } from './support.ts';

const DELTA = 1e-5;
const OVER_BUDGET = expect.objectContaining({ code: 'over-budget' });
const UNSUPPORTED = expect.objectContaining({ code: 'unsupported' });

/** Charges until it refuses; how often it did not. */
function fill(filter: BudgetFilter, event: PrivacyEvent): number {
  for (let n = 0; ; n++) {
    try {
      filter.charge(event);
    } catch (error) {
      expect(error).toEqual(OVER_BUDGET);
      return n;
    }
  }
}

describe('the Rényi filter', () => {
  test('stops before the sum of ρ passes ρ*, worked by hand', () => {
    // α = 11: ρ* = ε − ln(10/11) + (ln δ + ln 11)/10 = 2 + 0.09531 − 0.91150 = 1.18381; a release of
    // z = 5 costs 11/50 = 0.22: five of them.
    const filter = rdpFilter({ epsilon: 2, delta: DELTA, order: 11 });
    expect(fill(filter, gaussian(5))).toBe(5);
    expect(filter.epsilon()).toBeCloseTo(1.1 + (2 - 1.18381), 5);
    // What is left, 0.08381, admits a smaller release still: z = 10 costs 0.055, and one more does not.
    expect(fill(filter, gaussian(10))).toBe(1);
  });

  test('never passes its budget, whatever the costs', () => {
    const multipliers = fc.array(fc.double({ min: 0.5, max: 50, noNaN: true }), { maxLength: 60 });
    fc.assert(
      fc.property(multipliers, fc.integer({ min: 10, max: 60 }), (all, order) => {
        const filter = rdpFilter({ epsilon: 3, delta: DELTA, order });
        let rho = 0;
        for (const z of all) {
          try {
            filter.charge(gaussian(z));
            rho += order / (2 * z * z);
          } catch (error) {
            expect(error).toEqual(OVER_BUDGET);
          }
        }
        expect(epsilonAt(order, (order - 1) * rho, DELTA)).toBeLessThanOrEqual(3);
        expect(filter.epsilon()).toBeLessThanOrEqual(3);
      }),
      { seed: 5 },
    );
  });

  test('refuses an order at which nothing fits, and a mixture of relations', () => {
    expect(() => rdpFilter({ epsilon: 1, delta: DELTA, order: 2 })).toThrow(/order must be larger/);
    expect(() => rdpFilter({ epsilon: 1, delta: DELTA, order: 1 })).toThrow(
      /order must be above 1/,
    );
    const filter = rdpFilter({ epsilon: 2, delta: DELTA, order: 20 });
    filter.charge(gaussian(20));
    expect(() => filter.charge({ ...gaussian(20), relation: 'add-remove' })).toThrow(RangeError);
    expect(filter.epsilon()).toBeGreaterThan(0);
  });
});

describe('the zCDP filter', () => {
  test('uses its budget up to the last release that fits', () => {
    const filter = zcdpFilter({ epsilon: 2, delta: DELTA });
    const n = fill(filter, gaussian(10));
    expect(zcdpEpsilon(n * 0.005, DELTA)).toBeLessThanOrEqual(2);
    expect(zcdpEpsilon((n + 1) * 0.005, DELTA)).toBeGreaterThan(2);
    expect(filter.epsilon()).toBeCloseTo(zcdpEpsilon(n * 0.005, DELTA), 9);
    expect(zcdpFilter({ epsilon: 2, delta: DELTA }).epsilon()).toBe(0);
  });

  test('refuses sampled events, of which it knows nothing, and charges nothing', () => {
    const filter = zcdpFilter({ epsilon: 2, delta: DELTA });
    const sampled: PrivacyEvent = {
      ...gaussian(1),
      sampling: { kind: 'poisson', rate: 0.1 },
      relation: 'add-remove',
    };
    expect(() => filter.charge(sampled)).toThrow(UNSUPPORTED);
    expect(filter.epsilon()).toBe(0);
    filter.charge(gaussian(10));
  });
});

describe('the filter of a schedule', () => {
  const accountant = (): RdpAccountant => new RdpAccountant();
  const schedule = [
    { event: gaussian(10), count: 2 },
    { event: gaussian(20), count: 1 },
  ];

  test('lets the events pass in their order, then none', () => {
    const filter = scheduleFilter({ epsilon: 2, delta: DELTA, schedule, accountant });
    expect(filter.epsilon()).toBe(0);
    filter.charge(gaussian(10));
    expect(() => filter.charge(gaussian(20))).toThrow(/another event next/);
    filter.charge(gaussian(10));
    const two = new RdpAccountant();
    two.compose(gaussian(10), 2);
    expect(filter.epsilon()).toBe(two.epsilon(DELTA));
    filter.charge(gaussian(20));
    expect(() => filter.charge(gaussian(20))).toThrow(OVER_BUDGET);
    two.compose(gaussian(20));
    expect(filter.epsilon()).toBe(two.epsilon(DELTA));
  });

  test('is not made if the whole costs too much, or rests on an estimate', () => {
    const make = (epsilon: number) =>
      scheduleFilter({ epsilon, delta: DELTA, schedule, accountant });
    expect(() => make(0.1)).toThrow(OVER_BUDGET);
    expect(() =>
      scheduleFilter({ epsilon: 9, delta: DELTA, schedule, accountant: () => new GdpAccountant() }),
    ).toThrow(UNSUPPORTED);
    const none = [{ event: gaussian(1), count: 0 }];
    expect(() => scheduleFilter({ epsilon: 9, delta: DELTA, schedule: none, accountant })).toThrow(
      /count must be at least 1/,
    );
  });

  test('does not change with the list it was made of', () => {
    const own = [{ event: structuredClone(gaussian(10)), count: 1 }];
    const filter = scheduleFilter({ epsilon: 2, delta: DELTA, schedule: own, accountant });
    (own[0]!.event.mechanism as { noiseMultiplier: number }).noiseMultiplier = 0.1;
    expect(() => filter.charge(own[0]!.event)).toThrow(OVER_BUDGET);
    filter.charge(gaussian(10));
  });
});

test.each([
  [{ epsilon: 0, delta: DELTA }],
  [{ epsilon: 1, delta: 0 }],
  [{ epsilon: 1, delta: 1 }],
  [{ epsilon: -1, delta: DELTA }],
])('the budget %o is none', (budget) => {
  expect(() => zcdpFilter(budget)).toThrow(RangeError);
  expect(() => rdpFilter({ ...budget, order: 8 })).toThrow(RangeError);
});
