/**
 * Typed arrays of the same kind and the same bytes are equal: told at once, where `toEqual` would ask
 * entry by entry, which takes seconds for a million of them. All others are left to it.
 *
 * @module
 */

import { expect } from 'vitest';

function isTyped(value: unknown): value is ArrayBufferView {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

/** What it holds as words where it can be, as bytes otherwise. */
function bitsOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint32Array | Uint8Array {
  return byteOffset % 4 === 0 && byteLength % 4 === 0
    ? new Uint32Array(buffer, byteOffset, byteLength / 4)
    : new Uint8Array(buffer, byteOffset, byteLength);
}

function hasSameBits(a: ArrayBufferView, b: ArrayBufferView): boolean {
  const [left, right] = [bitsOf(a), bitsOf(b)];
  // One may lie at a place that admits bytes alone; it is compared entry by entry.
  return (
    a.byteLength === b.byteLength &&
    left.length === right.length &&
    left.every((bits: number, i: number) => bits === right[i])
  );
}

expect.addEqualityTesters([
  (a: unknown, b: unknown) => {
    if (!(isTyped(a) && isTyped(b)) || a.constructor !== b.constructor) return undefined;
    return hasSameBits(a, b) ? true : undefined;
  },
]);
