/**
 * Differential privacy of secure sums: each client clips its update to a norm, rounds it at random, and
 * adds a share of noise before it is masked, so that whoever sees the sum, the server too, sees it with
 * all of the noise.
 *
 * What the protocol knows of sums and what is known of shares of noise meet here.
 *
 * @module
 */

import type { Backend } from './backend/kernels.ts';
import { assertPositive } from './core/assert.ts';
import { PrivacyError, SecureError } from './core/errors.ts';
import { createRandom } from './core/random.ts';
import { NO_SAMPLING, type PrivacyEvent } from './privacy/event.ts';
import { noiseNonce, subkey } from './privacy/lattice/noise-stream.ts';
import { normsOf, type RandomRounding, roundAtRandom } from './privacy/lattice/random-rounding.ts';
import {
  leastModulus,
  planShares,
  type ShareNoise,
  type SharePlan,
  type ShareRelation,
  shareEvent,
  shareNoise,
} from './privacy/shares.ts';
import {
  assertKey,
  type ContextConstants,
  type EncodingPlan,
  weightOf,
  withSlots,
} from './secagg/encode.ts';
import {
  addNoise,
  fewestNoisy,
  type LocalNoise,
  type NoiseCrowd,
  type NoiseSource,
  requireRoom,
} from './secagg/noise.ts';

/** What noise a sum gets. All is said of one sum: of a group's, where sums are of groups. */
export interface SecureNoiseOptions extends NoiseCrowd {
  /** Default `skellam`, which adds up exactly for any number of survivors. */
  readonly law?: LocalNoise['law'];
  /** σ of the noise of the fewest honest survivors together, over the encoding's clip. */
  readonly noiseMultiplier: number;
  /** Which rounds are neighbours. */
  readonly relation: ShareRelation;
  /** β in [0, 1): roundings longer than the norm allows are drawn anew, so many at most. Default e^−½. */
  readonly bias?: number;
  /** The chance that any entry of a sum wraps around, in (0, 1). Default 2⁻⁴⁰. */
  readonly overflow?: number;
}

/** Noise that is planned: the same for each client of a round. */
export interface SecureNoise {
  readonly encoding: EncodingPlan;
  /** What one client adds: what a round is configured with. */
  readonly local: LocalNoise;
  readonly rounding: RandomRounding;
  readonly shares: SharePlan;
  /** Tables to draw a share from, and how far the sum's noise is from its law. */
  readonly noise: ShareNoise;
  /**
   * What one unmasked sum costs. A client is in one group alone, so that a round of groups costs it no
   * more; and what is made of sums, such as by a robust rule over groups, costs nothing.
   */
  readonly event: PrivacyEvent;
}

const DEFAULT_OVERFLOW = 2 ** -40;
/** Above what a plan of shares rounds variances up by. */
const ROUNDING: number = 1 + 2 ** -40;
const KEY_FOR_ROUNDING = 1;
const KEY_FOR_NOISE = 2;

/**
 * Plans noise for an encoding, whose clip becomes a bound on the L2 norm of updates.
 *
 * @throws {SecureError} `infeasible` if weights are not uniform, nobody's noise is sure to be unknown, or
 *   discrete Gaussian noise is too thin; `overflow` if the ring has no room, with the numbers.
 * @throws {TypeError | RangeError} if a number is out of its range.
 */
export function planSecureNoise(encoding: EncodingPlan, options: SecureNoiseOptions): SecureNoise {
  const { law = 'skellam', minSum, corrupt, relation, bias } = options;
  const { dimensions, maxClients, scale } = encoding;
  checkWeights(encoding);
  if (minSum > maxClients) {
    throw new RangeError(`minSum must be at most ${maxClients}, the most clients, got ${minSum}`);
  }
  const norm = encoding.clip * scale;
  const rounding = { scale, norm, ...(bias !== undefined && { bias }) };
  const stdDev = assertPositive('noiseMultiplier', options.noiseMultiplier) * norm;
  const variance = stdDev ** 2 / fewestNoisy({ minSum, corrupt });
  requireRoom(encoding, { law, variance });
  const overflow = options.overflow ?? DEFAULT_OVERFLOW;
  const wanted = {
    law,
    crowd: { clients: maxClients, maxDropped: maxClients - minSum, maxColluding: corrupt },
    norms: normsOf(rounding, dimensions),
    dimensions,
    overflow,
  };
  requireModulus(encoding, leastModulus({ ...wanted, shareVariance: variance * ROUNDING }));
  const modulus = 2 ** encoding.ringBits;
  const shares = planShares({ ...wanted, stdDev, relation, modulus });
  return {
    encoding,
    local: { law, variance: shares.shareVariance },
    rounding,
    shares,
    noise: shareNoise(shares),
    event: shareEvent(shares, NO_SAMPLING),
  };
}

