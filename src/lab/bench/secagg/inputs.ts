/**
 * Inputs of a measured round, made quickly, and the sum that must come out.
 *
 * @module
 */

import { createRandom } from '../../../core/random.ts';
import { type EncodingPlan, encodeUpdate, withSlots } from '../../../secagg/encode.ts';
import { SLOTS } from '../../../secagg/suite.ts';

/** Inputs, and the sum of those that were added. */
export class Inputs {
  readonly #plan: EncodingPlan;
  readonly #entries: Int32Array;
  readonly #update: Float32Array;
  /** SLOTS + D words modulo 2³². */
  readonly sum: Uint32Array;

  constructor(plan: EncodingPlan, seed: number) {
    const { dimensions, limit } = plan;
    const random = createRandom(seed);
    this.#plan = plan;
    this.#entries = Int32Array.from(
      { length: 2 * dimensions },
      () => (random.uint32() | 0) % limit,
    );
    this.#update = Float32Array.from({ length: dimensions }, () => random.normal());
    this.sum = new Uint32Array(SLOTS + dimensions);
  }

  /** Integers for client i: those of all clients are one row, each from another place on; to be added. */
  integers(i: number, constants: readonly [number, number]): Uint32Array {
    const { dimensions, weightBits } = this.#plan;
    const from = (i * 7919) % dimensions;
    const entries = this.#entries.subarray(from, from + dimensions);
    const frame = { weight: 2 ** weightBits, ctxConstants: constants };
    return withSlots(this.#plan, { entries, ...frame });
  }

  /** An update, encoded as clients do; to be added. */
  encoded(key: Uint8Array, ctxConstants: readonly [number, number]): Uint32Array {
    return encodeUpdate(this.#plan, { update: this.#update, key, ctxConstants }).words;
  }

  /** Adds what was given out to the sum. */
  add(words: Uint32Array): void {
    for (let j = 0; j < words.length; j++) this.sum[j]! += words[j]!;
  }
}
