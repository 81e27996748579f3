/**
 * Which X25519 public keys are taken. RFC 7748 has receivers ignore the top bit and reduce what is not below
 * p, so that a key has other encodings of the same point; and points of low order agree with everybody on
 * a secret that is all zeros. Neither is ever made by who follows the protocol, and neither is taken: keys that
 * are compared as bytes are then compared as points.
 *
 * Langley, Hamburg, Turner. RFC 7748, "Elliptic curves for security", sections 5 and 6.1.
 *
 * @module
 */

import { hexToBytes } from '@noble/hashes/utils.js';
import { FIELD_ORDER, isBelow } from './crypto/field-25519.ts';
import { KEY_BYTES, sameBytes } from './suite.ts';

/** The u below p of all points whose order divides 8, of the curve and of its twist. */
const LOW_ORDER = [
  '00'.repeat(KEY_BYTES),
  `01${'00'.repeat(KEY_BYTES - 1)}`,
  `ec${'ff'.repeat(KEY_BYTES - 2)}7f`,
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
].map(hexToBytes);

/** Whether 32 bytes are the one encoding of a point that is not of low order. */
export function isAgreementKey(key: Uint8Array): boolean {
  return isBelow(key, FIELD_ORDER) && !LOW_ORDER.some((low) => sameBytes(low, key));
}
