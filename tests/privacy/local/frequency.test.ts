import { describe, expect, test } from 'vitest';
import { createRandom, type Random } from '../../../src/core/random.ts';
import { kRandomisedResponse } from '../../../src/privacy/local/k-rr.ts';
import { optimisedLocalHashing } from '../../../src/privacy/local/olh.ts';
import { optimisedUnaryEncoding } from '../../../src/privacy/local/oue.ts';
import type { FrequencyProtocol } from '../../../src/privacy/local/protocol.ts';
import { basicRappor } from '../../../src/privacy/local/rappor.ts';
import { subsetSelection } from '../../../src/privacy/local/subset-selection.ts';
import { symmetricUnaryEncoding } from '../../../src/privacy/local/sue.ts';
import { exactLog, fixed } from '../../support/exact-log.ts';
import { countOfWords } from '../../support/scripted-random.ts';

const WHOLE = 1n << 64n;
const VALUES = 6;

/** The protocols at ε = ln 3, where all probabilities are simple fractions. */
const LN3 = Math.log(3);
const rappor = basicRappor({ values: VALUES, f: 0.5, p: 0.25, q: 0.75 });
const PROTOCOLS: readonly FrequencyProtocol<unknown>[] = [
  kRandomisedResponse({ epsilon: LN3, values: VALUES }),
  kRandomisedResponse({ epsilon: LN3, values: 2 }),
  symmetricUnaryEncoding({ epsilon: 2 * LN3, values: VALUES }),
  optimisedUnaryEncoding({ epsilon: LN3, values: VALUES }),
  optimisedLocalHashing({ epsilon: LN3, values: VALUES }),
  subsetSelection({ epsilon: LN3, values: VALUES }),
  rappor,
] as readonly unknown[] as readonly FrequencyProtocol<unknown>[];

describe('chances worked by hand, at e^ε = 3 and six words', () => {
  test.each([
    // 3/(3 + 5) and 1/8; 3/4 and 1/4 for two words; s = 3: 3/4, 1/4; OUE 1/2, 1/4.
    [0, 3 / 8, 1 / 8],
    [1, 3 / 4, 1 / 4],
    [2, 3 / 4, 1 / 4],
    [3, 1 / 2, 1 / 4],
    // g = 4: 3/6, and 1/4 but for the prime's remainder of 3 by 4.
    [4, 1 / 2, 1 / 4],
    // w = round(6/4) = 2: 6/(6 + 4), and (p + 2(1 − p))/5.
    [5, 3 / 5, 7 / 25],
    // p* = 1/4·1/4 + 3/4·3/4, q* = 3/4·1/4 + 1/4·3/4.
    [6, 5 / 8, 3 / 8],
  ])('protocol %i has %d and %d', (index, own, other) => {
    const { support } = PROTOCOLS[index]!;
    expect(support.own).toBeCloseTo(own, 15);
    expect(support.other).toBeCloseTo(other, 15);
  });

  test('rare words have the variances of the table', () => {
    const reports = 10;
    const variance = (index: number): number => PROTOCOLS[index]!.variance({ reports }) * reports;
    // (E + k − 2)/(E − 1)², s/(s − 1)² = 3/4, 4E/(E − 1)² = 3.
    expect(variance(0)).toBeCloseTo(7 / 4, 12);
    expect(variance(2)).toBeCloseTo(3 / 4, 12);
    expect(variance(3)).toBeCloseTo(3, 12);
    expect(variance(4)).toBeCloseTo(3, 6);
  });

  test('RAPPOR costs 2·ln 3 for ever, and ln(25/9) for one report', () => {
    expect(rappor.permanentEpsilon).toBeCloseTo(2 * LN3, 13);
    expect(rappor.epsilon).toBeCloseTo(Math.log(25 / 9), 13);
  });
});

/** A report's weights under one word and another, read off the thresholds from outside. */
interface Weights {
  readonly name: string;
  readonly epsilon: number;
  readonly asked: number;
  /** All ratios of a report's probabilities under two words, as integers. */
  readonly ratios: readonly (readonly [bigint, bigint])[];
}

function unaryWeights(protocol: FrequencyProtocol<Uint8Array>, asked: number): Weights {
  // Two words a bit: the first bit is the word's own, the second another's.
  const one = countOfWords((random) => protocol.randomise(0, random)[0] === 1);
  const zero = countOfWords((random) => protocol.randomise(0, random)[1] === 1, { before: 2 });
  const [noOne, noZero] = [WHOLE - one, WHOLE - zero];
  // The two bits in which words 0 and 1 differ, as reported, under word 0 and under word 1.
  const ratios = [
    [one * zero, zero * one],
    [one * noZero, zero * noOne],
    [noOne * zero, noZero * one],
    [noOne * noZero, noZero * noOne],
  ] as const;
  return { name: protocol.name, epsilon: protocol.epsilon, asked, ratios };
}

