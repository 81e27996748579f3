/**
 * What a receipt says of noise, so that who knows the seed could make it again: its tables, by their
 * hashes, and the nonces it took.
 *
 * @module
 */

import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import type { LatticeNoise, NoiseDraw, NoiseTable } from '../../backend/kernels.ts';
import type { ReleaseDetails } from '../ledger/receipt.ts';

/** SHA-256 of each table that is drawn from, each once. Milliseconds: for a plan, not for each draw. */
export function hashesOfTables(draws: readonly NoiseDraw[]): string[] {
  return [...new Set(draws.map(({ table }) => table))].map(hashOfTable);
}

/** SHA-256 of a table's columns, offset and words, 32 bits each, the highest byte first. */
function hashOfTable({ log2Columns, offset, words }: NoiseTable): string {
  const bytes = new DataView(new ArrayBuffer(8 + 4 * words.length));
  bytes.setUint32(0, log2Columns);
  bytes.setUint32(4, offset);
  for (const [i, word] of words.entries()) bytes.setUint32(8 + 4 * i, word);
  return bytesToHex(sha256(new Uint8Array(bytes.buffer)));
}

/** First and last nonce of a vector's noise: one for each draw. */
export function noncesOf({ nonce, draws }: Omit<LatticeNoise, 'key'>): ReleaseDetails['nonces'] {
  const [round, tensor, first] = nonce;
  return {
    first: hexOf([round, tensor, first]),
    last: hexOf([round, tensor, first + draws.length - 1]),
  };
}

function hexOf(words: readonly number[]): string {
  return words.map((word) => word.toString(16).padStart(8, '0')).join('');
}
