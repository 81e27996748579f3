import { describe, expect, test } from 'vitest';
import { flame } from '../../src/rules/flame.ts';
import { applyTo } from '../support/apply.ts';

const INF = Number.POSITIVE_INFINITY;

describe('FLAME', () => {
  test('averages the cluster of directions, clipped to the median norm of all', async () => {
    // Cosines of the first three are 1 and 24/25, the others are far; norms are 5, 10, 5, 1 and 20.
    const rows = [
      [3, 4],
      [6, 8],
      [4, 3],
      [-1, 0],
      [0, -20],
    ];
    const { value, evidence } = await applyTo(flame(), rows);
    expect(value[0]).toBeCloseTo(10 / 3, 6);
    expect(value[1]).toBeCloseTo(11 / 3, 6);
    expect(evidence?.map(({ selected }) => selected)).toEqual([true, true, true, false, false]);
    expect(evidence?.map(({ clipFactor }) => clipFactor)).toEqual([1, 0.5, 1, 1, 0.25]);
    // Nearest to the last is the third, at cosine −0.6: 1.6 over the 0.04 of the cluster.
    expect(evidence?.[4]?.score).toBeCloseTo(40, 6);
  });

  test('takes all rows that join by steps which tie, whatever their order', async () => {
    // Two rows at cosine 0.8 from the first; two of three rows would be enough.
    const rows = [
      [1, 0],
      [4, 3],
      [4, -3],
    ];
    expect((await applyTo(flame(), rows)).value).toEqual([3, 0]);
    expect((await applyTo(flame(), rows.toReversed())).value).toEqual([3, 0]);
  });

  test('holds zero rows for rows at a right angle', async () => {
    const rows = [
      [0, 0],
      [1, 0],
      [1, 0],
      [1, 0],
    ];
    expect((await applyTo(flame(), rows)).weights).toEqual([[0, 1 / 3, 1 / 3, 1 / 3]]);
    expect((await applyTo(flame(), [0, 0, 0])).value).toEqual([0]);
  });

  test('leaves rows with infinities out, and gives zero where there is no other', async () => {
    expect((await applyTo(flame(), [1, INF, 2])).value).toEqual([1.5]);
    expect((await applyTo(flame(), [INF, -INF])).value).toEqual([0]);
  });
});
