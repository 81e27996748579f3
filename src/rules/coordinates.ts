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
