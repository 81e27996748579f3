/**
 * Streams of bytes for simulated parties: each party and each purpose has its own, so that what one
 * draws does not move what another gets, and the same seed gives the same round.
 *
 * @module
 */

import { createRandom, type Random } from '../../core/random.ts';
import type { CryptoProvider } from '../../secagg/crypto/provider.ts';
import { u64le } from '../../secagg/suite.ts';

/** What a stream is drawn from. */
export interface StreamSource {
  /** An integer in [0, 2⁵³). */
  readonly seed: number;
  /** Hashes the seed with the name. */
  readonly crypto: Pick<CryptoProvider, 'sha256'>;
}

/** The stream of that name. */
export function streamNamed({ seed, crypto }: StreamSource, ...name: (string | number)[]): Random {
  const text = new TextEncoder().encode(`aggregis simulation ${name.join(' ')}`);
  return createRandom(crypto.sha256(u64le(seed), text));
}

/** The next bytes of a stream. */
export function bytesFrom(random: Random, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i += 4) {
    const word = random.uint32();
    for (let j = i; j < Math.min(i + 4, length); j++) bytes[j] = word >>> (8 * (j - i));
  }
  return bytes;
}

/**
 * The provider with the randomness of a stream: for simulations, where everybody may know every secret,
 * and for nothing else.
 */
export function withStream(crypto: CryptoProvider, random: Random): CryptoProvider {
  return { ...crypto, randomBytes: (length) => bytesFrom(random, length) };
}
