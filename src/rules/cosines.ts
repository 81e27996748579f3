/**
 * Angles between updates, from their products and distances.
 *
 * @module
 */

import type { Geometry } from './geometry.ts';

/** ‖xᵢ‖ for each row; Infinity for one with an infinity. */
export function normsFrom({ n, products }: Geometry): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => Math.sqrt(products[i * n + i]!));
}

/**
 * 1 − cos(xᵢ, xⱼ) for all pairs, n×n, in [0, 2]. A zero row is at 1 from every other row, as if at a
 * right angle; a row with an infinity is infinitely far. O(n²)
 *
 * With a = ‖xᵢ‖ and b = ‖xⱼ‖ it is (‖xᵢ − xⱼ‖² − (a − b)²)/2ab, or from the product, whichever has the
 * smaller terms: rows that all but agree keep their digits.
 */
export function cosineDistances(geometry: Geometry): Float64Array {
  const { n, products, squaredDistances, finite } = geometry;
  const norms = normsFrom(geometry);
  const distances = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const at = i * n + j;
      const size = norms[i]! * norms[j]!;
      const gap = (norms[i]! - norms[j]!) ** 2;
      let distance = 1;
      if (!(finite[i] && finite[j])) distance = Number.POSITIVE_INFINITY;
      else if (size > 0 && squaredDistances[at]! + gap < size) {
        distance = Math.max(0, squaredDistances[at]! - gap) / (2 * size);
      } else if (size > 0) distance = Math.min(2, Math.max(0, 1 - products[at]! / size));
      distances[at] = distances[j * n + i] = distance;
    }
  }
  return distances;
}

/**
 * The median: of an even number of values the midpoint of the two middle ones, or the lower one where
 * the other is infinite.
 */
export function middleOf(values: ArrayLike<number>): number {
  const sorted = Float64Array.from(values).sort();
  const upper = sorted[sorted.length >> 1]!;
  const lower = sorted[(sorted.length - 1) >> 1]!;
  return Number.isFinite(upper) ? lower / 2 + upper / 2 : lower;
}
