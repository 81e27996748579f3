/**
 * Exact clipping: a vector of floats becomes a vector of integers whose norm is at most an integer
 * bound, whatever the floats are. The bound is what noise is calibrated to, so that it holds in
 * integers, not up to rounding.
 *
 * Every step is integer arithmetic below 2⁵³, which numbers hold exactly; nothing depends on how a
 * sum of floats is ordered, or on how a root is rounded.
 *
 * @module
 */

import { assertInteger, assertPositive, show } from '../../core/assert.ts';

/** The integers that vectors are rounded to. */
export interface Lattice {
  /** Largest norm, in steps of the lattice. */
  readonly bound: number;
  /**
   * Steps of the lattice per unit of the floats: bound/clipNorm rounded down to 24 bits, so that a
   * product with an f32 is exact in f64 and a vector within the clip norm is within the bound.
   */
  readonly scale: number;
}

/** What clipping a vector gives. */
export interface Clipped {
  /** Integers, Σ values² ≤ bound²; zeros where the vector was rejected. */
  readonly values: Int32Array;
  /** Entries that are NaN or infinite; with any, the vector is rejected. */
  readonly nonFinite: number;
  /** By what it was multiplied; 1 for a vector within the bound, 0 for one that was rejected. */
  readonly factor: number;
}

/** 2²⁰: sums of 2¹⁰ clients fit an i32, and for 10⁷ coordinates truncation costs 0.15 %. */
export const DEFAULT_BOUND: number = 2 ** 20;
/** The square of a bound is one limb. */
const MAX_BOUND = 2 ** 24;
/** The bits of a positive f32 that is infinite; NaN lie above. */
const INFINITE = 0x7f80_0000;
const MAGNITUDE = 0x7fff_ffff;

/** Entries are brought below this before they are squared. */
const MAX_ENTRY = 2 ** 30;
/** Half an entry's bits: squares are summed as products of halves. */
const HALF_BITS = 15;
const HALF = 2 ** HALF_BITS;
/** A limb of a sum of squares. */
const LIMB = 2 ** 48;
/** Squares whose partial sums, of terms below 2³¹, stay below 2⁵². */
const BLOCK = 2 ** 21;
/** Bits of a factor: times an entry, 2⁵². */
const FACTOR = 2 ** 22;

/**
 * The lattice for a clip norm.
 *
 * @param clipNorm - Above 0; bound/clipNorm must be a normal f32.
 * @param bound - Largest norm in steps, in [1, 2²⁴].
 */
export function latticeFor(clipNorm: number, bound: number = DEFAULT_BOUND): Lattice {
  assertPositive('clipNorm', clipNorm);
  assertInteger('bound', bound, 1, MAX_BOUND);
  const scale = f32Below(bound / clipNorm);
  if (scale < 2 ** -126 || scale > 2 ** 127) {
    throw new RangeError(`bound/clipNorm must be in [2^-126, 2^127], got ${bound / clipNorm}`);
  }
  return { bound, scale };
}

/** A float32 at most as large as `value`, by at most a few of its last places. */
function f32Below(value: number): number {
  const near = Math.fround(value);
  // 1 − 2⁻²³ undoes any rounding up, that of bound/clipNorm too.
  return Math.fround(near * (1 - 2 ** -23));
}

/**
 * Rounds `x` to the lattice and brings it within the bound.
 *
 * Entries are rounded to the nearest integer. If the norm is above the bound, all are multiplied by
 * r = a/2^s ≤ bound/norm and truncated toward zero: |trunc(r·q)| ≤ r·|q| in every coordinate, so that
 * no allowance for rounding is needed.
 *
 * @throws {TypeError} if `x` is not a Float32Array.
 */
export function clipToLattice(x: Float32Array, { bound, scale }: Lattice): Clipped {
  if (!(x instanceof Float32Array)) {
    throw new TypeError(`x must be a Float32Array, got ${show(x)}`);
  }
  const values = new Int32Array(x.length);
  const { largest, nonFinite } = magnitudesOf(x);
  if (nonFinite > 0) return { values, nonFinite, factor: 0 };
  const shift = shiftFor(largest * scale);
  const unit = scale * shift;
  for (let j = 0; j < x.length; j++) values[j] = nearest(x[j]! * unit);
  const squares = sumOfSquares(values);
  if (squares.high === 0 && squares.low <= bound * bound) {
    return { values, nonFinite, factor: 1 };
  }
  const { numerator, denominator } = factorWithin(bound, squares);
  // The denominator is a power of two, and storing truncates.
  const factor = numerator / denominator;
  for (let j = 0; j < values.length; j++) values[j] = values[j]! * factor;
  return { values, nonFinite, factor: factor * shift };
}

