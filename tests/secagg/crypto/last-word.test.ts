/** One verdict on every key and signature, however odd: that of noble in its strict mode. */

import { ED25519_TORSION_SUBGROUP, ed25519, x25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { describe, expect, test } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import { nodePrimitives } from '../../../src/secagg/crypto/native-node.ts';
import { webPrimitives } from '../../../src/secagg/crypto/native-web.ts';
import type { Claim, KeyPairing } from '../../../src/secagg/crypto/provider.ts';
import { hex, PROVIDERS } from './providers.ts';

const { Point } = ed25519;
const L = Point.Fn.ORDER;
const P = 2n ** 255n - 19n;
const random = createRandom(7748);
const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => random.below(256));

/** Little-endian, 32 bytes. */
function encoded(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
}

function decoded(all: Uint8Array): bigint {
  return all.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** A signature by the equation, for whatever bytes the points are written in. */
function signed(a: bigint, r: bigint, as: { key: Uint8Array; point: Uint8Array }): Claim {
  const message = bytes(42);
  const k = decoded(sha512(Uint8Array.from([...as.point, ...as.key, ...message]))) % L;
  const scalar = encoded((r + k * a) % L);
  return { publicKey: as.key, message, signature: Uint8Array.from([...as.point, ...scalar]) };
}

const scalar = (): bigint => 1n + (decoded(bytes(32)) % (L - 1n));
const torsion = ED25519_TORSION_SUBGROUP.map((point) => Point.fromHex(point));

/** Keys and points R with parts of small order, all 64 kinds, several of each. */
function mixed(): Claim[] {
  return torsion.flatMap((t) =>
    torsion.flatMap((u) =>
      Array.from({ length: 3 }, () => {
        const [a, r] = [scalar(), scalar()];
        const key = Point.BASE.multiply(a).add(t).toBytes();
        return signed(a, r, { key, point: Point.BASE.multiply(r).add(u).toBytes() });
      }),
    ),
  );
}

/** Encodings of points of small order: canonical, y + p where that fits, and with either sign. */
function smallEncodings(): Uint8Array[] {
  const ys = [0n, 1n, P - 1n, P, P + 1n, ...torsion.map(({ y }) => y)];
  return ys.flatMap((y) => [encoded(y), encoded(y + 2n ** 255n)]);
}

/** Keys of small order sign everything, R of small order is a nonce that its signer knows. */
function small(): Claim[] {
  const point = Point.BASE.multiply(5n).toBytes();
  const a = scalar();
  const key = Point.BASE.multiply(a).toBytes();
  return smallEncodings().flatMap((odd) => [
    ...Array.from({ length: 10 }, () => signed(0n, 5n, { key: odd, point })),
    ...smallEncodings().map((other) => signed(0n, 0n, { key: odd, point: other })),
    signed(a, 0n, { key, point: odd }),
  ]);
}

/** Scalars at and above the order, and R and keys that are no point at all. */
function malformed(): Claim[] {
  const a = scalar();
  const key = Point.BASE.multiply(a).toBytes();
  const good = signed(a, 9n, { key, point: Point.BASE.multiply(9n).toBytes() });
  const point = good.signature.slice(0, 32);
  const s = decoded(good.signature.slice(32));
  const scalars = [s, s + L, s + 2n * L, L - 1n, L, L + 1n, 0n, 2n ** 252n, 2n ** 256n - 1n];
  return [
    ...scalars.map((value) => {
      return { ...good, signature: Uint8Array.from([...point, ...encoded(value)]) };
    }),
    ...Array.from({ length: 20 }, () => ({ ...good, publicKey: bytes(32) })),
    ...Array.from({ length: 20 }, () => {
      return { ...good, signature: Uint8Array.from([...bytes(32), ...good.signature.slice(32)]) };
    }),
    ...Array.from({ length: 20 }, () => ({ ...good, signature: bytes(64) })),
  ];
}

const CLAIMS = [...mixed(), ...small(), ...malformed()];
const VERDICTS = CLAIMS.map(({ publicKey, message, signature }) =>
  ed25519.verify(signature, message, publicKey, { zip215: false }),
);

describe('signatures on which libraries disagree', () => {
  test('hold and do not, in our list', () => {
    expect(VERDICTS.filter((yes) => yes).length).toBeGreaterThan(100);
    expect(VERDICTS.filter((yes) => !yes).length).toBeGreaterThan(100);
  });

  test.each(PROVIDERS)('get the verdict of noble from %s', async (_, crypto) => {
    expect(await crypto.verifyAll(CLAIMS)).toEqual(VERDICTS);
  });

  test.each([
    ['node', nodePrimitives],
    ['web', webPrimitives()],
  ])('get another verdict from %s alone, one way and the other', async (_, native) => {
    const verdicts = await native.signatures!.verifyAll(CLAIMS);
    const laxer = verdicts.filter((yes, i) => yes && !VERDICTS[i]);
    const harder = verdicts.filter((yes, i) => !yes && VERDICTS[i]);
    expect(laxer.length).toBeGreaterThan(0);
    expect(harder.length).toBeGreaterThan(0);
  });
});

/** Of low order, not canonical, on the twist, random; with and without the bit that does not count. */
function oddKeys(): Uint8Array[] {
  const low = [
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  ];
  const numbers = [...Array(6).keys()].flatMap((i) => [BigInt(i), P - BigInt(i), P + BigInt(i)]);
  const fitting = [...new Set(numbers)].filter((u) => u >= 0n && u < 2n ** 255n);
  const some = [...low.map((one) => hex(one)), ...fitting.map(encoded)];
  some.push(encoded(2n ** 255n - 1n), ...Array.from({ length: 40 }, () => bytes(32)));
  return some.flatMap((key) => {
    const other = Uint8Array.from(key);
    other[31]! ^= 0x80;
    return [key, other];
  });
}

const PAIRINGS: readonly KeyPairing[] = oddKeys().map((publicKey) => {
  return { secret: bytes(32), publicKey };
});

function nobleSecret({ secret, publicKey }: KeyPairing): Uint8Array | undefined {
  try {
    return x25519.getSharedSecret(secret, publicKey);
  } catch {
    return undefined;
  }
}

describe('X25519 with odd keys', () => {
  const wanted = PAIRINGS.map(nobleSecret);

  test('has keys of low order in our list: 0, ±1 and both of order 8, p and p + 1, each twice', () => {
    expect(wanted.filter((secret) => secret === undefined)).toHaveLength(14);
  });

  test.each(PROVIDERS)('is the same by %s', async (_, crypto) => {
    expect(await crypto.sharedSecrets(PAIRINGS)).toEqual(wanted);
    const secrets = PAIRINGS.map(({ secret }) => secret);
    expect(await crypto.agreementKeys(secrets)).toEqual(
      secrets.map((secret) => x25519.getPublicKey(secret)),
    );
  });
});

describe('whatever the input', () => {
  test.each(PROVIDERS)('%s hashes, derives, seals and signs as noble does', async (_, crypto) => {
    const [, noble] = PROVIDERS[0]!;
    for (let i = 0; i < 50; i++) {
      const parts = Array.from({ length: random.below(4) }, () => bytes(random.below(200)));
      const [salt, info, content] = [bytes(random.below(80)), bytes(i), bytes(random.below(200))];
      const box = { key: bytes(32), nonce: bytes(24), associated: bytes(random.below(40)) };
      expect(crypto.sha256(...parts)).toEqual(noble.sha256(...parts));
      expect(crypto.hkdf(content, { salt, info })).toEqual(noble.hkdf(content, { salt, info }));
      const sealed = crypto.seal(content, box);
      expect(sealed).toEqual(noble.seal(content, box));
      expect(crypto.open(sealed, box)).toEqual(content);
      expect(await crypto.sign(content, box.key)).toEqual(await noble.sign(content, box.key));
      expect(await crypto.signingKey(box.key)).toEqual(await noble.signingKey(box.key));
    }
  });
});
