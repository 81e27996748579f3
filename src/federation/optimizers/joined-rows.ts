/**
 * Rows one behind the other: what a client of SCAFFOLD sends is one vector to everything on its way,
 * and two to client and optimiser.
 *
 * @module
 */

import type { HostRow } from '../../backend/kernels.ts';
import { assertInteger } from '../../core/assert.ts';
import { assertRange } from '../../formats/byte-source.ts';

/** Rows as one. Reading it reads those that the range touches, in order. */
export function joinRows(rows: readonly HostRow[]): HostRow {
  const starts: number[] = [];
  let cols = 0;
  for (const row of rows) {
    starts.push(cols);
    cols += row.cols;
  }
  return {
    cols,
    async read(from, to, into) {
      assertRange(from, to, cols);
      for (const [k, row] of rows.entries()) {
        const start = starts[k]!;
        const [first, last] = [Math.max(from, start), Math.min(to, start + row.cols)];
        if (first >= last) continue;
        await row.read(first - start, last - start, into.subarray(first - from, last - from));
      }
    },
  };
}

/**
 * Cuts a row into `parts` rows of equal length: undoes {@link joinRows} of such.
 *
 * @throws {RangeError} if the length is no multiple of `parts`.
 */
export function splitRow(row: HostRow, parts: number): HostRow[] {
  const cols = row.cols / assertInteger('parts', parts, 1);
  if (!Number.isInteger(cols)) {
    throw new RangeError(`a row to be cut into ${parts} must be a multiple, got ${row.cols}`);
  }
  return Array.from({ length: parts }, (_, k) => ({
    cols,
    async read(from, to, into) {
      assertRange(from, to, cols);
      await row.read(k * cols + from, k * cols + to, into);
    },
  }));
}
