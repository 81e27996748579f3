/**
 * Curves by noble: what workers of a team bring with them, and nothing more.
 *
 * @module
 */

import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { inTurns } from './batches.ts';
import type { Primitives } from './primitives.ts';
import type { Claim, KeyPairing } from './provider.ts';

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

/** X25519 and Ed25519. Batches let the event loop have its turns. */
export const nobleCurves: Pick<Primitives, 'agreement' | 'signatures'> = {
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
