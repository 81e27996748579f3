/**
 * Fourier transform of real sequences in f64, of power-of-two length, in place.
 *
 * Cooley and Tukey, "An algorithm for the machine calculation of complex Fourier series", 1965;
 * error bound after Higham, "Accuracy and stability of numerical algorithms", 2nd ed., §24.1.
 *
 * @module
 */

import { assertInteger } from '../../core/assert.ts';

/**
 * Transforms of one length N.
 *
 * A spectrum lies in the N places of its sequence: place 0 holds the (real) value of frequency 0,
 * place 1 that of N/2, places 2k and 2k + 1 the real and imaginary part of frequency k < N/2.
 */
export interface RealFft {
  /** N. */
  readonly length: number;
  /**
   * Bound on the error of each value of a spectrum, relative to the l1 norm of its sequence, and on
   * the error of each value of a sequence, relative to 1/N times the l1 norm of its whole spectrum.
   */
  readonly roundOff: number;
  /** The spectrum Σⱼ x[j]·exp(−2πi·jk/N) in the place of x. */
  forward(x: Float64Array): void;
  /** The sequence in the place of its spectrum. */
  inverse(x: Float64Array): void;
}

/** Half a unit in the last place of 1. */
const UNIT = 2 ** -53;

/** Complex values that fit in a core's cache: below this size, level by level is fastest. */
const CACHE_VALUES = 1 << 12;

/**
 * A transform of `length` real numbers, a power of two from 4 on. Tables take 1.5·N numbers; a
 * transform takes O(N·log N).
 */
export function createRealFft(length: number): RealFft {
  assertInteger('length', length, 4);
  if (2 ** Math.round(Math.log2(length)) !== length) {
    throw new RangeError(`length must be a power of two, got ${length}`);
  }
  const half = length / 2;
  const turns = rootsOfUnity(length);
  const levels = levelTables(turns, half);
  return {
    length,
    // A butterfly with a factor that is off by 2u has a relative error below 8u, and there are
    // log2 N of them on each path; taking even and odd places apart at most doubles it.
    roundOff: 16 * UNIT * Math.log2(length),
    forward(x) {
      transform(x, levels);
      split(x, turns);
    },
    inverse(x) {
      join(x, turns);
      transform(x, levels);
      // Conjugated before (by `join`) and after, the forward transform is the inverse one.
      const scale = 1 / half;
      for (let i = 0; i < length; i += 2) {
        x[i]! *= scale;
        x[i + 1]! *= -scale;
      }
    },
  };
}

/** exp(−2πi·k/n) for k ≤ n/4, real and imaginary parts by turns; to within one unit in the last place. */
export function rootsOfUnity(n: number): Float64Array {
  const quarter = n / 4;
  const roots = new Float64Array(2 * (quarter + 1));
  for (let k = 0; 2 * k <= quarter; k++) {
    const [cos, sin] = cosSinOfTurn(k / n);
    roots[2 * k] = cos;
    roots[2 * k + 1] = -sin;
    // A quarter turn less the angle swaps cosine and sine.
    roots[2 * (quarter - k)] = sin;
    roots[2 * (quarter - k) + 1] = -cos;
  }
  return roots;
}

/** 2π in two parts: the first has 29 bits, so that its products with short fractions are exact. */
const TWO_PI_HIGH = 6.283185303211212;
const TWO_PI_LOW = 3.968374318722162e-9;

/** Cosine and sine of `turn` full turns: a fraction in [0, 1/8] of at most 24 bits. */
function cosSinOfTurn(turn: number): [number, number] {
  const angle = turn * TWO_PI_HIGH;
  const rest = turn * TWO_PI_LOW;
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  return [cos - rest * sin, sin + rest * cos];
}

/** For blocks of 8, 16, … `half` complex values the factors of their butterflies, each in its own run. */
function levelTables(turns: Float64Array, half: number): readonly Float64Array[] {
  const quarter = turns.length / 2 - 1;
  const n = 4 * quarter;
  const tables: Float64Array[] = [];
  for (let size = 8; size <= half; size *= 2) {
    const table = new Float64Array(size);
    for (let j = 0; j < size / 2; j++) {
      const k = j * (n / size);
      // Past a quarter turn, another quarter turn back: a factor of −i.
      const past = k > quarter;
      const at = 2 * (past ? k - quarter : k);
      table[2 * j] = past ? turns[at + 1]! : turns[at]!;
      table[2 * j + 1] = past ? -turns[at]! : turns[at + 1]!;
    }
    tables.push(table);
  }
  return tables;
}

/** The complex transform of the pairs in x, in natural order. */
function transform(x: Float64Array, levels: readonly Float64Array[]): void {
  decimate(x, 0, x.length / 2, levels);
  reverseBits(x);
}

