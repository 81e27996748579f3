/**
 * addSimulatedNoise: adds continuous noise, driven by ChaCha20, to one row. For simulation alone: it is
 * not private.
 *
 * Sixteen columns at a time, as add-lattice-noise.ts takes them; four columns of four blocks, of each
 * the first two words.
 *
 * @module
 */

import { BLOCKS_BYTES, fourBlocks } from '../chacha20';

/** Where four blocks stand while they are used. */
const blocks: usize = memory.data(256, 16);
const SIGN: u32 = 0x8000_0000;
/** The bits of √½: what is above it, up to √2, has the exponent 0 here. */
const ROOT_HALF: u32 = 0x3f35_04f3;
const MANTISSA: u32 = 0x007f_ffff;

/**
 * `cols` is a multiple of 16, the first of which is the first of sixteen `sixteenth`; blocks count modulo
 * 2³². The table holds the 16 words of a state, then the scale as an f32, and 1 for the law of Laplace.
 */
export function addSimulatedNoise(
  x: usize,
  cols: i32,
  table: usize,
  sixteenth: i32,
  out: usize,
): void {
  const state = table;
  const scale = load<f32>(table, 64);
  const isLaplace = load<i32>(table, 68);
  const end = x + <usize>cols * 4;
  for (let block = 4 * sixteenth; x < end; block += 4) {
    fourBlocks(state, block, 0, blocks);
    for (let k: usize = 0; k < 4; k++) {
      const first = v128.load(blocks + 64 * k);
      const second = v128.load(blocks + 64 * k, 16);
      const drawn = isLaplace ? laplace(first, second) : gaussian(first, second);
      v128.store_lane<f32>(out + 4 * k, drawn, 0);
      v128.store_lane<f32>(out + 4 * k, drawn, 1, 16);
      v128.store_lane<f32>(out + 4 * k, drawn, 2, 32);
      v128.store_lane<f32>(out + 4 * k, drawn, 3, 48);
    }
    for (const last = x + 64; x < last; x += 16, out += 16) {
      const noise = f32x4.mul(v128.load(out), f32x4.splat(scale));
      v128.store(out, f32x4.add(v128.load(x), noise));
    }
  }
  memory.fill(blocks, 0, BLOCKS_BYTES);
}

/** √(2L)·cos(2πv), where cos(2πv) = sin(π/2·c) for c = |4v − 2| − 1, which is exact. */
function gaussian(radius: v128, angle: v128): v128 {
  const turns = f32x4.mul(f32x4.convert_i32x4_u(v128.shr<u32>(angle, 8)), f32x4.splat(2 ** -22));
  const c = f32x4.sub(f32x4.abs(f32x4.sub(turns, f32x4.splat(2))), f32x4.splat(1));
  // Taylor's series, to 6·10⁻⁸ at the ends.
  const square = f32x4.mul(c, c);
  let sum = f32x4.splat(-3.5988432e-6);
  sum = multiplyAdd(sum, square, 1.6044118e-4);
  sum = multiplyAdd(sum, square, -4.6817541e-3);
  sum = multiplyAdd(sum, square, 0.079692626);
  sum = multiplyAdd(sum, square, -0.6459641);
  sum = multiplyAdd(sum, square, 1.5707964);
  const length = f32x4.sqrt(f32x4.mul(f32x4.splat(2), minusLog(radius)));
  return f32x4.mul(length, f32x4.mul(c, sum));
}

function laplace(size: v128, sign: v128): v128 {
  return v128.or(minusLog(size), v128.and(sign, i32x4.splat(SIGN)));
}

/**
 * −ln(n/2²⁴), where n is one more than the upper 24 bits: n = m·2^e with m from √½ to √2, and
 * ln m = 2·artanh(s) with s = (m − 1)/(m + 1), by its series to 2·10⁻⁹ of itself.
 */
function minusLog(word: v128): v128 {
  const n = f32x4.convert_i32x4_u(i32x4.add(v128.shr<u32>(word, 8), i32x4.splat(1)));
  const bits = i32x4.sub(n, i32x4.splat(ROOT_HALF));
  const m = i32x4.add(v128.and(bits, i32x4.splat(MANTISSA)), i32x4.splat(ROOT_HALF));
  const e = f32x4.convert_i32x4_u(v128.shr<u32>(bits, 23));
  const one = f32x4.splat(1);
  const s = f32x4.div(f32x4.sub(m, one), f32x4.add(m, one));
  const square = f32x4.mul(s, s);
  let sum = f32x4.splat(2 / 9);
  sum = multiplyAdd(sum, square, 2 / 7);
  sum = multiplyAdd(sum, square, 2 / 5);
  sum = multiplyAdd(sum, square, 2 / 3);
  sum = multiplyAdd(sum, square, 2);
  const high = f32x4.mul(f32x4.sub(f32x4.splat(24), e), f32x4.splat(<f32>Math.LN2));
  return f32x4.sub(high, f32x4.mul(s, sum));
}

function multiplyAdd(a: v128, b: v128, c: f32): v128 {
  return f32x4.add(f32x4.mul(a, b), f32x4.splat(c));
}
