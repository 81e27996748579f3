/**
 * Which stream of ChaCha20 a release's noise comes from: keys for purposes, nonces for releases.
 *
 * Under one key no nonce may come twice with different values: whoever sees both results knows their
 * difference. The ledger sees to that; here, what differs in round, tensor or purpose never shares a
 * nonce.
 *
 * @module
 */

import { assertInteger, show } from '../../core/assert.ts';
import { BLOCK_WORDS, chacha20Block, chacha20State } from '../../core/chacha20.ts';

/** What a release is told apart by. */
export interface NoiseAddress {
  /** In [0, 2³²). */
  readonly round: number;
  /** Which vector of the round, in [0, 2³²). */
  readonly tensor: number;
  /** What the noise is for, in [0, 2²⁴). */
  readonly purpose: number;
}

const KEY_BYTES = 32;
/** Draws of a coordinate have the low byte of the last word to themselves. */
const LEVELS = 256;

/** The nonce of a release: round, tensor, and purpose · 256, to which a draw's level is added. */
export function noiseNonce({ round, tensor, purpose }: NoiseAddress): [number, number, number] {
  assertInteger('round', round, 0, 2 ** 32 - 1);
  assertInteger('tensor', tensor, 0, 2 ** 32 - 1);
  assertInteger('purpose', purpose, 0, 2 ** 24 - 1);
  return [round, tensor, purpose * LEVELS];
}

/** Separates keys from noise: no release has this nonce under a key that subkeys are made of. */
const SUBKEY_NONCE = [0x6b_62_75_73, 0x79_65] as const;

/**
 * A key of its own for a purpose: the first half of one block. A key that subkeys are made of is not
 * used for noise itself.
 *
 * @param key - 32 bytes from the platform's CSPRNG.
 * @param purpose - In [0, 2³²).
 */
export function subkey(key: Uint8Array, purpose: number): Uint8Array {
  if (!(key instanceof Uint8Array) || key.length !== KEY_BYTES) {
    throw new TypeError(`key must be a Uint8Array of ${KEY_BYTES} bytes, got ${show(key)}`);
  }
  assertInteger('purpose', purpose, 0, 2 ** 32 - 1);
  const state = chacha20State(key, [...SUBKEY_NONCE, purpose]);
  const block = new Uint32Array(BLOCK_WORDS);
  chacha20Block(state, block);
  const derived = new Uint8Array(KEY_BYTES);
  const view = new DataView(derived.buffer);
  for (let i = 0; i < KEY_BYTES / 4; i++) view.setUint32(4 * i, block[i]!, true);
  state.fill(0);
  block.fill(0);
  return derived;
}
