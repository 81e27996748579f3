/** Bytes from a seed, and shares as points. */

import { createRandom } from '../../src/core/random.ts';
import type { SharePoint } from '../../src/secagg/recombine.ts';

/** A source of bytes that look random, the same for the same seed. */
export function bytesFrom(seed: number): (length: number) => Uint8Array {
  const random = createRandom(seed);
  return (length) => Uint8Array.from({ length }, () => random.uint32());
}

/** Shares at x = 1, 2, … */
export function pointsOf(shares: readonly Uint8Array[]): SharePoint[] {
  return shares.map((share, i) => ({ x: i + 1, share }));
}

/** The little-endian words of 16 bits. */
export function wordsOf(bytes: Uint8Array): Uint16Array {
  return Uint16Array.from(
    { length: bytes.length / 2 },
    (_, i) => bytes[2 * i]! | (bytes[2 * i + 1]! << 8),
  );
}
