/**
 * The scatter of some rows, Σ (xᵢ − μ)(xᵢ − μ)ᵀ: its top eigenvalue, and a bound from below on that of
 * every subset at once.
 *
 * All follows from D, the squared distances. For a vector w with Σ wᵢ = 0, q(w) = −½·wᵀDw is the square
 * ‖Σ wᵢxᵢ‖². So the top eigenvalue for the rows of a set A is
 *
 *     λ(A) = max q(w)/‖w‖² over w ≠ 0 that vanish outside A and add to 0,
 *
 * for with X the rows around their mean, XᵀX and XXᵀ have the same eigenvalues above 0, and the one with
 * the vector (1, …, 1) is 0. Three statements carry the search; none needs D to be exact, any symmetric
 * matrix will do.
 *
 * 1. *Monotone.* T ⊂ A gives λ(T) ≤ λ(A): the maximum is over fewer w. With T = {i, j} and w = (1, −1):
 *    Dᵢⱼ/2 ≤ λ(A) for all i, j in A.
 * 2. *Base.* Let σ be the least value of q(w)/‖w‖² for A. Then λ(T) ≥ σ for T ⊂ A of two rows or more,
 *    and Q(w) = q(w) − σ‖w‖² ≥ 0 for A, so that the Cauchy–Schwarz inequality holds for Q.
 * 3. *Direction.* For any a that vanishes outside A and adds to 0 with Q(a) > 0, let y = −½·Da − σa. For
 *    T ⊂ A let z be y − mean of y on T, and 0 outside. Then Q(z, a) = Σ zᵢyᵢ = ‖z‖², so
 *    ‖z‖⁴ ≤ Q(z)·Q(a) and
 *
 *        λ(T) = σ + max Q(w)/‖w‖² ≥ σ + Q(z)/‖z‖² ≥ σ + Σ_T (yᵢ − mean)²/Q(a).
 *
 * The last sum is a variance of numbers, and its least value over all T of a given size that hold some
 * rows and lie within others takes no more than a sort: see {@link leastSpread}. Without σ the bound is
 * that of projecting rows on one direction; σ takes out what rows have in every direction, which is
 * nearly all there is where d is much larger than n.
 *
 * @module
 */

import { topEigenpair, topEigenvalue } from '../core/symmetric.ts';
import { type Geometry, sumOf } from './geometry.ts';

/** The subsets that hold all kept rows, and otherwise rows of `rows`. */
export interface Part {
  /** Rows that a subset may hold, the kept ones among them, ascending. */
  readonly rows: readonly number[];
  /** For each row of the geometry 1 if a subset must hold it. */
  readonly kept: Uint8Array;
  /** For each row of the geometry an entry of a: where to look first. May be 0 everywhere. */
  readonly direction: Float64Array;
}

/** What is seen of a part along a direction. */
export interface Sight {
  /** The direction a. */
  readonly direction: Float64Array;
  /** y, less its mean over the rows of the part: where each row lies. */
  readonly places: Float64Array;
}

/** λ(A): the top eigenvalue of the scatter of the given rows. O(k³) for k rows */
export function topOfScatter(geometry: Geometry, rows: readonly number[]): number {
  return topEigenvalue(productsOf(geometry, rows), rows.length);
}

/** σ: the least value of q(w)/‖w‖² for w on the given rows, two or more, that add to 0. O(k³) */
export function leastOfScatter(geometry: Geometry, rows: readonly number[]): number {
  const size = rows.length;
  const products = productsOf(geometry, rows);
  // The vector (1, …, 1) has eigenvalue 0; moved up to the trace it is not the least one.
  let trace = 0;
  for (let i = 0; i < size; i++) trace += products[i * size + i]!;
  return -topEigenvalue(
    products.map((product) => -product - trace / size),
    size,
  );
}

/**
 * ⟨xᵢ − μ, xⱼ − μ⟩ for the given rows and their mean μ: −½·D centred twice. λ is at least half the
 * largest squared distance, so what rounding does to the distances does not show.
 */
function productsOf({ n, squaredDistances: D }: Geometry, rows: readonly number[]): Float64Array {
  const size = rows.length;
  const products = new Float64Array(size * size);
  const means = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) means[i]! += D[rows[i]! * n + rows[j]!]! / size;
  }
  const mean = sumOf(means) / size;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      products[i * size + j] = (means[i]! + means[j]! - D[rows[i]! * n + rows[j]!]! - mean) / 2;
    }
  }
  return products;
}

/** Steps of a look towards the top direction of all rows of a part … */
const STEPS_TO_ALL = 3;
/** … and with those towards that of the rows whose spread was least, which raises the bound itself. */
const STEPS = 6;
/** Q(a) is at least this share of what it is compared with. */
const LEAST_SQUARE = 1 / 16;

/** Bounds from below for the parts within some rows. */
export class ScatterBound {
  readonly #geometry: Geometry;
  readonly #size: number;
  readonly #least: number;
  readonly #slack: number;

  /**
   * For subsets of `size` of the given rows, whose squared distances are at most 8·`limit`, and for looks
   * with `limit` or down to half of it. O(k³) for k rows
   */
  constructor(
    geometry: Geometry,
    { rows, size, limit }: { rows: readonly number[]; size: number; limit: number },
  ) {
    this.#geometry = geometry;
    this.#size = size;
    this.#slack = slackFor(rows.length);
    this.#least = leastOfScatter(geometry, rows) - this.#slack * limit;
  }

