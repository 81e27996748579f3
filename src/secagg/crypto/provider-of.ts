/**
 * A provider out of its parts: checks arguments once for all implementations, so that these see
 * nothing but arrays of the right length.
 *
 * @module
 */

import { assertInteger } from '../../core/assert.ts';
import { BOX_NONCE_BYTES, KEY_BYTES, SIGNATURE_BYTES } from '../suite.ts';
import type { Primitives } from './primitives.ts';
import type { Admitted, BoxOptions, CryptoProvider } from './provider.ts';

/** What a provider has beside its primitives. */
export interface ProviderParts {
  readonly admitted: Admitted;
  readonly randomBytes: (length: number) => Uint8Array;
  /** Ends what runs in the background. */
  readonly close?: () => Promise<void>;
}

/** Puts a provider together. */
export function providerOf(
  { sha256, hkdf, boxes, agreement, signatures }: Primitives,
  { admitted, randomBytes, close }: ProviderParts,
): CryptoProvider {
  return {
    name: nameOf(admitted),
    admitted,
    randomBytes: (length) => randomBytes(assertInteger('length', length, 0, 2 ** 31 - 1)),
    sha256(...parts) {
      for (const part of parts) assertBytes('parts', part);
      return sha256(parts);
    },
    hkdf(secret, { salt, info }) {
      assertBytes('secret', secret);
      assertBytes('salt', salt);
      assertBytes('info', info);
      return hkdf(secret, { salt, info });
    },
    seal: (content, options) => boxes.seal(assertBytes('content', content), checkedBox(options)),
    open: (sealed, options) => boxes.open(assertBytes('sealed', sealed), checkedBox(options)),
    async agreementKeys(secrets) {
      for (const secret of secrets) assertBytes('secrets', secret, KEY_BYTES);
      return agreement.publicKeys(secrets);
    },
    async sharedSecrets(pairings) {
      for (const { secret, publicKey } of pairings) {
        assertBytes('secret', secret, KEY_BYTES);
        assertBytes('publicKey', publicKey, KEY_BYTES);
      }
      return agreement.sharedSecrets(pairings);
    },
    signingKey: async (secret) => signatures.publicKey(assertBytes('secret', secret, KEY_BYTES)),
    sign: async (message, secret) =>
      signatures.sign(assertBytes('message', message), assertBytes('secret', secret, KEY_BYTES)),
    async verifyAll(claims) {
      for (const { publicKey, message, signature } of claims) {
        assertBytes('publicKey', publicKey, KEY_BYTES);
        assertBytes('message', message);
        assertBytes('signature', signature, SIGNATURE_BYTES);
      }
      return signatures.verifyAll(claims);
    },
    close: async () => close?.(),
  };
}

/** `noble`, or `node (sha256, agreement), noble (…)`. */
function nameOf(admitted: Admitted): string {
  const primitives = Object.entries(admitted);
  const [first, ...others] = new Set(Object.values(admitted));
  if (others.length === 0) return first!;
  const share = (by: string): string[] =>
    primitives.filter(([, one]) => one === by).map(([primitive]) => primitive);
  return [first!, ...others].map((by) => `${by} (${share(by).join(', ')})`).join(', ');
}

function checkedBox({ key, nonce, associated }: BoxOptions): BoxOptions {
  return {
    key: assertBytes('key', key, KEY_BYTES),
    nonce: assertBytes('nonce', nonce, BOX_NONCE_BYTES),
    associated: assertBytes('associated', associated),
  };
}

/** Bytes, of a length if one is given. The message tells the type and length of others only. */
function assertBytes(name: string, value: Uint8Array, length?: number): Uint8Array {
  if (!(value instanceof Uint8Array)) {
    throw new TypeError(`${name} must be a Uint8Array, got a value of type ${typeof value}`);
  }
  if (length !== undefined && value.length !== length) {
    throw new TypeError(`${name} must be ${length} bytes, got ${value.length}`);
  }
  return value;
}
