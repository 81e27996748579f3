/**
 * The geometry of n updates from their n×n products and squared distances alone.
 *
 * A point is written by its coefficients on the rows, z = Σ αⱼ xⱼ, for any α: what α lacks to 1 lies
 * on the origin, a virtual row whose squared distance to row i is Gᵢᵢ. So every z is an affine
 * combination, and its distances follow from G and D with no pass over the updates.
 *
 * @module
 */

import type { Matrix, Ops } from '../backend/kernels.ts';
import { ascending } from './clients.ts';

/** n rows as they see each other. */
export interface Geometry {
  readonly n: number;
  /** G, n×n: ⟨xᵢ, xⱼ⟩. */
  readonly products: Float64Array;
  /** D, n×n: ‖xᵢ − xⱼ‖². */
  readonly squaredDistances: Float64Array;
  /** Whether each row is free of infinities. */
  readonly finite: readonly boolean[];
}

/** The geometry of the rows of `x`: one pass over them. */
export async function geometryOf(x: Matrix, ops: Ops): Promise<Geometry> {
  const { products, squaredDistances } = await ops.pairs(x);
  const n = x.rows;
  const finite = Array.from({ length: n }, (_, i) => Number.isFinite(products[i * n + i]));
  return { n, products, squaredDistances, finite };
}

/** Squared distances of row i to all rows: a view into D. */
export function distancesFrom({ n, squaredDistances }: Geometry, i: number): Float64Array {
  return squaredDistances.subarray(i * n, (i + 1) * n);
}

/**
 * All rows by their distance from row i: itself first, then the nearest. Equal distances: finite rows
 * first, then the lower index.
 */
export function nearestTo(geometry: Geometry, i: number): number[] {
  const order = ascending(distancesFrom(geometry, i), geometry.finite);
  return [i, ...order.filter((row) => row !== i)];
}
