/**
 * Keys: words of f32 as signed integers that are ordered as the values are,
 * −∞ < … < −0 < 0 < … < ∞ < NaN. Comparing keys neither rounds nor traps, and tells zeros apart.
 *
 * @module
 */

/** Key of ∞; above it are the keys of NaN. */
export const KEY_OF_INFINITY: i32 = 0x7f800000;
/** Key of −∞; below it `keysOf` puts NaN with its sign bit set, until `lift` takes it up. */
export const KEY_OF_MINUS_INFINITY: i32 = 0x807fffff;
/** The one NaN that results hold. */
export const NOT_A_NUMBER: i32 = 0x7fc00000;

/** Words to keys, and keys to words: flips the magnitude of what is negative. */
export function keysOf(words: v128): v128 {
  return v128.xor(words, v128.shr<u32>(v128.shr<i32>(words, 31), 1));
}

/** Keys of every NaN, whatever its sign, above that of ∞. */
export function lift(keys: v128): v128 {
  const wrong = v128.lt<i32>(keys, i32x4.splat(KEY_OF_MINUS_INFINITY));
  return v128.bitselect(i32x4.splat(NOT_A_NUMBER), keys, wrong);
}

/** Words with every NaN the same. */
export function canonical(words: v128): v128 {
  return v128.bitselect(words, i32x4.splat(NOT_A_NUMBER), v128.eq<f32>(words, words));
}
