/**
 * Configurations of secure rounds, and inputs whose sums are known; for every platform.
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
  const wait = 10_000;
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
    arcSafe: false,
    minStart: 3,
    minSum: 3,
    groupSize: 0,
    noise: { law: 'none', shareVariance: 0, minHonest: 0 },
    deadlines: { advertise: wait, shares: wait, masked: wait, consent: wait, unmask: wait },
    beacon: new Uint8Array(32),
    ...rest,
  };
}

/** Entries of client i: integers that any sum of them can be told from. */
export function entriesOf(i: number, dimensions: number): Int32Array {
  return Int32Array.from({ length: dimensions }, (_, j) => (((i + 1) * 37 + j * 11) % 1000) - 500);
}

/** Σ entries of those in a sum, as words modulo 2³². */
export function sumOf(numbers: readonly number[], dimensions: number): Uint32Array {
  const sum = new Uint32Array(dimensions);
  for (const i of numbers) {
    entriesOf(i, dimensions).forEach((entry, j) => {
      sum[j]! += entry;
    });
  }
  return sum;
}
