/**
 * The tree of an update's chunks: its root stands for all of them, in their order and number.
 *
 * Leaves are hashed behind a byte 0 and branches behind a byte 1, so that no branch passes for a chunk;
 * a tree of n leaves has the largest power of two below n on its left.
 *
 * Laurie, Langley, Käsper. RFC 6962, "Certificate Transparency", section 2.1.
 *
 * @module
 */

import { assertInteger } from '../core/assert.ts';

/** SHA-256 of the parts, one after the other: of a `CryptoProvider`, or the platform's. */
export type Sha256 = (...parts: readonly Uint8Array[]) => Uint8Array;

/** How many bytes an update has, and into what pieces it is cut. */
export interface ChunkPlan {
  /** All bytes. >= 1 */
  readonly length: number;
  /** Bytes of each chunk but the last, which has what remains. >= 1 */
  readonly chunkSize: number;
}

/** Comes before the content of a leaf. */
export const LEAF_PREFIX: Uint8Array = Uint8Array.of(0);
const BRANCH_PREFIX = Uint8Array.of(1);

/** How many chunks there are. @throws {TypeError | RangeError} if a size is no integer, or below 1. */
export function chunkCount({ length, chunkSize }: ChunkPlan): number {
  assertInteger('chunkSize', chunkSize, 1);
  return Math.ceil(assertInteger('length', length, 1) / chunkSize);
}

/** Where a chunk lies. @throws {RangeError} if there is no such chunk. */
export function chunkRange(plan: ChunkPlan, index: number): { from: number; to: number } {
  assertInteger('index', index, 0, chunkCount(plan) - 1);
  const from = index * plan.chunkSize;
  return { from, to: Math.min(from + plan.chunkSize, plan.length) };
}

/** Hash of a chunk. 32 bytes */
export function leafHash(chunk: Uint8Array, sha256: Sha256): Uint8Array {
  return sha256(LEAF_PREFIX, chunk);
}

/** Root over the hashes of leaves; of none, the hash of nothing. n − 1 hashes. 32 bytes */
export function merkleRoot(leaves: readonly Uint8Array[], sha256: Sha256): Uint8Array {
  // Roots of whole subtrees, largest first: after i leaves, one for each bit of i that is set.
  const whole: Uint8Array[] = [];
  const merge = (): void => {
    const right = whole.pop()!;
    whole.push(sha256(BRANCH_PREFIX, whole.pop()!, right));
  };
  leaves.forEach((leaf, i) => {
    whole.push(leaf);
    for (let rest = i; rest % 2 === 1; rest = (rest - 1) / 2) merge();
  });
  while (whole.length > 1) merge();
  return whole[0] ?? sha256();
}

/** Root over bytes in memory. */
export function merkleRootOf(bytes: Uint8Array, chunkSize: number, sha256: Sha256): Uint8Array {
  const plan = { length: bytes.length, chunkSize };
  const leaves = Array.from({ length: chunkCount(plan) }, (_, i) => {
    const { from, to } = chunkRange(plan, i);
    return leafHash(bytes.subarray(from, to), sha256);
  });
  return merkleRoot(leaves, sha256);
}
