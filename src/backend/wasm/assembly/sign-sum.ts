/**
 * signSum: the number of positive entries of each column less that of negative ones. Zeros and NaN
 * count 0.
 *
 * @module
 */

/** `cols` is a multiple of 4. Exact up to 2²⁴ rows. */
export function signSum(x: usize, stride: usize, rows: i32, cols: i32, out: usize): void {
  const zero = f32x4.splat(0);
  const bytes = <usize>cols * 4;
  for (let at: usize = 0; at < bytes; at += 16) {
    let sum = i32x4.splat(0);
    let from = x + at;
    for (let row = 0; row < rows; row++, from += stride) {
      const values = v128.load(from);
      // A true comparison is −1 in every lane.
      sum = i32x4.sub(sum, f32x4.gt(values, zero));
      sum = i32x4.add(sum, f32x4.lt(values, zero));
    }
    v128.store(out + at, f32x4.convert_i32x4_s(sum));
  }
}
