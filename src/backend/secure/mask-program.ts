/**
 * Keys of masks as the kernels read them.
 *
 * @module
 */

import type { MaskKeys } from '../kernels.ts';

const KEY_WORDS = 8;

export interface MaskProgram {
  /** A secret: eight words of each key, first of those streams that are added. */
  readonly keys: Uint32Array;
  /** How many there are, and how many of them are added; the others are subtracted. */
  readonly count: number;
  readonly added: number;
}

/** The arrays for masks. Whoever is done with `keys` fills it with zeros. */
export function maskProgram({ keys, signs }: MaskKeys): MaskProgram {
  const words = new Uint32Array(KEY_WORDS * signs.length);
  const view = new DataView(keys.buffer, keys.byteOffset, keys.byteLength);
  let at = 0;
  const take = (wanted: number): void => {
    for (const [i, sign] of signs.entries()) {
      if (sign !== wanted) continue;
      for (let word = 0; word < KEY_WORDS; word++) {
        words[at++] = view.getUint32(4 * (KEY_WORDS * i + word), true);
      }
    }
  };
  take(1);
  const added = at / KEY_WORDS;
  take(-1);
  return { keys: words, count: signs.length, added };
}
