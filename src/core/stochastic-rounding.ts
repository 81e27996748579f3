/**
 * Rounding at random to a grid of integers, the way that every backend does it: which integer an f32
 * becomes, given 32 random bits, and which f32 an integer.
 *
 * Each step is one operation on f32 that is correctly rounded everywhere, so that results agree to the
 * last bit: no sum or product may be contracted or reordered, and nothing depends on whether subnormal
 * numbers are kept.
 *
 * @module
 */

import { assertInteger, assertPositive } from './assert.ts';

/** A grid of integers that floats are brought to. */
export interface Quantization {
  /** Values beyond ± this are brought to it: an f32 above 0. */
  readonly clip: number;
  /** Integers per unit: an f32 in [2⁻¹⁰⁰, 2¹⁰⁰], such that clip·scale is at most 2²³. */
  readonly scale: number;
  /** Integers are in [−limit, limit]; limit is in [1, 2²³]. */
  readonly limit: number;
}

/** Random bits that a rounding takes: as many as an f32 has. */
const CHANCES = 2 ** 24;
/** A chance below one of the random bits is none. Subnormal numbers, times any scale, are far below. */
const LEAST = 2 ** -24;
const MAX_SCALE = 2 ** 100;
const MAX_INTEGER = 2 ** 23;

/**
 * A quantization that is one, its numbers unchanged.
 *
 * @throws {TypeError} if a number is not finite, or not an f32 where it must be.
 * @throws {RangeError} if it is out of its range.
 */
export function assertQuantization({ clip, scale, limit }: Quantization): Quantization {
  assertF32('clip', clip);
  assertF32('scale', scale);
  if (scale < 1 / MAX_SCALE || scale > MAX_SCALE) {
    throw new RangeError(`scale must be in [2^-100, 2^100], got ${scale}`);
  }
  if (clip * scale > MAX_INTEGER) {
    throw new RangeError(`clip·scale must be at most 2^23, got ${clip * scale}`);
  }
  return { clip, scale, limit: assertInteger('limit', limit, 1, MAX_INTEGER) };
}

function assertF32(name: string, value: number): void {
  if (Math.fround(assertPositive(name, value)) === value) return;
  throw new TypeError(`${name} must be a number of 32 bits, got ${value}`);
}

/**
 * The integer that a value becomes:
 *
 * - v = fround(clamp(value, ±clip)·scale), or 0 where |v| < 2⁻²⁴, and where the value is NaN;
 * - ⌊v⌋ + 1 if the upper 24 of the random bits, as an integer, are below fround(v − ⌊v⌋)·2²⁴, else ⌊v⌋;
 * - that, brought into [−limit, limit].
 *
 * Its expectation is v up to 2⁻²⁴.
 *
 * @param value - An f32, any.
 * @param word - 32 random bits.
 */
export function quantized(
  value: number,
  word: number,
  { clip, scale, limit }: Quantization,
): number {
  const v = Math.fround(Math.max(-clip, Math.min(clip, value)) * scale);
  // NaN fails this too.
  if (!(Math.abs(v) >= LEAST)) return 0;
  const below = Math.floor(v);
  // The difference has at most 47 places: exact in f64, it is rounded once.
  const rounded = below + Number(word >>> 8 < Math.fround(v - below) * CHANCES);
  return Math.max(-limit, Math.min(limit, rounded));
}

/**
 * The f32 that an integer stands for: its product with the scale in f64, rounded to the nearest f32, halves
 * to even. A scale in [2⁻¹⁰⁰, 2⁹⁶] keeps all products of i32 in the normal range.
 */
export function dequantized(integer: number, scale: number): number {
  return Math.fround(integer * scale);
}
