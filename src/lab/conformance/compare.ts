/**
 * Whether a result is one of the right answers: entry by entry |r − e| ≤ abs + rel · |e|, or r = e.
 *
 * @module
 */

import type { Golden, GoldenCase, GoldenInput, Reference } from './golden.ts';

/** How a result compares with the closest of the accepted answers. */
export interface Verdict {
  readonly ok: boolean;
  /**
   * Largest error in units of the tolerance: at most 1 passes; Infinity where an entry is not
   * finite but should be, or the other way round.
   */
  readonly worst: number;
}

/** Compares the entries of a result, row-major in the case's shape. */
export function compare(
  result: Float32Array,
  { golden, input, wanted }: { golden: Golden; input: GoldenInput; wanted: GoldenCase },
): Verdict {
  const { tolerance } = wanted;
  const abs =
    typeof tolerance.abs === 'number' ? tolerance.abs : numbersOf(tolerance.abs, golden, input);
  const worst = Math.min(
    ...wanted.accepted.map((reference) => {
      const expected = numbersOf(reference, golden, input);
      return worstRatio(result, expected, { abs, rel: tolerance.rel, wanted });
    }),
  );
  return { ok: worst <= 1, worst };
}

function worstRatio(
  result: ArrayLike<number>,
  expected: ArrayLike<number>,
  { abs, rel, wanted }: { abs: number | ArrayLike<number>; rel: number; wanted: GoldenCase },
): number {
  const [rows, cols] = wanted.shape;
  let worst = 0;
  for (let row = 0; row < rows; row++) {
    if (wanted.ignoredRows.has(row)) continue;
    for (let col = 0; col < cols; col++) {
      if (wanted.ignoredCols.has(col)) continue;
      const k = row * cols + col;
      const allowed = (typeof abs === 'number' ? abs : abs[k]!) + rel * Math.abs(expected[k]!);
      worst = Math.max(worst, ratio(result[k]!, expected[k]!, allowed));
    }
  }
  return worst;
}

/** Error over tolerance. What is not finite must be met exactly, whatever the tolerance. */
function ratio(result: number, expected: number, allowed: number): number {
  if (result === expected || (Number.isNaN(result) && Number.isNaN(expected))) return 0;
  if (!Number.isFinite(result) || !Number.isFinite(expected)) return Number.POSITIVE_INFINITY;
  return Math.abs(result - expected) / allowed;
}

/** The numbers that a reference stands for, in f64. */
export function numbersOf(
  reference: Reference,
  golden: Golden,
  input: GoldenInput,
): ArrayLike<number> {
  switch (reference.kind) {
    case 'pack':
      return golden.pack(reference);
    case 'values':
      return reference.values;
    case 'rows':
      return meanOfRows(input, reference.rows, reference.weights);
    case 'picks':
      return bulyanMean(input, reference.rows, reference.keep);
    default:
      return reference satisfies never;
  }
}

function meanOfRows(
  { cols, values }: GoldenInput,
  rows: readonly number[],
  weights: readonly number[] = rows.map(() => 1),
): Float64Array {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return Float64Array.from({ length: cols }, (_, col) => {
    const sum = rows.reduce((s, row, i) => s + weights[i]! * values[row * cols + col]!, 0);
    return sum / total;
  });
}

/** Per column: the mean of the `keep` values nearest to the median; equally near, the lower. */
function bulyanMean(
  { cols, values }: GoldenInput,
  rows: readonly number[],
  keep: number,
): Float64Array {
  return Float64Array.from({ length: cols }, (_, col) => {
    const column = Float64Array.from(rows, (row) => values[row * cols + col]!).sort();
    const upper = column[Math.floor(column.length / 2)]!;
    const median = (upper + column[Math.ceil(column.length / 2) - 1]!) / 2;
    const near = [...column].sort((a, b) => Math.abs(a - median) - Math.abs(b - median));
    return near.slice(0, keep).reduce((sum, value) => sum + value, 0) / keep;
  });
}
