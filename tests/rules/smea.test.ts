import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { topEigenvalue } from '../../src/core/symmetric.ts';
import { mda } from '../../src/rules/mda.ts';
import { smea } from '../../src/rules/smea.ts';
import { applyTo, BYZFL_ROWS } from '../support/apply.ts';
import { type Crowd, crowds, eligible } from '../support/crowds.ts';
import { type Rows, subsets } from '../support/vectors.ts';

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

/**
 * The first subset of smallest top eigenvalue, found by looking at all. Two ways of f64 to the same
 * eigenvalue differ by some 10⁻¹⁴ of it, and subsets of these rows that do not tie by more than 10⁻¹⁰.
 */
function bySearch(crowd: Crowd): number[] {
  const rows = eligible(crowd);
  const size = crowd.rows.length - crowd.f;
  if (rows.length === size) return rows;
  const found = [...subsets(rows.length, size)].map((chosen) => {
    const kept = chosen.map((k) => rows[k]!);
    return { kept, top: covarianceTop(kept.map((row) => crowd.rows[row]!)) };
  });
  const least = Math.min(...found.map(({ top }) => top));
  return found.find(({ top }) => top <= least * (1 + 1e-10))!.kept;
}

/** Rows of independent Gaussian entries; the last f are moved. */
function gaussian({ n, f, d, shift }: { n: number; f: number; d: number; shift: number }): Rows {
  const random = createRandom(20_230_425);
  return Array.from({ length: n }, (_, i) =>
    Array.from({ length: d }, () => random.normal() + (i < n - f ? 0 : shift)),
  );
}

test.each([1, 0.1, 3e-5])(
  'rows that must be kept may be a whole subset (corners times %s)',
  async (c) => {
    const corners = [
      [1, 1],
      [2, 0],
      [0, 0],
      [2, 2],
      [0, 2],
      [2, 0],
    ].map((row) => row.map((value) => Math.fround(c * value)));
    const { evidence } = await applyTo(smea({ f: 2 }), corners);
    const chosen = [...evidence!.keys()].filter((i) => evidence![i]!.selected);
    expect(chosen).toEqual(bySearch({ kind: 'corners', rows: corners, f: 2 }));
  },
);

describe('SMEA', () => {
  test('keeps the rows of least spread, not those of least diameter', async () => {
    // 0, 0, 2 span 2 and scatter (4 + 4 + 16)/9 = 8/3; 2, 3, 4.1 span 2.1 and scatter 2.2067.
    const rows = [0, 0, 2, 3, 4.1];
    expect((await applyTo(smea({ f: 2 }), rows)).weights).toEqual([[0, 0, 1 / 3, 1 / 3, 1 / 3]]);
    expect((await applyTo(mda({ f: 2 }), rows)).weights).toEqual([[1 / 3, 1 / 3, 1 / 3, 0, 0]]);
    expect((await applyTo(smea({ f: 1 }), BYZFL_ROWS)).value).toEqual([2.5, 3.5, 4.5]);
  });

  test('finds what a search of all subsets finds: ties, duplicates, infinities and all', async () => {
    await fc.assert(
      fc.asyncProperty(crowds(10), async (crowd) => {
        const { weights } = await applyTo(smea({ f: crowd.f }), crowd.rows);
        const kept = weights![0]!.flatMap((weight, row) => (weight > 0 ? [row] : []));
        expect(kept).toEqual(bySearch(crowd));
      }),
      { seed: 3, numRuns: 400 },
    );
  });

  test('needs few steps where subsets are without number', async () => {
    // C(40, 12) ≈ 5.6·10⁹ subsets. Attackers that stand out, then such as hide among the others.
    const far = gaussian({ n: 40, f: 12, d: 10, shift: 4 });
    const { evidence } = await applyTo(smea({ f: 12, maxSubsets: 200 }), far);
    expect(evidence?.map(({ selected }) => selected)).toEqual(far.map((_, i) => i < 28));
    const near = gaussian({ n: 40, f: 12, d: 10, shift: 0 });
    const { weights } = await applyTo(smea({ f: 12, maxSubsets: 20_000 }), near);
    const kept = near.filter((_, i) => weights![0]![i]! > 0);
    // No exchange of one row for another is better.
    for (const out of near.filter((row) => !kept.includes(row))) {
      for (const inside of kept) {
        const other = kept.map((row) => (row === inside ? out : row));
        expect(covarianceTop(other)).toBeGreaterThan(covarianceTop(kept));
      }
    }
  });

  test('lets timers fire while it searches, and ends on the signal of the round', async () => {
    // Rows with nothing to tell them apart: a search of minutes.
    const rows = gaussian({ n: 40, f: 12, d: 800, shift: 0 });
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('enough')), 100);
    const { signal } = controller;
    await expect(applyTo(smea({ f: 12 }), rows, { signal })).rejects.toThrow('enough');
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
