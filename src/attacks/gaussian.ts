/**
 * Gaussian noise in place of updates: each attacker draws its own row.
 *
 * Blanchard, El Mhamdi, Guerraoui, Stainer. "Machine learning with adversaries", NeurIPS 2017.
 *
 * @module
 */

import { chacha20 } from '@noble/ciphers/chacha.js';
import type { HostRow } from '../backend/kernels.ts';
import { assertFinite, assertInteger } from '../core/assert.ts';
import type { Attack } from './attack.ts';

/** Options of {@link gaussian}. */
export interface GaussianOptions {
  /** Default 0. */
  readonly mean?: number;
  /** Standard deviation of every coordinate, ≥ 0. Default 1. */
  readonly stdDev?: number;
  /** Same seed, round, attacker and coordinate: same draw, on every machine. Default 0. */
  readonly seed?: number;
  /** Standard normal numbers to use instead, one for each coordinate; all attackers send them. */
  readonly draw?: ArrayLike<number>;
}

/** mean + stdDev · z with z standard normal. Rows are drawn a range at a time, never held whole. */
export function gaussian(options: GaussianOptions = {}): Attack {
  const { mean = 0, stdDev = 1, seed = 0, draw } = options;
  assertFinite('mean', mean);
  if (assertFinite('stdDev', stdDev) < 0) {
    throw new RangeError(`stdDev must be at least 0, got ${stdDev}`);
  }
  assertInteger('seed', seed, 0);
  const scaled = (cols: number, normals: Normals): HostRow => ({
    cols,
    read: (from, to, into) => into.set(normals(from, to).map((z) => mean + stdDev * z)),
  });
  return {
    name: 'gaussian',
    async craft({ cols }, ops, { attackers, round = 0 }) {
      if (draw === undefined) {
        const rows = Array.from({ length: attackers }, (_, attacker) =>
          scaled(cols, normalStream({ seed, round, attacker })),
        );
        return { value: ops.matrix(rows), factor: stdDev };
      }
      if (draw.length !== cols) {
        throw new RangeError(`draw must have ${cols} entries, got ${draw.length}`);
      }
      const given = Float64Array.from(draw);
      return { value: ops.matrix([scaled(cols, given.subarray.bind(given))]), factor: stdDev };
    },
  };
}

/** Standard normal numbers at places [from, to) of an endless row. */
type Normals = (from: number, to: number) => Float64Array;

/** Words of 32 bits in a block of ChaCha20; each pair of words makes a pair of numbers. */
const BLOCK_WORDS = 16;

/**
 * The row of one attacker in one round: Box and Muller's transform of the ChaCha20 key stream whose
 * key is the seed and whose nonce is round and attacker. A range starts at any block.
 */
function normalStream(of: { seed: number; round: number; attacker: number }): Normals {
  const key = new Uint8Array(32);
  new DataView(key.buffer).setBigUint64(0, BigInt(of.seed), true);
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setBigUint64(0, BigInt(of.round), true);
  new DataView(nonce.buffer).setUint32(8, of.attacker, true);
  return (from, to) => {
    const firstBlock = Math.floor(from / BLOCK_WORDS);
    const skipped = from - firstBlock * BLOCK_WORDS;
    const words = Math.ceil((skipped + to - from) / BLOCK_WORDS) * BLOCK_WORDS;
    const stream = chacha20(key, nonce, new Uint8Array(4 * words), undefined, firstBlock);
    return toNormals(new DataView(stream.buffer), words).subarray(skipped, skipped + to - from);
  };
}

function toNormals(stream: DataView, words: number): Float64Array {
  const normals = new Float64Array(words);
  for (let j = 0; j < words; j += 2) {
    // In (0, 1], so that the logarithm is finite; |z| reaches 6.7.
    const u = (stream.getUint32(4 * j, true) + 1) / 2 ** 32;
    const angle = (2 * Math.PI * stream.getUint32(4 * j + 4, true)) / 2 ** 32;
    const radius = Math.sqrt(-2 * Math.log(u));
    normals[j] = radius * Math.cos(angle);
    normals[j + 1] = radius * Math.sin(angle);
  }
  return normals;
}
