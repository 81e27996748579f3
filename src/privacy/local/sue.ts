/**
 * Symmetric unary encoding, the one-level form of basic RAPPOR: each bit is kept or turned with the
 * same chance.
 *
 * Erlingsson, Pihur, Korolova. "RAPPOR", CCS 2014; named in Wang et al., USENIX Security 2017.
 *
 * @module
 */

import { assertInteger } from '../../core/assert.ts';
import { createChance, numeratorOf } from './chance.ts';
import { assertEpsilon, type FrequencyProtocol } from './protocol.ts';
import { MAX_UNARY_VALUES, unaryProtocol } from './unary.ts';

/** Options of {@link symmetricUnaryEncoding}. */
export interface SymmetricUnaryEncodingOptions {
  /** The ε aimed at, in (0, 40]. */
  readonly epsilon: number;
  /** Number of words, 2 … 2²⁴. */
  readonly values: number;
}

/**
 * SUE: p = s/(s + 1) and q = 1/(s + 1) with s = e^(ε/2); p + q = 1 holds in integers too.
 *
 * @throws {TypeError | RangeError} if an option is out of its range.
 */
export function symmetricUnaryEncoding({
  epsilon,
  values,
}: SymmetricUnaryEncodingOptions): FrequencyProtocol<Uint8Array> {
  assertEpsilon(epsilon);
  assertInteger('values', values, 2, MAX_UNARY_VALUES);
  const turned = numeratorOf(1 / (Math.exp(epsilon / 2) + 1));
  const bits = { one: createChance((1n << 64n) - turned), zero: createChance(turned) };
  return unaryProtocol('sue', { values, bits });
}
