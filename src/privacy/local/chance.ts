/**
 * Chances as integers: an event with chance a/2⁶⁴ (or a/2¹²⁸) takes place when that many random bits,
 * read as a number, are below a. No decision of a mechanism rests on a random floating-point number,
 * so the probabilities are exactly the stated ones, and what they cost is known exactly.
 *
 * @module
 */

import { assertFinite, show } from '../../core/assert.ts';
import type { Random } from '../../core/random.ts';

/** Words of 32 bits that one decision takes. */
export type ChanceWords = 2 | 4;

const WORD = 2 ** 32;

/** An event with chance `numerator` / `whole`. */
export interface Chance {
  readonly numerator: bigint;
  /** 2⁶⁴ or 2¹²⁸. */
  readonly whole: bigint;
  /** `numerator` / `whole`, to the nearest double. */
  readonly probability: number;
  /** Whether it takes place now. Always takes the same number of words, the most significant first. */
  happens(random: Random): boolean;
}

/** 2⁶⁴ for two words, 2¹²⁸ for four. */
export function wholeOf(words: ChanceWords): bigint {
  return 1n << BigInt(32 * words);
}

/**
 * The chance `numerator` / 2^(32·words).
 *
 * @throws {RangeError} unless 0 ≤ numerator ≤ 2^(32·words).
 */
export function createChance(numerator: bigint, words: ChanceWords = 2): Chance {
  const whole = wholeOf(words);
  if (numerator < 0n || numerator > whole) {
    throw new RangeError(`numerator must be in [0, 2^${32 * words}], got ${numerator}`);
  }
  const limits = Float64Array.from({ length: words }, (_, word) =>
    Number((numerator >> BigInt(32 * (words - 1 - word))) & 0xffffffffn),
  );
  // Certain: no 32 bits are as large, so the first word decides.
  if (numerator === whole) limits.fill(WORD);
  return {
    numerator,
    whole,
    probability: Number(numerator) / Number(whole),
    happens: (random) => isBelow(random, limits),
  };
}

/** Whether so many random words, as one number, are below `limits`; all words are always drawn. */
function isBelow(random: Random, limits: Float64Array): boolean {
  let order = 0;
  for (const limit of limits) {
    const word = random.uint32();
    if (order === 0) order = Math.sign(word - limit);
  }
  return order < 0;
}

/**
 * The integer next to `probability`·2^(32·words), but never 0 and never all: nothing that should be
 * possible is impossible. The product is exact, since it only shifts the exponent.
 *
 * @throws {TypeError | RangeError} unless 0 ≤ probability ≤ 1.
 */
export function numeratorOf(probability: number, words: ChanceWords = 2): bigint {
  assertFinite('probability', probability);
  if (probability < 0 || probability > 1) {
    throw new RangeError(`probability must be in [0, 1], got ${show(probability)}`);
  }
  const whole = wholeOf(words);
  const nearest = BigInt(Math.round(probability * Number(whole)));
  if (nearest < 1n) return 1n;
  return nearest < whole ? nearest : whole - 1n;
}

/**
 * Relative error of {@link lossOf} before it is rounded up: three roundings of the quotient, worth at
 * most 8·2⁻⁵³ of a logarithm taken as here, and two units in the last place of the logarithm itself.
 */
const LOG_ERROR = 2 ** -48;

/**
 * |ln(a/b)| rounded up: the privacy loss between an outcome of weight a and one of weight b. Certified
 * for engines whose `Math.log` and `Math.log1p` err by less than 16 units in the last place.
 *
 * @returns Infinity if just one of the two is zero, 0 if both are.
 */
export function lossOf(a: bigint, b: bigint): number {
  const [low, high] = a < b ? [a, b] : [b, a];
  if (high === 0n || low === high) return 0;
  if (low === 0n) return Number.POSITIVE_INFINITY;
  const excess = ratio(high - low, low);
  const loss = excess < 0.5 ? Math.log1p(excess) : Math.log(ratio(high, low));
  return loss * (1 + LOG_ERROR);
}

/** a/b, each rounded to 53 bits first: beyond 2¹⁰²⁴ a bigint would not fit a double. */
function ratio(a: bigint, b: bigint): number {
  const shift = BigInt(Math.max(0, bitLength(a) - 1000, bitLength(b) - 1000));
  return Number(a >> shift) / Number(b >> shift);
}

function bitLength(value: bigint): number {
  return value.toString(16).length * 4;
}
