import { createPublicKey, verify } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson, type Json } from '../../../src/core/canonical-json.ts';
import { claimPublicKey, signClaim, verifyClaim } from '../../../src/privacy/ledger/claim.ts';
import { openLedger } from '../../../src/privacy/ledger/ledger.ts';
import type { Receipt } from '../../../src/privacy/ledger/receipt.ts';
import { MemoryStorage } from '../../../src/privacy/ledger/storage.ts';
import { zcdpFilter } from '../../../src/privacy/ledger/zcdp-filter.ts';
import { DETAILS, gaussian } from './support.ts';

/** RFC 8032, section 7.1, test 1. */
const SECRET = Buffer.from(
  '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
  'hex',
);
const PUBLIC = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a';
const secretKey = Uint8Array.from(SECRET);
const publicKey = Uint8Array.from(Buffer.from(PUBLIC, 'hex'));

const NO_CLAIM = expect.objectContaining({ name: 'PrivacyError', code: 'claim' });

/** A receipt as a ledger gives it. */
async function receipt(): Promise<Receipt> {
  const filter = zcdpFilter({ epsilon: 2, delta: 1e-5 });
  const ledger = await openLedger({
    storage: new MemoryStorage(),
    filter,
    unit: 'record',
    relation: 'replace-one',
  });
  return ledger.commit(await ledger.reserve(gaussian(10)), DETAILS);
}

/** The text with other fields. */
function altered(text: string, change: (claim: Record<string, unknown>) => void): string {
  const claim = JSON.parse(text) as Record<string, unknown>;
  change(claim);
  return canonicalJson(claim as Json);
}

describe('a claim', () => {
  test('is its receipt, called a claim, and comes back from who has signed it', async () => {
    const own = await receipt();
    const text = signClaim(own, { secretKey });
    expect(text).not.toContain('\n');
    expect(claimPublicKey(secretKey)).toEqual(publicKey);
    expect(verifyClaim(text, { publicKey })).toEqual({ version: 1, claim: true, receipt: own });
  });

  test('can be checked by any program that knows Ed25519', async () => {
    const { signature, ...claim } = JSON.parse(signClaim(await receipt(), { secretKey })) as {
      signature: string;
    };
    // The key in DER, as RFC 8410 has it.
    const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), publicKey]);
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
    const signed = (domain: string) => Buffer.from(domain + canonicalJson(claim as Json));
    const bytes = Buffer.from(signature, 'hex');
    expect(verify(null, signed('aggregis privacy claim, version 1\n'), key, bytes)).toBe(true);
    // What is signed for something else is no claim.
    expect(verify(null, signed(''), key, bytes)).toBe(false);
  });

  test('is about what was sent with it, and nothing else', async () => {
    const own = await receipt();
    const sent = Uint8Array.of(1, 2, 3);
    const text = signClaim(own, { secretKey, sent });
    expect(verifyClaim(text, { publicKey, sent }).sent).toBe(
      // SHA-256 of 01 02 03.
      '039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81',
    );
    const other = { publicKey, sent: Uint8Array.of(1, 2, 4) };
    expect(() => verifyClaim(text, other)).toThrow(NO_CLAIM);
    expect(() => verifyClaim(signClaim(own, { secretKey }), other)).toThrow(/about nothing/);
  });

  test('of somebody else is refused', async () => {
    const text = signClaim(await receipt(), { secretKey: secretKey.map((byte) => byte ^ 1) });
    expect(() => verifyClaim(text, { publicKey })).toThrow(NO_CLAIM);
    // A key of small order, under which a careless verifier takes one signature for anything.
    const identity = new Uint8Array(32).fill(0);
    identity[0] = 1;
    const forged = altered(text, (claim) => {
      claim.signature = `01${'0'.repeat(126)}`;
    });
    expect(() => verifyClaim(forged, { publicKey: identity })).toThrow(NO_CLAIM);
  });

  test('is refused if any letter of it is another', async () => {
    const text = signClaim(await receipt(), { secretKey, sent: secretKey });
    for (let i = 0; i < text.length; i++) {
      const changed = text.slice(0, i) + (text[i] === '1' ? '2' : '1') + text.slice(i + 1);
      expect(() => verifyClaim(changed, { publicKey }), `letter ${i}`).toThrow(NO_CLAIM);
    }
  });

  test('has one spelling', async () => {
    const text = signClaim(await receipt(), { secretKey });
    for (const other of [` ${text}`, `${text}\n`, `{"claim":true,${text.slice(1)}`]) {
      expect(JSON.parse(other)).toEqual(JSON.parse(text));
      expect(() => verifyClaim(other, { publicKey })).toThrow(/must be canonical JSON/);
    }
  });

  test('that is none is refused, whatever it is', async () => {
    const text = signClaim(await receipt(), { secretKey });
    const bad: readonly [(claim: Record<string, unknown>) => void, RegExp][] = [
      [(claim) => delete claim.claim, /claim must be true/],
      [(claim) => Object.assign(claim, { claim: false }), /claim must be true/],
      [(claim) => Object.assign(claim, { version: 2 }), /version must be 1/],
      [(claim) => Object.assign(claim, { verified: true }), /no field "verified"/],
      [(claim) => Object.assign(claim, { signature: 'ab' }), /64 bytes/],
      [(claim) => Object.assign(claim, { sent: 'ab' }), /sent must be/],
      [(claim) => delete claim.receipt, /receipt must be an object/],
      [(claim) => Object.assign(claim.receipt!, { seed: 'ab' }), /seed too/],
      [(claim) => Object.assign(claim.receipt!, { unit: 'site' }), /unit must be/],
      [(claim) => Object.assign(claim.receipt!, { epsilonSoFar: -1 }), /epsilon must be/],
      [(claim) => Object.assign(claim.receipt!, { charge: { record: 0, hash: '' } }), /record/],
    ];
    for (const [change, why] of bad) {
      const claim = altered(text, change);
      expect(() => verifyClaim(claim, { publicKey })).toThrow(NO_CLAIM);
      expect(() => verifyClaim(claim, { publicKey })).toThrow(why);
    }
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (any) => {
        expect(() => verifyClaim(any, { publicKey })).toThrow(NO_CLAIM);
      }),
      { seed: 11 },
    );
  });

  test('is not made of what is no receipt, nor with what is no key', async () => {
    const own = await receipt();
    expect(() => signClaim({ ...own, seed: 'ab' } as Receipt, { secretKey })).toThrow(/seed/);
    expect(() => signClaim(own, { secretKey: secretKey.subarray(1) })).toThrow(/secretKey/);
    const text = signClaim(own, { secretKey });
    expect(() => verifyClaim(text, { publicKey: publicKey.subarray(1) })).toThrow(/publicKey/);
  });
});
