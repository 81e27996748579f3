/**
 * Ranks by search, for more rows than a network is good for: the key at a rank is built bit by bit
 * from the top, a bit is set if no more than `rank` keys lie below. 32 readings of a block of one
 * cache line a row, whatever the values are.
 *
 * @module
 */

/** Bytes of a row in a block that is searched: 16 columns. */
export const LINE: usize = 64;
const SIGN: i32 = 0x80000000;

/** A line of 16 equal words. */
export function fillLine(line: usize, word: i32): void {
  for (let at: usize = 0; at < LINE; at += 16) v128.store(line + at, i32x4.splat(word));
}

/**
 * Writes the key at its rank of each of 16 columns to `out`; ranks stand at `ranks`. Row i starts at
 * `block + 64 · i`.
 */
export function searchRank(block: usize, rows: i32, ranks: usize, out: usize): void {
  const end = block + <usize>rows * LINE;
  const sign = i32x4.splat(SIGN);
  // Built as unsigned numbers, compared as signed ones.
  let a = i32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  for (let bit: u32 = 0x80000000; bit !== 0; bit >>= 1) {
    const one = i32x4.splat(bit);
    const boundA = v128.xor(v128.or(a, one), sign);
    const boundB = v128.xor(v128.or(b, one), sign);
    const boundC = v128.xor(v128.or(c, one), sign);
    const boundD = v128.xor(v128.or(d, one), sign);
    // A true comparison is −1: counts of keys below, negative.
    let belowA = i32x4.splat(0);
    let belowB = belowA;
    let belowC = belowA;
    let belowD = belowA;
    for (let row = block; row < end; row += LINE) {
      belowA = i32x4.add(belowA, v128.lt<i32>(v128.load(row), boundA));
      belowB = i32x4.add(belowB, v128.lt<i32>(v128.load(row, 16), boundB));
      belowC = i32x4.add(belowC, v128.lt<i32>(v128.load(row, 32), boundC));
      belowD = i32x4.add(belowD, v128.lt<i32>(v128.load(row, 48), boundD));
    }
    a = raised(a, one, belowA, v128.load(ranks));
    b = raised(b, one, belowB, v128.load(ranks, 16));
    c = raised(c, one, belowC, v128.load(ranks, 32));
    d = raised(d, one, belowD, v128.load(ranks, 48));
  }
  v128.store(out, v128.xor(a, sign));
  v128.store(out, v128.xor(b, sign), 16);
  v128.store(out, v128.xor(c, sign), 32);
  v128.store(out, v128.xor(d, sign), 48);
}

/** `key` with the bit set where no more than `rank` keys lie below. */
function raised(key: v128, bit: v128, below: v128, rank: v128): v128 {
  const high = v128.gt<i32>(i32x4.neg(below), rank);
  return v128.or(key, v128.andnot(bit, high));
}
