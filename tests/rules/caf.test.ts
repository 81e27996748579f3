import { describe, expect, test } from 'vitest';
import { caf } from '../../src/rules/caf.ts';
import { applyTo } from '../support/apply.ts';

const INF = Number.POSITIVE_INFINITY;

describe('CAF', () => {
  test('takes weight from rows by how far they lie along the top direction', async () => {
    // Step 1: mean 2, λ = 14/3, τ = 4, 1, 9, so c = 5/9, 8/9, 0. Step 2: mean (8/9)/(13/9) = 8/13 and a
    // smaller λ; then the active τ leave less than n − 2f = 1 of weight.
    const { value, weights, evidence } = await applyTo(caf({ f: 1 }), [0, 1, 5]);
    expect(value[0]).toBeCloseTo(8 / 13, 6);
    expect(weights![0]!.map((w) => 13 * w)).toEqual([
      expect.closeTo(5, 10),
      expect.closeTo(8, 10),
      0,
    ]);
    expect(evidence?.map(({ score }) => score)).toEqual([
      expect.closeTo(5 / 9, 10),
      expect.closeTo(8 / 9, 10),
      0,
    ]);
  });

  test('goes on more slowly where removed rows still count, as byzfl has it', async () => {
    // Step 2 as above with max τ = (5 − 8/13)² = 57²/13²: c = 5/9·(1 − 64/3249), 8/9·(1 − 25/3249), still
    // more than 1; the weight shifts further towards 1.
    const { value } = await applyTo(caf({ f: 1, tauMax: 'all' }), [0, 1, 5]);
    expect(value[0]).toBeGreaterThan(8 / 13);
    expect(value[0]).toBeLessThan(1);
  });

  test('ends where a removed row far away would let no other lose weight', async () => {
    const { value, weights } = await applyTo(caf({ f: 1, tauMax: 'all' }), [0, 1, 1e15]);
    expect(value[0]).toBeCloseTo(0.5, 6);
    expect(weights?.[0]?.[2]).toBe(0);
    // It also shields an attacker: this is why only `active` is bounded.
    const rows = [0, 1, 2, 1e15, 1e30];
    expect((await applyTo(caf({ f: 2, tauMax: 'all' }), rows)).value[0]).toBeGreaterThan(1e14);
    expect((await applyTo(caf({ f: 2 }), rows)).value[0]).toBeCloseTo(1, 6);
  });

  test('is the mean for f = 0 and where all rows agree', async () => {
    expect((await applyTo(caf({ f: 0 }), [0, 1, 5])).value).toEqual([2]);
    expect((await applyTo(caf({ f: 1 }), [0.1, 0.1, 0.1])).value).toEqual([Math.fround(0.1)]);
  });

  test('starts rows with infinities at weight 0', async () => {
    const { value } = await applyTo(caf({ f: 2 }), [INF, 1, 2, -INF, 3]);
    expect(value[0]).toBeCloseTo(2, 6);
    const nothing = await applyTo(caf({ f: 1 }), [INF, INF, INF]);
    expect(nothing.value).toEqual([0]);
  });

  test('removes colluding rows at any distance', async () => {
    const rows = [0, 1, 2, 3, 4, 1e20, 1e20];
    expect((await applyTo(caf({ f: 2 }), rows)).value[0]).toBeCloseTo(2, 6);
  });

  test('empties two rows on opposite sides though rounding leaves one a last bit of weight', async () => {
    const honest = Array.from({ length: 9 }, (_, i) => [i, i % 3, 1]);
    const far = [1e30, 3e29, 3e29];
    const { value, weights } = await applyTo(caf({ f: 2 }), [far, far.map((v) => -v), ...honest]);
    expect(weights?.[0]?.slice(0, 2)).toEqual([0, 0]);
    expect(value[2]).toBeCloseTo(1, 6);
  });

  test('states its condition', async () => {
    await expect(applyTo(caf({ f: 1 }), [1, 2])).rejects.toThrow(
      'caf needs n ≥ 2f + 1 = 3 clients for f = 1, got 2',
    );
  });
});
