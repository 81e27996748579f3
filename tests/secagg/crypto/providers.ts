/**
 * The providers that can be had under Node, each of which must do the same.
 *
 * @module
 */

import { createCrypto } from '../../../src/secagg/crypto/create.ts';
import { createNodeCrypto } from '../../../src/secagg/crypto/create-node.ts';
import { nobleCrypto } from '../../../src/secagg/crypto/noble.ts';
import type { CryptoProvider } from '../../../src/secagg/crypto/provider.ts';

/** By name: portable code, OpenSSL, and what a browser would have. */
export const PROVIDERS: readonly (readonly [name: string, provider: CryptoProvider])[] = [
  ['noble', nobleCrypto()],
  ['node', await createNodeCrypto()],
  ['web', await createCrypto()],
];

/** Bytes of hexadecimal digits, which may stand in several lines. */
export function hex(...lines: readonly string[]): Uint8Array {
  return Uint8Array.from(Buffer.from(lines.join(''), 'hex'));
}

/** Bytes that count up from the first. */
export function counting(length: number, first = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => first + i);
}
