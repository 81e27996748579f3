/**
 * The least sum of distances to a set of rows, found in f64 apart from any rule: what the result of a
 * geometric median is held against.
 *
 * @module
 */

/** More than enough: Weiszfeld's steps gain at least a digit each on rows in general position. */
const STEPS = 1000;
/** Steps end when the coefficients move by less than this. */
const STILL = 1e-15;
/** Columns that are converted at once. */
const CHUNK = 4096;

/** Σ ‖xᵢ − z‖ in f64. */
export function objective(rows: readonly Float32Array[], z: ArrayLike<number>): number {
  let total = 0;
  for (const row of rows) {
    let square = 0;
    for (let j = 0; j < row.length; j++) square += (row[j]! - z[j]!) ** 2;
    total += Math.sqrt(square);
  }
  return total;
}

/**
 * The objective at its minimum, by many Weiszfeld steps on coefficients. It is evaluated at the point
 * itself, so it is a value that some point has: never below the minimum by more than rounding. O(n²·d)
 */
export function leastObjective(rows: readonly Float32Array[]): number {
  const n = rows.length;
  const products = gram(rows);
  let alpha: Float64Array = new Float64Array(n).fill(1 / n);
  for (let step = 0; step < STEPS; step++) {
    const next = weiszfeld(products, alpha);
    const moved = next.some((share, i) => Math.abs(share - alpha[i]!) > STILL);
    alpha = next;
    if (!moved) break;
  }
  const z = new Float64Array(rows[0]!.length);
  for (const [i, row] of rows.entries()) {
    for (let j = 0; j < z.length; j++) z[j]! += alpha[i]! * row[j]!;
  }
  return objective(rows, z);
}

function weiszfeld(products: Float64Array, alpha: Float64Array): Float64Array {
  const n = alpha.length;
  const image = alpha.map((_, i) => dot(products.subarray(i * n, (i + 1) * n), alpha));
  const square = dot(image, alpha);
  const pulls = alpha.map((_, i) => {
    const away = products[i * n + i]! - 2 * image[i]! + square;
    return 1 / Math.sqrt(Math.max(away, Number.MIN_VALUE));
  });
  const total = pulls.reduce((sum, pull) => sum + pull, 0);
  return pulls.map((pull) => pull / total);
}

function gram(rows: readonly Float32Array[]): Float64Array {
  const n = rows.length;
  const products = new Float64Array(n * n);
  for (let from = 0; from < rows[0]!.length; from += CHUNK) {
    const parts = rows.map((row) => Float64Array.from(row.subarray(from, from + CHUNK)));
    for (let i = 0; i < n; i++) {
      for (let k = i; k < n; k++) products[i * n + k]! += dot(parts[i]!, parts[k]!);
    }
  }
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) products[i * n + k] = products[k * n + i]!;
  }
  return products;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
