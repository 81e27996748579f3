/**
 * A network that delays, loses and repeats: what a message goes through on its way, by a seeded stream.
 *
 * @module
 */

import { assertFinite, assertInteger } from '../../core/assert.ts';
import type { Random } from '../../core/random.ts';

/** How a network is. */
export interface NetworkTerms {
  /** Shortest and longest time on the way, in milliseconds; messages overtake each other within it. */
  readonly latencyMs: readonly [number, number];
  /** Chance that a try fails, in [0, 1). */
  readonly loss: number;
  /** How often a sender tries again. */
  readonly retries: number;
  /** Between two tries. */
  readonly retryMs: number;
  /** Chance that a message comes twice, in [0, 1). */
  readonly duplication: number;
}

/** Some tens of milliseconds, and nothing gets lost. */
export const CALM_NETWORK: NetworkTerms = {
  latencyMs: [5, 50],
  loss: 0,
  retries: 0,
  retryMs: 200,
  duplication: 0,
};

/**
 * Terms that make sense.
 *
 * @throws {TypeError | RangeError} that names what is wrong.
 */
export function checkNetwork(terms: NetworkTerms): NetworkTerms {
  const { latencyMs, loss, duplication, retries, retryMs } = terms;
  const [least, most] = latencyMs;
  if (!(assertFinite('latencyMs[0]', least) >= 0 && assertFinite('latencyMs[1]', most) >= least)) {
    throw new RangeError(`latencyMs must rise from 0 or more, got ${least}, ${most}`);
  }
  for (const [name, chance] of Object.entries({ loss, duplication })) {
    if (!(assertFinite(name, chance) >= 0 && chance < 1)) {
      throw new RangeError(`${name} must be in [0, 1), got ${chance}`);
    }
  }
  assertInteger('retries', retries, 0);
  if (!(assertFinite('retryMs', retryMs) >= 0)) {
    throw new RangeError(`retryMs must be 0 or more, got ${retryMs}`);
  }
  return terms;
}

/** After how long a message comes, once for each time; empty if it gets lost. */
export function delaysOn(terms: NetworkTerms, random: Random): number[] {
  const once = onTheWay(terms, random);
  if (once === undefined) return [];
  if (random.uniform() >= terms.duplication) return [once];
  return [once, once + latency(terms, random)];
}

function onTheWay(terms: NetworkTerms, random: Random): number | undefined {
  for (let tried = 0; tried <= terms.retries; tried++) {
    if (random.uniform() >= terms.loss) return tried * terms.retryMs + latency(terms, random);
  }
  return undefined;
}

function latency({ latencyMs: [least, most] }: NetworkTerms, random: Random): number {
  return least + Math.floor(random.uniform() * (most - least + 1));
}
