/**
 * k-ary randomised response: the true word with one chance, else any other; for two words it is
 * Warner's randomised response.
 *
 * Warner. "Randomized response", JASA 1965. Kairouz, Bonawitz, Ramage. "Discrete distribution
 * estimation under local privacy", ICML 2016.
 *
 * @module
 */

import { assertInteger } from '../../core/assert.ts';
import type { Random } from '../../core/random.ts';
import { type Chance, createChance, lossOf, numeratorOf } from './chance.ts';
import { assertEpsilon, defineFrequency, type FrequencyProtocol, isIndex } from './protocol.ts';

/** Options of {@link kRandomisedResponse}. */
export interface KRandomisedResponseOptions {
  /** The ε aimed at, in (0, 40]. */
  readonly epsilon: number;
  /** Number of words k, 2 … 2³². */
  readonly values: number;
}

/**
 * k-RR. The true word has chance p = a/2⁶⁴ with a next to 2⁶⁴·e^ε/(e^ε + k − 1); the others share the
 * rest evenly, without rounding. Best of the frequency protocols for k < 3e^ε + 2. A report is a word.
 *
 * @throws {TypeError | RangeError} if an option is out of its range.
 */
export function kRandomisedResponse(
  options: KRandomisedResponseOptions,
): FrequencyProtocol<number> {
  const { values } = options;
  const words = responseChances(options);
  return defineFrequency({
    name: 'k-rr',
    values,
    epsilon: words.epsilon,
    support: { own: words.own, other: words.other },
    randomise: (value, random) => respond(value, words, random),
    isReport: (report): report is number => isIndex(report, values),
    count: (report, counts) => {
      counts[report]! += 1;
    },
  });
}

/** The chances of k-ary randomised response; also those of local hashing's answer. */
export interface ResponseChances {
  readonly values: number;
  /** That the answer is the true word. */
  readonly truth: Chance;
  readonly own: number;
  readonly other: number;
  /** Achieved. */
  readonly epsilon: number;
}

/** Rounded chances for k words. */
export function responseChances({ epsilon, values }: KRandomisedResponseOptions): ResponseChances {
  assertEpsilon(epsilon);
  assertInteger('values', values, 2, 2 ** 32);
  const others = BigInt(values - 1);
  // The rarer side is rounded, so that its relative error stays small for a large ε.
  const lie = numeratorOf((values - 1) / (Math.exp(epsilon) + values - 1));
  const truth = createChance((1n << 64n) - lie);
  return {
    values,
    truth,
    own: truth.probability,
    other: Number(lie) / 2 ** 64 / (values - 1),
    epsilon: lossOf(truth.numerator * others, lie),
  };
}

/** The true word, or one of the others, all alike. */
export function respond(value: number, { truth, values }: ResponseChances, random: Random): number {
  const isTrue = truth.happens(random);
  // Drawn in either case: how many words a report takes says nothing of whether it is true.
  const other = random.below(values - 1);
  if (isTrue) return value;
  return other < value ? other : other + 1;
}
