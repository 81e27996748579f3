import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AggregationError } from '../../src/core/errors.ts';
import { mda } from '../../src/rules/mda.ts';
import { applyTo, BYZFL_ROWS } from '../support/apply.ts';

const INF = Number.POSITIVE_INFINITY;

/** The first subset of least diameter, found by looking at all. */
function bySearch(rows: readonly (readonly number[])[], size: number): number[] {
  let best = { diameter: INF, rows: [] as number[] };
  const visit = (chosen: number[]): void => {
    if (chosen.length === size) {
      let diameter = 0;
      for (const i of chosen) {
        for (const j of chosen) diameter = Math.max(diameter, squaredDistance(rows[i]!, rows[j]!));
      }
      if (diameter < best.diameter) best = { diameter, rows: chosen };
      return;
    }
    for (let row = (chosen.at(-1) ?? -1) + 1; row < rows.length; row++) visit([...chosen, row]);
  };
  visit([]);
  return best.rows;
}

function squaredDistance(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, j) => sum + (value - b[j]!) ** 2, 0);
}

describe('MDA', () => {
  test('averages the n − f rows of least diameter', async () => {
    // 2.5, 4 and 5 span 2.5; 0, 1 and 2.5 span it too but 0 comes later in the order of rows.
    const { value, evidence } = await applyTo(mda({ f: 2 }), [5, 4, 2.5, 1, 0]);
    expect(value[0]).toBeCloseTo(11.5 / 3, 6);
    expect(evidence?.map(({ selected }) => selected)).toEqual([true, true, true, false, false]);
  });

  test('takes the first subset in lexicographic order among equal diameters', async () => {
    expect((await applyTo(mda({ f: 1 }), [0, 1, 2, 3])).value).toEqual([1]);
    expect((await applyTo(mda({ f: 1 }), BYZFL_ROWS)).value).toEqual([2.5, 3.5, 4.5]);
  });

  test('finds what a search of all subsets finds, ties included', async () => {
    const coordinate = fc.integer({ min: 0, max: 6 });
    const cohorts = fc
      .record({ f: fc.integer({ min: 0, max: 4 }), extra: fc.integer({ min: 0, max: 3 }) })
      .chain(({ f, extra }) => {
        const n = 2 * f + 1 + extra;
        const rows = fc.array(fc.tuple(coordinate, coordinate), { minLength: n, maxLength: n });
        return fc.record({ f: fc.constant(f), rows });
      });
    await fc.assert(
      fc.asyncProperty(cohorts, async ({ f, rows }) => {
        const { weights } = await applyTo(mda({ f }), rows);
        const kept = weights![0]!.flatMap((weight, row) => (weight > 0 ? [row] : []));
        expect(kept).toEqual(bySearch(rows, rows.length - f));
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  test('needs few steps where subsets are without number', async () => {
    // C(60, 29) ≈ 10¹⁷ subsets.
    const rows = Array.from({ length: 60 }, (_, i) => (i < 31 ? Math.sin(i) : 50 + 10 * i));
    const { weights } = await applyTo(mda({ f: 29, maxSubsets: 1000 }), rows);
    expect(weights![0]!.map((weight) => weight > 0)).toEqual(rows.map((_, i) => i < 31));
  });

  test('gives up at its cost limit and says what to do', async () => {
    const rows = Array.from({ length: 21 }, (_, i) => [Math.cos(i * i), Math.sin(i * i)]);
    await expect(applyTo(mda({ f: 8, maxSubsets: 3 }), rows)).rejects.toThrow(
      new AggregationError(
        'cost-limit',
        'mda looked at 3 partial subsets on its way to 13 of 21 rows in vain: ' +
          'raise maxSubsets or lower f',
      ),
    );
  });

  test('leaves up to f infinite rows out', async () => {
    expect((await applyTo(mda({ f: 2 }), [INF, 1, 2, -INF, 6])).value).toEqual([3]);
    expect((await applyTo(mda({ f: 1 }), [-INF, 1, 2, 9])).value).toEqual([4]);
  });

  test('states its condition', async () => {
    await expect(applyTo(mda({ f: 2 }), [1, 2, 3])).rejects.toThrow(
      'mda needs n ≥ 2f + 1 = 5 clients for f = 2, got 3',
    );
  });
});
