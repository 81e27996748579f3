import { expect, test } from 'vitest';
import { meaMed } from '../../src/rules/mea-med.ts';
import { applyTo, BYZFL_ROWS, f32, TELLING_COLUMN } from '../support/apply.ts';

test('MeaMed averages the n − f values nearest to the median', async () => {
  // The median is 2; nearest are 2, 1, 0, −1 and one 8.5: 10.5/5.
  const { value } = await applyTo(meaMed({ f: 2 }), TELLING_COLUMN);
  expect(value).toEqual([f32(2.1)]);
});

test('MeaMed gives equal distances to the lower value', async () => {
  expect((await applyTo(meaMed({ f: 1 }), [7, 4, 1])).value).toEqual([2.5]);
  expect((await applyTo(meaMed({ f: 1 }), BYZFL_ROWS)).value).toEqual([2.5, 3.5, 4.5]);
});

test('MeaMed leaves up to f infinite rows out', async () => {
  const inf = Number.POSITIVE_INFINITY;
  expect((await applyTo(meaMed({ f: 2 }), [inf, 1, 2, 6, inf])).value).toEqual([3]);
});

test('MeaMed states its condition', async () => {
  await expect(applyTo(meaMed({ f: 1 }), [1, 2])).rejects.toThrow(
    'mea-med needs n ≥ 2f + 1 = 3 clients for f = 1, got 2',
  );
});
