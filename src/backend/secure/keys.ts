/**
 * Keys that serve once, and are gone afterwards.
 *
 * @module
 */

/** A column of a stream takes about as long as so many entries of other operations. */
export const MASK_EFFORT = 4;

/**
 * The first of keys, none of which was zeros before.
 *
 * @throws {TypeError} once they are overwritten.
 */
export function assertKept(keys: Uint8Array): void {
  if (keys.subarray(0, 32).every((byte) => byte === 0)) {
    throw new TypeError('the words were released, and their keys are overwritten');
  }
}
