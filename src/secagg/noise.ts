/**
 * Integer noise in secure sums: how it enters an encoded update, how much of it each client adds, and
 * what room it needs in the ring. Where it comes from is no concern of the protocol.
 *
 * Agarwal, Kairouz, Liu. "The Skellam mechanism for differentially private federated learning", NeurIPS
 * 2021. Kairouz, Liu, Steinke. "The distributed discrete Gaussian mechanism for federated learning with
 * secure aggregation", ICML 2021.
 *
 * Noise is added to integers, between rounding and masking, so that nothing of how floats are stored
 * shows through it.
 *
 * @module
 */

import { assertInteger, assertOneOf, assertPositive } from '../core/assert.ts';
import { SecureError } from '../core/errors.ts';
import { leastPower } from '../core/integers.ts';
import type { EncodingPlan } from './encode.ts';
import { SLOTS } from './suite.ts';

/** What noise a client adds to its update; drawn anew for each, from secrets that serve nothing else. */
export interface NoiseSource {
  /** Adds noise to D entries in place, modulo 2³². */
  add(entries: Uint32Array): Promise<void>;
}

/**
 * Adds noise to the entries of an encoded update, in place. Its slots stay: they are checked, and the
 * count and the weights are no secret that noise would keep.
 */
export async function addNoise(words: Uint32Array, source: NoiseSource): Promise<void> {
  await source.add(words.subarray(SLOTS));
}

/** Who is in a sum: of a group, where sums are of groups. */
export interface NoiseCrowd {
  /** n_sum_min: a sum of fewer is not unmasked. */
  readonly minSum: number;
  /** c: how many of them may be in league with the server, and know their noise or add none. */
  readonly corrupt: number;
}

/**
 * n_sum_min − c, of whose noise the wanted variance is made: whoever else adds some makes it more.
 *
 * @throws {SecureError} `infeasible` if that is nobody.
 */
export function fewestNoisy({ minSum, corrupt }: NoiseCrowd): number {
  assertInteger('minSum', minSum, 1);
  assertInteger('corrupt', corrupt, 0);
  if (minSum > corrupt) return minSum - corrupt;
  throw new SecureError(
    'infeasible',
    `n_sum_min > c is needed for noise that nobody knows, got ${minSum} ≤ ${corrupt}`,
  );
}

/** The noise that one client adds to an entry. */
export interface LocalNoise {
  /** Skellam noise adds up to Skellam noise; discrete Gaussians very nearly to a discrete Gaussian. */
  readonly law: 'skellam' | 'discrete-gaussian';
  /** σ_local², in steps of the encoding, squared. */
  readonly variance: number;
}

/** Standard deviations of a sum that a ring has room for on each side: wrapping is rarer than 10⁻⁴. */
const ROOM = 4;
/** Discrete Gaussians less wide do not add up to one: at 2 the gap is 10⁻¹⁶. */
const MIN_GAUSSIAN_DEVIATION = 2;

/**
 * Noise that the encoding has room for: 2^b ≥ 2κ·√(S²n²/D + n·(¼ + σ_local²)), where κ is 4 and S = c·s
 * bounds the L2 norm of an update in steps. It is what a sum of entries of even size is likely to keep
 * to; for entries of any size, the inequality of the encoding holds besides.
 *
 * @param plan - Its clip bounds the L2 norm of updates.
 * @throws {SecureError} `infeasible` if discrete Gaussian noise has σ_local below 2; `overflow` if there
 *   is no room, with the least b.
 */
export function requireRoom(plan: EncodingPlan, { law, variance }: LocalNoise): LocalNoise {
  assertOneOf('law', law, ['skellam', 'discrete-gaussian']);
  const deviation = Math.sqrt(assertPositive('variance', variance));
  if (law === 'discrete-gaussian' && deviation < MIN_GAUSSIAN_DEVIATION) {
    throw new SecureError(
      'infeasible',
      `σ_local ≥ ${MIN_GAUSSIAN_DEVIATION} steps is needed for discrete Gaussian noise to add up, got ` +
        `${deviation}: take more bits of value, or Skellam noise`,
    );
  }
  const needed = ringBitsFor(plan, variance);
  if (needed <= plan.ringBits) return { law, variance };
  throw new SecureError(
    'overflow',
    `2^b ≥ 8·√(S²n²/D + n·(1/4 + σ²)) is needed for sums with noise not to wrap around, got b = ` +
      `${plan.ringBits} where b ≥ ${needed}: take fewer bits of value or a wider ring`,
  );
}

function ringBitsFor(
  { clip, scale, dimensions, maxClients }: EncodingPlan,
  variance: number,
): number {
  const rows = (clip * scale * maxClients) ** 2 / dimensions;
  return leastPower(2 * ROOM * Math.sqrt(rows + maxClients * (1 / 4 + variance)));
}
