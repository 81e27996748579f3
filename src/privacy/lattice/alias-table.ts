/**
 * Alias tables: a law on the integers as a table from which one draw takes four random words, one
 * comparison and no loop (Walker 1977, Vose 1991), whatever the value drawn.
 *
 * Probabilities are integers out of 2^(m + 96), where the table has 2^m columns. So the law that a
 * table realises is known exactly, and its distance from the ideal one is computed, not estimated.
 *
 * @module
 */

import type { NoiseTable } from '../../backend/kernels.ts';
import { bitLength, log2, PLACES } from './fixed-point.ts';
import type { Law } from './laws.ts';

/** Bits of a threshold: three words. */
export const THRESHOLD_BITS = 96n;
const COLUMN: bigint = 1n << THRESHOLD_BITS;
const WORD = 0xffff_ffffn;
/** 1 MiB of table. */
const MAX_LOG2_COLUMNS = 16;
/** Above what all roundings of a law's masses amount to. */
const MASS_ERROR: bigint = 1n << (PLACES - 190n);

/** A table, and what is known of the law that it realises. */
export interface AliasTable extends NoiseTable {
  /** Of the values −offset … offset, out of 2^(log2Columns + 96). */
  readonly weights: readonly bigint[];
  /** Bound on the binary logarithm of its total variation distance from the ideal law. */
  readonly log2TotalVariation: number;
}

/**
 * The table of a law. Every value but 0 has the weight ⌊P·2^(m+96)⌋; what is left goes to 0.
 *
 * Exact: every column holds 2^96, its own value's part below the threshold and its alias's above.
 *
 * @throws {RangeError} if the law reaches farther than 2¹⁵.
 */
export function aliasTable({ masses }: Law): AliasTable {
  const offset = masses.length - 1;
  const log2Columns = bitLength(BigInt(2 * offset));
  if (log2Columns > MAX_LOG2_COLUMNS) {
    throw new RangeError(`a law must reach no farther than 2^15, got ${offset}`);
  }
  const unit = PLACES - THRESHOLD_BITS - BigInt(log2Columns);
  const outer = masses.slice(1).map((mass) => mass >> unit);
  const rest = outer.reduce((sum, weight) => sum - 2n * weight, COLUMN << BigInt(log2Columns));
  const weights = [...outer.toReversed(), rest, ...outer];
  // All other values have at most their due, so that the excess of 0 is the whole distance.
  const distance = (rest << unit) - masses[0]! + MASS_ERROR;
  return {
    log2Columns,
    offset,
    weights,
    words: packed(columnsOf(weights, 2 ** log2Columns), offset),
    log2TotalVariation: log2(distance) - Number(PLACES),
  };
}

/** A column: below the threshold its own value, else the alias; both by their place in the weights. */
interface Column {
  threshold: bigint;
  alias: number;
}

/** Vose's construction. Columns past the weights have threshold 0. */
function columnsOf(weights: readonly bigint[], count: number): Column[] {
  const columns = Array.from({ length: count }, (_, i) => ({
    threshold: weights[i] ?? 0n,
    alias: i,
  }));
  const small: number[] = [];
  const large: number[] = [];
  for (const [i, { threshold }] of columns.entries()) (threshold < COLUMN ? small : large).push(i);
  for (;;) {
    const poor = small.pop();
    if (poor === undefined) return columns;
    // Weights add up to whole columns: while one lacks something, another has too much.
    const rich = large.at(-1)!;
    columns[poor]!.alias = rich;
    columns[rich]!.threshold -= COLUMN - columns[poor]!.threshold;
    if (columns[rich]!.threshold >= COLUMN) continue;
    large.pop();
    small.push(rich);
  }
}

/** Four words a column: the threshold, lowest first, and the alias as a value. */
function packed(columns: readonly Column[], offset: number): Uint32Array {
  const words = new Uint32Array(4 * columns.length);
  for (const [i, { threshold, alias }] of columns.entries()) {
    // A whole column is its own alias, and any threshold will do.
    const t = threshold === COLUMN ? COLUMN - 1n : threshold;
    words[4 * i] = Number(t & WORD);
    words[4 * i + 1] = Number((t >> 32n) & WORD);
    words[4 * i + 2] = Number(t >> 64n);
    words[4 * i + 3] = alias - offset;
  }
  return words;
}