function weightsAt(epsilon: number, values: number): Weights[] {
  const kRr = kRandomisedResponse({ epsilon, values });
  const truth = countOfWords((random) => kRr.randomise(0, random) === 0);
  const lie = WHOLE - truth;
  const subsets = subsetSelection({ epsilon, values });
  const size = subsets.randomise(0, createRandom(1)).length;
  const holds = countOfWords((random) => subsets.randomise(0, random).includes(0));
  const olh = optimisedLocalHashing({ epsilon, values });
  const buckets = BigInt(Math.round(Math.exp(epsilon)) + 1);
  // Two words make the hash; 7 is what the answer is for multiplier and shift of the script.
  const kept = countOfWords((random) => isTrueAnswer(olh, random), { before: 2 });
  const named = { epsilon: 0, asked: epsilon };
  return [
    unaryWeights(symmetricUnaryEncoding({ epsilon, values }), epsilon),
    unaryWeights(optimisedUnaryEncoding({ epsilon, values }), epsilon),
    // P = truth, Q = lie/(k − 1).
    { ...named, name: 'k-rr', epsilon: kRr.epsilon, ratios: [[truth * BigInt(values - 1), lie]] },
    {
      ...named,
      name: 'olh',
      epsilon: olh.epsilon,
      ratios: [[kept * (buckets - 1n), WHOLE - kept]],
    },
    {
      // A set that holds the one word and not the other: holds/C(k−1, w−1) against misses/C(k−1, w).
      ...named,
      name: 'subset-selection',
      epsilon: subsets.epsilon,
      ratios: [[holds * BigInt(values - size), (WHOLE - holds) * BigInt(size)]],
    },
  ];
}

/** The answer of word 0 is true if it is the hash of 0, that is the shift alone, cut to g. */
function isTrueAnswer(olh: ReturnType<typeof optimisedLocalHashing>, random: Random): boolean {
  const report = olh.randomise(0, random);
  const buckets = Math.round(Math.exp(olh.epsilon)) + 1;
  return report.answer === report.shift % buckets;
}

describe('the achieved ε', () => {
  test.each([0.01, 0.5, 1, LN3, 4, 10, 18])(
    'is no less than the worst ratio of thresholds at ε = %d, and next to ε',
    (epsilon) => {
      for (const { name, ratios, ...found } of weightsAt(epsilon, 10)) {
        const losses = ratios.map(([a, b]) => (a > b ? exactLog(a, b) : exactLog(b, a)));
        const worst = losses.reduce((x, y) => (x > y ? x : y));
        expect(fixed(found.epsilon), name).toBeGreaterThanOrEqual(worst);
        expect(found.epsilon, name).toBeLessThanOrEqual(
          (Number(worst) / 2 ** 200) * (1 + 2 ** -46),
        );
        // The rarest event, 1/(e^ε + 1), is rounded by 2⁻⁶⁵, and e^ε has an error of 2⁻⁵² or so; for
        // OLH an answer as rare as e^−ε/g.
        const rounding = 2 ** -64 * Math.exp(2 * epsilon) + 2 ** -44 * (1 + epsilon);
        expect(Math.abs(found.epsilon - found.asked), name).toBeLessThanOrEqual(rounding);
      }
    },
  );
});

/** Clients that hold words 0 … k − 1 in proportions 5 : 1 : … : 1 : 0. */
function holders(n: number, values: number): number[] {
  return Array.from({ length: n }, (_, i) => Math.max(0, (i % (values + 3)) - 4));
}

