/**
 * Rules on integers: sums in place of means, in 32 bits, of which none is lost.
 *
 * @module
 */

import type { ModularOps, Words } from '../backend/kernels.ts';
import type { LatticeRows } from './rule.ts';

/** The largest magnitude of which both signs are an i32. */
const MAX_REACH = 2 ** 31 - 1;

/**
 * Sums of `terms` integers in place of their means.
 *
 * @throws {RangeError} if a sum might leave 32 bits.
 */
export function grown(
  { multiple, reach, norm }: LatticeRows,
  { words, terms }: { readonly words: Words; readonly terms: number },
): LatticeRows {
  const sum = reach * terms;
  if (sum <= MAX_REACH) return { words, multiple: multiple * terms, reach: sum, norm };
  throw new RangeError(
    `sums of ${terms} integers up to ${reach} must stay below 2^31: take a lower bound`,
  );
}

/** Sums of equally large groups of rows, for their means. */
export function sumsOf(
  x: LatticeRows,
  groups: readonly (readonly number[])[],
  ops: ModularOps,
): LatticeRows {
  const terms = groups[0]!.length;
  if (groups.some(({ length }) => length !== terms)) {
    throw new RangeError('groups must be equally large, so that their sums are to one scale');
  }
  return grown(x, { words: ops.sumRows(x.words, groups), terms });
}
