import { expect, test } from 'vitest';
import { mean } from '../../src/rules/mean.ts';
import { applyTo, f32, TELLING_COLUMN } from '../support/apply.ts';

test('the mean adds every row with the same weight', async () => {
  const rows = [
    [1, 2],
    [3, 8],
    [8, 2],
  ];
  const { value, weights } = await applyTo(mean(), rows);
  expect(value).toEqual([4, 4]);
  expect(weights).toEqual([[1 / 3, 1 / 3, 1 / 3]]);
  expect((await applyTo(mean(), TELLING_COLUMN)).value).toEqual([17]);
});

test('the mean of numbers near the end of f32 does not overflow', async () => {
  expect((await applyTo(mean(), [3e38, 3e38, 3e38])).value).toEqual([f32(3e38)]);
});

test('one client moves the mean anywhere, infinity included', async () => {
  expect((await applyTo(mean(), [0, 0, 3e30])).value[0]).toBeCloseTo(1e30, -24);
  expect((await applyTo(mean(), [0, 0, Number.NEGATIVE_INFINITY])).value).toEqual([
    Number.NEGATIVE_INFINITY,
  ]);
});
