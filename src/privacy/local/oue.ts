/**
 * Optimised unary encoding: a 1 is reported as a fair coin, and a 0 seldom as 1, which gives the least
 * variance for rare words.
 *
 * Wang, Blocki, Li, Jha. "Locally differentially private protocols for frequency estimation", USENIX
 * Security 2017, §4.2.
 *
 * @module
 */

import { assertInteger } from '../../core/assert.ts';
import { createChance, numeratorOf } from './chance.ts';
import { assertEpsilon, type FrequencyProtocol } from './protocol.ts';
import { MAX_UNARY_VALUES, unaryProtocol } from './unary.ts';

/** Options of {@link optimisedUnaryEncoding}. */
export interface OptimisedUnaryEncodingOptions {
  /** The ε aimed at, in (0, 40]. */
  readonly epsilon: number;
  /** Number of words, 2 … 2²⁴. */
  readonly values: number;
}

/**
 * OUE: p = 1/2, q = 1/(e^ε + 1). A rare word's variance is 4e^ε/(n(e^ε − 1)²).
 *
 * @throws {TypeError | RangeError} if an option is out of its range.
 */
export function optimisedUnaryEncoding({
  epsilon,
  values,
}: OptimisedUnaryEncodingOptions): FrequencyProtocol<Uint8Array> {
  assertEpsilon(epsilon);
  assertInteger('values', values, 2, MAX_UNARY_VALUES);
  const bits = {
    one: createChance(1n << 63n),
    zero: createChance(numeratorOf(1 / (Math.exp(epsilon) + 1))),
  };
  return unaryProtocol('oue', { values, bits });
}
