/**
 * quantize and dequantize: numbers as integers, rounded up or down as ChaCha20 says, and back.
 *
 * Sixty-four columns at a time: four blocks give each a word. No branch depends on a number or a word.
 *
 * @module
 */

import { BLOCKS_BYTES, fourBlocks, inOrder } from './chacha20';

/** Four blocks word by word, and one after the other. */
const words: usize = memory.data(256, 16);
const blocks: usize = memory.data(256, 16);

const MAGNITUDE: i32 = 0x7fff_ffff;
const INFINITE: i32 = 0x7f80_0000;
/** Steps below this, 2⁻⁶⁴, count as none. */
const LEAST: f32 = 5.421010862427522e-20;
const UNIT: f32 = 16777216;

/**
 * `cols` is a multiple of 64. The first column is the first of block `firstBlock`, which counts modulo
 * 2³².
 */
export function quantize(
  x: usize,
  cols: i32,
  state: usize,
  clip: f32,
  scale: f32,
  limit: i32,
  firstBlock: i32,
  out: usize,
): void {
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

/**
 * By magnitudes, whose fractions are exact. A positive number goes away from 0 where r < fraction; a
 * negative one where it does not go up, which is where r < 1 − fraction fails.
 */
function rounded(x: v128, random: v128, clip: f32, scale: f32, limit: i32): v128 {
  const negative = v128.shr<i32>(x, 31);
  const magnitude = v128.and(x, i32x4.splat(MAGNITUDE));
  const isNone = v128.gt<i32>(magnitude, i32x4.splat(INFINITE));
  const clipped = v128.min<i32>(magnitude, i32x4.splat(reinterpret<i32>(clip)));
  const product = f32x4.mul(v128.andnot(clipped, isNone), f32x4.splat(scale));
  const steps = v128.and(product, v128.ge<f32>(product, f32x4.splat(LEAST)));
  const whole = f32x4.floor(steps);
  const fraction = f32x4.mul(f32x4.sub(steps, whole), f32x4.splat(UNIT));
  const r = f32x4.convert_i32x4_s(random);
  const away = v128.bitselect(
    v128.ge<f32>(fraction, f32x4.sub(f32x4.splat(UNIT), r)),
    v128.lt<f32>(r, fraction),
    negative,
  );
  const integer = i32x4.sub(i32x4.trunc_sat_f32x4_s(whole), away);
  const limited = v128.min<i32>(integer, i32x4.splat(limit));
  return i32x4.sub(v128.xor(limited, negative), negative);
}

/** `cols` is a multiple of 4. */
export function dequantize(x: usize, cols: i32, scale: f32, out: usize): void {
  for (const end = x + <usize>cols * 4; x < end; x += 16, out += 16) {
    const numbers = f32x4.convert_i32x4_s(v128.load(x));
    v128.store(out, f32x4.mul(numbers, f32x4.splat(scale)));
  }
}
