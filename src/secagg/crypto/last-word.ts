/**
 * Noble has the last word on what a native implementation refuses, so that all providers say the same.
 *
 * RFC 8032 leaves room, and libraries use it: OpenSSL decodes points that are not canonical and takes
 * keys of small order, and it checks without the cofactor. If verdicts differed, a client could sign
 * so that the server is content and its neighbours give up the round. The verdict is noble's:
 * encodings are canonical, keys are not of small order, and the equation is checked with the
 * cofactor. A native `yes` to an admissible claim is such a `yes`, since the equation without the
 * cofactor is the harder one; a native `no` is not yet a `no`. Honest signatures never need it.
 *
 * Chalkias, Garillot, Nikolaenko. "Taming the many EdDSAs", SSR 2020.
 *
 * @module
 */

import { hexToBytes } from '@noble/hashes/utils.js';
import { KEY_BYTES, sameBytes } from '../suite.ts';
import { FIELD_ORDER, isBelow } from './field-25519.ts';
import { noblePrimitives } from './noble.ts';
import type { Agreement, Primitives, Signatures } from './primitives.ts';
import type { Claim } from './provider.ts';

/** L = 2²⁵² + …, little-endian. */
const ORDER = hexToBytes(`edd3f55c1a631258d69cf7a2def9de14${'00'.repeat(15)}10`);

/** The y of the points with x = 0: (0, 1) and (0, −1). */
const ZERO_X = [`01${'00'.repeat(31)}`, `ec${'ff'.repeat(30)}7f`].map(hexToBytes);
/** The y of all points of small order: orders 1 and 2, order 4, order 8 twice. */
const SMALL_ORDER = [
  ...ZERO_X,
  new Uint8Array(KEY_BYTES),
  hexToBytes('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'),
  hexToBytes('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'),
];

/** A native implementation with noble's last word. */
export function arbitrated(native: Partial<Primitives>): Partial<Primitives> {
  const { agreement, signatures } = native;
  return {
    ...native,
    ...(agreement && { agreement: arbitratedAgreement(agreement) }),
    ...(signatures && { signatures: arbitratedSignatures(signatures) }),
  };
}

/** Signatures by a native implementation, which is shown admissible claims alone. */
function arbitratedSignatures(native: Signatures): Signatures {
  return {
    ...native,
    async verifyAll(claims) {
      const admissible = [...claims.keys()].filter((i) => isAdmissible(claims[i]!));
      const verdicts = claims.map(() => false);
      const ask = async (who: Signatures, open: readonly number[]): Promise<void> => {
        const held = await who.verifyAll(open.map((i) => claims[i]!));
        for (const [k, i] of open.entries()) verdicts[i] = held[k]!;
      };
      await ask(native, admissible);
      await ask(
        noblePrimitives.signatures,
        admissible.filter((i) => !verdicts[i]),
      );
      return verdicts;
    },
  };
}

/** Agreements by a native implementation: where it fails, that may be for another reason. */
function arbitratedAgreement(native: Agreement): Agreement {
  return {
    ...native,
    async sharedSecrets(pairings) {
      const shared = await native.sharedSecrets(pairings);
      const open = [...shared.keys()].filter((i) => shared[i] === undefined);
      const last = await noblePrimitives.agreement.sharedSecrets(open.map((i) => pairings[i]!));
      for (const [k, i] of open.entries()) shared[i] = last[k];
      return shared;
    },
  };
}

/** Whether encodings are canonical and the key is not of small order. All of it is public. */
function isAdmissible({ publicKey, signature }: Claim): boolean {
  const point = signature.subarray(0, KEY_BYTES);
  const scalar = signature.subarray(KEY_BYTES);
  return (
    isBelow(scalar, ORDER) &&
    isCanonical(point) &&
    isCanonical(publicKey) &&
    !isOneOf(SMALL_ORDER, unsigned(publicKey))
  );
}

/** y below p, and no sign where x = 0. */
function isCanonical(point: Uint8Array): boolean {
  const y = unsigned(point);
  const isNegative = point[KEY_BYTES - 1]! >= 0x80;
  return isBelow(y, FIELD_ORDER) && !(isNegative && isOneOf(ZERO_X, y));
}

/** The bytes without the sign of x. */
function unsigned(point: Uint8Array): Uint8Array {
  const y = Uint8Array.from(point);
  y[KEY_BYTES - 1]! &= 0x7f;
  return y;
}

function isOneOf(points: readonly Uint8Array[], y: Uint8Array): boolean {
  return points.some((one) => sameBytes(one, y));
}
