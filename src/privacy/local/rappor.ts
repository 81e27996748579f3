/**
 * Basic RAPPOR, two levels: a permanent response that a client makes once for its word and keeps, and
 * reports made of that, so that any number of reports costs no more than the permanent response.
 *
 * Erlingsson, Pihur, Korolova. "RAPPOR: randomized aggregatable privacy-preserving ordinal response",
 * CCS 2014; the basic form, which has one bit for each word and no Bloom filter.
 *
 * @module
 */

import { assertInteger, show } from '../../core/assert.ts';
import type { Random } from '../../core/random.ts';
import { type Chance, createChance, lossOf, numeratorOf } from './chance.ts';
import { defineFrequency, type FrequencyProtocol } from './protocol.ts';
import { addBits, isBits, MAX_UNARY_VALUES, oneHot, randomiseBits, unaryEpsilon } from './unary.ts';

/** Options of {@link basicRappor}, in the paper's letters. */
export interface RapporOptions {
  /** Number of words, 2 … 2²⁴. */
  readonly values: number;
  /** Chance that a bit of the permanent response is a coin instead of the truth, in (0, 1). */
  readonly f: number;
  /** Chance that a permanent 0 is reported as 1, in (0, 1). */
  readonly p: number;
  /** Chance that a permanent 1 is reported as 1, in (0, 1), above p. */
  readonly q: number;
}

/** A frequency protocol whose reports are made in two steps. */
export interface Rappor extends FrequencyProtocol<Uint8Array> {
  /** ε of one report alone. */
  readonly epsilon: number;
  /** ε of any number of reports made of one permanent response: 2·ln((1 − f/2)/(f/2)). */
  readonly permanentEpsilon: number;
  /** The permanent response to a word: a secret of the client's, made once and kept. */
  permanent(value: number, random: Random): Uint8Array;
  /** One report of a permanent response. */
  report(permanent: Uint8Array, random: Random): Uint8Array;
}

/**
 * Two-level basic RAPPOR. A report has 1 at its own word with p* = (f/2)·p + (1 − f/2)·q and at
 * another with q* = (1 − f/2)·p + (f/2)·q, exact products of integers; `randomise` does both steps, and
 * is for clients that report once.
 *
 * @throws {TypeError | RangeError} if an option is out of its range.
 */
export function basicRappor({ values, f, p, q }: RapporOptions): Rappor {
  assertInteger('values', values, 2, MAX_UNARY_VALUES);
  if (!(q > p)) throw new RangeError(`q must be above p = ${show(p)}, got ${show(q)}`);
  const turned = numeratorOf(inside('f', f) / 2);
  const first = { one: createChance((1n << 64n) - turned), zero: createChance(turned) };
  const second = {
    one: createChance(numeratorOf(inside('q', q))),
    zero: createChance(numeratorOf(inside('p', p))),
  };
  const joint = { one: through(first.one, second), zero: through(first.zero, second) };
  const permanent = (value: number, random: Random): Uint8Array =>
    randomiseBits(oneHot(assertInteger('value', value, 0, values - 1), values), {
      bits: first,
      random,
    });
  const report = (kept: Uint8Array, random: Random): Uint8Array => {
    if (!isBits(kept, values)) {
      throw new RangeError(`permanent must be ${values} bits, a byte each, got ${show(kept)}`);
    }
    return randomiseBits(kept, { bits: second, random });
  };
  const protocol = defineFrequency({
    name: 'rappor',
    values,
    epsilon: lossOf(
      joint.one * (WHOLE_SQUARED - joint.zero),
      joint.zero * (WHOLE_SQUARED - joint.one),
    ),
    support: {
      own: Number(joint.one) / Number(WHOLE_SQUARED),
      other: Number(joint.zero) / Number(WHOLE_SQUARED),
    },
    randomise: (value, random) => report(permanent(value, random), random),
    isReport: (given): given is Uint8Array => isBits(given, values),
    count: addBits,
  });
  return { ...protocol, permanentEpsilon: unaryEpsilon(first), permanent, report };
}

/** Both levels together are out of 2¹²⁸. */
const WHOLE_SQUARED = 1n << 128n;

/** Numerator, out of 2¹²⁸, of a reported 1 where the permanent bit is 1 with this chance. */
function through(
  permanentOne: Chance,
  { one, zero }: { readonly one: Chance; readonly zero: Chance },
): bigint {
  const { numerator, whole } = permanentOne;
  return numerator * one.numerator + (whole - numerator) * zero.numerator;
}

function inside(name: string, value: number): number {
  if (!(value > 0 && value < 1)) {
    throw new RangeError(`${name} must be in (0, 1), got ${show(value)}`);
  }
  return value;
}
