/**
 * Duchi's mechanism for a number in [−1, 1]: a report is one sign.
 *
 * Duchi, Jordan, Wainwright. "Minimax optimal procedures for locally private estimation", JASA 2018;
 * in the form of Wang et al. "Collecting and analyzing multidimensional data with local differential
 * privacy", ICDE 2019, Alg. 1.
 *
 * @module
 */

import { createChance, lossOf, numeratorOf } from './chance.ts';
import { assertEpsilon, defineScalarMean, type MeanProtocol } from './protocol.ts';

/** Options of {@link duchi}. */
export interface DuchiOptions {
  /** The ε aimed at, in (0, 40]. */
  readonly epsilon: number;
}

/** A report of one bit. */
export type Sign = -1 | 1;

/** Steps of a number from −1 to 1: it counts as the nearest of them, an error of at most 2⁻⁵². */
const STEPS = 2 ** 52;

/**
 * Duchi 1-D: ±B with P(+B) = 1/2 + x/(2B), B = (e^ε + 1)/(e^ε − 1), as an integer between r and
 * 2⁶⁴ − r, r next to 2⁶⁴/(e^ε + 1). Variance B² − x². Best for small ε.
 *
 * @throws {TypeError | RangeError} if epsilon is out of its range.
 */
export function duchi({ epsilon }: DuchiOptions): MeanProtocol<number, Sign> {
  assertEpsilon(epsilon);
  const least = numeratorOf(1 / (Math.exp(epsilon) + 1));
  const span = (1n << 64n) - 2n * least;
  const size = 2 ** 64 / Number(span);
  return defineScalarMean({
    name: 'duchi',
    epsilon: lossOf((1n << 64n) - least, least),
    randomise: (value, random) =>
      createChance(least + part(value, span)).happens(random) ? 1 : -1,
    isReport: isSign,
    decode: (report) => report * size,
    variance: (value) => size ** 2 - value ** 2,
  });
}

/** Where `value` in [−1, 1] stands in 0 … span: integer steps, and an integer division. */
export function part(value: number, span: bigint): bigint {
  return (BigInt(Math.round(((value + 1) / 2) * STEPS)) * span) / BigInt(STEPS);
}

/** Whether this is −1 or 1. */
export function isSign(report: unknown): report is Sign {
  return report === 1 || report === -1;
}
