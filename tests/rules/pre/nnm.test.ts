import { expect, test } from 'vitest';
import { nnm } from '../../../src/rules/pre/nnm.ts';
import { applyTo, BYZFL_ROWS } from '../../support/apply.ts';

const INF = Number.POSITIVE_INFINITY;

test('NNM makes each row the mean of its n − f nearest, ties to the lowest index', async () => {
  const { rows, weights } = await applyTo(nnm({ f: 1 }), BYZFL_ROWS);
  expect(rows).toEqual([
    [2.5, 3.5, 4.5],
    [2.5, 3.5, 4.5],
    [5.5, 6.5, 7.5],
  ]);
  expect(weights).toEqual([
    [0.5, 0.5, 0],
    [0.5, 0.5, 0],
    [0, 0.5, 0.5],
  ]);
});

test('NNM makes every row the mean for f = 0', async () => {
  expect((await applyTo(nnm({ f: 0 }), [0, 1, 5])).rows).toEqual([[2], [2], [2]]);
});

test('NNM keeps an infinity in the rows of those who sent one', async () => {
  const { rows } = await applyTo(nnm({ f: 2 }), [INF, 1, 2, -INF, 6]);
  expect(rows).toEqual([[INF], [3], [3], [-INF], [3]]);
});

test('NNM states its condition', async () => {
  await expect(applyTo(nnm({ f: 2 }), [1, 2, 3, 4])).rejects.toThrow(
    'nnm needs n ≥ 2f + 1 = 5 clients for f = 2, got 4',
  );
});
