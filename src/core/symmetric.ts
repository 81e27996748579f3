/**
 * The largest eigenvalue of a symmetric matrix, and its eigenvector, in f64.
 *
 * Householder reflections bring the matrix to tridiagonal form, bisection on the number of negative
 * pivots finds the eigenvalue to the last bits, inverse iteration its vector.
 *
 * Golub, Van Loan. "Matrix computations", 4th edition, 2013: §8.3.1, §8.4.1, §7.6.1.
 *
 * @module
 */

/** An eigenvalue and an eigenvector of length 1. */
export interface Eigenpair {
  readonly value: number;
  readonly vector: Float64Array;
}

/**
 * The largest eigenvalue of a symmetric n×n matrix, n ≥ 1, row-major. Only finite entries. O(n³)
 *
 * The error is a few units in the last place of the largest absolute eigenvalue.
 */
export function topEigenvalue(matrix: Float64Array, n: number): number {
  const { scaled, scale } = normalise(matrix);
  return scale * largestEigenvalue(tridiagonalise(scaled, n));
}

/**
 * The largest eigenvalue of a symmetric n×n matrix, n ≥ 1, row-major, with an eigenvector; where the
 * eigenvalue is a multiple one, any of its vectors. Only finite entries. O(n³)
 */
export function topEigenpair(matrix: Float64Array, n: number): Eigenpair {
  const { scaled, scale } = normalise(matrix);
  const form = tridiagonalise(scaled, n);
  const value = largestEigenvalue(form);
  const vector = eigenvectorOf(form, value);
  for (const reflector of form.reflectors.toReversed()) reflect(reflector, vector);
  return { value: scale * value, vector: toUnit(vector) };
}

/** A symmetric tridiagonal matrix T, and the reflections that made it: A = H₁H₂⋯ T ⋯H₂H₁. */
interface Tridiagonal {
  readonly diagonal: Float64Array;
  /** Entry i couples i and i + 1. */
  readonly coupling: Float64Array;
  readonly reflectors: readonly Reflector[];
}

/** H = I − β·v·vᵀ. */
interface Reflector {
  readonly v: Float64Array;
  readonly beta: number;
}

/** Divides by a power of two near the largest entry, so that no square leaves the range of f64. */
function normalise(matrix: Float64Array): { scaled: Float64Array; scale: number } {
  const largest = matrix.reduce((max, entry) => Math.max(max, Math.abs(entry)), 0);
  const scale = largest === 0 ? 1 : 2 ** Math.max(-1022, Math.floor(Math.log2(largest)));
  return { scaled: matrix.map((entry) => entry / scale), scale };
}

/** Column by column: what stands below the subdiagonal is reflected onto it. Overwrites `a`; of it, only
 * the lower triangle counts. */
function tridiagonalise(a: Float64Array, n: number): Tridiagonal {
  const reflectors: Reflector[] = [];
  for (let k = 0; k + 2 < n; k++) {
    const reflector = reflectorFor(a, n, k);
    if (reflector === undefined) continue;
    reflectBothSides(a, n, reflector, k);
    reflectors.push(reflector);
  }
  return {
    diagonal: Float64Array.from({ length: n }, (_, i) => a[i * n + i]!),
    coupling: Float64Array.from({ length: n - 1 }, (_, i) => a[(i + 1) * n + i]!),
    reflectors,
  };
}

/** The reflection that leaves nothing below row k + 1 in column k. */
function reflectorFor(a: Float64Array, n: number, k: number): Reflector | undefined {
  const v = new Float64Array(n);
  let largest = 0;
  for (let i = k + 2; i < n; i++) largest = Math.max(largest, Math.abs(a[i * n + k]!));
  if (largest === 0) return undefined;
  largest = Math.max(largest, Math.abs(a[(k + 1) * n + k]!));
  // Only the direction counts; in units of the largest entry no square vanishes.
  for (let i = k + 1; i < n; i++) v[i] = a[i * n + k]! / largest;
  const norm = Math.sqrt(dot(v, v));
  // Away from 0, so that no digits cancel.
  v[k + 1]! += v[k + 1]! < 0 ? -norm : norm;
  return { v, beta: 2 / dot(v, v) };
}

/**
 * A ← H·A·H for an A whose first k columns are tridiagonal already: A − v·pᵀ − p·vᵀ with
 * p = β·A·v − (β²·vᵀAv/2)·v. Reads and writes the lower triangle alone, row by row.
 */
function reflectBothSides(a: Float64Array, n: number, { v, beta }: Reflector, k: number): void {
  const p = new Float64Array(n);
  for (let i = k + 1; i < n; i++) {
    const factor = v[i]!;
    let sum = a[i * n + i]! * factor;
    for (let j = k + 1; j < i; j++) {
      const entry = a[i * n + j]!;
      sum += entry * v[j]!;
      p[j]! += entry * factor;
    }
    p[i]! += sum;
    p[k]! += a[i * n + k]! * factor;
  }
  for (let i = k; i < n; i++) p[i]! *= beta;
  const half = (beta * dot(p, v)) / 2;
  for (let i = k; i < n; i++) p[i]! -= half * v[i]!;
  for (let i = k + 1; i < n; i++) {
    const [factor, other] = [v[i]!, p[i]!];
    for (let j = k; j <= i; j++) a[i * n + j]! -= factor * p[j]! + other * v[j]!;
  }
}

