/**
 * The reference: every primitive by noble, on this thread, the same on every platform.
 *
 * JavaScript can neither keep a secret out of copies that an engine makes nor promise that
 * arithmetic on BigInt takes the same time for every secret. A native implementation is to be
 * preferred where there is one that answers alike.
 *
 * @module
 */

import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { KEY_BYTES } from '../suite.ts';
import { nobleCurves } from './noble-curves.ts';
import type { Primitives } from './primitives.ts';
import type { Admitted, CryptoProvider } from './provider.ts';
import { providerOf } from './provider-of.ts';
import { systemRandom } from './system-random.ts';

/** All primitives. */
export const noblePrimitives: Primitives = {
  sha256(parts) {
    const hash = sha256.create();
    for (const part of parts) hash.update(part);
    return hash.digest();
  },
  hkdf: (secret, { salt, info }) => hkdf(sha256, secret, salt, info, KEY_BYTES),
  boxes: {
    seal: (content, { key, nonce, associated }) =>
      xchacha20poly1305(key, nonce, associated).encrypt(content),
    open(sealed, { key, nonce, associated }) {
      try {
        return xchacha20poly1305(key, nonce, associated).decrypt(sealed);
      } catch {
        return undefined;
      }
    },
  },
  ...nobleCurves,
};

const ADMITTED: Admitted = {
  sha256: 'noble',
  hkdf: 'noble',
  boxes: 'noble',
  agreement: 'noble',
  signatures: 'noble',
};

/** Options of {@link nobleCrypto}. */
export interface NobleCryptoOptions {
  /**
   * Instead of the platform's CSPRNG: for simulations that must come out the same twice, and for
   * nothing else. Whoever can predict it knows every secret.
   */
  readonly randomBytes?: (length: number) => Uint8Array;
}

/**
 * A provider that is noble alone, at once and unchecked.
 *
 * @throws {SecureError} `unavailable` if it is to draw from a CSPRNG and there is none.
 */
export function nobleCrypto({ randomBytes }: NobleCryptoOptions = {}): CryptoProvider {
  return providerOf(noblePrimitives, {
    admitted: ADMITTED,
    randomBytes: randomBytes ?? systemRandom(),
  });
}
