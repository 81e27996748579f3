import { describe, expect, test } from 'vitest';
import { monna } from '../../src/rules/monna.ts';
import { applyTo } from '../support/apply.ts';

const INF = Number.POSITIVE_INFINITY;

describe('MoNNA', () => {
  test('averages the n − f rows nearest to the trusted one', async () => {
    const rows = [0, 1, 10, 12, 13];
    const { value, evidence } = await applyTo(monna({ f: 2, trusted: 2 }), rows);
    expect(value[0]).toBeCloseTo(35 / 3, 6);
    expect(evidence?.map(({ score }) => score)).toEqual([100, 81, 0, 4, 9]);
    expect((await applyTo(monna({ f: 2, trusted: 0 }), rows)).value[0]).toBeCloseTo(11 / 3, 6);
  });

  test('breaks ties by the lowest index and always keeps the trusted row', async () => {
    expect((await applyTo(monna({ f: 1, trusted: 1 }), [3, 4, 5])).value).toEqual([3.5]);
    const { weights } = await applyTo(monna({ f: 2, trusted: 4 }), [7, 7, 7, 7, 7]);
    expect(weights).toEqual([[1 / 3, 1 / 3, 0, 0, 1 / 3]]);
  });

  test('leaves up to f infinite rows out', async () => {
    const rows = [INF, 4, 5, -INF, 6];
    expect((await applyTo(monna({ f: 2, trusted: 1 }), rows)).value).toEqual([5]);
  });

  test('states its conditions', async () => {
    await expect(applyTo(monna({ f: 2, trusted: 0 }), [1, 2, 3])).rejects.toThrow(
      'monna needs n ≥ 2f + 1 = 5 clients for f = 2, got 3',
    );
    await expect(applyTo(monna({ f: 1, trusted: 8 }), [1, 2, 3])).rejects.toThrow(
      'monna needs n ≥ trusted + 1 = 9 clients for trusted = 8, got 3',
    );
  });
});
