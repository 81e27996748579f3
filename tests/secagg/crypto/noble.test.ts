/** The portable provider: what it does with keys of low order, and with what is no key at all. */

import { describe, expect, test } from 'vitest';
import { nobleCrypto } from '../../../src/secagg/crypto/noble.ts';

const crypto = nobleCrypto();

describe('the portable provider', () => {
  test('agrees on the same secret from both ends', async () => {
    const secrets = [crypto.randomBytes(32), crypto.randomBytes(32)] as const;
    const [a, b] = await crypto.agreementKeys(secrets);
    const [ab, ba] = await crypto.sharedSecrets([
      { secret: secrets[0], publicKey: b! },
      { secret: secrets[1], publicKey: a! },
    ]);
    expect(ab).toHaveLength(32);
    expect(ba).toEqual(ab);
  });

  test('opens what it sealed, and nothing else', () => {
    const options = {
      key: crypto.randomBytes(32),
      nonce: crypto.randomBytes(24),
      associated: Uint8Array.of(1, 2),
    };
    const sealed = crypto.seal(Uint8Array.of(7, 8, 9), options);
    expect(sealed).toHaveLength(19);
    expect(crypto.open(sealed, options)).toEqual(Uint8Array.of(7, 8, 9));
    expect(crypto.open(sealed, { ...options, associated: Uint8Array.of(1, 3) })).toBeUndefined();
    expect(crypto.open(sealed.subarray(0, 15), options)).toBeUndefined();
  });
});
