/**
 * Words of b bits on the wire: a stream of bits, the lowest first, in which entry j has the bits
 * [j·b, (j + 1)·b), and byte i the bits [8·i, 8·(i + 1)). What is left of the last byte is zero.
 *
 * @module
 */

import { assertInteger } from '../core/assert.ts';
import { SecureError } from '../core/errors.ts';

const MIN_BITS = 8;
const MAX_BITS = 32;
const WORD_BITS = 32;

/** Bytes of so many entries: ⌈entries·b/8⌉. */
export function packedBytes(entries: number, bits: number): number {
  assertInteger('entries', entries, 0, 2 ** 32 - 1);
  assertInteger('bits', bits, MIN_BITS, MAX_BITS);
  return Math.ceil((entries * bits) / 8);
}

/**
 * The low b bits of every word. Below 10 ms for 10⁶ words.
 *
 * @param bits - b, in [8, 32].
 */
export function pack(words: Uint32Array, bits: number): Uint8Array {
  const length = packedBytes(words.length, bits);
  // Wide elements are stored little-endian by every platform that this runs on; storing keeps low bits.
  if (bits === 8) return new Uint8Array(words);
  if (bits === 16) return new Uint8Array(new Uint16Array(words).buffer);
  if (bits === 32) return new Uint8Array(words.slice().buffer);
  const packed = new Uint32Array(Math.ceil(length / 4));
  const low = 2 ** bits - 1;
  let waiting = 0;
  let filled = 0;
  let at = 0;
  for (let j = 0; j < words.length; j++) {
    const word = words[j]! & low;
    waiting |= word << filled;
    filled += bits;
    if (filled < WORD_BITS) continue;
    packed[at++] = waiting;
    filled -= WORD_BITS;
    // b < 32, so that some of the word's bits have found room: the shift is below 32.
    waiting = word >>> (bits - filled);
  }
  if (filled > 0) packed[at] = waiting;
  return new Uint8Array(packed.buffer, 0, length);
}

/** How many entries of how many bits bytes stand for. */
export interface Packing {
  /** b, in [8, 32]. */
  readonly bits: number;
  readonly entries: number;
}

/**
 * The entries, each in [0, 2^b), of bytes from whoever.
 *
 * @throws {SecureError} `malformed` if bytes are missing or too many, or the bits after the last entry
 *   are not zero.
 */
export function unpack(bytes: Uint8Array, { bits, entries }: Packing): Uint32Array {
  checkPacked(bytes, { bits, entries });
  if (bits === 8) return new Uint32Array(bytes);
  // A copy, as bytes of a message may start anywhere.
  const packed = new Uint32Array(Math.ceil(bytes.length / 4));
  new Uint8Array(packed.buffer).set(bytes);
  if (bits === 32) return packed;
  if (bits === 16) return new Uint32Array(new Uint16Array(packed.buffer, 0, entries));
  return spread(packed, { bits, entries });
}

/**
 * Checks that bytes are as many as entries take, and that nothing is after the last.
 *
 * @throws {SecureError} `malformed`.
 */
export function checkPacked(bytes: Uint8Array, { bits, entries }: Packing): void {
  const length = packedBytes(entries, bits);
  if (bytes.length !== length) {
    throw new SecureError(
      'malformed',
      `${entries} entries of ${bits} bits must be ${length} bytes, got ${bytes.length}`,
    );
  }
  const used = (entries * bits) % 8;
  if (used > 0 && bytes[length - 1]! >>> used !== 0) {
    throw new SecureError('malformed', 'the bits after the last entry must be zero');
  }
}

function spread(packed: Uint32Array, { bits, entries }: Packing): Uint32Array {
  const words = new Uint32Array(entries);
  const low = 2 ** bits - 1;
  let waiting = 0;
  let left = 0;
  let at = 0;
  for (let j = 0; j < entries; j++) {
    if (left >= bits) {
      words[j] = waiting & low;
      waiting >>>= bits;
      left -= bits;
      continue;
    }
    const next = packed[at++]!;
    words[j] = (waiting | (next << left)) & low;
    // 1 to 31 bits of the next word: `left` is below b, and b below 32.
    const taken = bits - left;
    waiting = next >>> taken;
    left = WORD_BITS - taken;
  }
  return words;
}
