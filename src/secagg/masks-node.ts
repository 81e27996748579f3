/**
 * Masks by Node's own ChaCha20, which OpenSSL makes: several times as fast as portable code on the same
 * thread.
 *
 * @module
 */

import { createCipheriv } from 'node:crypto';
import { BLOCK_WORDS, chacha20Block, chacha20State } from '../core/chacha20.ts';
import { SecureError } from '../core/errors.ts';
import { type Masks, masksBy, referenceMasks } from './masks.ts';
import { KEY_BYTES } from './suite.ts';

const BLOCK_BYTES = 4 * BLOCK_WORDS;

/**
 * Masks by OpenSSL, once it has made a block that is right.
 *
 * @throws {SecureError} `unavailable` if this Node's OpenSSL has no ChaCha20, or another one.
 */
export function nativeMasks(): Masks {
  const zeros = new Uint8Array(2 ** 16);
  const keystream = (
    key: Uint8Array,
    { block, bytes }: { block: number; bytes: number },
  ): Uint8Array => {
    // OpenSSL's initial vector is the counter and the nonce.
    const start = new Uint8Array(16);
    new DataView(start.buffer).setUint32(0, block, true);
    return createCipheriv('chacha20', key, start).update(zeros.subarray(0, bytes));
  };
  admit(keystream);
  return masksBy(keystream);
}

/** Masks by OpenSSL where it can; else by portable code. */
export function fastestMasks(): Masks {
  try {
    return nativeMasks();
  } catch {
    return referenceMasks();
  }
}

/** A block from the middle of a stream, held against RFC 8439. */
function admit(
  keystream: (key: Uint8Array, from: { block: number; bytes: number }) => Uint8Array,
): void {
  const key = Uint8Array.from({ length: KEY_BYTES }, (_, i) => i);
  const block = 0xfffffffe;
  const state = chacha20State(key, [0, 0, 0]);
  const want = new Uint32Array(BLOCK_WORDS);
  state[12] = block;
  chacha20Block(state, want);
  let found: Uint8Array;
  try {
    found = keystream(key, { block, bytes: BLOCK_BYTES });
  } catch (cause) {
    throw new SecureError('unavailable', 'this Node has no ChaCha20', { cause });
  }
  const view = new DataView(found.buffer, found.byteOffset, found.byteLength);
  if (want.some((word, i) => view.getUint32(4 * i, true) !== word)) {
    throw new SecureError('unavailable', "this Node's ChaCha20 is not that of RFC 8439");
  }
}
