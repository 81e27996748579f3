import { describe, expect, test } from 'vitest';
import { lowerBound, upperBound } from '../../src/lab/binomial-interval.ts';

describe('bounds on a chance', () => {
  test('are the closed forms at the ends', () => {
    // No success: (1 − p)ⁿ = α. All succeeded: pⁿ = α.
    expect(upperBound({ successes: 0, trials: 20 }, 0.05)).toBeCloseTo(1 - 0.05 ** (1 / 20), 8);
    expect(lowerBound({ successes: 20, trials: 20 }, 0.05)).toBeCloseTo(0.05 ** (1 / 20), 8);
    expect(lowerBound({ successes: 0, trials: 20 }, 0.05)).toBe(0);
    expect(upperBound({ successes: 20, trials: 20 }, 0.05)).toBe(1);
  });

  test('are those of tables', () => {
    // 95 %, two-sided, of 10 in 100: 4.90 % and 17.62 %.
    expect(lowerBound({ successes: 10, trials: 100 }, 0.025)).toBeCloseTo(0.049005, 6);
    expect(upperBound({ successes: 10, trials: 100 }, 0.025)).toBeCloseTo(0.176223, 6);
  });

  test('leave out the true chance no more often than they may, for any chance', () => {
    const trials = 30;
    for (const chance of [0.003, 0.05, 0.3, 0.5, 0.9]) {
      let below = 0;
      let mass = (1 - chance) ** trials;
      for (let successes = 0; successes <= trials; successes++) {
        if (upperBound({ successes, trials }, 0.05) < chance) below += mass;
        mass *= ((trials - successes) / (successes + 1)) * (chance / (1 - chance));
      }
      expect(below).toBeLessThanOrEqual(0.05);
    }
  });

  test('are refused for counts that are none', () => {
    expect(() => upperBound({ successes: 3, trials: 2 }, 0.05)).toThrow('successes');
    expect(() => upperBound({ successes: 0, trials: 0 }, 0.05)).toThrow('trials');
    expect(() => upperBound({ successes: 0, trials: 2 }, 1)).toThrow('alpha');
  });
});
