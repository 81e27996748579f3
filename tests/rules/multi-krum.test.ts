import { describe, expect, test } from 'vitest';
import { multiKrum } from '../../src/rules/multi-krum.ts';
import { applyTo, BYZFL_ROWS } from '../support/apply.ts';

/** n = 8, f = 2; Krum scores 198, 70, 230, 50, 887, 55, 266, 63: see the test of Krum. */
const ROWS = [19, 11, 3, 9, 30, 10, 21, 12];
const INF = Number.POSITIVE_INFINITY;

describe('Multi-Krum', () => {
  test('averages the m rows with the least scores', async () => {
    const { value, weights, evidence } = await applyTo(multiKrum({ f: 2, m: 3 }), ROWS);
    // 9, 10 and 12
    expect(value[0]).toBeCloseTo(31 / 3, 6);
    expect(weights).toEqual([[0, 0, 0, 1 / 3, 0, 1 / 3, 0, 1 / 3]]);
    expect(evidence?.map(({ selected }) => selected)).toEqual(weights![0]!.map((w) => w > 0));
    expect(evidence?.[1]).toEqual({
      score: 70,
      selected: false,
      reason: 'score ranks 4 of 8, 3 kept',
    });
  });

  test('keeps n − f − 2 rows by default', async () => {
    // 9, 10, 11 and 12
    expect((await applyTo(multiKrum({ f: 2 }), ROWS)).value).toEqual([10.5]);
  });

  test('keeps n − f rows under the preset byzfl', async () => {
    const rule = multiKrum({ f: 1, preset: 'byzfl' });
    expect((await applyTo(rule, BYZFL_ROWS)).value).toEqual([2.5, 3.5, 4.5]);
  });

  test('weighs the kept rows by claimed examples under the preset flower', async () => {
    const round = { exampleCounts: [9, 9, 9, 1, 9, 3, 9, 9] };
    const rule = multiKrum({ f: 2, m: 2, preset: 'flower' });
    const { value, weights } = await applyTo(rule, ROWS, round);
    expect(value).toEqual([9.75]);
    expect(weights?.[0]?.filter((w) => w > 0)).toEqual([0.25, 0.75]);
    expect((await applyTo(multiKrum({ f: 2, preset: 'flower' }), ROWS, round)).value).toEqual([9]);
    const uniform = multiKrum({ f: 2, m: 2, preset: 'flower', weighting: 'uniform' });
    expect((await applyTo(uniform, ROWS)).value).toEqual([9.5]);
    await expect(applyTo(rule, ROWS)).rejects.toThrow('needs the round’s example counts');
  });

  test('lets no infinity in while it keeps honest rows only', async () => {
    const rows = [INF, 1, 2, -INF, 3, 4, 5];
    expect((await applyTo(multiKrum({ f: 2 }), rows)).value[0]).toBeCloseTo(3, 6);
  });

  test('states its conditions on f and on m', async () => {
    await expect(applyTo(multiKrum({ f: 1 }), [1, 2, 3, 4])).rejects.toThrow(
      'multi-krum needs n ≥ 2f + 3 = 5 clients for f = 1, got 4',
    );
    const rule = multiKrum({ f: 1, m: 4 });
    expect(rule.minClients).toBe(7);
    await expect(applyTo(rule, [1, 2, 3, 4, 5, 6])).rejects.toThrow(
      'multi-krum needs n ≥ m + f + 2 = 7 clients for f = 1 and m = 4, got 6',
    );
    const flower = multiKrum({ f: 1, m: 4, preset: 'flower', weighting: 'uniform' });
    await expect(applyTo(flower, [1, 2, 3])).rejects.toThrow(
      'multi-krum needs n ≥ m = 4 clients for m = 4, got 3',
    );
    expect(() => multiKrum({ f: 1, m: 0 })).toThrow('m must be at least 1, got 0');
  });

  test('is not called bounded where it may keep a Byzantine row', () => {
    expect(multiKrum({ f: 1 }).laws).toContain('bounded');
    expect(multiKrum({ f: 1, preset: 'flower', m: 3 }).laws).not.toContain('bounded');
    expect(multiKrum({ f: 1, preset: 'byzfl', m: 9 }).laws).not.toContain('bounded');
  });
});
