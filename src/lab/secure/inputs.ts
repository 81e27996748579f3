/**
 * Inputs whose sums are known exactly, whatever the protocol makes of them.
 *
 * @module
 */

import type { InputTerms } from '../../secagg/client.ts';
import { encodingOf } from '../../secagg/config.ts';
import { type EncodingPlan, withSlots } from '../../secagg/encode.ts';
import { type StreamSource, streamNamed } from './streams.ts';

/** What a client puts in: SLOTS + D words. */
export type InputSource = (client: number, terms: InputTerms) => Uint32Array | Promise<Uint32Array>;

/** Integers over the whole range of entries, and any weight, from a seed. */
export function integerInputs(source: StreamSource): InputSource {
  return (client, { config, canary }) => {
    const plan = encodingOf(config);
    const random = streamNamed(source, 'input', config.round, client);
    const entries = Int32Array.from(
      { length: plan.dimensions },
      () => random.below(2 * plan.limit + 1) - plan.limit,
    );
    return withSlots(plan, {
      entries,
      weight: weightFrom(plan, random.uniform()),
      ctxConstants: canary,
    });
  };
}

function weightFrom({ weights, weightBits }: EncodingPlan, chance: number): number {
  const unit = 2 ** weightBits;
  return weights === 'uniform' ? unit : 1 + Math.floor(chance * unit);
}

/**
 * What the sum of inputs must be: words modulo 2ᵇ, by integers of any size.
 *
 * @param inputs - of one length.
 */
export function exactSum(inputs: readonly Uint32Array[], ringBits: number): Uint32Array {
  const length = inputs[0]?.length ?? 0;
  return Uint32Array.from({ length }, (_, j) => {
    const sum = inputs.reduce((total, words) => total + BigInt(words[j]!), 0n);
    return Number(BigInt.asUintN(ringBits, sum));
  });
}
