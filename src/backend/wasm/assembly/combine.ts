/**
 * combine: sums of weighted rows.
 *
 * Several outputs in one pass over the tile are computed in f64, rows in order, as the reference does,
 * so results are equal to the bit. A product of two f32 is exact there, and where outputs share what
 * is loaded, f64 costs no more than f32 with sums that keep its error small.
 *
 * One output is bound by memory and computed in f32 where that can be done well: eight rows are weighted
 * and added in f32, two by two, and the rest in f64. A term is rounded as a weight, as a product and in
 * three sums, the result once more: 6 · 2⁻²⁴ · Σ|w·x| at most, 4 where weights are equal, since they are
 * given as parts of the largest (and 2⁻¹⁵⁰ where the result is subnormal). For no term to be lost below the range, that is made 2⁴⁷ and none is
 * below 2²⁸: even the smallest subnormal then has a normal product. Where terms leave the range above,
 * from 2⁷⁸ on, the result is not finite, and is taken from sums in f64 instead.
 *
 * Lists hold rows with their weights; rows of weight 0 are in none, and so are not read.
 *
 * @module
 */

import { joined, lower, upper } from './halves';

/** Bytes of an entry of a list for one output: number of the row (u32), nothing, weight (f64). */
const ENTRY: usize = 16;
/** Bytes from row to row for `addEight`: a constant costs less there than eight addresses. */
const EIGHT_STRIDE: usize = 262_208;

/** The same, for who puts the rows there. */
export function eightStride(): usize {
  return EIGHT_STRIDE;
}
/** Bytes of an entry of a list for four: number of the row (u32), nothing, four weights (f64). */
const GROUP_ENTRY: usize = 40;

/**
 * One output, some of its rows: adds Σ weight · row to the f64 at `sums`, one for each column, all in
 * f64. `cols` is a multiple of 16.
 */
export function addRows(
  x: usize,
  stride: usize,
  cols: i32,
  list: usize,
  entries: i32,
  sums: usize,
): void {
  const end = list + <usize>entries * ENTRY;
  const bytes = <usize>cols * 4;
  for (let at: usize = 0; at < bytes; at += 64) {
    const sum = sums + 2 * at;
    let a0 = v128.load(sum);
    let a1 = v128.load(sum, 16);
    let b0 = v128.load(sum, 32);
    let b1 = v128.load(sum, 48);
    let c0 = v128.load(sum, 64);
    let c1 = v128.load(sum, 80);
    let d0 = v128.load(sum, 96);
    let d1 = v128.load(sum, 112);
    for (let entry = list; entry < end; entry += ENTRY) {
      const row = x + load<u32>(entry) * stride + at;
      const weight = v128.load_splat<f64>(entry, 8);
      a0 = f64x2.add(a0, f64x2.mul(weight, promoted(v128.load_zero<u64>(row))));
      a1 = f64x2.add(a1, f64x2.mul(weight, promoted(v128.load_zero<u64>(row, 8))));
      b0 = f64x2.add(b0, f64x2.mul(weight, promoted(v128.load_zero<u64>(row, 16))));
      b1 = f64x2.add(b1, f64x2.mul(weight, promoted(v128.load_zero<u64>(row, 24))));
      c0 = f64x2.add(c0, f64x2.mul(weight, promoted(v128.load_zero<u64>(row, 32))));
      c1 = f64x2.add(c1, f64x2.mul(weight, promoted(v128.load_zero<u64>(row, 40))));
      d0 = f64x2.add(d0, f64x2.mul(weight, promoted(v128.load_zero<u64>(row, 48))));
      d1 = f64x2.add(d1, f64x2.mul(weight, promoted(v128.load_zero<u64>(row, 56))));
    }
    v128.store(sum, a0);
    v128.store(sum, a1, 16);
    v128.store(sum, b0, 32);
    v128.store(sum, b1, 48);
    v128.store(sum, c0, 64);
    v128.store(sum, c1, 80);
    v128.store(sum, d0, 96);
    v128.store(sum, d1, 112);
  }
}

/**
 * The same in f32, for eight rows at `EIGHT_STRIDE`: `weights` are eight f32. `cols` is a multiple of 4.
 */
export function addEight(x: usize, cols: i32, weights: usize, sums: usize): void {
  const w0 = v128.load_splat<f32>(weights);
  const w1 = v128.load_splat<f32>(weights, 4);
  const w2 = v128.load_splat<f32>(weights, 8);
  const w3 = v128.load_splat<f32>(weights, 12);
  const w4 = v128.load_splat<f32>(weights, 16);
  const w5 = v128.load_splat<f32>(weights, 20);
  const w6 = v128.load_splat<f32>(weights, 24);
  const w7 = v128.load_splat<f32>(weights, 28);
  let sum = sums;
  for (let p = x, end = x + <usize>cols * 4; p < end; p += 16) {
    const first = f32x4.add(
      f32x4.add(f32x4.mul(w0, v128.load(p)), f32x4.mul(w1, v128.load(p, EIGHT_STRIDE))),
      f32x4.add(
        f32x4.mul(w2, v128.load(p, 2 * EIGHT_STRIDE)),
        f32x4.mul(w3, v128.load(p, 3 * EIGHT_STRIDE)),
      ),
    );
    const second = f32x4.add(
      f32x4.add(
        f32x4.mul(w4, v128.load(p, 4 * EIGHT_STRIDE)),
        f32x4.mul(w5, v128.load(p, 5 * EIGHT_STRIDE)),
      ),
      f32x4.add(
        f32x4.mul(w6, v128.load(p, 6 * EIGHT_STRIDE)),
        f32x4.mul(w7, v128.load(p, 7 * EIGHT_STRIDE)),
      ),
    );
    const all = f32x4.add(first, second);
    v128.store(sum, f64x2.add(v128.load(sum), lower(all)));
    v128.store(sum, f64x2.add(v128.load(sum, 16), upper(all)), 16);
    sum += 32;
  }
}

