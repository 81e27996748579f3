/**
 * addLatticeNoise: what the operation means, coordinate by coordinate.
 *
 * @module
 */

import { BLOCK_WORDS, COUNTER, chacha20Block, chacha20State } from '../../core/chacha20.ts';
import type { LatticeNoise, NoiseTable } from '../kernels.ts';

/** Words of a block that one draw takes: a block serves four coordinates. */
const DRAW_WORDS = 4;

/**
 * Adds noise to `values` in place, modulo 2³².
 *
 * @param firstCol - Which coordinate of the release `values[0]` is; a multiple of 4.
 */
export function addLatticeNoise(
  values: Uint32Array,
  { key, nonce, draws }: LatticeNoise,
  firstCol: number,
): void {
  const block = new Uint32Array(BLOCK_WORDS);
  for (const [level, { table, factor }] of draws.entries()) {
    const state = chacha20State(key, [nonce[0], nonce[1], nonce[2] + level]);
    for (let j = 0; j < values.length; j++) {
      const at = (j * DRAW_WORDS) % BLOCK_WORDS;
      if (at === 0) {
        state[COUNTER] = (firstCol + j) / 4;
        chacha20Block(state, block);
      }
      values[j]! += Math.imul(factor, drawn(table, block.subarray(at, at + DRAW_WORDS)));
    }
  }
}

/** One draw from a table by four random words. No branch: how long it takes tells nothing. */
export function drawn({ log2Columns, offset, words }: NoiseTable, random: Uint32Array): number {
  const column = random[0]! & (2 ** log2Columns - 1);
  const at = 4 * column;
  const below = isBelow(random, words, at);
  return below * (column - offset) + (1 - below) * (words[at + 3]! | 0);
}

/** 1 where words 1 … 3 of `random`, lowest first, are below the threshold at `at`, else 0. */
function isBelow(random: Uint32Array, words: Uint32Array, at: number): number {
  let below = 0;
  // A higher word decides, unless it is equal.
  for (let i = 0; i < 3; i++) {
    const [a, b] = [random[i + 1]!, words[at + i]!];
    below = Number(a < b) | (Number(a === b) & below);
  }
  return below;
}
