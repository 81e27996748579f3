/**
 * rankMean by a sorting network: mean of the sorted values at ranks [from, to) of each column.
 *
 * Block by block: keys of all rows, the steps of the network, the mean of the wanted ranks. Sums are
 * taken in f64 in ascending order, as the reference does, so results are equal to the bit.
 *
 * @module
 */

import { loadKeys } from './block';
import { joined, lower, upper } from './halves';
import { canonical, keysOf } from './keys';
import { runSteps } from './steps.gen';

/** `cols` is a multiple of 16; `blockCols`, too. The network's steps stand at `program`. */
export function rankMeanNetwork(
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
    loadKeys(x + at, stride, rows, block, pitch, bytes);
    runSteps(program, steps, block, bytes);
    const first = block + <usize>from * pitch;
    if (to - from === 1) {
      writeWords(first, out + at, bytes);
    } else {
      writeMeans(first, pitch, to - from, out + at, bytes);
    }
  }
}

function writeWords(keys: usize, out: usize, bytes: usize): void {
  for (let at: usize = 0; at < bytes; at += 16) {
    v128.store(out + at, canonical(keysOf(v128.load(keys + at))));
  }
}

function writeMeans(keys: usize, pitch: usize, count: i32, out: usize, bytes: usize): void {
  const divisor = f64x2.splat(<f64>count);
  for (let at: usize = 0; at < bytes; at += 16) {
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    let key = keys + at;
    for (let i = 0; i < count; i++, key += pitch) {
      const values = keysOf(v128.load(key));
      low = f64x2.add(low, lower(values));
      high = f64x2.add(high, upper(values));
    }
    v128.store(out + at, joined(f64x2.div(low, divisor), f64x2.div(high, divisor)));
  }
}
