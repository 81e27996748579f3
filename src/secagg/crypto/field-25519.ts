/**
 * The field of Curve25519 as bytes: which encodings of its elements are canonical. All of it is public.
 *
 * @module
 */

import { hexToBytes } from '@noble/hashes/utils.js';

/** p = 2²⁵⁵ − 19, little-endian. */
export const FIELD_ORDER: Uint8Array = hexToBytes(`ed${'ff'.repeat(30)}7f`);

/** Whether one little-endian number is below another of the same length. */
export function isBelow(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = b.length - 1; i >= 0; i--) {
    if (a[i] !== b[i]) return a[i]! < b[i]!;
  }
  return false;
}
