/**
 * quantize and dequantize: what the operations mean, number by number.
 *
 * @module
 */

import { BLOCK_WORDS, COUNTER, chacha20Block, chacha20State } from '../../core/chacha20.ts';
import type { Quantization } from '../kernels.ts';

/** Steps below this count as none: so no device need know subnormal numbers. */
const LEAST = 2 ** -64;

interface Place {
  /** Which column of the row the first value is; a multiple of 16. */
  readonly firstCol: number;
  /** Where the integers go. */
  readonly integers: Int32Array;
}

/** Rounds a row of f32 to integers. */
export function quantize(
  values: Float32Array,
  { clip, scale, limit, key, nonce, firstCol, integers }: Required<Quantization> & Place,
): void {
  const block = new Uint32Array(BLOCK_WORDS);
  const state = chacha20State(key, nonce);
  for (let j = 0; j < values.length; j++) {
    const at = j % BLOCK_WORDS;
    if (at === 0) {
      state[COUNTER] = (firstCol + j) / BLOCK_WORDS;
      chacha20Block(state, block);
    }
    const v = stepsOf(values[j]!, { clip, scale });
    const down = Math.floor(v);
    // Where f64 rounds v − down, it is so near to 1 that both it and what it was are above any r.
    const up = block[at]! >>> 8 < (v - down) * 2 ** 24 ? 1 : 0;
    integers[j] = Math.max(-limit, Math.min(limit, down + up));
  }
  state.fill(0);
  block.fill(0);
}

function stepsOf(value: number, { clip, scale }: { clip: number; scale: number }): number {
  const clipped = Math.max(-clip, Math.min(clip, value));
  const steps = Math.fround(clipped * scale);
  // NaN is not, either.
  return Math.abs(steps) >= LEAST ? steps : 0;
}

/** Both factors of the product are f32, so that f64 holds it exactly. */
export function dequantize(integer: number, scale: number): number {
  return Math.fround(Math.fround(integer) * scale);
}
