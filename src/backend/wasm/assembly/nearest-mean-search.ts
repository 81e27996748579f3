/**
 * nearestMean by search, for any number of rows: the distance at rank `count` − 1, then, among the
 * values at just that distance, the key up to which they are kept.
 *
 * @module
 */

import { loadKeys } from './block';
import { distance, scaleOf } from './distance';
import { joined, lower, upper } from './halves';
import { canonical, keysOf } from './keys';
import { upperCounts } from './rank-mean-search';
import { fillLine, LINE, searchRank } from './search';

/**
 * `cols` is a multiple of 16; `block` has room for three lines of each row (keys, distances, keys at
 * the farthest distance) and three more.
 */
export function nearestMeanSearch(
  x: usize,
  stride: usize,
  rows: i32,
  cols: i32,
  centers: usize,
  count: i32,
  block: usize,
  out: usize,
): void {
  const size = <usize>rows * LINE;
  const distances = block + size;
  const tied = distances + size;
  const fars = tied + size;
  const ranks = fars + LINE;
  const bounds = ranks + LINE;
  for (let at: usize = 0; at < <usize>cols * 4; at += LINE) {
    loadKeys(x + at, stride, rows, block, LINE, LINE);
    for (let lane: usize = 0; lane < LINE; lane += 16) {
      writeDistances(block + lane, rows, v128.load(centers + at + lane), distances + lane);
    }
    fillLine(ranks, count - 1);
    searchRank(distances, rows, ranks, fars);
    let choose = count === 1;
    for (let lane: usize = 0; lane < LINE; lane += 16) {
      if (writeTied(block + lane, rows, fars + lane, count, ranks + lane)) choose = true;
    }
    if (choose) {
      searchRank(tied, rows, ranks, bounds);
    } else {
      fillLine(bounds, i32.MAX_VALUE);
    }
    for (let lane: usize = 0; lane < LINE; lane += 16) {
      const bound = v128.load(bounds + lane);
      const result =
        count === 1
          ? canonical(keysOf(bound))
          : meanUpTo(block + lane, rows, v128.load(fars + lane), bound, count);
      v128.store(out + at + lane, result);
    }
  }
}

function writeDistances(keys: usize, rows: i32, center: v128, distances: usize): void {
  const scale = scaleOf(center);
  for (let row = 0; row < rows; row++, keys += LINE, distances += LINE) {
    v128.store(distances, distance(keysOf(v128.load(keys)), center, scale));
  }
}

/**
 * Writes the keys at distance `far`, the largest key in place of others, and the rank among them of
 * the last that is kept. Returns whether any of them is not kept.
 */
function writeTied(keys: usize, rows: i32, fars: usize, count: i32, ranks: usize): bool {
  const far = v128.load(fars);
  const size = <usize>rows * LINE;
  const distances = keys + size;
  const tied = distances + size;
  let nearer = i32x4.splat(0);
  let ties = i32x4.splat(0);
  for (let at: usize = 0; at < size; at += LINE) {
    const away = v128.load(distances + at);
    const isTied = v128.eq<i32>(away, far);
    nearer = i32x4.sub(nearer, v128.lt<i32>(away, far));
    ties = i32x4.sub(ties, isTied);
    const key = v128.load(keys + at);
    v128.store(tied + at, v128.bitselect(key, i32x4.splat(i32.MAX_VALUE), isTied));
  }
  const left = i32x4.sub(i32x4.splat(count), nearer);
  v128.store(ranks, i32x4.sub(left, i32x4.splat(1)));
  return v128.any_true(v128.gt<i32>(ties, left));
}

/** Mean of what is nearer than `far`, and of the keys up to `bound` at that distance. */
function meanUpTo(keys: usize, rows: i32, far: v128, bound: v128, count: i32): v128 {
  const size = <usize>rows * LINE;
  const distances = keys + size;
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  let copies = i32x4.splat(count);
  for (let at: usize = 0; at < size; at += LINE) {
    const key = v128.load(keys + at);
    const away = v128.load(distances + at);
    const isTied = v128.eq<i32>(away, far);
    const taken = v128.or(v128.lt<i32>(away, far), v128.and(isTied, v128.lt<i32>(key, bound)));
    copies = i32x4.add(copies, taken);
    const values = v128.and(keysOf(key), taken);
    low = f64x2.add(low, lower(values));
    high = f64x2.add(high, upper(values));
  }
  // As many values equal to the last one as are left; none would make 0 · ∞.
  const words = v128.and(keysOf(bound), v128.gt<i32>(copies, i32x4.splat(0)));
  low = f64x2.add(low, f64x2.mul(f64x2.convert_low_i32x4_s(copies), lower(words)));
  high = f64x2.add(high, f64x2.mul(upperCounts(copies), upper(words)));
  const divisor = f64x2.splat(<f64>count);
  return joined(f64x2.div(low, divisor), f64x2.div(high, divisor));
}
