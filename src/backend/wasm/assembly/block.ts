/**
 * Blocks: some columns of all rows as keys, small enough for the first-level cache.
 *
 * @module
 */

import { KEY_OF_MINUS_INFINITY, keysOf, lift } from './keys';

/**
 * Loads `bytes` of each row as keys. Row i starts at `x + i · stride`, and at `block + i · pitch` in
 * the block. `bytes` is a multiple of 32.
 */
export function loadKeys(
  x: usize,
  stride: usize,
  rows: i32,
  block: usize,
  pitch: usize,
  bytes: usize,
): void {
  let least = i32x4.splat(i32.MAX_VALUE);
  let from = x;
  let to = block;
  for (let row = 0; row < rows; row++) {
    for (let at: usize = 0; at < bytes; at += 32) {
      const a = keysOf(v128.load(from + at));
      const b = keysOf(v128.load(from + at, 16));
      v128.store(to + at, a);
      v128.store(to + at, b, 16);
      least = v128.min<i32>(least, v128.min<i32>(a, b));
    }
    from += stride;
    to += pitch;
  }
  // NaN with its sign bit set is rare enough to be looked for once a block.
  const wrong = v128.lt<i32>(least, i32x4.splat(KEY_OF_MINUS_INFINITY));
  if (v128.any_true(wrong)) liftKeys(rows, block, pitch, bytes);
}

function liftKeys(rows: i32, block: usize, pitch: usize, bytes: usize): void {
  for (let row = 0; row < rows; row++, block += pitch) {
    for (let at: usize = 0; at < bytes; at += 16) {
      v128.store(block + at, lift(v128.load(block + at)));
    }
  }
}
