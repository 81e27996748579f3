/**
 * Small rows of numbers in f64, and what tests compute of them.
 *
 * @module
 */

/** n rows of d numbers. */
export type Rows = readonly (readonly number[])[];

/** The mean of the rows. */
export function meanOf(rows: Rows): number[] {
  return rows[0]!.map((_, j) => rows.reduce((sum, row) => sum + row[j]! / rows.length, 0));
}

/** ‖a − b‖². */
export function squaredDistance(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, j) => sum + (value - b[j]!) ** 2, 0);
}

/** ‖a‖. */
export function normOf(a: readonly number[]): number {
  return Math.hypot(...a);
}

/** The largest distance between two of the rows. */
export function diameterOf(rows: Rows): number {
  return Math.sqrt(Math.max(...rows.flatMap((a) => rows.map((b) => squaredDistance(a, b)))));
}

/** The mean squared distance of the rows from their mean. */
export function varianceOf(rows: Rows): number {
  const center = meanOf(rows);
  return rows.reduce((sum, row) => sum + squaredDistance(row, center), 0) / rows.length;
}

/** The largest absolute entry. */
export function largestEntry(rows: Rows): number {
  return Math.max(0, ...rows.flat().map(Math.abs));
}

/** All ways to take `size` of the numbers 0 … n − 1, each in ascending order. */
export function* subsets(n: number, size: number, from = 0): Generator<number[]> {
  if (size === 0) yield [];
  for (let first = from; first <= n - size && size > 0; first++) {
    for (const rest of subsets(n, size - 1, first + 1)) yield [first, ...rest];
  }
}
