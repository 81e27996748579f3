/**
 * What both ends of a round under masks must agree on beside SAGG1 itself.
 *
 * @module
 */

import { shareNoise } from '../privacy/shares.ts';
import { encodingOf, FEDERATION_BYTES, type RoundConfig } from '../secagg/config.ts';
import type { CryptoProvider } from '../secagg/crypto/provider.ts';
import type { SecureNoise } from '../secure-noise.ts';
import { Transcript } from './transcript.ts';

/** The federation's name in messages: of this run alone, so that each run has a journal of its own. */
export function secureFederation(run: string, crypto: Pick<CryptoProvider, 'sha256'>): Uint8Array {
  const bytes = new Transcript('aggregis/secure/v1').text('run', run).end();
  return crypto.sha256(bytes).slice(0, FEDERATION_BYTES);
}

/** What a client encodes with, where a configuration asks for noise; `undefined` where it does not. */
export function noiseOf(
  config: RoundConfig,
): Pick<SecureNoise, 'encoding' | 'rounding' | 'noise'> | undefined {
  const { law, shareVariance, minHonest: honest } = config.noise;
  if (law === 'none') return undefined;
  const encoding = encodingOf(config);
  const rounding = { scale: encoding.scale, norm: encoding.clip * encoding.scale };
  return { encoding, rounding, noise: shareNoise({ law, shareVariance, honest }) };
}
