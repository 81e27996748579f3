/**
 * How far updates stand out along the direction in which they spread most: shared by DnC and who looks
 * for attackers.
 *
 * Shejwalkar, Houmansadr. "Manipulating the Byzantine", NDSS 2021. Diakonikolas, Kamath, Kane, Li, Moitra,
 * Stewart. "Robust estimators in high dimensions without the computational intractability", FOCS 2016.
 *
 * @module
 */

import { topEigenpair } from '../core/symmetric.ts';
import { finiteRows, type Geometry, productsAround, restrict } from './geometry.ts';

/** Scores that differ by less than this share of the largest tie: so much rounding may do. */
const TIES = 2 ** 30;

/**
 * Squared projections of the centred rows on their top right singular vector, as shares of the largest.
 * Infinity for a row with an infinity; 0 for all where all agree. O(n³)
 */
export function spectralScores(all: Geometry): Float64Array {
  const rows = finiteRows(all);
  const scores = new Float64Array(all.n).fill(Number.POSITIVE_INFINITY);
  if (rows.length === 0) return scores;
  const squares = topProjections(restrict(all, rows)).map((projection) => projection ** 2);
  const largest = Math.max(...squares);
  for (const [k, row] of rows.entries()) {
    scores[row] = largest > 0 ? Math.round((squares[k]! / largest) * TIES) / TIES : 0;
  }
  return scores;
}

/**
 * Projections of the centred rows on their top right singular vector, whose sign is any. All rows must
 * be finite. O(n³)
 */
export function topProjections(geometry: Geometry): Float64Array {
  const { n } = geometry;
  const around = productsAround(geometry, new Float64Array(n).fill(1 / n));
  const { value, vector } = topEigenpair(around, n);
  return vector.map((entry) => (value > 0 ? Math.sqrt(value) * entry : 0));
}
