/**
 * What a row's fingerprint is: two sums modulo 2³² of its words, each times a number of its column.
 *
 * A word is folded, so that what differs in its high bits differs in the low ones, too. The numbers
 * of columns are odd and without pattern: words that change places change the sums. They are the
 * same for every row, so that a kernel makes them once for all rows of a tile. Sums do not depend on
 * order, so shards add up; a program can still construct two rows of one fingerprint, so equality is
 * evidence, not proof.
 *
 * The mixing of column numbers is the finalizer of MurmurHash3 (Appleby, public domain).
 *
 * @module
 */

/** Spread column numbers over 32 bits before they are mixed; one for each of the two sums. */
const SPREAD = [0x9e3779b1, 0x85ebca77] as const;

/** The bits of a word, mixed. */
function mix(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** What words of a column are multiplied by in either sum: odd, as i32. */
export function columnNumbers(column: number): [number, number] {
  return [mix(Math.imul(column, SPREAD[0])) | 1, mix(Math.imul(column, SPREAD[1])) | 1];
}

/** Both sums over `values`, whose first entry stands in column `firstCol`. */
export function fingerprintWords(values: Float32Array, firstCol: number): [number, number] {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  let low = 0;
  let high = 0;
  for (let j = 0; j < bits.length; j++) {
    const [a, b] = columnNumbers(firstCol + j);
    const folded = bits[j]! ^ (bits[j]! >>> 15);
    low = (low + Math.imul(folded, a)) | 0;
    high = (high + Math.imul(folded, b)) | 0;
  }
  return [low >>> 0, high >>> 0];
}
