/**
 * combine: sums of weighted rows, for several outputs in one pass over the tile.
 *
 * All in f64, rows in order, as the reference does, so results are equal to the bit: a product of
 * two f32 is exact there, and where several outputs share what is loaded, f64 costs no more than f32
 * with sums that keep its error small. A plan lists the rows with their weights; rows of weight 0 are
 * in no list, and so are not read.
 *
 * @module
 */

import { joined, lower, upper } from './halves';

/** Bytes of an entry of a plan of one output: number of the row (u32), nothing, weight (f64). */
const ENTRY: usize = 16;
/** Bytes of an entry for a group: number of the row (u32), nothing, four weights (f64). */
const GROUP_ENTRY: usize = 40;

/**
 * One output: out = unit · Σ weight · row. `unit` is a power of two that keeps large weights in range.
 * `cols` is a multiple of 16.
 */
export function combineOne(
  x: usize,
  stride: usize,
  cols: i32,
  plan: usize,
  entries: i32,
  unit: f64,
  out: usize,
): void {
  const end = plan + <usize>entries * ENTRY;
  const factor = f64x2.splat(unit);
  const bytes = <usize>cols * 4;
  for (let at: usize = 0; at < bytes; at += 64) {
    let a0 = f64x2.splat(0);
    let a1 = a0;
    let b0 = a0;
    let b1 = a0;
    let c0 = a0;
    let c1 = a0;
    let d0 = a0;
    let d1 = a0;
    for (let entry = plan; entry < end; entry += ENTRY) {
      const row = x + load<u32>(entry) * stride + at;
      const weight = v128.load_splat<f64>(entry, 8);
      a0 = f64x2.add(a0, f64x2.mul(weight, two(row)));
      a1 = f64x2.add(a1, f64x2.mul(weight, two(row + 8)));
      b0 = f64x2.add(b0, f64x2.mul(weight, two(row + 16)));
      b1 = f64x2.add(b1, f64x2.mul(weight, two(row + 24)));
      c0 = f64x2.add(c0, f64x2.mul(weight, two(row + 32)));
      c1 = f64x2.add(c1, f64x2.mul(weight, two(row + 40)));
      d0 = f64x2.add(d0, f64x2.mul(weight, two(row + 48)));
      d1 = f64x2.add(d1, f64x2.mul(weight, two(row + 56)));
    }
    v128.store(out + at, joined(f64x2.mul(a0, factor), f64x2.mul(a1, factor)));
    v128.store(out + at, joined(f64x2.mul(b0, factor), f64x2.mul(b1, factor)), 16);
    v128.store(out + at, joined(f64x2.mul(c0, factor), f64x2.mul(c1, factor)), 32);
    v128.store(out + at, joined(f64x2.mul(d0, factor), f64x2.mul(d1, factor)), 48);
  }
}

/** Two f32 at an address, as f64. */
function two(at: usize): v128 {
  return f64x2.promote_low_f32x4(v128.load_zero<u64>(at));
}

/**
 * Four outputs, as far apart as rows, over the rows that any of them wants. Returns whether an
 * entry was not finite: 0 · ∞ is then among the results, and the four are to be done one by one.
 */
export function combineFour(
  x: usize,
  stride: usize,
  cols: i32,
  plan: usize,
  entries: i32,
  units: usize,
  out: usize,
): bool {
  const end = plan + <usize>entries * GROUP_ENTRY;
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
    for (let entry = plan; entry < end; entry += GROUP_ENTRY) {
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
