/**
 * Distances of values from a center, as words: words of distances are ordered as distances are.
 *
 * |value − center| is rounded to 24 bits without limits of range. A difference of f32 that falls below
 * the normal range is exact, so only overflow needs care: with a center of at least 2¹⁰⁰ both are
 * divided by 4, which neither rounds what matters nor overflows; with a smaller one the difference
 * rounds to no more than the largest f32.
 *
 * @module
 */

const MAGNITUDE: i32 = 0x7fffffff;
const INFINITE: i32 = 0x7f800000;
const LARGE: f32 = 1.2676506002282294e30; // 2¹⁰⁰, exactly

/** ¼ for lanes whose center is so large that differences could overflow, else 1. */
export function scaleOf(center: v128): v128 {
  const large = f32x4.ge(f32x4.abs(center), f32x4.splat(LARGE));
  return v128.bitselect(f32x4.splat(0.25), f32x4.splat(1), large);
}

/** Distance of finite values from a finite center, where it does not overflow. */
export function plainDistance(values: v128, center: v128): v128 {
  return v128.and(f32x4.sub(values, center), i32x4.splat(MAGNITUDE));
}

/** Distance of any values from any center: NaN is at ∞, and so is all but the center if that is. */
export function distance(values: v128, center: v128, scale: v128): v128 {
  const away = v128.and(
    f32x4.sub(f32x4.mul(values, scale), f32x4.mul(center, scale)),
    i32x4.splat(MAGNITUDE),
  );
  // NaN's words are above that of ∞.
  const known = v128.min<i32>(away, i32x4.splat(INFINITE));
  return v128.andnot(known, f32x4.eq(values, center));
}

/** Whether all four distances are finite. */
export function allFinite(distances: v128): bool {
  return v128.all_true<i32>(v128.lt<i32>(distances, i32x4.splat(INFINITE)));
}
