/**
 * A receipt that its maker signs, so that it can be sent: a claim, and called one.
 *
 * The signature proves who says so, and that nothing was changed since. It proves nothing else: nobody
 * can verify that the client clipped, drew coins, added noise, or kept a ledger at all, and a client
 * may keep two. Record-level privacy is what a client does for the people in its own records, and they
 * have to trust it; a server that needs a guarantee of its own adds noise itself.
 *
 * Josefsson, Liusvaara. RFC 8032, "Edwards-curve digital signature algorithm (EdDSA)": Ed25519.
 *
 * @module
 */

import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { show } from '../../core/assert.ts';
import { canonicalJson, type Json } from '../../core/canonical-json.ts';
import { PrivacyError } from '../../core/errors.ts';
import { checkReceipt, type Receipt } from './receipt.ts';

/** What a client says of itself. */
export interface Claim {
  readonly version: 1;
  /** That it is one. */
  readonly claim: true;
  readonly receipt: Receipt;
  /** SHA-256 of what was sent with it, in lower-case hex; absent where it is about nothing sent. */
  readonly sent?: string;
}

/** Options of {@link signClaim}. */
export interface SignOptions {
  /** Ed25519, 32 bytes, for claims alone. */
  readonly secretKey: Uint8Array;
  /** The bytes that the claim goes with, such as an update. */
  readonly sent?: Uint8Array;
}

/** Options of {@link verifyClaim}. */
export interface VerifyOptions {
  /** Whose claim it must be: 32 bytes, known from elsewhere. */
  readonly publicKey: Uint8Array;
  /** The bytes that came with it: where they are given, the claim must be about them. */
  readonly sent?: Uint8Array;
}

/** Comes before what is signed: no signature of another purpose is one of a claim. */
const DOMAIN = 'aggregis privacy claim, version 1\n';
const KEY_BYTES = 32;
const SIGNATURE = /^[0-9a-f]{128}$/;
const HASH = /^[0-9a-f]{64}$/;

/**
 * A claim and its signature as one line of canonical JSON.
 *
 * @throws {TypeError | RangeError} if the receipt is none, or the key is not 32 bytes.
 */
export function signClaim(receipt: Receipt, { secretKey, sent }: SignOptions): string {
  const claim: Claim = {
    version: 1,
    claim: true,
    receipt: checkReceipt(receipt),
    ...(sent !== undefined && { sent: hashOfBytes(sent) }),
  };
  const signature = ed25519.sign(signedBytes(claim), assertBytes('secretKey', secretKey));
  return canonicalJson({ ...asJson(claim), signature: bytesToHex(signature) });
}

/** The public key that goes with a secret one. */
export function claimPublicKey(secretKey: Uint8Array): Uint8Array {
  return ed25519.getPublicKey(assertBytes('secretKey', secretKey));
}

/**
 * The claim in a text that was received, if the holder of the key has signed it in these very bytes.
 *
 * @throws {PrivacyError} `claim` if it is none, is spelt in another way, is signed by another or not at
 *   all, or is not about what was sent.
 * @throws {TypeError} if the verifier's own key or bytes are none.
 */
export function verifyClaim(text: string, { publicKey, sent }: VerifyOptions): Claim {
  assertBytes('publicKey', publicKey);
  const expected = sent === undefined ? undefined : hashOfBytes(sent);
  const { claim, signature } = parseClaim(text);
  // Strict, as RFC 8032 has it: no key or signature of small order or another spelling.
  if (!ed25519.verify(hexToBytes(signature), signedBytes(claim), publicKey, { zip215: false })) {
    throw new PrivacyError('claim', 'the signature is not of this claim and key');
  }
  if (expected !== undefined && claim.sent !== expected) {
    throw new PrivacyError(
      'claim',
      `the claim is about ${claim.sent ?? 'nothing that was sent'}, not about ${expected}`,
    );
  }
  return claim;
}

/** A claim of the right shape and spelling, its signature not looked at. */
function parseClaim(text: string): { readonly claim: Claim; readonly signature: string } {
  try {
    const { signature, ...claim } = JSON.parse(text) as Claim & { readonly signature: string };
    checkClaim(claim);
    if (typeof signature !== 'string' || !SIGNATURE.test(signature)) {
      throw new TypeError('signature must be 64 bytes in lower-case hex');
    }
    // One spelling: then no field is there twice, or unseen.
    if (canonicalJson({ ...asJson(claim), signature }) !== text) {
      throw new TypeError('the text must be canonical JSON');
    }
    return { claim, signature };
  } catch (cause) {
    const why = cause instanceof SyntaxError ? 'the text is no JSON' : (cause as Error).message;
    throw new PrivacyError('claim', `this is no claim: ${why}`, { cause });
  }
}

function checkClaim(claim: Claim): void {
  const unknown = Object.keys(claim).find(
    (key) => !['version', 'claim', 'receipt', 'sent'].includes(key),
  );
  if (unknown !== undefined) throw new TypeError(`there is no field ${show(unknown)}`);
  if (claim.version !== 1) throw new TypeError(`version must be 1, got ${show(claim.version)}`);
  if (claim.claim !== true) throw new TypeError(`claim must be true, got ${show(claim.claim)}`);
  if ('sent' in claim && !HASH.test(String(claim.sent))) {
    throw new TypeError('sent must be a SHA-256 in lower-case hex');
  }
  checkReceipt(claim.receipt);
}

function signedBytes(claim: Claim): Uint8Array {
  return utf8ToBytes(DOMAIN + canonicalJson(asJson(claim)));
}

function hashOfBytes(bytes: Uint8Array): string {
  if (!(bytes instanceof Uint8Array)) {
    throw new TypeError(`sent must be a Uint8Array, got ${show(bytes)}`);
  }
  return bytesToHex(sha256(bytes));
}

function assertBytes(name: string, key: Uint8Array): Uint8Array {
  if (!(key instanceof Uint8Array) || key.length !== KEY_BYTES) {
    throw new TypeError(`${name} must be a Uint8Array of ${KEY_BYTES} bytes, got ${show(key)}`);
  }
  return key;
}

function asJson(claim: Claim): { readonly [key: string]: Json } {
  return claim as unknown as { readonly [key: string]: Json };
}
