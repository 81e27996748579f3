/**
 * Expressions that several coordinate-wise rules share.
 *
 * @module
 */

import type { Matrix, Ops } from '../backend/kernels.ts';

/** The coordinate-wise median; for an even number of rows the midpoint of the two middle values. */
export function medianOf(x: Matrix, ops: Ops): Matrix {
  return ops.rankMean(x, Math.floor((x.rows - 1) / 2), Math.floor(x.rows / 2) + 1);
}

/** Rows one below the other, as a tree: an expression shall not be as deep as the cohort is large. */
export function stacked(rows: readonly Matrix[], ops: Ops): Matrix {
  if (rows.length === 1) return rows[0]!;
  const middle = rows.length >> 1;
  return ops.stack(stacked(rows.slice(0, middle), ops), stacked(rows.slice(middle), ops));
}
