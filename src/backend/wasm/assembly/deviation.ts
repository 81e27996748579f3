/**
 * deviation: sample standard deviation of each column, in two passes and f64: the mean, then the
 * squares of what is left.
 *
 * @module
 */

import { joined, lower, upper } from './halves';

/** `cols` is a multiple of 4, `rows` at least 2. */
export function deviation(x: usize, stride: usize, rows: i32, cols: i32, out: usize): void {
  const bytes = <usize>cols * 4;
  for (let at: usize = 0; at < bytes; at += 16) {
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    let from = x + at;
    for (let row = 0; row < rows; row++, from += stride) {
      const values = v128.load(from);
      low = f64x2.add(low, lower(values));
      high = f64x2.add(high, upper(values));
    }
    const lowMean = f64x2.div(low, f64x2.splat(<f64>rows));
    const highMean = f64x2.div(high, f64x2.splat(<f64>rows));
    low = f64x2.splat(0);
    high = f64x2.splat(0);
    from = x + at;
    for (let row = 0; row < rows; row++, from += stride) {
      const values = v128.load(from);
      const lowRest = f64x2.sub(lower(values), lowMean);
      const highRest = f64x2.sub(upper(values), highMean);
      low = f64x2.add(low, f64x2.mul(lowRest, lowRest));
      high = f64x2.add(high, f64x2.mul(highRest, highRest));
    }
    const divisor = f64x2.splat(<f64>(rows - 1));
    v128.store(
      out + at,
      joined(f64x2.sqrt(f64x2.div(low, divisor)), f64x2.sqrt(f64x2.div(high, divisor))),
    );
  }
}
