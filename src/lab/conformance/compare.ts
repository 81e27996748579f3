/**
 * Whether a result is one of the right answers: entry by entry |r − e| ≤ abs + rel · |e|, or r = e.
 *
 * @module
 */

import { show } from '../../core/assert.ts';
import type { GoldenCase } from './golden.ts';
import { type GoldenInput, numbersOf } from './reference.ts';

/** How a result compares with the closest of the accepted answers. */
export interface Verdict {
  readonly ok: boolean;
  /**
   * Largest error in units of the tolerance: at most 1 passes; Infinity where an entry is not
   * finite but should be, or the other way round.
   */
  readonly worst: number;
}

/** Compares the entries of a result, row-major in the shape of the case. */
export function compare(
  result: ArrayLike<number>,
  wanted: GoldenCase,
  input: GoldenInput,
): Verdict {
  const { abs, rel } = wanted.tolerance;
  const absolute = typeof abs === 'number' ? abs : numbersOf(abs, input);
  const ratios = wanted.accepted.map((reference) =>
    worstRatio(result, numbersOf(reference, input), { absolute, rel, wanted }),
  );
  const worst = Math.min(...ratios);
  return { ok: worst <= 1, worst };
}

/** Compares the parts of a result by name: the worst of them counts. */
export function compareParts(
  results: ReadonlyMap<string, ArrayLike<number>>,
  wanted: ReadonlyMap<string, GoldenCase>,
  input: GoldenInput,
): Verdict {
  const verdicts = [...wanted].map(([part, one]) => {
    const result = results.get(part);
    if (result === undefined) throw new Error(`the result has no part called ${show(part)}`);
    return compare(result, one, input);
  });
  const worst = Math.max(...verdicts.map((verdict) => verdict.worst));
  return { ok: verdicts.every(({ ok }) => ok), worst };
}

function worstRatio(
  result: ArrayLike<number>,
  expected: ArrayLike<number>,
  allowed: { absolute: number | ArrayLike<number>; rel: number; wanted: GoldenCase },
): number {
  const { absolute, rel, wanted } = allowed;
  const [rows, cols] = wanted.shape;
  let worst = 0;
  for (let row = 0; row < rows; row++) {
    if (wanted.ignoredRows.has(row)) continue;
    for (let col = 0; col < cols; col++) {
      if (wanted.ignoredCols.has(col)) continue;
      const k = row * cols + col;
      const abs = typeof absolute === 'number' ? absolute : absolute[k]!;
      const tolerance = Math.max(0, abs + rel * Math.abs(expected[k]!));
      worst = Math.max(worst, ratio(result[k]!, expected[k]!, tolerance));
    }
  }
  return worst;
}

/** Error over tolerance. What is not finite must be met exactly, whatever the tolerance. */
function ratio(result: number, expected: number, tolerance: number): number {
  if (result === expected || (Number.isNaN(result) && Number.isNaN(expected))) return 0;
  if (!Number.isFinite(result) || !Number.isFinite(expected)) return Number.POSITIVE_INFINITY;
  return Math.abs(result - expected) / tolerance;
}
