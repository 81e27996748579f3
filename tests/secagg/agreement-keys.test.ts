/**
 * Keys that are taken for X25519: held against what the curve itself gives for them.
 *
 * @module
 */

import { describe, expect, test } from 'vitest';
import { isAgreementKey } from '../../src/secagg/agreement-keys.ts';
import { nobleCrypto } from '../../src/secagg/crypto/noble.ts';

const crypto = nobleCrypto();
const P = 2n ** 255n - 19n;
const bytesOf = (value: bigint): Uint8Array =>
  Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
const secret = new Uint8Array(32).fill(77);

describe('a key', () => {
  test('is taken below p just if a secret can be agreed on with it', async () => {
    const near = Array.from({ length: 40 }, (_, i) => BigInt(i));
    const eighth = [
      325606250916557431795983626356110631294008115727848805560023387167927233504n,
      39382357235489614581723060781553021112529911719440698176882885853963445705823n,
    ];
    const around = eighth.flatMap((u) => [u - 1n, u, u + 1n]);
    const keys = [...near, ...near.map((i) => P - 1n - i), ...around].map(bytesOf);
    const agreed = await crypto.sharedSecrets(keys.map((publicKey) => ({ secret, publicKey })));
    expect(keys.map(isAgreementKey)).toEqual(agreed.map((shared) => shared !== undefined));
    // 0, 1, p − 1 and two of order 8.
    expect(agreed.filter((shared) => shared === undefined).length).toBe(5);
  });

  test('is not taken from p on, and not with its top bit set', () => {
    for (let i = 0n; i < 19n; i++) expect(isAgreementKey(bytesOf(P + i))).toBe(false);
    for (const u of [0n, 1n, 9n, P - 2n, P]) {
      expect(isAgreementKey(bytesOf(u + 2n ** 255n))).toBe(false);
    }
    expect(isAgreementKey(bytesOf(9n))).toBe(true);
    expect(isAgreementKey(bytesOf(P - 2n))).toBe(true);
  });

  test('that somebody made is always taken', async () => {
    const secrets = Array.from({ length: 50 }, (_, i) => new Uint8Array(32).fill(i + 1));
    const keys = await crypto.agreementKeys(secrets);
    expect(keys.every(isAgreementKey)).toBe(true);
  });
});
