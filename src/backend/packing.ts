/**
 * Words of fewer than 32 bits, packed: entry j has bits [j·b, (j+1)·b) of a stream whose bits are
 * counted from the lowest of a byte and of a word. So 32 entries are b words.
 *
 * @module
 */

import { assertInteger } from '../core/assert.ts';

/** Widths that words may have. */
export const MIN_BITS = 8;
export const MAX_BITS = 32;

/** Bits that an entry can be packed in. */
export function checkBits(bits: number): number {
  return assertInteger('bits', bits, MIN_BITS, MAX_BITS);
}

/** Words of a packed row. */
export function packedWords(cols: number, bits: number): number {
  return Math.ceil((cols * bits) / 32);
}

/** Bytes of a packed row. */
export function packedBytes(cols: number, bits: number): number {
  return Math.ceil((cols * bits) / 8);
}
