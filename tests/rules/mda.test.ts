import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AggregationError } from '../../src/core/errors.ts';
import { mda } from '../../src/rules/mda.ts';
import { applyTo, BYZFL_ROWS } from '../support/apply.ts';
import { type Crowd, crowds, eligible } from '../support/crowds.ts';
import { diameterOf, subsets } from '../support/vectors.ts';

const INF = Number.POSITIVE_INFINITY;

/** The first subset of least diameter, found by looking at all. */
function bySearch(crowd: Crowd): number[] {
  const rows = eligible(crowd);
  const size = crowd.rows.length - crowd.f;
  if (rows.length === size) return rows;
  let best = { diameter: INF, rows: [] as number[] };
  for (const chosen of subsets(rows.length, size)) {
    const kept = chosen.map((k) => rows[k]!);
    const diameter = diameterOf(kept.map((row) => crowd.rows[row]!));
    if (diameter < best.diameter) best = { diameter, rows: kept };
  }
  return best.rows;
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

  test('finds what a search of all subsets finds: ties, duplicates, infinities and all', async () => {
    await fc.assert(
      fc.asyncProperty(crowds(11), async (crowd) => {
        const { weights } = await applyTo(mda({ f: crowd.f }), crowd.rows);
        const kept = weights![0]!.flatMap((weight, row) => (weight > 0 ? [row] : []));
        expect(kept).toEqual(bySearch(crowd));
      }),
      { seed: 7, numRuns: 400 },
    );
  });

  test('needs few steps where subsets are without number', async () => {
    // C(60, 29) ≈ 10¹⁷ subsets.
    const rows = Array.from({ length: 60 }, (_, i) => (i < 31 ? Math.sin(i) : 50 + 10 * i));
    const { weights } = await applyTo(mda({ f: 29, maxSubsets: 1000 }), rows);
    expect(weights![0]!.map((weight) => weight > 0)).toEqual(rows.map((_, i) => i < 31));
  });

  test('ends on the signal of the round', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(applyTo(mda({ f: 1 }), [0, 1, 5], { signal })).rejects.toThrow('enough');
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
