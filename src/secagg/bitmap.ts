/**
 * Sets of clients as bits: client i is bit i mod 8 of byte ⌊i/8⌋.
 *
 * @module
 */

/** Bytes for so many clients. */
export function bitmapBytes(clients: number): number {
  return Math.ceil(clients / 8);
}

/** The bits of a set. */
export function encodeBitmap(members: Iterable<number>, clients: number): Uint8Array {
  const bytes = new Uint8Array(bitmapBytes(clients));
  for (const i of members) bytes[i >>> 3]! |= 1 << (i & 7);
  return bytes;
}

/** The set, or `undefined` if a bit beyond the last client is set. */
export function decodeBitmap(bytes: Uint8Array, clients: number): Set<number> | undefined {
  const members = new Set<number>();
  for (let i = 0; i < 8 * bytes.length; i++) {
    if (((bytes[i >>> 3]! >>> (i & 7)) & 1) === 0) continue;
    if (i >= clients) return undefined;
    members.add(i);
  }
  return members;
}