describe.each(PROTOCOLS.map((protocol) => [protocol.name, protocol] as const))(
  '%s',
  (_, protocol) => {
    const { values } = protocol;
    // k + 3 clients: five hold word 0, k − 2 another, nobody the last.
    const held = holders(60 * (values + 3), values);
    const shares = Array.from(
      { length: values },
      (_, word) => held.filter((value) => value === word).length / held.length,
    );

    test('estimates shares without bias, and with the variance that it states', () => {
      const runs = 400;
      const random = createRandom(20);
      const estimates = Array.from({ length: runs }, () =>
        protocol.estimate(held.map((value) => protocol.randomise(value, random))),
      );
      shares.forEach((share, word) => {
        const variance = protocol.variance({ reports: held.length, share });
        const column = estimates.map((estimate) => estimate[word]!);
        const mean = column.reduce((a, b) => a + b) / runs;
        // Means of 400 runs are normal; five standard errors for up to 36 means: chance 2·10⁻⁵.
        expect(Math.abs(mean - share)).toBeLessThan(5 * Math.sqrt(variance / runs));
        const spread = column.reduce((a, b) => a + (b - share) ** 2, 0) / runs;
        // A mean square of 400 almost normal values has a relative standard error of √(2/400).
        expect(Math.abs(spread / variance - 1)).toBeLessThan(5 * Math.sqrt(2 / runs));
      });
    });

    test('fails this estimate if own and other chances are swapped', () => {
      const random = createRandom(21);
      const reports = held.map((value) => protocol.randomise(value, random));
      // (c/n − p)/(q − p), with c/n of the true estimate: 1 for a word that nobody holds.
      const { own, other } = protocol.support;
      const last = protocol.estimate(reports)[values - 1]!;
      const swapped = (other + (own - other) * last - own) / (other - own);
      const limit = 5 * Math.sqrt(protocol.variance({ reports: held.length, share: 0 }));
      expect(Math.abs(last)).toBeLessThan(limit);
      expect(Math.abs(swapped)).toBeGreaterThan(limit);
    });

    test('gives the same report for the same seed, and knows it for a report', () => {
      const key = Uint8Array.from({ length: 32 }, (_, i) => i);
      const report = protocol.randomise(1, createRandom(key));
      expect(protocol.randomise(1, createRandom(key))).toEqual(report);
      expect(protocol.isReport(report)).toBe(true);
    });

    test('refuses what is no word and what is no report', () => {
      const random = createRandom(1);
      expect(() => protocol.randomise(values, random)).toThrow(/value must be in \[0, /);
      expect(() => protocol.randomise(-1, random)).toThrow(RangeError);
      expect(() => protocol.randomise(0.5, random)).toThrow(TypeError);
      expect(() => protocol.estimate([])).toThrow(/reports must be at least one/);
      expect(() => protocol.variance({ reports: 0 })).toThrow(RangeError);
      expect(() => protocol.variance({ reports: 1, share: 2 })).toThrow(RangeError);
      for (const bad of [
        undefined,
        null,
        Number.NaN,
        'x',
        {},
        [],
        new Uint8Array(values).fill(2),
      ]) {
        expect(protocol.isReport(bad)).toBe(false);
        expect(() => protocol.estimate([bad])).toThrow(/reports\[0\] must be a report of/);
      }
    });
  },
);

describe('options', () => {
  const makers = [
    kRandomisedResponse,
    symmetricUnaryEncoding,
    optimisedUnaryEncoding,
    optimisedLocalHashing,
    subsetSelection,
  ];
  test.each(makers.map((make) => [make.name, make] as const))('%s refuses bad ones', (_, make) => {
    for (const epsilon of [0, -1, 41]) {
      expect(() => make({ epsilon, values: 4 })).toThrow(RangeError);
    }
    for (const epsilon of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => make({ epsilon, values: 4 })).toThrow(TypeError);
    }
    expect(() => make({ epsilon: 1, values: 1 })).toThrow(/values must be in \[2, /);
    expect(() => make({ epsilon: 1, values: 2.5 })).toThrow(TypeError);
  });

  test('basicRappor refuses bad ones, and a permanent response of another size', () => {
    const options = { values: 4, f: 0.5, p: 0.25, q: 0.75 };
    expect(() => basicRappor({ ...options, f: 0 })).toThrow(/f must be in \(0, 1\)/);
    expect(() => basicRappor({ ...options, q: 1 })).toThrow(/q must be in \(0, 1\)/);
    expect(() => basicRappor({ ...options, p: 0.8 })).toThrow(/q must be above p = 0.8/);
    expect(() => basicRappor(options).report(new Uint8Array(3), createRandom(1))).toThrow(
      /permanent must be 4 bits/,
    );
  });

  test('a subset report in another order, or with a word twice, is none', () => {
    const protocol = subsetSelection({ epsilon: LN3, values: 6 });
    expect(protocol.isReport(Uint32Array.of(1, 4))).toBe(true);
    expect(protocol.isReport(Uint32Array.of(4, 1))).toBe(false);
    expect(protocol.isReport(Uint32Array.of(4, 4))).toBe(false);
    expect(protocol.isReport(Uint32Array.of(4, 6))).toBe(false);
  });
});
