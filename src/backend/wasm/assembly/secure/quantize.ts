/**
 * quantize and dequantize: numbers as integers, rounded up or down as ChaCha20 says (see
 * core/stochastic-rounding.ts), and back.
 *
 * Sixty-four columns at a time: four blocks give each a word. No branch depends on a number or a word.
 *
 * @module
 */

import { BLOCKS_BYTES, fourBlocks, inOrder } from '../chacha20';

/** Four blocks word by word, and one after the other. */
const words: usize = memory.data(256, 16);
const blocks: usize = memory.data(256, 16);

const MAGNITUDE: i32 = 0x7fff_ffff;
const INFINITE: i32 = 0x7f80_0000;
/** Random bits as a number of chances; of a value below one of them nothing is left. */
const CHANCES: f32 = 16777216;
const LEAST: f32 = 1 / CHANCES;

/**
 * `cols` is a multiple of 64. The first column is the first of block `firstBlock`, which counts modulo
 * 2³². The table holds the 16 words of a state, then the clip and the scale as f32, and the limit.
 */
export function quantize(x: usize, cols: i32, table: usize, firstBlock: i32, out: usize): void {
  const state = table;
  const clip = load<f32>(table, 64);
  const scale = load<f32>(table, 68);
  const limit = load<i32>(table, 72);
  const end = x + <usize>cols * 4;
  for (let block = firstBlock; x < end; block += 4) {
    fourBlocks(state, block, 0, words);
    inOrder(words, blocks);
    for (let at: usize = 0; at < BLOCKS_BYTES; at += 16) {
      const random = v128.shr<u32>(v128.load(blocks + at), 8);
      v128.store(out + at, rounded(v128.load(x + at), random, clip, scale, limit));
    }
    x += BLOCKS_BYTES;
    out += BLOCKS_BYTES;
  }
  memory.fill(words, 0, BLOCKS_BYTES);
  memory.fill(blocks, 0, BLOCKS_BYTES);
}

/** Clamping is done on magnitudes as integers, which knows what NaN is. */
function rounded(x: v128, random: v128, clip: f32, scale: f32, limit: i32): v128 {
  const magnitude = v128.and(x, i32x4.splat(MAGNITUDE));
  const isNone = v128.gt<i32>(magnitude, i32x4.splat(INFINITE));
  const clipped = v128.min<i32>(magnitude, i32x4.splat(reinterpret<i32>(clip)));
  const size = f32x4.mul(v128.andnot(clipped, isNone), f32x4.splat(scale));
  const isSome = v128.ge<f32>(size, f32x4.splat(LEAST));
  const v = v128.and(v128.or(size, v128.andnot(x, i32x4.splat(MAGNITUDE))), isSome);
  const below = f32x4.floor(v);
  const fraction = f32x4.mul(f32x4.sub(v, below), f32x4.splat(CHANCES));
  const isUp = v128.lt<f32>(f32x4.convert_i32x4_s(random), fraction);
  const integer = i32x4.sub(i32x4.trunc_sat_f32x4_s(below), isUp);
  return v128.max<i32>(v128.min<i32>(integer, i32x4.splat(limit)), i32x4.splat(-limit));
}

/**
 * Products in f64, rounded to f32. Integers are what is left of words without the bits above them. `cols` is a
 * multiple of 4. The table holds the scale, an f64, and the number of those bits.
 */
export function dequantize(x: usize, cols: i32, table: usize, _: i32, out: usize): void {
  const factor = f64x2.splat(load<f64>(table));
  const above = load<i32>(table, 8);
  for (const end = x + <usize>cols * 4; x < end; x += 16, out += 16) {
    const integers = i32x4.shr_s(i32x4.shl(v128.load(x), above), above);
    const upper = v128.shuffle<i32>(integers, integers, 2, 3, 2, 3);
    const low = f64x2.mul(f64x2.convert_low_i32x4_s(integers), factor);
    const high = f64x2.mul(f64x2.convert_low_i32x4_s(upper), factor);
    const first = f32x4.demote_f64x2_zero(low);
    const last = f32x4.demote_f64x2_zero(high);
    v128.store(out, v128.shuffle<i64>(first, last, 0, 2));
  }
}
