/**
 * ChaCha20's block function on words of 32 bits: what the kernels that make noise compute.
 *
 * Nir, Langley. RFC 8439, "ChaCha20 and Poly1305 for IETF protocols", section 2.3.
 *
 * @module
 */

/** Words of a state and of a block. */
export const BLOCK_WORDS = 16;
/** The word of a state that counts blocks. */
export const COUNTER = 12;
/** A column round and a diagonal round, so many times. */
const DOUBLE_ROUNDS = 10;

/** The words of "expand 32-byte k". */
const CONSTANTS = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const;

/** Places of a quarter round's four words: four columns, then four diagonals. */
const QUARTERS = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const;

/** The state for block 0 under a key of 32 bytes and a nonce of three words. */
export function chacha20State(key: Uint8Array, nonce: readonly number[]): Uint32Array {
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  const words = Array.from({ length: 8 }, (_, i) => view.getUint32(4 * i, true));
  return Uint32Array.of(...CONSTANTS, ...words, 0, ...nonce);
}

/** Writes the block of a state to `block`. Neither branches nor addresses depend on what is in it. */
export function chacha20Block(state: Uint32Array, block: Uint32Array): void {
  block.set(state);
  for (let round = 0; round < DOUBLE_ROUNDS; round++) {
    for (const [a, b, c, d] of QUARTERS) quarterRound(block, { a, b, c, d });
  }
  for (let i = 0; i < BLOCK_WORDS; i++) block[i]! += state[i]!;
}

function quarterRound(
  words: Uint32Array,
  { a, b, c, d }: Readonly<Record<'a' | 'b' | 'c' | 'd', number>>,
): void {
  words[a]! += words[b]!;
  words[d] = rotated(words[d]! ^ words[a]!, 16);
  words[c]! += words[d]!;
  words[b] = rotated(words[b]! ^ words[c]!, 12);
  words[a]! += words[b]!;
  words[d] = rotated(words[d]! ^ words[a]!, 8);
  words[c]! += words[d]!;
  words[b] = rotated(words[b]! ^ words[c]!, 7);
}

function rotated(word: number, left: number): number {
  return (word << left) | (word >>> (32 - left));
}
