/**
 * SHA-256 by Node's OpenSSL. What the store hashes it has been given, so nobody chooses an implementation.
 *
 * @module
 */

import { createHash } from 'node:crypto';

/** SHA-256 of the parts, one after the other. 32 bytes, in an array of its own */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}
