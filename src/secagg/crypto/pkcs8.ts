/**
 * What stands before 32 bytes of a secret so that native implementations read it.
 *
 * RFC 8410, "Algorithm identifiers for Ed25519, Ed448, X25519 and X448", section 7: version 0, the
 * curve's identifier 1.3.101.110 or 1.3.101.112, and the secret as a string in a string.
 *
 * @module
 */

import { hexToBytes } from '@noble/hashes/utils.js';

/** DER of a PrivateKeyInfo up to the secret. */
export const PKCS8: Readonly<Record<'X25519' | 'Ed25519', Uint8Array>> = {
  X25519: hexToBytes('302e020100300506032b656e04220420'),
  Ed25519: hexToBytes('302e020100300506032b657004220420'),
};
