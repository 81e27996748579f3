/**
 * rankSum: sum of the numbers at ranks [from, to) of each column, i32 modulo 2³². By a sorting network
 * or, for any number of rows, by search: as rankMean, but the words are keys themselves, and sums are
 * of integers.
 *
 * @module
 */

import { fillLine, LINE, searchRank } from './search';
import { runSteps } from './steps.gen';

/** `cols` is a multiple of 16; `blockCols`, too. The network's steps stand at `program`. */
export function rankSumNetwork(
  x: usize,
  stride: usize,
  rows: i32,
  cols: i32,
  from: i32,
  to: i32,
  program: usize,
  steps: i32,
  block: usize,
  blockCols: i32,
  out: usize,
): void {
  const pitch = <usize>blockCols * 4;
  for (let col = 0; col < cols; col += blockCols) {
    const bytes = <usize>min(blockCols, cols - col) * 4;
    const at = <usize>col * 4;
    loadWords(x + at, stride, rows, block, pitch, bytes);
    runSteps(program, steps, block, bytes);
    const first = block + <usize>from * pitch;
    for (let lane: usize = 0; lane < bytes; lane += 16) {
      let sum = v128.load(first + lane);
      let key = first + lane + pitch;
      for (let i = from + 1; i < to; i++, key += pitch) sum = i32x4.add(sum, v128.load(key));
      v128.store(out + at + lane, sum);
    }
  }
}

/** `cols` is a multiple of 16; `block` has room for a line of each row and four more. */
export function rankSumSearch(
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
    loadWords(x + at, stride, rows, block, LINE, LINE);
    searchRank(block, rows, firstRanks, firsts);
    searchRank(block, rows, lastRanks, lasts);
    for (let lane: usize = 0; lane < LINE; lane += 16) {
      const ends = sumBetween(
        block + lane,
        rows,
        from,
        to,
        v128.load(firsts + lane),
        v128.load(lasts + lane),
      );
      v128.store(out + at + lane, ends);
    }
  }
}

function loadWords(
  x: usize,
  stride: usize,
  rows: i32,
  block: usize,
  pitch: usize,
  bytes: usize,
): void {
  for (let row = 0; row < rows; row++, x += stride, block += pitch) memory.copy(block, x, bytes);
}

/** Sum of the keys of ranks [from, to), of which `first` is the lowest and `last` the highest. */
function sumBetween(block: usize, rows: i32, from: i32, to: i32, first: v128, last: v128): v128 {
  let sum = i32x4.splat(0);
  let aboveFirst = sum;
  let belowLast = sum;
  for (let row = 0; row < rows; row++, block += LINE) {
    const key = v128.load(block);
    const above = v128.gt<i32>(key, first);
    const below = v128.lt<i32>(key, last);
    aboveFirst = i32x4.sub(aboveFirst, above);
    belowLast = i32x4.sub(belowLast, below);
    sum = i32x4.add(sum, v128.and(key, v128.and(above, below)));
  }
  // Of the keys equal to an end, as many are kept as have ranks in the window: at least one.
  const copiesOfFirst = i32x4.sub(i32x4.splat(rows - from), aboveFirst);
  const copiesOfLast = i32x4.sub(i32x4.splat(to), belowLast);
  const ends = i32x4.add(i32x4.mul(copiesOfFirst, first), i32x4.mul(copiesOfLast, last));
  const all = i32x4.mul(i32x4.splat(to - from), first);
  return v128.bitselect(all, i32x4.add(sum, ends), v128.eq<i32>(first, last));
}
