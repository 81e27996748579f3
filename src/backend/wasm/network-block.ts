/**
 * The blocks that sorting networks work on, and the programs that say how: what whoever makes a program
 * and whoever runs it agree on.
 *
 * @module
 */

/** Bytes of keys that a block may take: what is left of a usual first-level cache. */
const BLOCK_BYTES = 2 ** 15;
export const MIN_BLOCK_COLS = 16;
const MAX_BLOCK_COLS = 128;
/** Of a step in a program: its kind and four rows. */
export const STEP_WORDS = 5;

/** Columns of a block of so many rows. */
export function blockColsFor(rows: number): number {
  const fitting = 2 ** Math.floor(Math.log2(BLOCK_BYTES / (4 * rows)));
  return Math.max(MIN_BLOCK_COLS, Math.min(MAX_BLOCK_COLS, fitting));
}
