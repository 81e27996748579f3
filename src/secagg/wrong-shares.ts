/**
 * Which of many shares are wrong, where more came than are needed.
 *
 * Right shares are values of a polynomial of a degree below t, so each of their 16 words is a word of
 * a generalised Reed–Solomon code: m symbols of which ⌊(m − t)/2⌋ may be wrong. The weighted power
 * sums Sₗ = Σ uᵢ·yᵢ·xᵢˡ, l < m − t, uᵢ = 1/Π(xᵢ − xⱼ), vanish for such a word. For another they are sums
 * over wrong places alone, and the shortest recurrence that they obey has the wrong places as its
 * roots:
 *
 * - Massey. "Shift-register synthesis and BCH decoding", IEEE Transactions on Information Theory 15, 1969.
 * - MacWilliams, Sloane. "The Theory of Error-Correcting Codes", chapters 10 and 12.
 *
 * For servers: shares are public to whoever calls this.
 *
 * @module
 */

import { fieldTables, invert, ORDER, tableMultiply } from './field.ts';
import { logDifferences, modOrder } from './lagrange.ts';

/** A share by its words, and where it was taken. */
export interface WordPoint {
  /** In [1, 65535]. */
  readonly x: number;
  readonly words: Uint16Array;
}

/**
 * Places of shares without which all others agree with one polynomial of a degree below t;
 * `undefined` if none were found. Finds them whenever at most ⌊(m − t)/2⌋ are wrong, in any words.
 *
 * Takes m·(m − t) steps for each word.
 *
 * @param points - of distinct x, t of them at least.
 */
export function findWrongShares(
  points: readonly WordPoint[],
  threshold: number,
): number[] | undefined {
  const wordCount = points[0]?.words.length ?? 0;
  let trusted = points.map((_, place) => place);
  const wrong: number[] = [];
  // A share that is wrong in one word is believed in none: what is found for one word makes those
  // that follow easier.
  for (let word = 0; word < wordCount; word++) {
    const found = wrongInWord(
      trusted.map((place) => ({ x: points[place]!.x, y: points[place]!.words[word]! })),
      threshold,
    );
    if (found === undefined) return undefined;
    if (found.length === 0) continue;
    const places = found.map((index) => trusted[index]!);
    wrong.push(...places);
    trusted = trusted.filter((place) => !places.includes(place));
  }
  return wrong.sort((a, b) => a - b);
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Places of the wrong symbols in a word, or `undefined` if they are too many. */
function wrongInWord(points: readonly Point[], threshold: number): number[] | undefined {
  const sums = powerSums(points, points.length - threshold);
  if (sums.every((sum) => sum === 0)) return [];
  const recurrence = shortestRecurrence(sums);
  const errors = recurrence.length - 1;
  if (2 * errors > sums.length) return undefined;
  const places = points.flatMap(({ x }, place) =>
    evaluate(recurrence, invert(x)) === 0 ? [place] : [],
  );
  // With as many roots as its length, all among the points, the recurrence explains the sums by errors
  // at these places, and so few have but one explanation.
  return places.length === errors ? places : undefined;
}

/** S₀, S₁, …: `count` of them. */
function powerSums(points: readonly Point[], count: number): Uint16Array {
  const { exp, log } = fieldTables();
  const differences = logDifferences(points.map(({ x }) => x));
  const sums = new Uint16Array(count);
  points.forEach(({ x, y }, i) => {
    if (y === 0) return;
    const step = log[x]!;
    let term = modOrder(log[y]! - differences[i]!);
    for (let l = 0; l < count; l++) {
      sums[l]! ^= exp[term]!;
      term += step;
      if (term >= ORDER) term -= ORDER;
    }
  });
  return sums;
}

/**
 * Coefficients 1, c₁, …, c_L of the shortest recurrence Sₙ + c₁·Sₙ₋₁ + … + c_L·Sₙ₋_L = 0 that all sums
 * obey.
 */
function shortestRecurrence(sums: Uint16Array): number[] {
  let current = [1];
  let length = 0;
  // The recurrence before the length last changed, how it failed, and how long ago.
  let previous = [1];
  let previousFailure = 1;
  let age = 1;
  for (let n = 0; n < sums.length; n++) {
    let failure = 0;
    for (let i = 0; i <= length; i++) failure ^= tableMultiply(current[i] ?? 0, sums[n - i]!);
    if (failure === 0) {
      age++;
      continue;
    }
    const factor = tableMultiply(failure, invert(previousFailure));
    const corrected = plusShifted(current, previous, { factor, shift: age });
    if (2 * length <= n) {
      length = n + 1 - length;
      previous = current;
      previousFailure = failure;
      age = 0;
    }
    current = corrected;
    age++;
  }
  return Array.from({ length: length + 1 }, (_, i) => current[i] ?? 0);
}

/** a + factor·z^shift·b. */
function plusShifted(
  a: readonly number[],
  b: readonly number[],
  { factor, shift }: { factor: number; shift: number },
): number[] {
  const length = Math.max(a.length, b.length + shift);
  return Array.from({ length }, (_, i) => (a[i] ?? 0) ^ tableMultiply(factor, b[i - shift] ?? 0));
}

/** The polynomial with these coefficients, that of z⁰ first. */
function evaluate(coefficients: readonly number[], z: number): number {
  return coefficients.reduceRight((sum, coefficient) => tableMultiply(sum, z) ^ coefficient, 0);
}
