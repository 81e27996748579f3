/**
 * screen: what one pass over a row tells: the sum of its squares, how many entries are not finite, and
 * the two sums of its fingerprint (see reference/fingerprint.ts).
 *
 * Squares are f32, 16 of a lane added as (q + q) + (q + q) and three more additions, then promoted:
 * each is rounded once as a square and five times in sums of positive terms, so a chunk errs by at
 * most 6 · 2⁻²⁴ = 3.6e-7 of itself. Chunks add in f64. A chunk whose sum is not finite, or so small
 * that squares may have been lost below the range, is done again in f64, and only where that is not
 * finite either are entries counted.
 *
 * @module
 */

import { lower, upper } from './halves';

/** Columns of a chunk: 16 vectors. */
const CHUNK: usize = 256;
/** Of squares that are lost, 64 add less than 64 · 2⁻¹⁴⁹: a part in 10¹⁵ of this. */
const SMALL: f64 = 7.888609052210118e-31; // 2⁻¹⁰⁰, exactly
/** Bytes of a row's state: squares (f64), non-finite (u32), low and high sum (u32), nothing. */
export const STATE: usize = 24;

/** The bits of a word, mixed: the finalizer of MurmurHash3 (Appleby, public domain). */
function mix(words: v128): v128 {
  let h = v128.xor(words, v128.shr<u32>(words, 16));
  h = v128.mul<i32>(h, i32x4.splat(0x85ebca6b));
  h = v128.xor(h, v128.shr<u32>(h, 13));
  h = v128.mul<i32>(h, i32x4.splat(0xc2b2ae35));
  return v128.xor(h, v128.shr<u32>(h, 16));
}

/**
 * Numbers of `cols` columns from `firstCol`, for both sums: those for the first at `numbers`, for the
 * second `cols` words later. Made once for all rows of a tile.
 */
export function columnNumbers(firstCol: i32, cols: i32, numbers: usize): void {
  let columns = i32x4.add(i32x4.splat(firstCol), i32x4(0, 1, 2, 3));
  const one = i32x4.splat(1);
  const second = numbers + <usize>cols * 4;
  for (let at: usize = 0; at < <usize>cols * 4; at += 16) {
    const low = mix(i32x4.mul(columns, i32x4.splat(0x9e3779b1)));
    const high = mix(i32x4.mul(columns, i32x4.splat(0x85ebca77)));
    v128.store(numbers + at, v128.or(low, one));
    v128.store(second + at, v128.or(high, one));
    columns = i32x4.add(columns, i32x4.splat(4));
  }
}

/** Adds `cols` columns of every row to its state. `cols` is a multiple of 64, what is over is 0. */
export function screen(
  x: usize,
  stride: usize,
  rows: i32,
  cols: i32,
  numbers: usize,
  states: usize,
): void {
  for (let row = 0; row < rows; row++) {
    screenRow(x + <usize>row * stride, <usize>cols * 4, numbers, states + <usize>row * STATE);
  }
}

function screenRow(x: usize, bytes: usize, numbers: usize, state: usize): void {
  let low = i32x4.splat(0);
  let high = i32x4.splat(0);
  let squares = load<f64>(state);
  for (let from: usize = 0; from < bytes; from += CHUNK) {
    let sum = f32x4.splat(0);
    for (let at = from; at < from + CHUNK; at += 64) {
      const number = numbers + at;
      const a = v128.load(x + at);
      const b = v128.load(x + at, 16);
      const c = v128.load(x + at, 32);
      const d = v128.load(x + at, 48);
      const ab = f32x4.add(f32x4.mul(a, a), f32x4.mul(b, b));
      const cd = f32x4.add(f32x4.mul(c, c), f32x4.mul(d, d));
      sum = f32x4.add(sum, f32x4.add(ab, cd));
      const p = folded(a);
      const q = folded(b);
      const r = folded(c);
      const s = folded(d);
      low = i32x4.add(low, i32x4.mul(p, v128.load(number)));
      low = i32x4.add(low, i32x4.mul(q, v128.load(number, 16)));
      low = i32x4.add(low, i32x4.mul(r, v128.load(number, 32)));
      low = i32x4.add(low, i32x4.mul(s, v128.load(number, 48)));
      high = i32x4.add(high, i32x4.mul(p, v128.load(number + bytes)));
      high = i32x4.add(high, i32x4.mul(q, v128.load(number + bytes, 16)));
      high = i32x4.add(high, i32x4.mul(r, v128.load(number + bytes, 32)));
      high = i32x4.add(high, i32x4.mul(s, v128.load(number + bytes, 48)));
    }
    let total = total2(f64x2.add(lower(sum), upper(sum)));
    if (!(total >= SMALL && total < Infinity)) {
      total = exactSquares(x + from);
      if (!(total < Infinity)) store<u32>(state, load<u32>(state, 8) + nonFinite(x + from), 8);
    }
    squares += total;
  }
  store<f64>(state, squares);
  store<u32>(state, load<u32>(state, 12) + total4(low), 12);
  store<u32>(state, load<u32>(state, 16) + total4(high), 16);
}

/** Words as fingerprints take them: the high bits make themselves felt in the low ones. */
function folded(words: v128): v128 {
  return v128.xor(words, v128.shr<u32>(words, 15));
}

/** Sum of the squares of a chunk; neither f32's range nor its rounding matter. */
function exactSquares(x: usize): f64 {
  let sum = f64x2.splat(0);
  for (let at: usize = 0; at < CHUNK; at += 16) {
    const values = v128.load(x + at);
    const low = lower(values);
    const high = upper(values);
    sum = f64x2.add(sum, f64x2.add(f64x2.mul(low, low), f64x2.mul(high, high)));
  }
  return total2(sum);
}

/** Entries of a chunk that are NaN or infinite, by their bits. */
function nonFinite(x: usize): u32 {
  const exponent = i32x4.splat(0x7f800000);
  let count = i32x4.splat(0);
  for (let at: usize = 0; at < CHUNK; at += 16) {
    const found = i32x4.eq(v128.and(v128.load(x + at), exponent), exponent);
    count = i32x4.sub(count, found);
  }
  return total4(count);
}

function total2(v: v128): f64 {
  return f64x2.extract_lane(v, 0) + f64x2.extract_lane(v, 1);
}

function total4(v: v128): u32 {
  return (
    i32x4.extract_lane(v, 0) +
    i32x4.extract_lane(v, 1) +
    i32x4.extract_lane(v, 2) +
    i32x4.extract_lane(v, 3)
  );
}
