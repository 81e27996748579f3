/**
 * What tests of secure aggregation share.
 *
 * @module
 */

import type { RoundConfig } from '../../src/secagg/config.ts';

/** A configuration that makes sense, for so many clients. */
export function roundConfig({
  clients,
  dimensions,
  ...rest
}: { clients: number; dimensions: number } & Partial<RoundConfig>): RoundConfig {
  return {
    federation: new Uint8Array(16).fill(1),
    round: 1,
    nonce: new Uint8Array(32).fill(2),
    model: new Uint8Array(32).fill(3),
    dimensions,
    ringBits: 32,
    valueBits: 16,
    clip: 1,
    maxSamples: 0,
    maxClients: clients,
    corrupt: 100_000,
    dropout: 100_000,
    sigma: 40,
    eta: 20,
    topology: 'complete',
    degree: 0,
    threshold: 0,
    minStart: 3,
    minSum: 3,
    groupSize: 0,
    noise: { law: 'none', shareVariance: 0, minHonest: 0 },
    deadlines: {
      advertise: 10_000,
      shares: 10_000,
      masked: 10_000,
      consent: 10_000,
      unmask: 10_000,
    },
    beacon: new Uint8Array(32),
    ...rest,
  };
}
