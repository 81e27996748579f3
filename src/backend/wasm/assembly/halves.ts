/**
 * f32 to f64 and back: four columns are one vector of f32 and two of f64.
 *
 * @module
 */

import { canonical } from './keys';

/** The lower two of four f32 as f64. */
export function lower(v: v128): v128 {
  return f64x2.promote_low_f32x4(v);
}

/** The upper two of four f32 as f64. */
export function upper(v: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i32>(v, v, 2, 3, 2, 3));
}

/** Four f32 from two halves of f64, rounded once. */
export function joined(low: v128, high: v128): v128 {
  const words = v128.shuffle<i64>(
    f32x4.demote_f64x2_zero(low),
    f32x4.demote_f64x2_zero(high),
    0,
    2,
  );
  return canonical(words);
}
