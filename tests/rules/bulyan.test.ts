import { describe, expect, test } from 'vitest';
import { bulyan } from '../../src/rules/bulyan.ts';
import { applyTo } from '../support/apply.ts';

/**
 * n = 7, f = 1, five picks. Krum picks 3 (score 36 with four neighbours), of the rest 8 (33 with
 * three), 2 (8 with two), 12 (9 with one, tied with 9), 0 (16, tied with 4). The median of the picks is
 * 3; nearest to it are 3, 2 and 0. The five best scores of one Krum are those of 8, 3, 9, 4 and 2, with
 * median 4 and nearest values 4, 3 and 2.
 */
const ROWS = [8, 0, 3, 12, 9, 4, 2];
const INF = Number.POSITIVE_INFINITY;

describe('Bulyan', () => {
  test('picks by Krum anew each time, then averages around the median of the picks', async () => {
    const { value, weights, evidence } = await applyTo(bulyan({ f: 1 }), ROWS);
    expect(value[0]).toBeCloseTo(5 / 3, 6);
    expect(weights).toBeUndefined();
    expect(evidence?.map(({ selected }) => selected)).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
      true,
    ]);
  });

  test('picks the best scores of one Krum under the preset flower', async () => {
    expect((await applyTo(bulyan({ f: 1, preset: 'flower' }), ROWS)).value).toEqual([3]);
  });

  test('is the mean for f = 0', async () => {
    expect((await applyTo(bulyan({ f: 0 }), [0, 1, 8])).value).toEqual([3]);
  });

  test('keeps out a value that is far away in one coordinate only', async () => {
    const rows = [0, 1, 2, 3, 4, 5, 6].map((i) => [i, i === 3 ? 1e6 : 1]);
    expect((await applyTo(bulyan({ f: 1 }), rows)).value[1]).toBe(1);
  });

  test('leaves up to f infinite rows out', async () => {
    const { value } = await applyTo(bulyan({ f: 1 }), [1, 2, 3, INF, 4, 5, 6]);
    expect(Number.isFinite(value[0])).toBe(true);
  });

  test('states its condition', async () => {
    await expect(applyTo(bulyan({ f: 2 }), ROWS)).rejects.toThrow(
      'bulyan needs n ≥ 4f + 3 = 11 clients for f = 2, got 7',
    );
  });
});