function checkWeights({ weights }: EncodingPlan): void {
  if (weights === 'uniform') return;
  throw new SecureError(
    'infeasible',
    'weights must be uniform where noise is added, as their sum is released without any: multiply ' +
      'updates by public or bounded weights before they are clipped',
  );
}

function requireModulus({ ringBits }: EncodingPlan, needed: number): void {
  if (needed <= 2 ** ringBits) return;
  throw new SecureError(
    'overflow',
    `2^b must be at least ${needed} for sums with noise to hardly ever wrap around, got b = ` +
      `${ringBits}: take fewer bits of value, less noise or a wider ring`,
  );
}

/** The operations that draw noise. */
export type NoiseBackend = Pick<Backend, 'words' | 'addLatticeNoise' | 'readWords' | 'release'>;

/**
 * A client's share of noise, to be added once.
 *
 * @param key - 32 bytes from the platform's CSPRNG that serve nothing else. It is copied; the caller
 *   clears its own.
 */
export function shareSource(
  { draws }: Pick<ShareNoise, 'draws'>,
  { key, backend }: { readonly key: Uint8Array; readonly backend: NoiseBackend },
): NoiseSource {
  const own = Uint8Array.from(key);
  const nonce = noiseNonce({ round: 0, tensor: 0, purpose: 0 });
  let isSpent = false;
  return {
    async add(entries) {
      if (isSpent) {
        throw new PrivacyError('spent', 'this noise was added once: twice, it could be taken off');
      }
      isSpent = true;
      const rows = backend.words([entries]);
      const noisy = backend.addLatticeNoise(rows, { key: own, nonce, draws });
      own.fill(0);
      try {
        const sums = await backend.readWords(noisy);
        entries.set(sums);
        sums.fill(0);
      } finally {
        backend.release(noisy);
        backend.release(rows);
      }
    },
  };
}

/** What a client encodes with noise. */
export interface PrivateUpdateToEncode {
  /** D finite entries. */
  readonly update: Float32Array;
  /**
   * 32 bytes from the platform's CSPRNG that serve this update alone: they are what rounding and noise
   * are made from. The caller clears them.
   */
  readonly key: Uint8Array;
  readonly ctxConstants: ContextConstants;
  /** Where noise is drawn; stays open. */
  readonly backend: NoiseBackend;
}

/** An update with its share of noise, ready to be masked. A secret. */
export interface NoisyUpdate {
  /** Slots, then entries: D + 4 words. */
  readonly words: Uint32Array;
  /** By what the update was multiplied to be within the clip; 1 for one that was. For the client alone. */
  readonly clipFactor: number;
}

/**
 * Clips, scales, rounds, and adds a share of noise: in this order.
 *
 * @throws {SecureError} `bad-update` if the update has another length, or an entry that is not finite:
 *   no norm is left of those. It does not say where.
 * @throws {BackendError} if the backend fails.
 */
export async function encodePrivately(
  { encoding, rounding, noise }: Pick<SecureNoise, 'encoding' | 'rounding' | 'noise'>,
  { update, key, ctxConstants, backend }: PrivateUpdateToEncode,
): Promise<NoisyUpdate> {
  assertKey(key);
  const [roundingKey, noiseKey] = [subkey(key, KEY_FOR_ROUNDING), subkey(key, KEY_FOR_NOISE)];
  try {
    const { values, nonFinite, factor } = roundAtRandom(
      update,
      rounding,
      createRandom(roundingKey),
    );
    if (nonFinite > 0) throw new SecureError('bad-update', 'an update must hold finite numbers');
    const weight = weightOf(encoding);
    const words = withSlots(encoding, { entries: values, weight, ctxConstants });
    values.fill(0);
    try {
      await addNoise(words, shareSource(noise, { key: noiseKey, backend }));
    } catch (error) {
      // An update without its noise is what nobody may have.
      words.fill(0);
      throw error;
    }
    return { words, clipFactor: factor };
  } finally {
    roundingKey.fill(0);
    noiseKey.fill(0);
  }
}
