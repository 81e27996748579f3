import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { topEigenvalue } from '../../src/core/symmetric.ts';
import { mda } from '../../src/rules/mda.ts';
import { smea } from '../../src/rules/smea.ts';
import { applyTo, BYZFL_ROWS } from '../support/apply.ts';

const INF = Number.POSITIVE_INFINITY;

/** The top eigenvalue of the d×d covariance of some rows: not by way of their distances. */
function covarianceTop(rows: readonly (readonly number[])[]): number {
  const d = rows[0]!.length;
  const mean = rows[0]!.map((_, j) => rows.reduce((sum, row) => sum + row[j]!, 0) / rows.length);
  const covariance = new Float64Array(d * d);
  for (const row of rows) {
    for (let j = 0; j < d; j++) {
      for (let k = 0; k < d; k++) {
        covariance[j * d + k]! += ((row[j]! - mean[j]!) * (row[k]! - mean[k]!)) / rows.length;
      }
    }
  }
  return topEigenvalue(covariance, d);
}

function subsets(n: number, size: number, from = 0): number[][] {
  if (size === 0) return [[]];
  if (from >= n) return [];
  const withRow = subsets(n, size - 1, from + 1).map((rest) => [from, ...rest]);
  return [...withRow, ...subsets(n, size, from + 1)];
}

describe('SMEA', () => {
  test('keeps the rows of least spread, not those of least diameter', async () => {
    // 0, 0, 2 span 2 and scatter (4 + 4 + 16)/9 = 8/3; 2, 3, 4.1 span 2.1 and scatter 2.2067.
    const rows = [0, 0, 2, 3, 4.1];
    expect((await applyTo(smea({ f: 2 }), rows)).weights).toEqual([[0, 0, 1 / 3, 1 / 3, 1 / 3]]);
    expect((await applyTo(mda({ f: 2 }), rows)).weights).toEqual([[1 / 3, 1 / 3, 1 / 3, 0, 0]]);
    expect((await applyTo(smea({ f: 1 }), BYZFL_ROWS)).value).toEqual([2.5, 3.5, 4.5]);
  });

  test('finds a subset as good as the best of all subsets', async () => {
    const coordinate = fc.integer({ min: -8, max: 8 });
    const cohorts = fc
      .record({ f: fc.integer({ min: 0, max: 3 }), extra: fc.integer({ min: 0, max: 2 }) })
      .chain(({ f, extra }) => {
        const n = 2 * f + 1 + extra;
        const row = fc.tuple(coordinate, coordinate, coordinate);
        return fc.record({
          f: fc.constant(f),
          rows: fc.array(row, { minLength: n, maxLength: n }),
        });
      });
    await fc.assert(
      fc.asyncProperty(cohorts, async ({ f, rows }) => {
        const { weights } = await applyTo(smea({ f }), rows);
        const kept = rows.filter((_, i) => weights![0]![i]! > 0);
        const best = Math.min(
          ...subsets(rows.length, rows.length - f).map((s) =>
            covarianceTop(s.map((i) => rows[i]!)),
          ),
        );
        expect(kept).toHaveLength(rows.length - f);
        // Two ways of f64 to the same eigenvalue, of at most 3·8² each: rounding, generously.
        expect(covarianceTop(kept)).toBeLessThanOrEqual(best + 1e-11);
      }),
      { seed: 3, numRuns: 150 },
    );
  });

  test('takes the first of equal subsets', async () => {
    expect((await applyTo(smea({ f: 1 }), [0, 1, 2, 3])).value).toEqual([1]);
    expect((await applyTo(smea({ f: 2 }), [5, 5, 5, 5, 5])).weights).toEqual([
      [1 / 3, 1 / 3, 1 / 3, 0, 0],
    ]);
  });

  test('gives up at its cost limit', async () => {
    const rows = Array.from({ length: 15 }, (_, i) => [Math.cos(i * i), Math.sin(i * i), i % 3]);
    await expect(applyTo(smea({ f: 6, maxSubsets: 10 }), rows)).rejects.toMatchObject({
      code: 'cost-limit',
      message:
        'smea looked at 10 partial subsets on its way to 9 of 15 rows in vain: ' +
        'raise maxSubsets or lower f',
    });
  });

  test('leaves up to f infinite rows out', async () => {
    expect((await applyTo(smea({ f: 2 }), [INF, 1, 2, -INF, 6])).value).toEqual([3]);
    expect((await applyTo(smea({ f: 1 }), [-INF, 1, 2, 9])).value).toEqual([4]);
  });

  test('states its condition', async () => {
    await expect(applyTo(smea({ f: 1 }), [1, 2])).rejects.toThrow(
      'smea needs n ≥ 2f + 1 = 3 clients for f = 1, got 2',
    );
  });
});
