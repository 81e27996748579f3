/**
 * quantize and dequantize: what the operations mean, number by number.
 *
 * @module
 */

import { BLOCK_WORDS, COUNTER, chacha20Block, chacha20State } from '../../core/chacha20.ts';
import { dequantized, quantized } from '../../core/stochastic-rounding.ts';
import type { DequantizeOptions, QuantizeOptions } from '../kernels.ts';

interface Place {
  /** Which column of the row the first value is; a multiple of 16. */
  readonly firstCol: number;
  /** Where the integers go. */
  readonly integers: Int32Array;
}

/** Rounds a row of f32 to integers. */
export function quantize(
  values: Float32Array,
  { key, nonce, firstCol, integers, ...grid }: Required<QuantizeOptions> & Place,
): void {
  const block = new Uint32Array(BLOCK_WORDS);
  const state = chacha20State(key, nonce);
  for (let j = 0; j < values.length; j++) {
    const at = j % BLOCK_WORDS;
    if (at === 0) {
      state[COUNTER] = (firstCol + j) / BLOCK_WORDS;
      chacha20Block(state, block);
    }
    integers[j] = quantized(values[j]!, block[at]!, grid);
  }
  state.fill(0);
  block.fill(0);
}

/** Integers of some low bits of words as f32, times the scale. */
export function dequantize(
  words: Int32Array,
  { scale, bits, values }: Required<DequantizeOptions> & { readonly values: Float32Array },
): void {
  const above = 32 - bits;
  for (let j = 0; j < words.length; j++) {
    // Shifted up and back, the highest of the bits is the sign.
    values[j] = dequantized((words[j]! << above) >> above, scale);
  }
}
