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
import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { KEY_BYTES } from '../suite.ts';
import { inTurns } from './batches.ts';
import type { Primitives } from './primitives.ts';
import type { Admitted, Claim, CryptoProvider, KeyPairing } from './provider.ts';
import { providerOf } from './provider-of.ts';
import { systemRandom } from './system-random.ts';

/** RFC 8032 as it stands, instead of the laxer rule that some ledgers agreed on. */
const STRICT = { zip215: false } as const;

/** `undefined` for a public key of low order. */
function sharedSecret({ secret, publicKey }: KeyPairing): Uint8Array | undefined {
  try {
    return x25519.getSharedSecret(secret, publicKey);
  } catch {
    // With both of the right length, only a shared secret of zeros is refused.
    return undefined;
  }
}

function holds({ publicKey, message, signature }: Claim): boolean {
  return ed25519.verify(signature, message, publicKey, STRICT);
}

/** All primitives. Batches let the event loop have its turns. */
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
  agreement: {
    publicKeys: (secrets) => inTurns(secrets, (secret) => x25519.getPublicKey(secret)),
    sharedSecrets: (pairings) => inTurns(pairings, sharedSecret),
  },
  signatures: {
    publicKey: async (secret) => ed25519.getPublicKey(secret),
    sign: async (message, secret) => ed25519.sign(message, secret),
    verifyAll: (claims) => inTurns(claims, holds),
  },
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
