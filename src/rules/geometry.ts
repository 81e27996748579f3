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

/** The geometry of some of the rows. */
export function restrict(geometry: Geometry, rows: readonly number[]): Geometry {
  const n = rows.length;
  const pick = (from: Float64Array): Float64Array => {
    const part = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) part[i * n + j] = from[rows[i]! * geometry.n + rows[j]!]!;
    }
    return part;
  };
  return {
    n,
    products: pick(geometry.products),
    squaredDistances: pick(geometry.squaredDistances),
    finite: rows.map((row) => geometry.finite[row]!),
  };
}

/** The numbers of the rows without infinities. */
export function finiteRows({ finite }: Geometry): number[] {
  return [...finite.keys()].filter((i) => finite[i]);
}

/**
 * The rows among which a rule that keeps `count` of them should look: those without infinities, and
 * where they are too few the first of the others, in ascending order.
 */
export function rowsToChooseFrom(geometry: Geometry, count: number): number[] {
  const rows = finiteRows(geometry);
  if (rows.length >= count) return rows;
  const others = [...geometry.finite.keys()].filter((i) => !geometry.finite[i]);
  return [...rows, ...others.slice(0, count - rows.length)].sort((a, b) => a - b);
}

/** Values on some of n rows, 0 on the others. */
export function spread(values: ArrayLike<number>, rows: readonly number[], n: number): number[] {
  const all = new Array<number>(n).fill(0);
  for (const [k, row] of rows.entries()) all[row] = values[k]!;
  return all;
}

/**
 * ‖xᵢ − z‖² for every row and z = Σ αⱼ xⱼ, with α of any sum. All rows must be finite. O(n²)
 *
 * Three formulas give the same number: from distances, from products, and for the row that z mostly
 * consists of, from distances to that row. Each loses digits on inputs of its own kind (a row much
 * longer than the others, an offset common to all, z almost on a row), so each row takes the formula
 * whose terms are smallest in absolute sum.
 */
export function squaredDistancesTo(geometry: Geometry, alpha: ArrayLike<number>): Float64Array {
  const { n, products: G, squaredDistances: D } = geometry;
  const origin = 1 - sumOf(alpha);
  const d = form(D, alpha);
  const g = form(G, alpha);
  const o = originTerms(geometry, alpha);
  const main = indexOfLargest(alpha);
  return Float64Array.from({ length: n }, (_, i) => {
    const norm = G[i * n + i]!;
    const candidates = [
      {
        value: d.product[i]! + origin * norm - (d.square / 2 + origin * o.sum),
        size: d.productSize[i]! + Math.abs(origin) * (norm + o.size) + d.squareSize / 2,
      },
      {
        value: norm - 2 * g.product[i]! + g.square,
        size: norm + 2 * g.productSize[i]! + g.squareSize,
      },
    ];
    if (i === main) candidates.push(nearMain(geometry, alpha, main));
    const best = candidates.reduce((a, b) => (b.size < a.size ? b : a));
    // Rounding may leave a square of 0 just below it.
    return Math.max(0, best.value);
  });
}

/** ‖Σ γⱼ xⱼ‖², by the one of two formulas whose terms are smallest. All rows must be finite. O(n²) */
export function squaredNormOf(geometry: Geometry, gamma: ArrayLike<number>): number {
  const d = form(geometry.squaredDistances, gamma);
  const g = form(geometry.products, gamma);
  const o = originTerms(geometry, gamma);
  // The vector is a difference of points once the origin takes what γ lacks to 0.
  const origin = -sumOf(gamma);
  const dSize = d.squareSize / 2 + Math.abs(origin) * o.size;
  return Math.max(0, dSize < g.squareSize ? -d.square / 2 - origin * o.sum : g.square);
}

/**
 * By how much ‖xᵢ − z‖² grows for every row when z = Σ αⱼ xⱼ moves from one α to another, both of sum
 * 1. The difference is formed before anything is added, so that it is seen on the scale of the step
 * also by rows that are very far away. All rows must be finite. O(n²)
 */
export function squaredDistanceChanges(
  { products: G, squaredDistances: D }: Geometry,
  from: ArrayLike<number>,
  to: ArrayLike<number>,
): Float64Array {
  const step = Float64Array.from(to, (share, i) => share - from[i]!);
  const both = Float64Array.from(to, (share, i) => share + from[i]!);
  const d = form(D, step);
  const g = form(G, step);
  const dSquare = dot(both, d);
  const gSquare = dot(both, g);
  return step.map((_, i) =>
    d.productSize[i]! + dSquare.size / 2 <= 2 * g.productSize[i]! + gSquare.size
      ? d.product[i]! - dSquare.value / 2
      : gSquare.value - 2 * g.product[i]!,
  );
}

