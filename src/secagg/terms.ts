/**
 * Degree and threshold of a round: what follows from its configuration and from how many came, or what
 * the configuration states, where that is stronger.
 *
 * @module
 */

import { SecureError } from '../core/errors.ts';
import type { RoundConfig } from './config.ts';

/** What holds around a client. */
export interface NeighbourhoodTerms {
  /** k: neighbours of a client. */
  readonly degree: number;
  /** t: shares that restore a secret, and signatures that a view needs. */
  readonly threshold: number;
  /** c: the most neighbours that are assumed corrupt. */
  readonly corrupt: number;
}

const MILLION = 1_000_000;

/** ⌊fraction·n⌋ for a fraction in millionths. */
function portion(millionths: number, clients: number): number {
  return Number((BigInt(millionths) * BigInt(clients)) / BigInt(MILLION));
}

/** The least t with 2t > k + c: two views never get t honest shares each of one secret. */
function thresholdFor(degree: number, corrupt: number): number {
  return Math.floor((degree + corrupt) / 2) + 1;
}

/** Everybody is a neighbour of everybody. */
export function wholeTerms(config: RoundConfig, clients: number): NeighbourhoodTerms {
  const degree = clients - 1;
  const corrupt = portion(config.corrupt, clients);
  return stated(config, { degree, corrupt, threshold: thresholdFor(degree, corrupt) });
}

/** What a configuration states may be stronger than what follows, and no weaker. */
function stated(
  { degree, threshold }: RoundConfig,
  derived: NeighbourhoodTerms,
): NeighbourhoodTerms {
  if (degree !== 0 && degree !== derived.degree) {
    throw new SecureError('infeasible', `a degree of ${degree}, where it is ${derived.degree}`);
  }
  if (threshold !== 0 && threshold < derived.threshold) {
    throw new SecureError(
      'infeasible',
      `a threshold of ${threshold}, where ${derived.threshold} is the least`,
    );
  }
  const terms = { ...derived, threshold: Math.max(threshold, derived.threshold) };
  if (terms.threshold <= terms.degree) return terms;
  throw new SecureError(
    'infeasible',
    `a threshold of ${terms.threshold} among ${terms.degree} neighbours`,
  );
}

/** provisional */
export function sparseTerms(_config: RoundConfig, _clients: number): NeighbourhoodTerms {
  const degree = 96;
  const corrupt = 37;
  return { degree, corrupt, threshold: 67 };
}
/** How many groups. */
export function groupCount(clients: number, groupSize: number): number {
  return Math.max(1, Math.floor(clients / groupSize));
}
/** provisional */
export function groupTerms(
  config: RoundConfig,
  _clients: number,
  members: number,
): NeighbourhoodTerms {
  const degree = members - 1;
  const corrupt = portion(config.corrupt, members);
  return stated(config, { degree, corrupt, threshold: thresholdFor(degree, corrupt) });
}
