/** What a provider says of arguments that are none, and what it never says. */

import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { CryptoProvider } from '../../../src/secagg/crypto/provider.ts';
import { PROVIDERS } from './providers.ts';

const key = new Uint8Array(32).fill(0xab);
const short = new Uint8Array(31).fill(0xab);
const text = 'ab'.repeat(32) as unknown as Uint8Array;
const none = new Uint8Array();
const box = { key, nonce: new Uint8Array(24), associated: none };

const MISTAKES: readonly (readonly [
  name: string,
  call: (crypto: CryptoProvider) => unknown,
  message: string,
])[] = [
  ['hash', (c) => c.sha256(none, text), 'parts must be a Uint8Array, got a value of type string'],
  ['hkdf secret', (c) => c.hkdf(text, { salt: none, info: none }), 'secret must be a Uint8Array'],
  ['hkdf salt', (c) => c.hkdf(key, { salt: text, info: none }), 'salt must be a Uint8Array'],
  ['box key', (c) => c.seal(none, { ...box, key: short }), 'key must be 32 bytes, got 31'],
  ['box nonce', (c) => c.open(key, { ...box, nonce: key }), 'nonce must be 24 bytes, got 32'],
  ['secrets', (c) => c.agreementKeys([key, short]), 'secrets must be 32 bytes, got 31'],
  [
    'agreement secret',
    (c) => c.sharedSecrets([{ secret: short, publicKey: key }]),
    'secret must be 32 bytes, got 31',
  ],
  [
    'agreement key',
    (c) => c.sharedSecrets([{ secret: key, publicKey: none }]),
    'publicKey must be 32 bytes, got 0',
  ],
  ['signing secret', (c) => c.sign(none, text), 'secret must be a Uint8Array'],
  ['signing key', (c) => c.signingKey(short), 'secret must be 32 bytes, got 31'],
  [
    'signature',
    (c) => c.verifyAll([{ publicKey: key, message: none, signature: key }]),
    'signature must be 64 bytes, got 32',
  ],
];

describe.each(PROVIDERS)('%s', (_, crypto) => {
  test.each(MISTAKES)(
    'a mistake in %s is told without a word of its content',
    async (__, call, message) => {
      const error = await new Promise((resolve) => {
        resolve(call(crypto));
      }).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(TypeError);
      expect((error as TypeError).message).toContain(message);
      expect(String((error as TypeError).stack)).not.toMatch(/abab|171/);
    },
  );

  test('a length of random bytes must be one', () => {
    expect(() => crypto.randomBytes(-1)).toThrow(RangeError);
    expect(() => crypto.randomBytes(1.5)).toThrow(TypeError);
    expect(crypto.randomBytes(33)).toHaveLength(33);
  });

  test('boxes that were not sealed so stay shut, whatever their bytes', () => {
    const sealed = crypto.seal(Uint8Array.of(1, 2, 3), box);
    for (let bit = 0; bit < 8 * sealed.length; bit++) {
      const changed = Uint8Array.from(sealed);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(crypto.open(changed, box)).toBeUndefined();
    }
    for (let length = 0; length < sealed.length; length++) {
      expect(crypto.open(sealed.subarray(0, length), box)).toBeUndefined();
    }
    expect(crypto.open(crypto.seal(none, box), box)).toEqual(none);
  });

  test('nothing secret shows when it is printed, even after use', async () => {
    const secret = crypto.randomBytes(32);
    await crypto.agreementKeys([secret]);
    await crypto.sign(none, secret);
    const shown = inspect(crypto, { depth: 20, showHidden: true });
    expect(shown).not.toContain(Buffer.from(secret).toString('hex'));
    expect(shown).not.toMatch(/\d+, \d+, \d+/);
  });

  test('a secret that takes the place of another in its array signs for itself', async () => {
    const secret = crypto.randomBytes(32);
    const first = await crypto.sign(none, secret);
    expect(await crypto.sign(none, secret)).toEqual(first);
    const other = crypto.randomBytes(32);
    const publicKey = await crypto.signingKey(other);
    secret.set(other);
    const signature = await crypto.sign(none, secret);
    expect(await crypto.verifyAll([{ publicKey, message: none, signature }])).toEqual([true]);
    expect(signature).toEqual(await crypto.sign(none, other));
  });

  test('inputs are left as they were', async () => {
    const secret = crypto.randomBytes(32);
    const before = Uint8Array.from(secret);
    const [publicKey] = await crypto.agreementKeys([secret]);
    await crypto.sharedSecrets([{ secret, publicKey: publicKey! }]);
    await crypto.sign(none, secret);
    crypto.hkdf(secret, { salt: secret, info: secret });
    expect(secret).toEqual(before);
  });
});

test('names tell who does what', () => {
  expect(PROVIDERS.map(([, { name }]) => name)).toEqual([
    'noble',
    'node (sha256, hkdf, agreement, signatures), noble (boxes)',
    'noble (sha256, hkdf, boxes), web (agreement, signatures)',
  ]);
});
