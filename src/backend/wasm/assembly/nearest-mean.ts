/**
 * nearestMean by a sorting network: mean of the `count` values of each column nearest to a center.
 *
 * In a sorted column distances fall, then rise. So the largest of the `count` smallest distances is
 * the least, over all windows of `count` neighbours, of the larger distance at a window's ends. What
 * is nearer is kept, and of the values at just that distance the lowest. Four columns are done
 * without regard to ties, and again with regard where a count shows that there were some, or where
 * something is not finite; what a column gives does not depend on which way it went.
 *
 * @module
 */

import { loadKeys } from './block';
import { allFinite, distance, plainDistance, scaleOf } from './distance';
import { joined, lower, upper } from './halves';
import { canonical, keysOf } from './keys';
import { runSteps } from './steps.gen';

/** As rankMeanNetwork, with one center for each column; the network sorts all ranks. */
export function nearestMeanNetwork(
  x: usize,
  stride: usize,
  rows: i32,
  cols: i32,
  centers: usize,
  count: i32,
  program: usize,
  steps: i32,
  block: usize,
  blockCols: i32,
  out: usize,
): void {
  const pitch = <usize>blockCols * 4;
  for (let col = 0; col < cols; col += blockCols) {
    const bytes = <usize>min(blockCols, cols - col) * 4;
    const at = <usize>col * 4;
    loadKeys(x + at, stride, rows, block, pitch, bytes);
    runSteps(program, steps, block, bytes);
    for (let lane: usize = 0; lane < bytes; lane += 16) {
      const center = v128.load(centers + at + lane);
      v128.store(out + at + lane, nearest(block + lane, pitch, rows, center, count));
    }
  }
}

/** The mean for four columns of sorted keys, which become words. */
function nearest(column: usize, pitch: usize, rows: i32, center: v128, count: i32): v128 {
  const end = column + <usize>rows * pitch;
  for (let at = column; at < end; at += pitch) v128.store(at, keysOf(v128.load(at)));
  const lowest = plainDistance(v128.load(column), center);
  const highest = plainDistance(v128.load(end - pitch), center);
  // Between two values at a finite distance all are.
  if (count > 1 && allFinite(v128.max<i32>(lowest, highest))) {
    const far = plainReach(column, pitch, rows, center, count);
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    let left = i32x4.splat(count);
    for (let at = column; at < end; at += pitch) {
      const values = v128.load(at);
      const farther = v128.gt<i32>(plainDistance(values, center), far);
      left = i32x4.sub(left, i32x4.add(farther, i32x4.splat(1)));
      const kept = v128.andnot(values, farther);
      low = f64x2.add(low, lower(kept));
      high = f64x2.add(high, upper(kept));
    }
    if (!v128.any_true(left)) return mean(low, high, count);
  }
  return nearestOfTies(column, pitch, rows, center, count);
}

/** The largest of the `count` smallest distances. */
function plainReach(column: usize, pitch: usize, rows: i32, center: v128, count: i32): v128 {
  let reach = i32x4.splat(i32.MAX_VALUE);
  const width = <usize>(count - 1) * pitch;
  for (let i = count; i <= rows; i++, column += pitch) {
    const first = plainDistance(v128.load(column), center);
    const last = plainDistance(v128.load(column + width), center);
    reach = v128.min<i32>(reach, v128.max<i32>(first, last));
  }
  return reach;
}

/** The same for any values: ties go to the lower one, what is infinite or NaN comes last. */
function nearestOfTies(column: usize, pitch: usize, rows: i32, center: v128, count: i32): v128 {
  const end = column + <usize>rows * pitch;
  const scale = scaleOf(center);
  const width = <usize>(count - 1) * pitch;
  let far = i32x4.splat(i32.MAX_VALUE);
  for (let at = column; at + width < end; at += pitch) {
    const first = distance(v128.load(at), center, scale);
    const last = distance(v128.load(at + width), center, scale);
    far = v128.min<i32>(far, v128.max<i32>(first, last));
  }
  // How many at that distance are kept.
  let left = i32x4.splat(count);
  for (let at = column; at < end; at += pitch) {
    left = i32x4.add(left, v128.lt<i32>(distance(v128.load(at), center, scale), far));
  }
  const zero = i32x4.splat(0);
  let word = zero;
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (let at = column; at < end; at += pitch) {
    const values = v128.load(at);
    const away = distance(values, center, scale);
    const tied = v128.eq<i32>(away, far);
    const taken = v128.or(v128.lt<i32>(away, far), v128.and(tied, v128.gt<i32>(left, zero)));
    left = i32x4.add(left, tied);
    const kept = v128.and(values, taken);
    word = v128.or(word, kept);
    low = f64x2.add(low, lower(kept));
    high = f64x2.add(high, upper(kept));
  }
  // A single value is selected: a sum would lose the sign of −0.
  return count === 1 ? canonical(word) : mean(low, high, count);
}

function mean(low: v128, high: v128, count: i32): v128 {
  const divisor = f64x2.splat(<f64>count);
  return joined(f64x2.div(low, divisor), f64x2.div(high, divisor));
}
