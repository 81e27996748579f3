/** A native implementation that answers wrongly once is not used for that, and noble is. */

import { describe, expect, test } from 'vitest';
import { admit, type Candidate } from '../../../src/secagg/crypto/admit.ts';
import { nodePrimitives } from '../../../src/secagg/crypto/native-node.ts';
import { webPrimitives } from '../../../src/secagg/crypto/native-web.ts';
import { noblePrimitives } from '../../../src/secagg/crypto/noble.ts';
import type { Primitives } from '../../../src/secagg/crypto/primitives.ts';
import type { Admitted } from '../../../src/secagg/crypto/provider.ts';

const { sha256, hkdf, agreement, signatures } = nodePrimitives;
const { boxes } = noblePrimitives;

/** OpenSSL for everything that it does, but for what is wrong. */
const nodeBut = (wrong: Partial<Primitives>): Candidate => {
  return { by: 'node', primitives: { ...nodePrimitives, ...wrong } };
};

const ALL: Admitted = {
  sha256: 'node',
  hkdf: 'node',
  boxes: 'noble',
  agreement: 'node',
  signatures: 'node',
};

/** The bytes with their last bit changed. */
function spoilt(bytes: Uint8Array): Uint8Array {
  const wrong = Uint8Array.from(bytes);
  wrong[wrong.length - 1]! ^= 1;
  return wrong;
}

const throws = (): never => {
  throw new Error('out of order');
};

test('OpenSSL is admitted for all that it does', async () => {
  expect((await admit({ by: 'node', primitives: nodePrimitives })).admitted).toEqual(ALL);
});

test('noble does what nobody else is there for', async () => {
  const { admitted, primitives } = await admit();
  expect(new Set(Object.values(admitted))).toEqual(new Set(['noble']));
  expect(primitives).toEqual(noblePrimitives);
});

test('noble does curves where the platform has no API, or one without these curves', async () => {
  const refuse = (): Promise<never> => Promise.reject(new DOMException('', 'NotSupportedError'));
  const old = { importKey: refuse } as unknown as SubtleCrypto;
  for (const platform of [{}, { subtle: old }, { subtle: {} as SubtleCrypto }]) {
    const { admitted } = await admit({ by: 'web', primitives: webPrimitives(platform) });
    expect(new Set(Object.values(admitted))).toEqual(new Set(['noble']));
  }
});

describe('is not admitted for', () => {
  test.each<[fault: string, wrong: Partial<Primitives>]>([
    ['sha256, forgetting all parts but the first', { sha256: ([first]) => sha256([first!]) }],
    ['sha256, throwing', { sha256: throws }],
    [
      'hkdf, without its salt',
      { hkdf: (s, { info }) => hkdf(s, { info, salt: new Uint8Array() }) },
    ],
    ['hkdf, one bit off', { hkdf: (secret, options) => spoilt(hkdf(secret, options)) }],
    [
      'agreement, one bit off',
      {
        agreement: {
          ...agreement,
          sharedSecrets: async (pairings) =>
            (await agreement.sharedSecrets(pairings)).map((one) => one && spoilt(one)),
        },
      },
    ],
    [
      'agreement, with keys of low order',
      {
        agreement: {
          ...agreement,
          sharedSecrets: async (pairings) =>
            (await agreement.sharedSecrets(pairings)).map((one) => one ?? new Uint8Array(32)),
        },
      },
    ],
    [
      'agreement, refusing everybody',
      { agreement: { ...agreement, sharedSecrets: async (all) => all.map(() => undefined) } },
    ],
    [
      'agreement, out of order',
      {
        agreement: {
          ...agreement,
          sharedSecrets: async (pairings) => (await agreement.sharedSecrets(pairings)).reverse(),
        },
      },
    ],
    [
      'agreement, on wrong public keys',
      { agreement: { ...agreement, publicKeys: async (s) => [...s] } },
    ],
    [
      'agreement, failing',
      { agreement: { ...agreement, sharedSecrets: () => Promise.reject(new Error('no')) } },
    ],
    [
      'signatures, taking all',
      { signatures: { ...signatures, verifyAll: async (claims) => claims.map(() => true) } },
    ],
    [
      'signatures, refusing all',
      { signatures: { ...signatures, verifyAll: async (claims) => claims.map(() => false) } },
    ],
    [
      'signatures, blind to their first half',
      {
        signatures: {
          ...signatures,
          verifyAll: (claims) =>
            Promise.all(
              claims.map(async (claim) => {
                const [yes] = await signatures.verifyAll([claim]);
                const changed = { ...claim, signature: Uint8Array.from(claim.signature) };
                changed.signature[0]! ^= 1;
                return yes! || (await signatures.verifyAll([changed]))[0]!;
              }),
            ),
        },
      },
    ],
    [
      'signatures, signing otherwise',
      { signatures: { ...signatures, sign: async (m, s) => spoilt(await signatures.sign(m, s)) } },
    ],
    [
      'signatures, on wrong public keys',
      { signatures: { ...signatures, publicKey: async (s) => s } },
    ],
    ['boxes, that open whatever', { boxes: { ...boxes, open: (sealed) => sealed.slice(0, -16) } }],
    ['boxes, that never open', { boxes: { ...boxes, open: () => undefined } }],
    [
      'boxes, blind to what is associated',
      {
        boxes: {
          seal: boxes.seal,
          open: (sealed, box) =>
            boxes.open(sealed, box) ??
            boxes.open(sealed, {
              ...box,
              associated: Uint8Array.of(
                0x50,
                0x51,
                0x52,
                0x53,
                0xc0,
                0xc1,
                0xc2,
                0xc3,
                0xc4,
                0xc5,
                0xc6,
                0xc7,
              ),
            }),
        },
      },
    ],
  ])('%s', async (fault, wrong) => {
    const [primitive] = fault.split(',') as [keyof Primitives];
    const { admitted, primitives } = await admit(nodeBut(wrong));
    expect(admitted).toEqual({ ...ALL, [primitive]: 'noble' });
    expect(primitives[primitive]).toBe(noblePrimitives[primitive]);
  });
});
