import { describe, expect, test } from 'vitest';
import { SecureError } from '../../src/core/errors.ts';
import { type EncodingPlan, planEncoding } from '../../src/secagg/encode.ts';
import { addNoise, fewestNoisy, requireRoom } from '../../src/secagg/noise.ts';

function planOf(ringBits: number): EncodingPlan {
  return planEncoding({
    dimensions: 25,
    ringBits,
    valueBits: 8,
    clip: 1,
    maxClients: 16,
    weights: 'uniform',
  });
}

describe('noise', () => {
  test('is added to entries, never to slots', async () => {
    const words = new Uint32Array(4 + 3);
    const source = {
      add: async (entries: Uint32Array) => {
        expect(entries.length).toBe(3);
        entries.set([1, 0xffff_ffff, 2]);
      },
    };
    await addNoise(words, source);
    expect([...words]).toEqual([0, 0, 0, 0, 1, 0xffff_ffff, 2]);
  });

  test('is made up of that of the fewest who neither drop out nor collude', () => {
    expect(fewestNoisy({ minSum: 16, corrupt: 3 })).toBe(13);
    expect(fewestNoisy({ minSum: 4, corrupt: 3 })).toBe(1);
    expect(() => fewestNoisy({ minSum: 3, corrupt: 3 })).toThrow(
      new SecureError(
        'infeasible',
        'n_sum_min > c is needed for noise that nobody knows, got 3 ≤ 3',
      ),
    );
    expect(() => fewestNoisy({ minSum: 3, corrupt: -1 })).toThrow(RangeError);
  });

  test('has room in the ring, or is refused with the inequality', () => {
    // S = 127, n = 16, D = 25, b = 12: √(127²·16²/25 + 16·(¼ + v)) ≤ 2¹²/8 = 512, so that
    // v ≤ (512² − 165161.6…)/16 − ¼ = 6061.15: 127²·256/25 = 165160.96, 262144 − that = 96983.04.
    expect(requireRoom(planOf(12), { law: 'skellam', variance: 6061.1 }).variance).toBe(6061.1);
    expect(() => requireRoom(planOf(12), { law: 'skellam', variance: 6061.3 })).toThrow(
      new SecureError(
        'overflow',
        '2^b ≥ 8·√(S²n²/D + n·(1/4 + σ²)) is needed for sums with noise not to wrap around, got ' +
          'b = 12 where b ≥ 13: take fewer bits of value or a wider ring',
      ),
    );
    expect(requireRoom(planOf(13), { law: 'skellam', variance: 6061.3 }).law).toBe('skellam');
  });

  test('of discrete Gaussians is wide enough to add up', () => {
    const law = 'discrete-gaussian';
    expect(requireRoom(planOf(16), { law, variance: 4 })).toEqual({ law, variance: 4 });
    expect(() => requireRoom(planOf(16), { law, variance: 3.99 })).toThrow('σ_local ≥ 2 steps');
    expect(requireRoom(planOf(16), { law: 'skellam', variance: 0.5 }).variance).toBe(0.5);
    expect(() => requireRoom(planOf(16), { law, variance: 0 })).toThrow(RangeError);
    expect(() => requireRoom(planOf(16), { law: 'laplace' as 'skellam', variance: 4 })).toThrow(
      'law must be one of skellam, discrete-gaussian',
    );
  });
});
