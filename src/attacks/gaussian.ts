/**
 * Gaussian noise in place of updates: each attacker draws its own row.
 *
 * Blanchard, El Mhamdi, Guerraoui, Stainer. "Machine learning with adversaries", NeurIPS 2017.
 *
 * @module
 */

import type { HostRow } from '../backend/kernels.ts';
import { assertFinite, assertInteger } from '../core/assert.ts';
import { BLOCK_WORDS, COUNTER, chacha20State, chacha20Words } from '../core/chacha20.ts';
import { integerKey } from '../core/random.ts';
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

/**
 * The row of one attacker in one round: Box and Muller's transform of the ChaCha20 key stream whose
 * key is the seed and whose nonce is round and attacker. A pair of words makes a pair of numbers.
 */
function normalStream(of: { seed: number; round: number; attacker: number }): Normals {
  const nonce = [of.round, Math.floor(of.round / 2 ** 32), of.attacker];
  const state = chacha20State(integerKey(of.seed), nonce);
  return (from, to) => {
    const firstBlock = Math.floor(from / BLOCK_WORDS);
    const skipped = from - firstBlock * BLOCK_WORDS;
    state[COUNTER] = firstBlock;
    const words = chacha20Words(state, Math.ceil((skipped + to - from) / BLOCK_WORDS));
    return toNormals(words).subarray(skipped, skipped + to - from);
  };
}

function toNormals(words: Uint32Array): Float64Array {
  const normals = new Float64Array(words.length);
  for (let j = 0; j < words.length; j += 2) {
    // In (0, 1], so that the logarithm is finite; |z| reaches 6.7.
    const u = (words[j]! + 1) / 2 ** 32;
    const angle = (2 * Math.PI * words[j + 1]!) / 2 ** 32;
    const radius = Math.sqrt(-2 * Math.log(u));
    normals[j] = radius * Math.cos(angle);
    normals[j + 1] = radius * Math.sin(angle);
  }
  return normals;
}