/** out = unit · sums, rounded. Returns whether all results are finite. */
export function roundSums(sums: usize, cols: i32, unit: f64, out: usize): bool {
  let trace = f32x4.splat(0);
  for (let at: usize = 0; at < <usize>cols * 4; at += 16) {
    const result = rounded(sums + 2 * at, unit);
    // Anything but a finite number times 0 is NaN.
    trace = f32x4.add(trace, f32x4.mul(result, f32x4.splat(0)));
    v128.store(out + at, result);
  }
  return v128.all_true<i32>(f32x4.eq(trace, trace));
}

/** The same, where `out` is not finite yet. */
export function replaceSums(sums: usize, cols: i32, unit: f64, out: usize): void {
  for (let at: usize = 0; at < <usize>cols * 4; at += 16) {
    const known = v128.load(out + at);
    const size = f32x4.abs(known);
    const finite = f32x4.lt(size, f32x4.splat(f32.POSITIVE_INFINITY));
    v128.store(out + at, v128.bitselect(known, rounded(sums + 2 * at, unit), finite));
  }
}

function rounded(sums: usize, unit: f64): v128 {
  const factor = f64x2.splat(unit);
  return joined(f64x2.mul(v128.load(sums), factor), f64x2.mul(v128.load(sums, 16), factor));
}

/** Two f32 as f64. */
function promoted(two: v128): v128 {
  return f64x2.promote_low_f32x4(two);
}

/**
 * Four outputs, as far apart as rows, over the rows that any of them wants. Returns whether an
 * entry was not finite: 0 · ∞ is then among the results, and the four are to be done one by one.
 */
export function combineFour(
  x: usize,
  stride: usize,
  cols: i32,
  list: usize,
  entries: i32,
  units: usize,
  out: usize,
): bool {
  const end = list + <usize>entries * GROUP_ENTRY;
  const bytes = <usize>cols * 4;
  // Anything but a finite number times 0 is NaN.
  let trace = f64x2.splat(0);
  for (let at: usize = 0; at < bytes; at += 16) {
    let a0 = f64x2.splat(0);
    let a1 = a0;
    let b0 = a0;
    let b1 = a0;
    let c0 = a0;
    let c1 = a0;
    let d0 = a0;
    let d1 = a0;
    for (let entry = list; entry < end; entry += GROUP_ENTRY) {
      const values = v128.load(x + load<u32>(entry) * stride + at);
      const low = lower(values);
      const high = upper(values);
      let weight = v128.load_splat<f64>(entry, 8);
      a0 = f64x2.add(a0, f64x2.mul(weight, low));
      a1 = f64x2.add(a1, f64x2.mul(weight, high));
      weight = v128.load_splat<f64>(entry, 16);
      b0 = f64x2.add(b0, f64x2.mul(weight, low));
      b1 = f64x2.add(b1, f64x2.mul(weight, high));
      weight = v128.load_splat<f64>(entry, 24);
      c0 = f64x2.add(c0, f64x2.mul(weight, low));
      c1 = f64x2.add(c1, f64x2.mul(weight, high));
      weight = v128.load_splat<f64>(entry, 32);
      d0 = f64x2.add(d0, f64x2.mul(weight, low));
      d1 = f64x2.add(d1, f64x2.mul(weight, high));
    }
    const zero = f64x2.splat(0);
    trace = f64x2.add(trace, f64x2.mul(zero, f64x2.add(f64x2.add(a0, b0), f64x2.add(c0, d0))));
    trace = f64x2.add(trace, f64x2.mul(zero, f64x2.add(f64x2.add(a1, b1), f64x2.add(c1, d1))));
    writeFour(units, 0, out + at, a0, a1);
    writeFour(units, 8, out + stride + at, b0, b1);
    writeFour(units, 16, out + 2 * stride + at, c0, c1);
    writeFour(units, 24, out + 3 * stride + at, d0, d1);
  }
  return v128.any_true(f64x2.ne(trace, trace));
}

function writeFour(units: usize, which: usize, out: usize, low: v128, high: v128): void {
  const factor = v128.load_splat<f64>(units + which);
  v128.store(out, joined(f64x2.mul(low, factor), f64x2.mul(high, factor)));
}