/** The same for z that moves from row k to row l, O(1) for each i. */
export function squaredDistanceChange(
  { n, products: G, squaredDistances: D }: Geometry,
  { i, from: k, to: l }: { readonly i: number; readonly from: number; readonly to: number },
): number {
  const [toL, toK] = [D[i * n + l]!, D[i * n + k]!];
  const [normL, normK] = [G[l * n + l]!, G[k * n + k]!];
  const [productL, productK] = [G[i * n + l]!, G[i * n + k]!];
  const sizeByProducts = normL + normK + 2 * (Math.abs(productL) + Math.abs(productK));
  if (toL + toK <= sizeByProducts) return toL - toK;
  return normL - normK - 2 * (productL - productK);
}

/**
 * ⟨xᵢ − z, xⱼ − z⟩ for every pair of rows, n×n: the products around z = Σ αⱼ xⱼ, with α of sum 1. Each
 * pair takes the one of two formulas whose terms are smallest. All rows must be finite. O(n²)
 */
export function productsAround(geometry: Geometry, alpha: ArrayLike<number>): Float64Array {
  const { n, products: G, squaredDistances: D } = geometry;
  const away = squaredDistancesTo(geometry, alpha);
  const g = form(G, alpha);
  const around = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = i; j < n; j++) {
      const ij = i * n + j;
      const dSize = (away[i]! + away[j]! + D[ij]!) / 2;
      const gSize = Math.abs(G[ij]!) + g.productSize[i]! + g.productSize[j]! + g.squareSize;
      const product =
        dSize <= gSize
          ? (away[i]! + away[j]! - D[ij]!) / 2
          : G[ij]! - g.product[i]! - g.product[j]! + g.square;
      around[ij] = around[j * n + i] = product;
    }
  }
  return around;
}

/** A sum, and the sum of its terms' absolute values: how much rounding may have cost. */
interface Sum {
  readonly value: number;
  readonly size: number;
}

/** M·α and αᵀMα for a symmetric M, each with the sum of its terms' absolute values. */
function form(matrix: Float64Array, alpha: ArrayLike<number>) {
  const n = alpha.length;
  const product = new Float64Array(n);
  const productSize = new Float64Array(n);
  let square = 0;
  let squareSize = 0;
  for (let i = 0; i < n; i++) {
    let sum = 0;
    let size = 0;
    for (let j = 0; j < n; j++) {
      const term = matrix[i * n + j]! * alpha[j]!;
      sum += term;
      size += Math.abs(term);
    }
    product[i] = sum;
    productSize[i] = size;
    square += alpha[i]! * sum;
    squareSize += Math.abs(alpha[i]!) * size;
  }
  return { product, productSize, square, squareSize };
}

/** Σ αⱼ Gⱼⱼ: the products of α with the squared distances of the rows to the origin. */
function originTerms(
  { n, products: G }: Geometry,
  alpha: ArrayLike<number>,
): { sum: number; size: number } {
  let sum = 0;
  let size = 0;
  for (let j = 0; j < n; j++) {
    sum += alpha[j]! * G[j * n + j]!;
    size += Math.abs(alpha[j]!) * G[j * n + j]!;
  }
  return { sum, size };
}

/**
 * ‖x_k − z‖² from what z has besides row k: with β = α but β_k = 0 and s = Σ β, origin included, it is
 * s·(Dβ)_k − ½·βᵀDβ. All terms shrink with β, so the digits stay when z comes close to row k.
 */
function nearMain(geometry: Geometry, alpha: ArrayLike<number>, k: number): Sum {
  const { n, products: G, squaredDistances: D } = geometry;
  const rest = Float64Array.from(alpha);
  rest[k] = 0;
  const origin = 1 - sumOf(alpha);
  const share = sumOf(rest) + origin;
  const d = form(D, rest);
  const o = originTerms(geometry, rest);
  const toK = origin * G[k * n + k]!;
  return {
    value: share * (d.product[k]! + toK) - (d.square / 2 + origin * o.sum),
    size:
      Math.abs(share) * (d.productSize[k]! + Math.abs(toK)) +
      d.squareSize / 2 +
      Math.abs(origin) * o.size,
  };
}

/** ⟨alpha, M·γ⟩ for a product that has been formed. */
function dot(alpha: Float64Array, { product, productSize }: ReturnType<typeof form>): Sum {
  let value = 0;
  let size = 0;
  for (let i = 0; i < alpha.length; i++) {
    value += alpha[i]! * product[i]!;
    size += Math.abs(alpha[i]!) * productSize[i]!;
  }
  return { value, size };
}

/** Σ values. */
export function sumOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum;
}

function indexOfLargest(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