  /** What is seen of a part; undefined if all of its subsets have a top eigenvalue above `limit`. */
  look(part: Part, limit: number): Sight | undefined {
    const above = limit * (1 + this.#slack) - this.#least;
    if (above < 0) return undefined;
    let direction = unit(part.direction, part.rows) ?? this.#topDirection(part.rows);
    for (let step = 0; ; step++) {
      const { places, square } = this.#along(direction, part.rows);
      const { spread, rows } = leastSpread(part, places, this.#size);
      if (square > LEAST_SQUARE * above && spread > above * square) return undefined;
      const next = unit(places, step < STEPS_TO_ALL ? part.rows : rows);
      if (next === undefined || step === STEPS) return { direction, places };
      direction = next;
    }
  }

  /** The eigenvector for λ. Where all rows are one, it may be 0. */
  #topDirection(rows: readonly number[]): Float64Array {
    const { vector } = topEigenpair(productsOf(this.#geometry, rows), rows.length);
    const direction = new Float64Array(this.#geometry.n);
    for (const [k, row] of rows.entries()) direction[row] = vector[k]!;
    return unit(direction, rows) ?? direction.fill(0);
  }

  /** y less its mean, and Q(a) = Σ aᵢyᵢ. */
  #along(a: Float64Array, rows: readonly number[]): { places: Float64Array; square: number } {
    const { n, squaredDistances: D } = this.#geometry;
    const places = new Float64Array(n);
    let mean = 0;
    for (const i of rows) {
      let sum = 0;
      for (const j of rows) sum += D[i * n + j]! * a[j]!;
      places[i] = -sum / 2 - this.#least * a[i]!;
      mean += places[i]! / rows.length;
    }
    let square = 0;
    for (const i of rows) {
      places[i]! -= mean;
      square += a[i]! * places[i]!;
    }
    return { places, square };
  }
}

/**
 * By which share of a limit L rounding may have moved what is compared with it, for k rows.
 *
 * With u = 2⁻⁵³ and δ ≤ 16L the largest squared distance, an entry of y is off by some k·√k·u·δ/2, so y by
 * e = 8k²·u·L in norm, and Q(a) and the root of a spread by no more. Near the threshold t, where the spread
 * is t·Q and t ≤ 16·Q, their quotient is off by e·(2·√(t/Q) + t/Q) ≤ 24·e < 2⁻⁴⁵·k²·L. A window's sums are off
 * by 4k·u·‖y‖² and ‖y‖² ≤ Q·λ ≤ Q·kδ/2, so the quotient by 2⁻⁴⁸·k²·L. Entries of a centred matrix are off by
 * k·u·δ, its eigenvalues by k times that, and their computation adds some 10·k·u times the trace, at most
 * kδ/2: less than 2⁻⁴⁶·k²·L together. In all less than 2⁻⁴⁴·k²·L.
 */
function slackFor(k: number): number {
  return k * k * 2 ** -44;
}

/** The share by which two top eigenvalues of up to k rows must differ to be told apart. */
export function resolutionFor(k: number): number {
  return 4 * slackFor(k);
}

/**
 * The least Σ (yᵢ − mean)² over the subsets of a part, and the rows that attain it. About the mean of the
 * best subset no row left out is nearer than one that was open and is in: exchanging the two would
 * lower the sum about that mean, and about the new mean it is lower still. So its open rows are
 * neighbours in the order of y, and a window of them slides along. O(k·log k)
 */
function leastSpread(
  { rows, kept }: Part,
  y: Float64Array,
  size: number,
): { spread: number; rows: number[] } {
  const inside = rows.filter((row) => kept[row] === 1);
  const open = rows.filter((row) => kept[row] === 0).sort((a, b) => y[a]! - y[b]!);
  const width = size - inside.length;
  let sum = 0;
  let squares = 0;
  const add = (row: number, sign: 1 | -1): void => {
    sum += sign * y[row]!;
    squares += sign * y[row]! ** 2;
  };
  for (const row of inside) add(row, 1);
  for (const row of open.slice(0, width)) add(row, 1);
  let spread = squares - sum ** 2 / size;
  let start = 0;
  for (let k = width; k < open.length; k++) {
    add(open[k]!, 1);
    add(open[k - width]!, -1);
    const here = squares - sum ** 2 / size;
    if (here >= spread) continue;
    spread = here;
    start = k - width + 1;
  }
  return { spread, rows: [...inside, ...open.slice(start, start + width)] };
}

/** `v` on the given rows, less its mean there, at length 1; 0 elsewhere. Undefined if nothing is left. */
function unit(v: Float64Array, rows: readonly number[]): Float64Array | undefined {
  const out = new Float64Array(v.length);
  let mean = 0;
  for (const row of rows) mean += v[row]! / rows.length;
  let square = 0;
  for (const row of rows) {
    out[row] = v[row]! - mean;
    square += out[row]! ** 2;
  }
  if (square === 0) return undefined;
  const scale = 1 / Math.sqrt(square);
  for (const row of rows) out[row]! *= scale;
  return out;
}
