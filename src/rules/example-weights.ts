/**
 * Weights from what clients claim to have trained on.
 *
 * @module
 */

import { show } from '../core/assert.ts';
import { AggregationError } from '../core/errors.ts';

/** What weights are made from. */
export interface WeightSource {
  /** One entry for each of n rows, not negative. */
  readonly counts: readonly number[] | undefined;
  /** The rows that get a weight. */
  readonly rows: readonly number[];
  readonly n: number;
}

/**
 * Weights in proportion to `counts` on the given rows, 0 on the others; they add to 1.
 *
 * @throws {AggregationError} `constraint` if there are no counts, or none above 0 among the rows.
 * @throws {TypeError} if there is not one count for each row.
 * @throws {RangeError} if a count is negative or not finite.
 */
export function exampleWeights(rule: string, { counts, rows, n }: WeightSource): number[] {
  if (counts === undefined) {
    throw new AggregationError('constraint', `${rule} needs the round’s example counts, got none`);
  }
  if (counts.length !== n) {
    throw new TypeError(`${rule} needs one weight for each of ${n} rows, got ${show(counts)}`);
  }
  for (const [i, count] of counts.entries()) {
    if (!(Number.isFinite(count) && count >= 0)) {
      throw new RangeError(`weight of row ${i} must be finite and at least 0, got ${show(count)}`);
    }
  }
  return proportions(rule, counts, rows);
}

function proportions(rule: string, counts: readonly number[], rows: readonly number[]): number[] {
  const largest = rows.reduce((most, row) => Math.max(most, counts[row]!), 0);
  if (largest === 0) {
    throw new AggregationError('constraint', `${rule} needs a weight above 0, all are 0`);
  }
  // Divided by the largest first, so that no sum of claims overflows.
  const total = rows.reduce((sum, row) => sum + counts[row]! / largest, 0);
  const weights = new Array<number>(counts.length).fill(0);
  for (const row of rows) weights[row] = counts[row]! / largest / total;
  return weights;
}
