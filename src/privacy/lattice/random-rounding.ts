/**
 * Rounding at random: each entry becomes one of the two integers beside it, by chance and without bias,
 * so that what many clients lose by rounding cancels in their sum.
 *
 * Kairouz, Liu, Steinke. "The distributed discrete Gaussian mechanism for federated learning with secure
 * aggregation", ICML 2021, Algorithm 1 (conditional randomized rounding).
 *
 * Roundings that are longer than the bound are drawn anew, which biases the result a little: the
 * bound is tested in integers, so that it holds whatever floats and chance have done.
 *
 * @module
 */

import { assertInteger, assertPositive, show } from '../../core/assert.ts';
import type { Random } from '../../core/random.ts';
import { type RoundedNorms, roundedNorms } from '../rounding.ts';

/** How rows are rounded. */
export interface RandomRounding {
  /** Steps of the lattice per unit of the floats, above 0. */
  readonly scale: number;
  /** c: rows are clipped to this norm before they are rounded, in steps; at most 2²⁴. */
  readonly norm: number;
  /** β, as for `roundedNorms`. Default e^−½. */
  readonly bias?: number;
}

/** A row that was rounded. */
export interface RoundedRow {
  /** Integers with Σ values² ≤ L2², the bound that `roundedNorms` has; zeros if rejected. */
  readonly values: Int32Array;
  /** Entries that are NaN or infinite; with any, the row is rejected. */
  readonly nonFinite: number;
  /** By what the row was multiplied to be within the norm; 0 if rejected. */
  readonly factor: number;
  /** Roundings drawn. */
  readonly tries: number;
}

const MAX_NORM = 2 ** 24;
/** So that squares of f32 entries in steps of the lattice are f64. */
const MAX_SCALE = 2 ** 127;
const WORDS = 2 ** 32;
/** A rounding is within the bound with probability 1 − β at least: 2⁻⁸⁶ that none of these is, at e^−½. */
const MAX_TRIES = 120;
/** Above what sums of squares in f64 lose, for 2²⁸ entries. */
const SHORTER: number = 1 - 2 ** -24;

/** The norms that rounded rows of so many entries have: what noise is made for. */
export function normsOf({ norm, bias }: RandomRounding, dimensions: number): RoundedNorms {
  return roundedNorms({ norm, dimensions, ...(bias !== undefined && { bias }) });
}

/**
 * Clips a row to the norm, scales and rounds it: ⌊v⌋ + 1 with the chance v − ⌊v⌋, to 2⁻³². Takes a word
 * for each entry and try.
 *
 * If no try is within the bound, the row is truncated toward zero, which never makes it longer.
 *
 * @param random - Words from ChaCha20 under a key of the client's own.
 * @throws {TypeError} if `x` is not a Float32Array.
 * @throws {RangeError} if it is empty, or scale, norm or bias are out of their ranges.
 */
export function roundAtRandom(
  x: Float32Array,
  rounding: RandomRounding,
  random: Pick<Random, 'uint32'>,
): RoundedRow {
  if (!(x instanceof Float32Array)) {
    throw new TypeError(`x must be a Float32Array, got ${show(x)}`);
  }
  assertInteger('length of x', x.length, 1);
  const { scale, norm } = rounding;
  if (assertPositive('scale', scale) > MAX_SCALE) {
    throw new RangeError(`scale must be at most 2^127, got ${scale}`);
  }
  if (assertPositive('norm', norm) > MAX_NORM) {
    throw new RangeError(`norm must be at most 2^24, got ${norm}`);
  }
  const largest = Math.floor(normsOf(rounding, x.length).l2 ** 2 * (1 - 2 ** -50));
  const values = new Int32Array(x.length);
  const nonFinite = x.reduce((count, value) => count + Number(!Number.isFinite(value)), 0);
  if (nonFinite > 0) return { values, nonFinite, factor: 0, tries: 0 };
  const factor = factorWithin(x, rounding);
  const unit = scale * factor;
  for (let tries = 1; tries <= MAX_TRIES; tries++) {
    for (let j = 0; j < x.length; j++) values[j] = roundedBy(random.uint32(), x[j]! * unit);
    if (squaredNorm(values) <= largest) return { values, nonFinite, factor, tries };
  }
  for (let j = 0; j < x.length; j++) values[j] = Math.trunc(x[j]! * unit);
  if (squaredNorm(values) > largest) values.fill(0);
  return { values, nonFinite, factor, tries: MAX_TRIES };
}

/** 1, or what brings the row within the norm. */
function factorWithin(x: Float32Array, { scale, norm }: RandomRounding): number {
  const length = Math.sqrt(x.reduce((sum, value) => sum + (value * scale) ** 2, 0));
  return length <= norm * SHORTER ? 1 : (norm / length) * SHORTER;
}

function roundedBy(word: number, value: number): number {
  const below = Math.floor(value);
  return below + Number(word < (value - below) * WORDS);
}

/** Exact: entries are within a step of a vector of norm 2²⁴, so that sums stay below 2⁵³. */
function squaredNorm(values: Int32Array): number {
  return values.reduce((sum, value) => sum + value * value, 0);
}
