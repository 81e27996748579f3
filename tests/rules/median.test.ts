import { expect, test } from 'vitest';
import { median } from '../../src/rules/median.ts';
import { applyTo, f32, TELLING_COLUMN } from '../support/apply.ts';

test('the median is the middle value of each column', async () => {
  const rows = [
    [1, -5, 0.1],
    [9, 7, 0.1],
    [4, 7, 0.3],
  ];
  expect((await applyTo(median(), rows)).value).toEqual([4, 7, f32(0.1)]);
  expect((await applyTo(median(), TELLING_COLUMN)).value).toEqual([2]);
});

test('for an even number of rows it is the midpoint of the two middle values', async () => {
  expect((await applyTo(median(), [1, 9, 4, 6])).value).toEqual([5]);
  expect((await applyTo(median(), [3e38, 3e38, 3.2e38, -1])).value).toEqual([f32(3e38)]);
});

test('fewer than half infinite rows do not reach it', async () => {
  const inf = Number.POSITIVE_INFINITY;
  expect((await applyTo(median(), [inf, 1, 2, 3, inf])).value).toEqual([3]);
  expect((await applyTo(median(), [-inf, 1, 2, 3, inf])).value).toEqual([2]);
});
