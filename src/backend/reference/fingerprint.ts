/**
 * What a row's fingerprint is: two sums modulo 2³² of its words, each word mixed with its column.
 *
 * The mixing is the finalizer of MurmurHash3 (Appleby, public domain): every bit of a word and of
 * its place reaches every bit of the sum. Sums do not depend on order, so shards add up; a program
 * can still construct two rows of one fingerprint, so equality is evidence, not proof.
 *
 * @module
 */

/** Multipliers that spread a column's number over 32 bits; one for each of the two sums. */
const SPREAD = [0x9e3779b1, 0x85ebca77] as const;

/** The bits of a word, mixed. */
function mix(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Both sums over `values`, whose first entry stands in column `firstCol`. */
export function fingerprintWords(values: Float32Array, firstCol: number): [number, number] {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  let low = 0;
  let high = 0;
  for (let j = 0; j < bits.length; j++) {
    const column = firstCol + j;
    low = (low + mix(bits[j]! ^ Math.imul(column, SPREAD[0]))) >>> 0;
    high = (high + mix(bits[j]! + Math.imul(column, SPREAD[1]))) >>> 0;
  }
  return [low, high];
}
