/**
 * Angles of a round, from its products.
 *
 * @module
 */

import { minimiser } from '../rules/geometric-median.ts';
import { type Geometry, squaredNormOf } from '../rules/geometry.ts';
import type { TrustedRow } from './detector.ts';

/** The norm of each row. */
export function normsOf({ n, products }: Geometry): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => Math.sqrt(products[i * n + i]!));
}

/** The cosine of each row to a trusted one; 0 where either is zero. */
export function cosinesTo({ norm, products }: TrustedRow, norms: Float64Array): Float64Array {
  return norms.map((own, i) => cosine(products[i]!, own * norm));
}

/** The cosine of each row to the geometric median of all; 0 where either is zero. */
export function agreementOf(geometry: Geometry): Float64Array {
  const { n, products } = geometry;
  const alpha = minimiser(geometry);
  const toMedian = Float64Array.from({ length: n }, (_, i) => {
    return alpha.reduce((sum, share, j) => sum + share * products[i * n + j]!, 0);
  });
  const norm = Math.sqrt(squaredNormOf(geometry, alpha));
  return cosinesTo({ norm, products: toMedian }, normsOf(geometry));
}

/** ⟨x, y⟩ over ‖x‖·‖y‖, in [−1, 1]. */
function cosine(product: number, norms: number): number {
  return norms === 0 ? 0 : Math.min(1, Math.max(-1, product / norms));
}
