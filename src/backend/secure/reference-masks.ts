/**
 * addMasks: what the operation means, block by block.
 *
 * @module
 */

import { BLOCK_WORDS, COUNTER, chacha20Block, chacha20State } from '../../core/chacha20.ts';
import type { MaskKeys } from '../kernels.ts';

const KEY_BYTES = 32;

/**
 * Adds masks to `values` in place, modulo 2³².
 *
 * @param firstCol - Which column of the words `values[0]` is; a multiple of 16.
 */
export function addMasks(values: Uint32Array, { keys, signs }: MaskKeys, firstCol: number): void {
  const block = new Uint32Array(BLOCK_WORDS);
  for (const [i, sign] of signs.entries()) {
    const state = chacha20State(keys.subarray(KEY_BYTES * i, KEY_BYTES * (i + 1)), [0, 0, 0]);
    for (let j = 0; j < values.length; j++) {
      const at = j % BLOCK_WORDS;
      if (at === 0) {
        state[COUNTER] = (firstCol + j) / BLOCK_WORDS;
        chacha20Block(state, block);
      }
      values[j]! += sign * block[at]!;
    }
    state.fill(0);
  }
  block.fill(0);
}
