import { expect, test } from 'vitest';
import { arc } from '../../../src/rules/pre/arc.ts';
import { applyTo, BYZFL_ROWS } from '../../support/apply.ts';

const INF = Number.POSITIVE_INFINITY;

test('ARC clips the ⌊2f(n − f)/n⌋ longest rows to the next longest', async () => {
  // n = 5, f = 2: ⌊12/5⌋ = 2 rows are clipped to 3.
  const { rows, evidence } = await applyTo(arc({ f: 2 }), [1, -8, 3, 2, 4]);
  expect(rows).toEqual([[1], [-3], [3], [2], [3]]);
  expect(evidence?.map(({ clipFactor }) => clipFactor)).toEqual([1, 0.375, 1, 1, 0.75]);
});

test('ARC agrees with byzfl’s documentation', async () => {
  const { rows } = await applyTo(arc({ f: 1 }), BYZFL_ROWS);
  expect(rows.slice(0, 2)).toEqual(BYZFL_ROWS.slice(0, 2));
  for (const [j, expected] of [4.41004, 5.04005, 5.67005].entries()) {
    expect(rows[2]![j]).toBeCloseTo(expected, 4);
  }
});

test('ARC does nothing for f = 0', async () => {
  expect((await applyTo(arc({ f: 0 }), [1, 5])).rows).toEqual([[1], [5]]);
});

test('ARC makes rows with infinities zero, also where they are more than it clips', async () => {
  expect((await applyTo(arc({ f: 1 }), [INF, 2, 1])).rows).toEqual([[0], [2], [1]]);
  expect((await applyTo(arc({ f: 1 }), [INF, -INF, 1])).rows).toEqual([[0], [0], [1]]);
});

test('ARC states its condition', async () => {
  await expect(applyTo(arc({ f: 1 }), [1, 2])).rejects.toThrow(
    'arc needs n ≥ 2f + 1 = 3 clients for f = 1, got 2',
  );
});
