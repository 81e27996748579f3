/**
 * addSimulatedNoise: what the operation means, coordinate by coordinate.
 *
 * Box, Muller. "A note on the generation of random normal deviates", 1958.
 *
 * @module
 */

import { BLOCK_WORDS, COUNTER, chacha20Block, chacha20State } from '../../core/chacha20.ts';
import type { SimulatedNoise } from '../kernels.ts';

/** Words of a block that a coordinate has: it takes two of them. */
const COLUMN_WORDS = 4;
const UNIT = 2 ** -24;

/**
 * Adds noise to `values` in place.
 *
 * @param firstCol - Which coordinate `values[0]` is; a multiple of 4.
 */
export function addSimulatedNoise(
  values: Float32Array,
  { law, scale, key, nonce }: SimulatedNoise,
  firstCol: number,
): void {
  const block = new Uint32Array(BLOCK_WORDS);
  const state = chacha20State(key, nonce);
  const draw = law === 'laplace' ? laplace : gaussian;
  for (let j = 0; j < values.length; j++) {
    const at = (j * COLUMN_WORDS) % BLOCK_WORDS;
    if (at === 0) {
      state[COUNTER] = (firstCol + j) / 4;
      chacha20Block(state, block);
    }
    const drawn = Math.fround(draw(block[at]!, block[at + 1]!));
    values[j]! += Math.fround(scale * drawn);
  }
}

function gaussian(radius: number, angle: number): number {
  return Math.sqrt(2 * minusLog(radius)) * Math.cos(2 * Math.PI * (angle >>> 8) * UNIT);
}

function laplace(size: number, sign: number): number {
  return sign >= 2 ** 31 ? -minusLog(size) : minusLog(size);
}

/** Of a uniform number in (0, 1]: an exponential variable. */
function minusLog(word: number): number {
  return -Math.log(((word >>> 8) + 1) * UNIT);
}
