/**
 * Random bytes of the platform, once it is sure that there are some.
 *
 * @module
 */

import { SecureError } from '../../core/errors.ts';
import { KEY_BYTES, sameBytes } from '../suite.ts';

/** What the Web Cryptography API fills at one time. */
const MOST_AT_ONCE = 65_536;

/** Fills an array; `crypto.getRandomValues` does. */
type Fill = (bytes: Uint8Array<ArrayBuffer>) => void;

/**
 * The platform's CSPRNG, after a look at two draws. That finds a source that is missing or stuck; one
 * that was cloned with its machine looks sound, which is why keys are hedged besides.
 *
 * @throws {SecureError} `unavailable` if there is none, or it repeats itself or draws zeros.
 */
export function systemRandom(fill: Fill = platformFill()): (length: number) => Uint8Array {
  const randomBytes = (length: number): Uint8Array => {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += MOST_AT_ONCE) {
      fill(bytes.subarray(at, at + MOST_AT_ONCE));
    }
    return bytes;
  };
  const [first, second] = [randomBytes(KEY_BYTES), randomBytes(KEY_BYTES)];
  const zeros = new Uint8Array(KEY_BYTES);
  if (sameBytes(first, second) || sameBytes(first, zeros) || sameBytes(second, zeros)) {
    throw new SecureError('unavailable', 'the random bytes of this platform are not random');
  }
  return randomBytes;
}

function platformFill(): Fill {
  const source = globalThis.crypto;
  if (typeof source?.getRandomValues === 'function') {
    return (bytes) => {
      source.getRandomValues(bytes);
    };
  }
  throw new SecureError('unavailable', 'this platform has no crypto.getRandomValues');
}