function reflect({ v, beta }: Reflector, x: Float64Array): void {
  const factor = beta * dot(v, x);
  for (let i = 0; i < x.length; i++) x[i]! -= factor * v[i]!;
}

/** Bisection: T − λI has as many negative pivots as T has eigenvalues below λ. */
function largestEigenvalue({ diagonal, coupling }: Tridiagonal): number {
  const n = diagonal.length;
  // Gershgorin: no eigenvalue is above the row sums; none of the diagonal is above the largest.
  let low = Math.max(...diagonal);
  let high = low;
  for (let i = 0; i < n; i++) {
    const radius = Math.abs(coupling[i - 1] ?? 0) + Math.abs(coupling[i] ?? 0);
    high = Math.max(high, diagonal[i]! + radius);
  }
  const isAbove = (lambda: number): boolean => {
    let pivot = 1;
    for (let i = 0; i < n; i++) {
      const square = (coupling[i - 1] ?? 0) ** 2;
      pivot = diagonal[i]! - lambda - (square === 0 ? 0 : square / pivot);
      // A pivot of 0 counts as just above 0: λ is an eigenvalue of a leading part.
      if (pivot >= 0) return false;
    }
    return true;
  };
  for (;;) {
    const middle = low + (high - low) / 2;
    if (!(low < middle && middle < high)) return high;
    if (isAbove(middle)) high = middle;
    else low = middle;
  }
}

/** Inverse iteration: solving with T − λI amplifies the eigenvector of λ above all others. */
function eigenvectorOf(form: Tridiagonal, value: number): Float64Array {
  const n = form.diagonal.length;
  // Uneven on purpose: not at right angles to the eigenvectors of symmetric arrangements.
  let x = toUnit(Float64Array.from({ length: n }, (_, i) => 1 + ((i * 0.618034) % 1)));
  const solve = factorShifted(form, value);
  for (let k = 0; k < INVERSE_ITERATIONS; k++) x = toUnit(solve(x));
  return x;
}

/** Two are enough in theory; the third mends a start that was nearly at right angles. */
const INVERSE_ITERATIONS = 3;

/** Solves (T − λI)·x = b by elimination with row exchanges. */
function factorShifted(
  { diagonal, coupling }: Tridiagonal,
  lambda: number,
): (b: Float64Array) => Float64Array {
  const n = diagonal.length;
  // Row i of the upper factor holds columns i, i + 1 and, after an exchange, i + 2.
  const upper = Array.from({ length: n }, () => [0, 0, 0] as [number, number, number]);
  const factors = new Float64Array(n);
  const exchanged = new Array<boolean>(n).fill(false);
  const smallest =
    Number.EPSILON * Math.max(...diagonal.map(Math.abs), ...coupling.map(Math.abs), 1);
  let row: [number, number, number] = [diagonal[0]! - lambda, coupling[0] ?? 0, 0];
  for (let i = 0; i + 1 < n; i++) {
    let next: [number, number, number] = [
      coupling[i]!,
      diagonal[i + 1]! - lambda,
      coupling[i + 1] ?? 0,
    ];
    if (Math.abs(next[0]) > Math.abs(row[0])) {
      exchanged[i] = true;
      [row, next] = [next, row];
    }
    if (Math.abs(row[0]) < smallest) row[0] = smallest;
    const factor = next[0] / row[0];
    factors[i] = factor;
    upper[i] = row;
    row = [next[1] - factor * row[1], next[2] - factor * row[2], 0];
  }
  if (Math.abs(row[0]) < smallest) row[0] = smallest;
  upper[n - 1] = row;
  return (b) => {
    const x = Float64Array.from(b);
    for (let i = 0; i + 1 < n; i++) {
      if (exchanged[i]) [x[i], x[i + 1]] = [x[i + 1]!, x[i]!];
      x[i + 1]! -= factors[i]! * x[i]!;
    }
    for (let i = n - 1; i >= 0; i--) {
      const [a, c, e] = upper[i]!;
      x[i] = (x[i]! - c * (x[i + 1] ?? 0) - e * (x[i + 2] ?? 0)) / a;
    }
    return x;
  };
}

function toUnit(x: Float64Array): Float64Array {
  const largest = x.reduce((max, entry) => Math.max(max, Math.abs(entry)), 0);
  const scaled = x.map((entry) => entry / largest);
  const norm = Math.sqrt(dot(scaled, scaled));
  return scaled.map((entry) => entry / norm);
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
