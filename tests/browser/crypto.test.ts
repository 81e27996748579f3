/** Cryptography in a browser: its own curves, and noble on workers where it has none. */

import { describe, expect, test } from 'vitest';
import { browserSpawner } from '../../src/core/spawn-browser.ts';
import { admit } from '../../src/secagg/crypto/admit.ts';
import { createCrypto } from '../../src/secagg/crypto/create.ts';
import { webPrimitives } from '../../src/secagg/crypto/native-web.ts';
import { nobleCrypto, noblePrimitives } from '../../src/secagg/crypto/noble.ts';
import { Team, teamed } from '../../src/secagg/crypto/team.ts';
import { workerScript } from '../../src/secagg/crypto/team-worker.gen.ts';

const noble = nobleCrypto();

/** So many pairings of two secrets, every ninth with a key of low order, and claims, some wrong. */
async function questions(count: number) {
  const secrets = [noble.randomBytes(32), noble.randomBytes(32)] as const;
  const publicKeys = await noble.agreementKeys(secrets);
  const pairings = Array.from({ length: count }, (_, i) => ({
    secret: secrets[i & 1]!,
    publicKey: i % 9 === 4 ? new Uint8Array(32) : publicKeys[(i >> 1) & 1]!,
  }));
  const publicKey = await noble.signingKey(secrets[0]);
  const signature = await noble.sign(Uint8Array.of(1), secrets[0]);
  const claims = Array.from({ length: count }, (_, i) => {
    return { publicKey, message: Uint8Array.of(i % 3), signature };
  });
  return { secrets, publicKeys, pairings, publicKey, signature, claims };
}

describe('cryptography in a browser', () => {
  test('is its own for curves, and says what noble says', async () => {
    expect(globalThis.isSecureContext).toBe(true);
    const crypto = await createCrypto();
    expect(crypto.admitted).toEqual({
      sha256: 'noble',
      hkdf: 'noble',
      boxes: 'noble',
      agreement: 'web',
      signatures: 'web',
    });
    const { secrets, publicKeys, pairings, publicKey, signature, claims } = await questions(40);
    expect(await crypto.agreementKeys(secrets)).toEqual(publicKeys);
    expect(await crypto.sharedSecrets(pairings)).toEqual(await noble.sharedSecrets(pairings));
    expect(await crypto.signingKey(secrets[0])).toEqual(publicKey);
    expect(await crypto.sign(Uint8Array.of(1), secrets[0])).toEqual(signature);
    expect(await crypto.verifyAll(claims)).toEqual(claims.map((_, i) => i % 3 === 1));
    await crypto.close();
  });

  test('is noble where the page has no crypto.subtle, on workers', async () => {
    const { primitives, admitted } = await admit({ by: 'web', primitives: webPrimitives({}) });
    expect(new Set(Object.values(admitted))).toEqual(new Set(['noble']));
    let started = 0;
    const spawner: typeof browserSpawner = {
      ...browserSpawner,
      spawn(script, events) {
        started += 1;
        return browserSpawner.spawn(script, events);
      },
    };
    const team = new Team({ threads: 2, spawner, script: async () => workerScript });
    const crypto = teamed(primitives, admitted, team);
    const { pairings, claims } = await questions(80);
    const shared = await crypto.agreement.sharedSecrets(pairings);
    expect(shared).toEqual(await noblePrimitives.agreement.sharedSecrets(pairings));
    expect(shared.filter((one) => one === undefined)).toHaveLength(9);
    expect(await crypto.signatures.verifyAll(claims)).toEqual(claims.map((_, i) => i % 3 === 1));
    expect(started).toBe(2);
    await team.close();
  });
});
