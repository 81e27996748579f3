/**
 * X25519 and Ed25519 by the Web Cryptography API, where the browser has them and the page is in a
 * secure context. Hashes and boxes stay with noble: the API's are asynchronous, and it has no
 * XChaCha20-Poly1305.
 *
 * W3C. "Web Cryptography Level 2", sections X25519 and Ed25519.
 *
 * @module
 */

import { isZero, joined, KEY_BYTES } from '../suite.ts';
import { inBatches } from './batches.ts';
import { noblePrimitives } from './noble.ts';
import { PKCS8 } from './pkcs8.ts';
import type { Agreement, Primitives, Signatures } from './primitives.ts';

/** u = 9: agreeing with it gives one's own public key, and no secret leaves as text. */
const BASE_POINT = Uint8Array.of(9, ...new Uint8Array(KEY_BYTES - 1));

/** What the platform can do, to be examined; nothing where it has no `crypto.subtle`. */
export function webPrimitives(
  platform: { readonly subtle?: SubtleCrypto } | undefined = globalThis.crypto,
): Partial<Primitives> {
  const subtle = platform?.subtle;
  if (subtle === undefined) return {};
  return { agreement: agreementBy(subtle), signatures: signaturesBy(subtle) };
}

function agreementBy(subtle: SubtleCrypto): Agreement {
  const readOwn = (secret: Uint8Array): Promise<CryptoKey> =>
    privateKey(secret, { subtle, curve: 'X25519', usage: 'deriveBits' });
  const readOther = async (bytes: Uint8Array): Promise<CryptoKey> =>
    subtle.importKey('raw', plain(bytes), 'X25519', false, []);
  const agree = async (own: Promise<CryptoKey>, other: Uint8Array): Promise<Uint8Array> => {
    // Together: a failure of either that nobody awaits would count as unhandled.
    const [key, publicKey] = await Promise.all([own, readOther(other)]);
    const algorithm = { name: 'X25519', public: publicKey };
    return new Uint8Array(await subtle.deriveBits(algorithm, key, 8 * KEY_BYTES));
  };
  return {
    publicKeys: (secrets) => inBatches(secrets, (secret) => agree(readOwn(secret), BASE_POINT)),
    sharedSecrets(pairings) {
      const keys = new Map<Uint8Array, Promise<CryptoKey>>();
      return inBatches(pairings, async ({ secret, publicKey }) => {
        const own = keys.get(secret) ?? readOwn(secret);
        keys.set(secret, own);
        try {
          const shared = await agree(own, publicKey);
          return isZero(shared) ? undefined : shared;
        } catch {
          return undefined;
        }
      });
    },
  };
}

function signaturesBy(subtle: SubtleCrypto): Signatures {
  const read = (secret: Uint8Array): Promise<CryptoKey> =>
    privateKey(secret, { subtle, curve: 'Ed25519', usage: 'sign' });
  return {
    // The API tells a public key only together with its secret, as text.
    publicKey: noblePrimitives.signatures.publicKey,
    sign: async (message, secret) =>
      new Uint8Array(await subtle.sign('Ed25519', await read(secret), plain(message))),
    verifyAll: (claims) =>
      inBatches(claims, async ({ publicKey, message, signature }) => {
        try {
          const key = await subtle.importKey('raw', plain(publicKey), 'Ed25519', false, ['verify']);
          return await subtle.verify('Ed25519', key, plain(signature), plain(message));
        } catch {
          return false;
        }
      }),
  };
}

async function privateKey(
  secret: Uint8Array,
  how: { subtle: SubtleCrypto; curve: keyof typeof PKCS8; usage: KeyUsage },
): Promise<CryptoKey> {
  const { subtle, curve, usage } = how;
  const der = plain(joined(PKCS8[curve], secret));
  try {
    return await subtle.importKey('pkcs8', der, curve, false, [usage]);
  } finally {
    der.fill(0);
  }
}

/** The same bytes, in memory that is not shared: the API takes no other. */
function plain(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer
    ? (bytes as Uint8Array<ArrayBuffer>)
    : Uint8Array.from(bytes);
}
