import { expect, test } from 'vitest';
import { phocas } from '../../src/rules/phocas.ts';
import { applyTo, TELLING_COLUMN } from '../support/apply.ts';

test('Phocas averages the n − f values nearest to the trimmed mean', async () => {
  // The trimmed mean is 23/6 ≈ 3.83; nearest are 2, 1, 0 and both 8.5, while −1 is 4.83 away: 20/5.
  expect((await applyTo(phocas({ f: 2 }), TELLING_COLUMN)).value).toEqual([4]);
});

test('Phocas leaves up to f infinite rows out', async () => {
  const inf = Number.POSITIVE_INFINITY;
  expect((await applyTo(phocas({ f: 1 }), [inf, 1, 2, 6])).value).toEqual([3]);
  expect((await applyTo(phocas({ f: 2 }), [inf, 1, 2, 6, -inf])).value).toEqual([3]);
});

test('Phocas states its condition', async () => {
  await expect(applyTo(phocas({ f: 2 }), [1, 2, 3, 4])).rejects.toThrow(
    'phocas needs n ≥ 2f + 1 = 5 clients for f = 2, got 4',
  );
});
