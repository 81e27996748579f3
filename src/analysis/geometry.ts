/**
 * Angles of a round, from its products.
 *
 * @module
 */

import { cosineDistances } from '../rules/cosines.ts';
import { type Geometry, restrict, spread, squaredNormOf } from '../rules/geometry.ts';
import { minimiser } from '../rules/minimiser.ts';
import type { TrustedRow } from './detector.ts';
import { medianOf } from './statistics.ts';

/** The norm of each row. */
export function normsOf({ n, products }: Geometry): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => Math.sqrt(products[i * n + i]!));
}

/** The cosine of each row to a trusted one; 0 where either is zero. */
export function cosinesTo({ norm, products }: TrustedRow, norms: Float64Array): Float64Array {
  return norms.map((own, i) => cosine(products[i]!, own * norm));
}

/**
 * The cosine of each row to the geometric median of the round; 0 where either is zero.
 *
 * Among clients that differ much, a few rows that all but agree would draw the median to themselves. So
 * of rows that are far closer than is usual in this round, one counts for all.
 */
export function agreementOf(geometry: Geometry): Float64Array {
  const { n, products } = geometry;
  const distinct = distinctRows(geometry);
  const alpha = spread(minimiser(restrict(geometry, distinct)), distinct, n);
  const toMedian = Float64Array.from({ length: n }, (_, i) => {
    return alpha.reduce((sum, share, j) => sum + share * products[i * n + j]!, 0);
  });
  const norm = Math.sqrt(squaredNormOf(geometry, alpha));
  return cosinesTo({ norm, products: toMedian }, normsOf(geometry));
}

/** Cosine distances below this share of their median are far closer than is usual. */
const CLOSE = 0.25;

/** The rows without those that are far closer to an earlier one than is usual. Ascending. */
function distinctRows(geometry: Geometry): number[] {
  const { n } = geometry;
  const distances = cosineDistances(geometry);
  const pairs = distances.filter((_, at) => at % n < Math.floor(at / n));
  const close = CLOSE * (pairs.length === 0 ? 0 : medianOf(pairs));
  const kept: number[] = [];
  for (let i = 0; i < n; i++) {
    if (kept.every((j) => distances[i * n + j]! >= close)) kept.push(i);
  }
  return kept;
}

/** ⟨x, y⟩ over ‖x‖·‖y‖, in [−1, 1]. */
function cosine(product: number, norms: number): number {
  return norms === 0 ? 0 : Math.min(1, Math.max(-1, product / norms));
}
