/**
 * Node's OpenSSL for hashes, curves and signatures. Boxes stay with noble: the part of XChaCha20 that
 * OpenSSL lacks would be noble's still, and they are few and small.
 *
 * Secrets go in as DER, from arrays that are overwritten; a JWK is quicker to read, but its base64 is
 * a string, which nobody can overwrite. What signs is therefore read once for each array that holds it.
 * Public keys go in as JWK.
 *
 * @module
 */

import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { isZero, joined, KEY_BYTES } from '../suite.ts';
import { inBatches, inTurns } from './batches.ts';
import { PKCS8 } from './pkcs8.ts';
import type { Primitives } from './primitives.ts';
import type { Claim } from './provider.ts';

type Curve = keyof typeof PKCS8;

/**
 * Keys to sign with, by the arrays that their secrets lie in, and hashes of these: reading one takes ten
 * times as long as signing. OpenSSL overwrites a key once its array is garbage.
 */
const signingKeys = new WeakMap<Uint8Array, { readonly digest: Buffer; readonly key: KeyObject }>();

/** The counter of HKDF's first block, of 32 bytes: all that is asked for. */
const FIRST_BLOCK = Uint8Array.of(1);

/** What OpenSSL does, without the last word on what it refuses. */
export const nodePrimitives: Omit<Primitives, 'boxes'> = {
  sha256(parts) {
    const hash = createHash('sha256');
    for (const part of parts) hash.update(part);
    return Uint8Array.from(hash.digest());
  },
  hkdf(secret, { salt, info }) {
    const key = createHmac('sha256', salt).update(secret).digest();
    const output = createHmac('sha256', key).update(info).update(FIRST_BLOCK).digest();
    key.fill(0);
    return taken(output);
  },
  agreement: {
    publicKeys: (secrets) =>
      inTurns(secrets, (secret) => publicBytes(privateKey('X25519', secret))),
    sharedSecrets(pairings) {
      const read = new Map<Uint8Array, KeyObject>();
      return inTurns(pairings, ({ secret, publicKey }) => {
        // Reading a secret takes longer than agreeing with it.
        const own = read.get(secret) ?? privateKey('X25519', secret);
        read.set(secret, own);
        return sharedSecret(own, publicKey);
      });
    },
  },
  signatures: {
    publicKey: async (secret) => publicBytes(privateKey('Ed25519', secret)),
    sign: async (message, secret) => Uint8Array.from(sign(null, message, signingKey(secret))),
    verifyAll: (claims) => inBatches(claims, verified),
  },
};

/** OpenSSL refuses keys of low order. */
function sharedSecret(own: KeyObject, other: Uint8Array): Uint8Array | undefined {
  try {
    const publicKey = readPublicKey('X25519', other);
    const shared = taken(diffieHellman({ privateKey: own, publicKey }));
    return isZero(shared) ? undefined : shared;
  } catch {
    return undefined;
  }
}

/** What OpenSSL says, from one of Node's threads; false too where it cannot read the key. */
function verified({ publicKey, message, signature }: Claim): Promise<boolean> {
  return new Promise((resolve) => {
    try {
      const key = readPublicKey('Ed25519', publicKey);
      verify(null, message, key, signature, (error, yes) => resolve(error === null && yes));
    } catch {
      resolve(false);
    }
  });
}

function privateKey(curve: Curve, secret: Uint8Array): KeyObject {
  const key = Buffer.from(joined(PKCS8[curve], secret).buffer);
  try {
    return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  } finally {
    key.fill(0);
  }
}

/** Of a secret that may have been overwritten, or replaced, since it was read. */
function signingKey(secret: Uint8Array): KeyObject {
  const digest = createHash('sha256').update(secret).digest();
  const known = signingKeys.get(secret);
  if (known?.digest.equals(digest)) return known.key;
  const key = privateKey('Ed25519', secret);
  signingKeys.set(secret, { digest, key });
  return key;
}

function readPublicKey(crv: Curve, bytes: Uint8Array): KeyObject {
  const x = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv, x }, format: 'jwk' });
}

/** The public key of a private one. */
function publicBytes(key: KeyObject): Uint8Array {
  const { x } = createPublicKey(key).export({ format: 'jwk' });
  return Uint8Array.from(Buffer.from(x!, 'base64url').subarray(0, KEY_BYTES));
}

/** A secret in an array of its own; the one that it came in is overwritten. */
function taken(buffer: Buffer): Uint8Array {
  const bytes = Uint8Array.from(buffer);
  buffer.fill(0);
  return bytes;
}