/** Decimation in frequency of `size` complex values from place `from`; results in reversed-bit order. */
function decimate(
  x: Float64Array,
  from: number,
  size: number,
  levels: readonly Float64Array[],
): void {
  if (size > CACHE_VALUES) {
    butterflies(x, from, size, levels[Math.log2(size) - 3]!);
    decimate(x, from, size / 2, levels);
    decimate(x, from + size, size / 2, levels);
    return;
  }
  const end = from + 2 * size;
  for (let block = size; block > 4; block /= 2) {
    const table = levels[Math.log2(block) - 3]!;
    for (let at = from; at < end; at += 2 * block) butterflies(x, at, block, table);
  }
  if (size === 2) pair(x, from);
  else for (let at = from; at < end; at += 8) four(x, at);
}

/** One level on one block: (a, b) → (a + b, (a − b)·w). */
function butterflies(x: Float64Array, from: number, size: number, table: Float64Array): void {
  for (let j = 0; j < size; j += 2) {
    const a = from + j;
    const b = a + size;
    const aRe = x[a]!;
    const aIm = x[a + 1]!;
    const bRe = x[b]!;
    const bIm = x[b + 1]!;
    const re = aRe - bRe;
    const im = aIm - bIm;
    const cos = table[j]!;
    const sin = table[j + 1]!;
    x[a] = aRe + bRe;
    x[a + 1] = aIm + bIm;
    x[b] = re * cos - im * sin;
    x[b + 1] = re * sin + im * cos;
  }
}

/** The last level: blocks of 2, whose factor is 1. */
function pair(x: Float64Array, from: number): void {
  const re = x[from + 2]!;
  const im = x[from + 3]!;
  x[from + 2] = x[from]! - re;
  x[from + 3] = x[from + 1]! - im;
  x[from]! += re;
  x[from + 1]! += im;
}

/** The last two levels at once, on a block of 4: their factors are 1 and −i. */
function four(x: Float64Array, from: number): void {
  const sumRe = x[from]! + x[from + 4]!;
  const sumIm = x[from + 1]! + x[from + 5]!;
  const sumRe1 = x[from + 2]! + x[from + 6]!;
  const sumIm1 = x[from + 3]! + x[from + 7]!;
  const lessRe = x[from]! - x[from + 4]!;
  const lessIm = x[from + 1]! - x[from + 5]!;
  // Times −i.
  const turnedRe = x[from + 3]! - x[from + 7]!;
  const turnedIm = x[from + 6]! - x[from + 2]!;
  x[from] = sumRe + sumRe1;
  x[from + 1] = sumIm + sumIm1;
  x[from + 2] = sumRe - sumRe1;
  x[from + 3] = sumIm - sumIm1;
  x[from + 4] = lessRe + turnedRe;
  x[from + 5] = lessIm + turnedIm;
  x[from + 6] = lessRe - turnedRe;
  x[from + 7] = lessIm - turnedIm;
}

/** Swaps each complex value with the one whose index has the same bits backwards. */
function reverseBits(x: Float64Array): void {
  const size = x.length / 2;
  for (let i = 1, j = 0; i < size; i++) {
    let bit = size >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i >= j) continue;
    const re = x[2 * i]!;
    const im = x[2 * i + 1]!;
    x[2 * i] = x[2 * j]!;
    x[2 * i + 1] = x[2 * j + 1]!;
    x[2 * j] = re;
    x[2 * j + 1] = im;
  }
}

/** From the transform of pairs (even, odd place) to the spectrum E + w·O of the sequence. */
function split(x: Float64Array, turns: Float64Array): void {
  const n = x.length;
  const even = x[0]!;
  const odd = x[1]!;
  x[0] = even + odd;
  x[1] = even - odd;
  for (let a = 2, b = n - 2; a <= b; a += 2, b -= 2) {
    const evenRe = (x[a]! + x[b]!) / 2;
    const evenIm = (x[a + 1]! - x[b + 1]!) / 2;
    const oddRe = (x[a + 1]! + x[b + 1]!) / 2;
    const oddIm = (x[b]! - x[a]!) / 2;
    const cos = turns[a]!;
    const sin = turns[a + 1]!;
    const re = oddRe * cos - oddIm * sin;
    const im = oddRe * sin + oddIm * cos;
    x[b] = evenRe - re;
    x[b + 1] = im - evenIm;
    x[a] = evenRe + re;
    x[a + 1] = evenIm + im;
  }
}

/** The way back of `split`, conjugated. */
function join(x: Float64Array, turns: Float64Array): void {
  const n = x.length;
  const first = x[0]!;
  const last = x[1]!;
  x[0] = (first + last) / 2;
  x[1] = -(first - last) / 2;
  for (let a = 2, b = n - 2; a <= b; a += 2, b -= 2) {
    const evenRe = (x[a]! + x[b]!) / 2;
    const evenIm = (x[a + 1]! - x[b + 1]!) / 2;
    const re = (x[a]! - x[b]!) / 2;
    const im = (x[a + 1]! + x[b + 1]!) / 2;
    const cos = turns[a]!;
    const sin = -turns[a + 1]!;
    const oddRe = re * cos - im * sin;
    const oddIm = re * sin + im * cos;
    // Z = E + iO, and its mirror conj(E) + i·conj(O).
    x[b] = evenRe + oddIm;
    x[b + 1] = -(oddRe - evenIm);
    x[a] = evenRe - oddIm;
    x[a + 1] = -(evenIm + oddRe);
  }
}
