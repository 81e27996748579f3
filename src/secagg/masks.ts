/**
 * provisional
 * @module
 */
import { COUNTER, chacha20Block, chacha20State } from '../core/chacha20.ts';

export interface MaskKey {
  readonly key: Uint8Array;
  readonly sign: 1 | -1;
}
export interface Masks {
  add(words: Uint32Array, masks: readonly MaskKey[]): Promise<Uint32Array>;
}
export function referenceMasks(): Masks {
  return {
    async add(words, masks) {
      const out = words.slice();
      const block = new Uint32Array(16);
      for (const { key, sign } of masks) {
        const state = chacha20State(key, [0, 0, 0]);
        for (let j = 0; j < out.length; j++) {
          if (j % 16 === 0) {
            state[COUNTER] = j / 16;
            chacha20Block(state, block);
          }
          out[j]! += sign * block[j % 16]!;
        }
      }
      return out;
    },
  };
}
