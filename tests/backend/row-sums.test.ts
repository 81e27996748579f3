import { expect, test } from 'vitest';
import { rowSumProgram } from '../../src/backend/row-sums.ts';

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Groups that each leave out `f` of `n` rows. */
const allBut = (n: number, f: number): number[][] =>
  upTo(n).map((k) => upTo(n - f).map((i) => (k + i) % n));

test('a program holds, for each group, where its rows stand, by their place among those used', () => {
  const { used, needsTotal, program, reads } = rowSumProgram([[7, 2], [9]]);
  expect(used).toEqual([2, 7, 9]);
  expect(needsTotal).toBe(false);
  expect([...program]).toEqual([0, 8, 10, 10, 0, 10, 11, 11, 1, 0, 2]);
  expect(reads).toBe(3);
});

test('groups that share most rows start from the sum of all', () => {
  const n = 20;
  const { needsTotal, program, reads } = rowSumProgram(allBut(n, 2));
  expect(needsTotal).toBe(true);
  // All rows once, then for each group the sum of all and the two that it leaves out.
  expect(reads).toBe(n + n * 3);
  // Group 5 leaves out rows 3 and 4.
  const [start, first, middle, end] = program.subarray(20, 24);
  expect([start, middle! - first!]).toEqual([1, 0]);
  expect([...program.subarray(middle, end)]).toEqual([3, 4]);
});

test('of groups of all sizes each goes the shorter way', () => {
  const { program } = rowSumProgram([...allBut(30, 1), [3], [4, 5]]);
  const starts = upTo(32).map((k) => program[4 * k]);
  expect(starts).toEqual([...Array(30).fill(1), 0, 0]);
});

test('the sum of all is not made for what it would not save', () => {
  // Three groups of 18 of 20 rows are 54 reads; 20 + 3 · 3 are fewer. One group alone is 18.
  expect(rowSumProgram(allBut(20, 2).slice(0, 3)).needsTotal).toBe(true);
  expect(rowSumProgram([upTo(18), [18, 19]])).toMatchObject({ needsTotal: false, reads: 20 });
  expect(rowSumProgram([upTo(20)])).toMatchObject({ needsTotal: false, reads: 20 });
});

test('a row that a group names twice counts twice, whichever way it goes', () => {
  const { program, reads } = rowSumProgram([...allBut(9, 1), [...upTo(9), 4]]);
  const [start, first, middle, end] = program.subarray(36, 40);
  expect([start, middle! - first!, end! - middle!]).toEqual([1, 1, 0]);
  expect(program[first!]).toBe(4);
  expect(reads).toBe(9 + 9 * 2 + 2);
});