/** By bits, as kernels must: NaN may pass comparisons elsewhere. */
function magnitudesOf(x: Float32Array): { largest: number; nonFinite: number } {
  const words = new Uint32Array(x.buffer, x.byteOffset, x.length);
  let largest = 0;
  let nonFinite = 0;
  for (const word of words) {
    const magnitude = word & MAGNITUDE;
    if (magnitude >= INFINITE) nonFinite++;
    else if (magnitude > largest) largest = magnitude;
  }
  return { largest: new Float32Array(Uint32Array.of(largest).buffer)[0]!, nonFinite };
}

/** 1, or the power of two that brings so large a value below 2³⁰. It is above every bound then. */
function shiftFor(largest: number): number {
  let shift = 1;
  while (largest * shift >= MAX_ENTRY - 1) shift /= 2;
  return shift;
}

/** Ties away from zero. Of at most 48 bits, so that adding ½ rounds nothing up. */
function nearest(value: number): number {
  return value < 0 ? -Math.floor(0.5 - value) : Math.floor(value + 0.5);
}

/** high·2⁴⁸ + low, with low < 2⁴⁸. */
interface TwoLimbs {
  readonly high: number;
  readonly low: number;
}

/** Σ values², exactly, for values below 2³⁰ and fewer than 2³⁸ of them. */
function sumOfSquares(values: Int32Array): TwoLimbs {
  let high = 0;
  let low = 0;
  const add = (amount: number, unit: number): void => {
    // amount · unit: what of it is above a limb goes there.
    const per = LIMB / unit;
    const carry = Math.floor(amount / per);
    high += carry;
    low += (amount - carry * per) * unit;
    if (low < LIMB) return;
    high += 1;
    low -= LIMB;
  };
  for (let from = 0; from < values.length; from += BLOCK) {
    const block = values.subarray(from, from + BLOCK);
    let upper = 0;
    let mixed = 0;
    let lower = 0;
    for (const value of block) {
      const size = Math.abs(value);
      const a = size >>> HALF_BITS;
      const b = size & (HALF - 1);
      upper += a * a;
      mixed += 2 * a * b;
      lower += b * b;
    }
    add(upper, HALF * HALF);
    add(mixed, HALF);
    add(lower, 1);
  }
  return { high, low };
}

/** A fraction at most bound/√squares, with a numerator in [2²¹, 2²²] and a power of two below. */
function factorWithin(
  bound: number,
  squares: TwoLimbs,
): { numerator: number; denominator: number } {
  const { root, unit } = rootAbove(squares);
  // numerator ≤ bound·power/root, all of them integers below 2⁵².
  let power = 1;
  while (bound * power < root * (FACTOR / 2)) power *= 2;
  let numerator = Math.floor((bound * power) / root);
  while (numerator * root > bound * power) numerator--;
  return { numerator, denominator: power * unit };
}

/** An integer of at most 26 bits and a power of two, whose product is at least √squares. */
function rootAbove({ high, low }: TwoLimbs): { root: number; unit: number } {
  let unit = 1;
  // high·2⁴⁸ + low, divided by unit², below 2⁵¹.
  while ((high + 1) * (LIMB / unit ** 2) >= 2 ** 51) unit *= 2;
  const square =
    unit === 1 ? high * LIMB + low : high * (LIMB / unit ** 2) + Math.floor(low / unit ** 2) + 1;
  let root = Math.ceil(Math.sqrt(square));
  while (root * root < square) root++;
  return { root, unit };
}

/**
 * Lattice sums as floats again: each word, as an i32, times `weight`/scale. Post-processing: it costs
 * no privacy, however it rounds.
 *
 * @param weight - What the sum is multiplied by, 1/n for a mean of n.
 */
export function fromLattice(sums: Uint32Array, { scale }: Lattice, weight: number): Float32Array {
  const unit = weight / scale;
  return Float32Array.from(sums, (word) => (word | 0) * unit);
}
