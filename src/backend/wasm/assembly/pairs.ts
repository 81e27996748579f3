/**
 * pairs: inner products and squared distances, from differences, of all pairs of rows.
 *
 * A chunk is two halves of 32 vectors in f32, four at a time: (t + t) + (t + t), then seven additions
 * more, and one for the halves. A term of a distance is a rounded difference squared (twice 2⁻²⁴),
 * rounded (once) and, all terms being positive, rounded in 10 sums: at most 13 · 2⁻²⁴ = 7.8e-7 of the
 * chunk, in practice some 1e-8. Products err by as little of Σ|x·y|, which is at most ‖x‖·‖y‖. Chunks
 * add in f64. A chunk whose sum is not finite, or so small that terms may have been lost below the
 * range, is done again in f64 for that pair; a few columns are done in f64 altogether.
 *
 * Sums stand at 16 bytes for each pair: the squared distance, then the product.
 *
 * @module
 */

import { lower, upper } from './halves';

/** Bytes of a row in a chunk: 256 columns. */
const CHUNK: usize = 1024;
/** Bytes of a pair's sums. */
const PAIR: usize = 16;
/** Of terms that are lost, 256 add less than 256 · 2⁻¹⁴⁹: a part in 10¹² of this. */
const SMALL: f64 = 7.888609052210118e-31; // 2⁻¹⁰⁰, exactly

/**
 * Adds `cols` columns to the sums of rows [first, last) with themselves and all later rows: those of
 * rows i and j at `sums + ((i − first) · rows + j) · 16`. `cols` is a multiple of 256, what is over is
 * 0. `exact`: all in f64.
 */
export function pairs(
  x: usize,
  stride: usize,
  rows: i32,
  cols: i32,
  first: i32,
  last: i32,
  exact: bool,
  sums: usize,
): void {
  const end = x + <usize>cols * 4;
  // Chunk by chunk, so that all rows of one stay in a cache.
  for (; x < end; x += CHUNK) {
    for (let i = first; i < last; i++) {
      const a = x + <usize>i * stride;
      let sum = sums + <usize>((i - first) * rows + i) * PAIR;
      addTo(sum, exactChunk(a, a));
      sum += PAIR;
      let b = a + stride;
      for (let j = i + 1; j < rows; j++, b += stride, sum += PAIR) {
        addTo(sum, exact ? exactChunk(a, b) : chunk(a, b));
      }
    }
  }
}

function addTo(sum: usize, value: v128): void {
  v128.store(sum, f64x2.add(v128.load(sum), value));
}

/** Squared distance and product of a chunk. */
function chunk(a: usize, b: usize): v128 {
  let distance = f32x4.splat(0);
  let product = f32x4.splat(0);
  const end = a + CHUNK;
  while (a < end) {
    let d = f32x4.splat(0);
    let p = f32x4.splat(0);
    for (const half = a + CHUNK / 2; a < half; a += 64, b += 64) {
      const a0 = v128.load(a);
      const b0 = v128.load(b);
      const a1 = v128.load(a, 16);
      const b1 = v128.load(b, 16);
      const a2 = v128.load(a, 32);
      const b2 = v128.load(b, 32);
      const a3 = v128.load(a, 48);
      const b3 = v128.load(b, 48);
      const d01 = f32x4.add(squared(f32x4.sub(a0, b0)), squared(f32x4.sub(a1, b1)));
      const d23 = f32x4.add(squared(f32x4.sub(a2, b2)), squared(f32x4.sub(a3, b3)));
      d = f32x4.add(d, f32x4.add(d01, d23));
      const p01 = f32x4.add(f32x4.mul(a0, b0), f32x4.mul(a1, b1));
      const p23 = f32x4.add(f32x4.mul(a2, b2), f32x4.mul(a3, b3));
      p = f32x4.add(p, f32x4.add(p01, p23));
    }
    distance = f32x4.add(distance, d);
    product = f32x4.add(product, p);
  }
  const both = across(
    f64x2.add(lower(distance), upper(distance)),
    f64x2.add(lower(product), upper(product)),
  );
  const size = f64x2.abs(both);
  const fits = v128.and(f64x2.ge(size, f64x2.splat(SMALL)), f64x2.lt(size, f64x2.splat(Infinity)));
  return v128.all_true<i64>(fits) ? both : exactChunk(a - CHUNK, b - CHUNK);
}

/** The same in f64: f32's range and rounding do not matter. */
function exactChunk(a: usize, b: usize): v128 {
  let distance = f64x2.splat(0);
  let product = f64x2.splat(0);
  for (const end = a + CHUNK; a < end; a += 16, b += 16) {
    const left = v128.load(a);
    const right = v128.load(b);
    const lowLeft = lower(left);
    const lowRight = lower(right);
    const highLeft = upper(left);
    const highRight = upper(right);
    const low = f64x2.sub(lowLeft, lowRight);
    const high = f64x2.sub(highLeft, highRight);
    distance = f64x2.add(distance, f64x2.add(f64x2.mul(low, low), f64x2.mul(high, high)));
    product = f64x2.add(
      product,
      f64x2.add(f64x2.mul(lowLeft, lowRight), f64x2.mul(highLeft, highRight)),
    );
  }
  return across(distance, product);
}

function squared(v: v128): v128 {
  return f32x4.mul(v, v);
}

/** Two sums of two lanes as two lanes. */
function across(a: v128, b: v128): v128 {
  return f64x2.add(v128.shuffle<f64>(a, b, 0, 2), v128.shuffle<f64>(a, b, 1, 3));
}
