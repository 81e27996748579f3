/**
 * Clipping as a combination: each row times its own factor.
 *
 * @module
 */

import type { Matrix, Ops } from '../../backend/kernels.ts';
import type { StageResult } from '../rule.ts';

/**
 * Scales each row down to norm `max` if it is longer. A row with an infinity has no direction that
 * scaling could keep: it becomes the zero update. Rows that are not longer stay equal to the bit.
 */
export function clipTo(max: number, norms: Float64Array, x: Matrix, ops: Ops): StageResult {
  const factors = norms.map((norm) => clipFactor(max, norm));
  const weights = Array.from(factors, (factor, i) => {
    const row = new Array<number>(norms.length).fill(0);
    row[i] = factor;
    return row;
  });
  return {
    value: ops.combine(weights, x),
    weights,
    evidence: Array.from(factors, (factor, i) => evidenceOf(factor, norms[i]!, max)),
  };
}

/** ‖xᵢ‖ for each row. */
export async function normsOf(x: Matrix, ops: Ops): Promise<Float64Array> {
  return (await ops.squaredNorms(x)).map(Math.sqrt);
}

function clipFactor(max: number, norm: number): number {
  if (norm === Number.POSITIVE_INFINITY) return 0;
  return norm <= max ? 1 : max / norm;
}

function evidenceOf(clipFactor: number, norm: number, max: number) {
  if (clipFactor === 1) return { clipFactor };
  return { clipFactor, reason: `norm ${norm.toPrecision(4)} clipped to ${max.toPrecision(4)}` };
}
