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

/** The state for block 0 under a key of 32 bytes and a nonce of three words. */
export function chacha20State(key: Uint8Array, nonce: readonly number[]): Uint32Array {
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  const words = Array.from({ length: 8 }, (_, i) => view.getUint32(4 * i, true));
  return Uint32Array.of(...CONSTANTS, ...words, 0, ...nonce);
}

/**
 * Writes the block of a state to `block`. Neither branches nor addresses depend on what is in it, and
 * no copy of it is left. A variable for each word, since indices cost several times as much.
 */
// biome-ignore format: a row of the square in one line, a quarter round in two
export function chacha20Block(state: Uint32Array, block: Uint32Array): void {
  let a0 = state[0]!, a1 = state[1]!, a2 = state[2]!, a3 = state[3]!;
  let b0 = state[4]!, b1 = state[5]!, b2 = state[6]!, b3 = state[7]!;
  let c0 = state[8]!, c1 = state[9]!, c2 = state[10]!, c3 = state[11]!;
  let d0 = state[12]!, d1 = state[13]!, d2 = state[14]!, d3 = state[15]!;
  for (let round = 0; round < DOUBLE_ROUNDS; round++) {
    a0 = (a0 + b0) | 0; d0 = rotated(d0 ^ a0, 16); c0 = (c0 + d0) | 0; b0 = rotated(b0 ^ c0, 12);
    a0 = (a0 + b0) | 0; d0 = rotated(d0 ^ a0, 8); c0 = (c0 + d0) | 0; b0 = rotated(b0 ^ c0, 7);
    a1 = (a1 + b1) | 0; d1 = rotated(d1 ^ a1, 16); c1 = (c1 + d1) | 0; b1 = rotated(b1 ^ c1, 12);
    a1 = (a1 + b1) | 0; d1 = rotated(d1 ^ a1, 8); c1 = (c1 + d1) | 0; b1 = rotated(b1 ^ c1, 7);
    a2 = (a2 + b2) | 0; d2 = rotated(d2 ^ a2, 16); c2 = (c2 + d2) | 0; b2 = rotated(b2 ^ c2, 12);
    a2 = (a2 + b2) | 0; d2 = rotated(d2 ^ a2, 8); c2 = (c2 + d2) | 0; b2 = rotated(b2 ^ c2, 7);
    a3 = (a3 + b3) | 0; d3 = rotated(d3 ^ a3, 16); c3 = (c3 + d3) | 0; b3 = rotated(b3 ^ c3, 12);
    a3 = (a3 + b3) | 0; d3 = rotated(d3 ^ a3, 8); c3 = (c3 + d3) | 0; b3 = rotated(b3 ^ c3, 7);
    a0 = (a0 + b1) | 0; d3 = rotated(d3 ^ a0, 16); c2 = (c2 + d3) | 0; b1 = rotated(b1 ^ c2, 12);
    a0 = (a0 + b1) | 0; d3 = rotated(d3 ^ a0, 8); c2 = (c2 + d3) | 0; b1 = rotated(b1 ^ c2, 7);
    a1 = (a1 + b2) | 0; d0 = rotated(d0 ^ a1, 16); c3 = (c3 + d0) | 0; b2 = rotated(b2 ^ c3, 12);
    a1 = (a1 + b2) | 0; d0 = rotated(d0 ^ a1, 8); c3 = (c3 + d0) | 0; b2 = rotated(b2 ^ c3, 7);
    a2 = (a2 + b3) | 0; d1 = rotated(d1 ^ a2, 16); c0 = (c0 + d1) | 0; b3 = rotated(b3 ^ c0, 12);
    a2 = (a2 + b3) | 0; d1 = rotated(d1 ^ a2, 8); c0 = (c0 + d1) | 0; b3 = rotated(b3 ^ c0, 7);
    a3 = (a3 + b0) | 0; d2 = rotated(d2 ^ a3, 16); c1 = (c1 + d2) | 0; b0 = rotated(b0 ^ c1, 12);
    a3 = (a3 + b0) | 0; d2 = rotated(d2 ^ a3, 8); c1 = (c1 + d2) | 0; b0 = rotated(b0 ^ c1, 7);
  }
  block[0] = a0 + state[0]!; block[1] = a1 + state[1]!; block[2] = a2 + state[2]!; block[3] = a3 + state[3]!;
  block[4] = b0 + state[4]!; block[5] = b1 + state[5]!; block[6] = b2 + state[6]!; block[7] = b3 + state[7]!;
  block[8] = c0 + state[8]!; block[9] = c1 + state[9]!; block[10] = c2 + state[10]!; block[11] = c3 + state[11]!;
  block[12] = d0 + state[12]!; block[13] = d1 + state[13]!; block[14] = d2 + state[14]!; block[15] = d3 + state[15]!;
}

function rotated(word: number, left: number): number {
  return (word << left) | (word >>> (32 - left));
}

/** The keystream from the block that a state counts, block by block: the first `blocks` of them. */
export function chacha20Words(state: Uint32Array, blocks: number): Uint32Array {
  const words = new Uint32Array(BLOCK_WORDS * blocks);
  for (let at = 0; at < words.length; at += BLOCK_WORDS) {
    chacha20Block(state, words.subarray(at, at + BLOCK_WORDS));
    state[COUNTER]!++;
  }
  return words;
}
