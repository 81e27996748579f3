/**
 * Draws that the laboratory needs on top of `core/random.ts`: gamma, Dirichlet, and streams by
 * purpose. The source of randomness is always an argument, so that a seed fixes an experiment.
 *
 * @module
 */

import { assertInteger, show } from '../core/assert.ts';
import { createRandom, type Random } from '../core/random.ts';

/**
 * A stream of its own for each purpose of one seed: more draws for one leave the others as they are.
 *
 * @param seed - An integer in [0, 2⁵³). For experiments, never for secrets.
 * @param purpose - At most 24 letters, digits or hyphens.
 * @throws {TypeError | RangeError} if either is something else.
 */
export function streamOf(seed: number, purpose: string): Random {
  assertInteger('seed', seed, 0);
  if (!/^[a-z0-9-]{1,24}$/i.test(purpose)) {
    throw new RangeError(
      `purpose must be 1 to 24 letters, digits or hyphens, got ${show(purpose)}`,
    );
  }
  const key = new Uint8Array(32);
  new DataView(key.buffer).setBigUint64(0, BigInt(seed), true);
  key.set(new TextEncoder().encode(purpose), 8);
  return createRandom(key);
}

/** A uniform number in [low, high). */
export function between(random: Random, low: number, high: number): number {
  return low + (high - low) * random.uniform();
}

/**
 * A gamma number of the given shape and scale 1.
 *
 * @param shape - Above 0.
 * @see Marsaglia, Tsang. "A simple method for generating gamma variables", 2000.
 */
export function gamma(random: Random, shape: number): number {
  if (shape < 1) {
    // Their §6: a gamma of shape + 1, shrunk by a power of a uniform number.
    return gamma(random, shape + 1) * (1 - random.uniform()) ** (1 / shape);
  }
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = random.normal();
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) {
      return d * v;
    }
  }
}

/** Shares that sum to 1, from the symmetric Dirichlet distribution with parameter `alpha` > 0. */
export function dirichlet(random: Random, alpha: number, count: number): Float64Array {
  const shares = Float64Array.from({ length: count }, () => gamma(random, alpha));
  const sum = shares.reduce((a, b) => a + b, 0);
  if (sum > 0) return shares.map((share) => share / sum);
  // For a tiny alpha every gamma underflows; the limit of the distribution is one winner.
  shares[random.below(count)] = 1;
  return shares;
}

/** The items in a uniformly random order. */
export function shuffled<T>(random: Random, items: readonly T[]): T[] {
  return random.permutation(items.length).map((i) => items[i]!);
}
