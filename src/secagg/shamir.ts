/**
 * Secrets of 32 bytes in shares of 32 bytes, of which t restore the secret and t − 1 say nothing of it.
 *
 * Shamir. "How to share a secret", Communications of the ACM 22, 1979; over GF(2¹⁶). A secret is 16
 * little-endian words, each the value at 0 of a polynomial of its own of degree t − 1; a share is
 * their values at an x that everyone knows. Every 32 bytes are a secret, and a share.
 *
 * This is the side of clients: neither branches nor addresses depend on what is shared. Servers, who
 * may know shares, restore secrets in `recombine.ts`.
 *
 * @module
 */

import { assertInteger, show } from '../core/assert.ts';
import { FIELD_SIZE, tableMultiply } from './field.ts';

/** Bytes of a secret, and of each share. */
export const SHARE_BYTES = 32;
/** Shares that there can be at most: every x but 0, where the secret is. */
export const MAX_SHARES: number = FIELD_SIZE - 1;

/** Words are computed with in pairs, the even one in the low half. */
const PAIRS: number = SHARE_BYTES / 4;
/** A public factor is taken by four bits at a time. */
const DIGITS = 4;
const DIGIT_VALUES = 16;

/** How a secret is split. */
export interface SplitOptions {
  /** t ≥ 2: how many restore it. */
  readonly threshold: number;
  /** How many are made, from t up to 65535. */
  readonly shares: number;
  /** Uniform bytes, from a CSPRNG. They are overwritten after use. */
  readonly randomBytes: (length: number) => Uint8Array;
}

/**
 * Shares of a secret, the i-th (from 0) that at x = i + 1. Takes about t·k steps of 32 exclusive ors.
 * Whoever calls overwrites secret and shares when they have served.
 *
 * @throws {TypeError} if the secret, or what `randomBytes` gives, is not of 32 bytes.
 * @throws {RangeError} unless 2 ≤ t ≤ k ≤ 65535.
 */
export function split(secret: Uint8Array, options: SplitOptions): Uint8Array[] {
  const shares = assertInteger('shares', options.shares, 2, MAX_SHARES);
  const threshold = assertInteger('threshold', options.threshold, 2, shares);
  const coefficient = pairsOf('secret', secret);
  const multiples = new Uint32Array(DIGITS * DIGIT_VALUES * PAIRS);
  const sums = new Uint32Array(shares * PAIRS);
  // x^j at every x, from x⁰.
  const powers = new Uint16Array(shares).fill(1);
  try {
    for (let j = 0; j < threshold; j++) {
      if (j > 0) takeRandom(coefficient, options.randomBytes);
      writeMultiples(coefficient, multiples);
      addProducts(sums, { powers, multiples });
      for (let i = 0; i < shares; i++) powers[i] = tableMultiply(powers[i]!, i + 1);
    }
    return Array.from({ length: shares }, (_, i) =>
      bytesOf(sums.subarray(i * PAIRS, (i + 1) * PAIRS)),
    );
  } finally {
    coefficient.fill(0);
    multiples.fill(0);
    sums.fill(0);
  }
}

/** Another coefficient, and its bytes overwritten. */
function takeRandom(coefficient: Uint32Array, randomBytes: SplitOptions['randomBytes']): void {
  const bytes = randomBytes(SHARE_BYTES);
  const pairs = pairsOf('what randomBytes gives', bytes);
  coefficient.set(pairs);
  pairs.fill(0);
  bytes.fill(0);
}

/**
 * The multiples of a coefficient by v·16^d: all digits of a public factor. A product by that factor is
 * then a sum of four, found at addresses that it alone decides. Leaves another value in `coefficient`.
 */
function writeMultiples(coefficient: Uint32Array, multiples: Uint32Array): void {
  for (let digit = 0; digit < DIGITS; digit++) {
    const table = multiples.subarray(digit * DIGIT_VALUES * PAIRS);
    for (let value = 1; value < DIGIT_VALUES; value++) {
      const lowest = value & -value;
      const rest = value ^ lowest;
      for (let pair = 0; pair < PAIRS; pair++) {
        // In ascending order of values, those of one bit come in the order of doublings.
        table[value * PAIRS + pair] =
          rest === 0
            ? coefficient[pair]!
            : table[lowest * PAIRS + pair]! ^ table[rest * PAIRS + pair]!;
        if (rest === 0) coefficient[pair] = doubled(coefficient[pair]!);
      }
    }
  }
}

/** Two elements times x: what leaves the top comes back as x¹² + x³ + x + 1. */
function doubled(pair: number): number {
  const out = (pair >>> 15) & 0x0001_0001;
  return ((pair & 0x7fff_7fff) << 1) ^ out ^ (out << 1) ^ (out << 3) ^ (out << 12);
}

/** Adds the coefficient's product with each power to the sum of that share. */
function addProducts(
  sums: Uint32Array,
  { powers, multiples }: { powers: Uint16Array; multiples: Uint32Array },
): void {
  const digitSize = DIGIT_VALUES * PAIRS;
  for (let i = 0; i < powers.length; i++) {
    const power = powers[i]!;
    const first = (power & 15) * PAIRS;
    const second = digitSize + ((power >>> 4) & 15) * PAIRS;
    const third = 2 * digitSize + ((power >>> 8) & 15) * PAIRS;
    const fourth = 3 * digitSize + (power >>> 12) * PAIRS;
    for (let pair = 0; pair < PAIRS; pair++) {
      sums[i * PAIRS + pair]! ^=
        multiples[first + pair]! ^
        multiples[second + pair]! ^
        multiples[third + pair]! ^
        multiples[fourth + pair]!;
    }
  }
}

/** Pairs of words, as they stand in the bytes. */
function pairsOf(name: string, bytes: Uint8Array): Uint32Array {
  const view = shareView(name, bytes);
  return Uint32Array.from({ length: PAIRS }, (_, i) => view.getUint32(4 * i, true));
}

/**
 * A view of a secret or of a share.
 *
 * @throws {TypeError} if it is not of 32 bytes; the message does not quote them.
 */
export function shareView(name: string, bytes: Uint8Array): DataView {
  if (!(bytes instanceof Uint8Array) || bytes.length !== SHARE_BYTES) {
    throw new TypeError(`${name} must be a Uint8Array of ${SHARE_BYTES} bytes, got ${show(bytes)}`);
  }
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function bytesOf(pairs: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(4 * pairs.length);
  const view = new DataView(bytes.buffer);
  pairs.forEach((pair, i) => {
    view.setUint32(4 * i, pair, true);
  });
  return bytes;
}
