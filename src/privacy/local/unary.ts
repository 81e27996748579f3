/**
 * Unary encoding: a word as a row of bits, one for each word and 1 at its own, each bit randomised by
 * itself. What SUE, OUE and RAPPOR share.
 *
 * Wang, Blocki, Li, Jha. "Locally differentially private protocols for frequency estimation", USENIX
 * Security 2017, §4.2.
 *
 * @module
 */

import type { Random } from '../../core/random.ts';
import { type Chance, lossOf } from './chance.ts';
import { defineFrequency, type FrequencyProtocol } from './protocol.ts';

/** Chances of a reported 1: where the bit is 1, and where it is 0. */
export interface BitChances {
  readonly one: Chance;
  readonly zero: Chance;
}

/** Words that a unary protocol admits: a report has a byte for each. */
export const MAX_UNARY_VALUES: number = 2 ** 24;

/** A frequency protocol of these two chances. A report has a byte, 0 or 1, for each word. */
export function unaryProtocol(
  name: string,
  { values, bits }: { readonly values: number; readonly bits: BitChances },
): FrequencyProtocol<Uint8Array> {
  return defineFrequency({
    name,
    values,
    epsilon: unaryEpsilon(bits),
    support: { own: bits.one.probability, other: bits.zero.probability },
    randomise: (value, random) => randomiseBits(oneHot(value, values), { bits, random }),
    isReport: (report): report is Uint8Array => isBits(report, values),
    count: addBits,
  });
}

/**
 * The achieved ε. Two words differ in two bits, so the worst report has a 1 at the first and a 0 at the
 * second, or the other way round: ln(p(1 − q)/(q(1 − p))), of exact integers.
 */
export function unaryEpsilon({ one, zero }: BitChances): number {
  return lossOf(
    one.numerator * (zero.whole - zero.numerator),
    zero.numerator * (one.whole - one.numerator),
  );
}

/** Zeros, and a 1 at `value`. */
export function oneHot(value: number, values: number): Uint8Array {
  const bits = new Uint8Array(values);
  bits[value] = 1;
  return bits;
}

/** Each bit anew, by the chance for what it was. Takes two words a bit. */
export function randomiseBits(
  truth: Uint8Array,
  { bits, random }: { readonly bits: BitChances; readonly random: Random },
): Uint8Array {
  return truth.map((bit) => Number((bit === 1 ? bits.one : bits.zero).happens(random)));
}

/** Whether this is a row of so many bits, a byte each. */
export function isBits(report: unknown, values: number): report is Uint8Array {
  return (
    report instanceof Uint8Array && report.length === values && report.every((bit) => bit <= 1)
  );
}

/** Adds the bits of a report to the counts. */
export function addBits(report: Uint8Array, counts: Float64Array): void {
  for (let word = 0; word < report.length; word++) counts[word]! += report[word]!;
}
