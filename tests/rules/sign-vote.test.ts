import { expect, test } from 'vitest';
import { signVote } from '../../src/rules/sign-vote.ts';
import { applyTo } from '../support/apply.ts';

test('the sign vote gives the sign that more clients have, whatever their size', async () => {
  const rows = [
    [1e-30, -1, 5],
    [2, -2, -5],
    [-1e30, 3, 0],
  ];
  expect((await applyTo(signVote(), rows)).value).toEqual([1, -1, 0]);
});

test('zeros of either sign abstain, and a split vote gives 0', async () => {
  expect((await applyTo(signVote(), [0, -0, 0, -3])).value).toEqual([-1]);
  expect((await applyTo(signVote(), [2, -3, 0])).value).toEqual([0]);
});

test('an infinite value has one vote', async () => {
  const inf = Number.POSITIVE_INFINITY;
  expect((await applyTo(signVote(), [inf, -1, -1])).value).toEqual([-1]);
});
