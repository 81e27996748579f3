import { describe, expect, test } from 'vitest';
import { AggregationError } from '../../src/core/errors.ts';
import { krum } from '../../src/rules/krum.ts';
import { applyTo, BYZFL_ROWS, f32 } from '../support/apply.ts';

/**
 * n = 8, f = 2. With n − f − 2 = 4 neighbours, 9 has the least sum of squares: 10, 11, 12 and 3 are at
 * 1 + 4 + 9 + 36 = 50. With n − f − 1 = 5 neighbours it is 11: 1 + 1 + 4 + 64 + 64 = 134, against 150 for
 * 9. By distances that are not squared it would be 10.
 */
const ROWS = [19, 11, 3, 9, 30, 10, 21, 12];
const INF = Number.POSITIVE_INFINITY;

describe('Krum', () => {
  test('returns the row nearest to its n − f − 2 neighbours by squared distance', async () => {
    const { value, weights, evidence } = await applyTo(krum({ f: 2 }), ROWS);
    expect(value).toEqual([9]);
    expect(weights).toEqual([[0, 0, 0, 1, 0, 0, 0, 0]]);
    expect(evidence?.map(({ score }) => score)).toEqual([198, 70, 230, 50, 887, 55, 266, 63]);
    expect(evidence?.map(({ selected }) => selected).indexOf(true)).toBe(3);
    expect(evidence?.[4]?.reason).toBe('score ranks 8 of 8, 1 kept');
  });

  test('takes n − f − 1 neighbours under the preset byzfl', async () => {
    expect((await applyTo(krum({ f: 2, preset: 'byzfl' }), ROWS)).value).toEqual([11]);
    expect((await applyTo(krum({ f: 1, preset: 'byzfl' }), BYZFL_ROWS)).value).toEqual([1, 2, 3]);
  });

  test('takes at least one neighbour and sets no condition under the preset flower', async () => {
    expect((await applyTo(krum({ f: 2, preset: 'flower' }), ROWS)).value).toEqual([9]);
    expect((await applyTo(krum({ f: 7, preset: 'flower' }), [0, 5, 6])).value).toEqual([5]);
    expect((await applyTo(krum({ f: 0, preset: 'flower' }), [3])).value).toEqual([3]);
  });

  test('returns the very bits of the row', async () => {
    const rows = [0.1, 0.1, 0.3, 0.2, 7].map((v) => [v, -0, 1e-42]);
    const { value } = await applyTo(krum({ f: 1 }), rows);
    expect(value).toEqual([f32(0.1), -0, f32(1e-42)]);
  });

  test('breaks ties by the lowest index', async () => {
    expect((await applyTo(krum({ f: 0 }), [5, 4, 5, 4])).value).toEqual([5]);
    expect((await applyTo(krum({ f: 0 }), [4, 5, 4, 5])).value).toEqual([4]);
  });

  test('never picks a row with an infinity while honest rows are there', async () => {
    const { value, evidence } = await applyTo(krum({ f: 2 }), [INF, 1, 2, -INF, 3, 4, 5]);
    expect(value).toEqual([2]);
    expect(evidence?.[0]?.score).toBe(INF);
    // Every score is infinite; the finite row still comes first.
    expect((await applyTo(krum({ f: 0, preset: 'flower' }), [INF, 2, -INF])).value).toEqual([2]);
  });

  test('sees differences that products would lose: a large offset, values far out of range', async () => {
    const offset = ROWS.map((row) => 1e6 + row / 8);
    expect((await applyTo(krum({ f: 2 }), offset)).value).toEqual([1e6 + 9 / 8]);
    const huge = ROWS.map((row) => row * 1e37);
    expect((await applyTo(krum({ f: 2 }), huge)).value).toEqual([f32(9e37)]);
    const tiny = ROWS.map((row) => row * 1e-38);
    expect((await applyTo(krum({ f: 2 }), tiny)).value).toEqual([f32(9e-38)]);
  });

  test('states its condition, each preset its own', async () => {
    await expect(applyTo(krum({ f: 2 }), [1, 2, 3, 4, 5])).rejects.toThrow(
      new AggregationError('constraint', 'krum needs n ≥ 2f + 3 = 7 clients for f = 2, got 5'),
    );
    await expect(applyTo(krum({ f: 2, preset: 'byzfl' }), [1, 2, 3, 4])).rejects.toThrow(
      'krum needs n ≥ 2f + 1 = 5 clients for f = 2, got 4',
    );
    expect(krum({ f: 2 }).minClients).toBe(7);
    expect(krum({ f: 2, preset: 'flower' }).minClients).toBe(1);
    expect(() => krum({ f: 1, preset: 'other' as 'paper' })).toThrow(
      'preset must be one of paper, byzfl, flower, got "other"',
    );
  });
});
