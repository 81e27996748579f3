/**
 * rankMean by search: mean of the sorted values at ranks [from, to) of each column, for any number of
 * rows. Keys at the first and the last rank are found, what lies between them is added in f64.
 *
 * @module
 */

import { loadKeys } from './block';
import { joined, lower, upper } from './halves';
import { canonical, keysOf } from './keys';
import { fillLine, LINE, searchRank } from './search';

/** `cols` is a multiple of 16; `block` has room for a line of each row and four more. */
export function rankMeanSearch(
  x: usize,
  stride: usize,
  rows: i32,
  cols: i32,
  from: i32,
  to: i32,
  block: usize,
  out: usize,
): void {
  const firsts = block + <usize>rows * LINE;
  const lasts = firsts + LINE;
  const firstRanks = lasts + LINE;
  const lastRanks = firstRanks + LINE;
  fillLine(firstRanks, from);
  fillLine(lastRanks, to - 1);
  for (let at: usize = 0; at < <usize>cols * 4; at += LINE) {
    loadKeys(x + at, stride, rows, block, LINE, LINE);
    searchRank(block, rows, firstRanks, firsts);
    if (to - from > 1) searchRank(block, rows, lastRanks, lasts);
    for (let lane: usize = 0; lane < LINE; lane += 16) {
      const first = v128.load(firsts + lane);
      const last = to - from > 1 ? v128.load(lasts + lane) : first;
      v128.store(out + at + lane, meanBetween(block + lane, rows, from, to, first, last));
    }
  }
}

/** Mean of the keys of ranks [from, to), of which `first` is the lowest and `last` the highest. */
function meanBetween(block: usize, rows: i32, from: i32, to: i32, first: v128, last: v128): v128 {
  const same = v128.eq<i32>(first, last);
  if (v128.all_true<i32>(same)) return canonical(keysOf(first));
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  let aboveFirst = i32x4.splat(0);
  let belowLast = i32x4.splat(0);
  for (let row = 0; row < rows; row++, block += LINE) {
    const key = v128.load(block);
    const above = v128.gt<i32>(key, first);
    const below = v128.lt<i32>(key, last);
    aboveFirst = i32x4.sub(aboveFirst, above);
    belowLast = i32x4.sub(belowLast, below);
    const values = v128.and(keysOf(key), v128.and(above, below));
    low = f64x2.add(low, lower(values));
    high = f64x2.add(high, upper(values));
  }
  // Of the keys equal to an end, as many are kept as have ranks in the window: at least one.
  const copiesOfFirst = i32x4.sub(i32x4.splat(rows - from), aboveFirst);
  const copiesOfLast = i32x4.sub(i32x4.splat(to), belowLast);
  const firstWords = keysOf(first);
  const lastWords = keysOf(last);
  low = f64x2.add(low, f64x2.mul(f64x2.convert_low_i32x4_s(copiesOfFirst), lower(firstWords)));
  low = f64x2.add(low, f64x2.mul(f64x2.convert_low_i32x4_s(copiesOfLast), lower(lastWords)));
  high = f64x2.add(high, f64x2.mul(upperCounts(copiesOfFirst), upper(firstWords)));
  high = f64x2.add(high, f64x2.mul(upperCounts(copiesOfLast), upper(lastWords)));
  const count = f64x2.splat(<f64>(to - from));
  const means = joined(f64x2.div(low, count), f64x2.div(high, count));
  return v128.bitselect(canonical(firstWords), means, same);
}

/** The upper two of four counts as f64. */
export function upperCounts(counts: v128): v128 {
  return f64x2.convert_low_i32x4_s(v128.shuffle<i32>(counts, counts, 2, 3, 2, 3));
}
