import { describe, expect, expectTypeOf, test } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { RdpAccountant } from '../../src/privacy/accountants/rdp.ts';
import type { Sampling } from '../../src/privacy/event.ts';
import {
  claimSampling,
  fixedCohort,
  poissonCohort,
  type RandomWords,
  realisedRate,
  type Secrecy,
  truncatedPoissonCohort,
  uniformBelow,
} from '../../src/privacy/sampling.ts';
import { eventOf } from './accountants/support.ts';
import { expectChiSquare } from './lattice/statistics.ts';

const SECRET = {
  selection: 'uniform',
  closing: 'all',
  participation: 'hidden',
  adversary: 'outsider',
  reason: 'cohorts are drawn and kept by the server, which is trusted',
} as const satisfies Secrecy;

/** These words, one after another. */
function wordsOf(...words: number[]): RandomWords & { readonly left: number } {
  return {
    uint32: () => {
      const word = words.shift();
      if (word === undefined) throw new Error('no words left');
      return word;
    },
    get left() {
      return words.length;
    },
  };
}

describe('a coin', () => {
  test('falls by one word against ⌊q·2³²⌋: what is below takes part, the number itself does not', () => {
    const edge = Math.floor(0.3 * 2 ** 32);
    const words = wordsOf(edge - 1, edge, edge + 1, 0, 0xffff_ffff);
    const drawn = poissonCohort(words, { population: 5, rate: 0.3, secrecy: SECRET });
    expect(drawn.members).toEqual([0, 3]);
    expect(words.left).toBe(0);
  });

  test('is accounted for by the rate that it has', () => {
    const drawn = poissonCohort(createRandom(1), { population: 3, rate: 0.3, secrecy: SECRET });
    expect(drawn.sampling).toEqual({ kind: 'poisson', rate: 1_288_490_188 / 2 ** 32 });
    // So many words of 2³² are below the edge: exactly that.
    expect(drawn.sampling.rate * 2 ** 32).toBe(1_288_490_188);
    expect(realisedRate(1)).toBe(1);
    expect(realisedRate(2 ** -32)).toBe(2 ** -32);
    expect(realisedRate(1.9 * 2 ** -32)).toBe(2 ** -32);
    for (const rate of [0.01, 1 / 3, 0.999999, 2 ** -20]) {
      expect(realisedRate(rate)).toBeLessThanOrEqual(rate);
      expect(realisedRate(rate)).toBeGreaterThan(rate - 2 ** -32);
    }
  });

  test('at rate 1 takes everybody', () => {
    const words = wordsOf(0xffff_ffff, 0, 0xffff_ffff);
    expect(poissonCohort(words, { population: 3, rate: 1, secrecy: SECRET }).members).toEqual([
      0, 1, 2,
    ]);
  });

  test.each([0, -0.1, 1.1, Number.NaN, 2 ** -33])('has no rate of %d', (rate) => {
    expect(() => poissonCohort(createRandom(1), { population: 3, rate, secrecy: SECRET })).toThrow(
      'rate must be in [2^-32, 1]',
    );
  });

  test('falls alike for all, and one by one', () => {
    const random = createRandom(2);
    const [rounds, population, rate] = [20_000, 20, 0.3];
    const each = Array<number>(population).fill(0);
    const sizes = Array<number>(population + 1).fill(0);
    for (let i = 0; i < rounds; i++) {
      const { members } = poissonCohort(random, { population, rate, secrecy: SECRET });
      for (const member of members) each[member]! += 1;
      sizes[members.length]! += 1;
    }
    // Each is in a share 0.3 of the rounds: heads and tails of the first, and so on.
    for (const count of each) {
      expectChiSquare([
        { count, expected: rounds * rate },
        { count: rounds - count, expected: rounds * (1 - rate) },
      ]);
    }
    // Sizes are binomial, which dependent coins would not give.
    let mass = (1 - rate) ** population;
    const cells = sizes.map((count, k) => {
      const expected = rounds * mass;
      mass *= ((population - k) / (k + 1)) * (rate / (1 - rate));
      return { count, expected };
    });
    const large = cells.filter(({ expected }) => expected >= 20);
    const rest = cells.filter(({ expected }) => expected < 20);
    const sum = (key: 'count' | 'expected') => rest.reduce((total, cell) => total + cell[key], 0);
    expectChiSquare([...large, { count: sum('count'), expected: sum('expected') }]);
  });
});

describe('a cohort of fixed size', () => {
  test('by hand: places change, and nobody comes twice', () => {
    // Upper halves choose: 3 of 4, then 1 + ⌊½·3⌋ = 2, then place 2 + ⌊0.99…·2⌋ = 3, where 0 stands now.
    const words = wordsOf(0xffff_ffff, 1, 0x8000_0000, 0, 0xffff_fff0, 0);
    const { members } = fixedCohort(words, { population: 4, cohort: 3, secrecy: SECRET });
    expect(members).toEqual([0, 2, 3]);
    expect(words.left).toBe(0);
  });

  test('draws anew the words that would favour somebody', () => {
    // 2⁶⁴ mod 3 = 1: the product 3·0 has the lower part 0, below 1.
    expect(2n ** 64n % 3n).toBe(1n);
    const words = wordsOf(0, 0, 0, 1);
    expect(uniformBelow(words, 3)).toBe(0);
    expect(words.left).toBe(0);
    // 2⁶⁴ mod 6 = 4; 6·(2⁶⁴ − 1)/3 = 2·2⁶⁴ − 2, whose lower part is far above.
    expect(uniformBelow(wordsOf(0x5555_5555, 0x5555_5555), 6)).toBe(1);
    // 2⁶³·6 = 3·2⁶⁴: lower part 0.
    expect(uniformBelow(wordsOf(0x8000_0000, 0, 0xffff_ffff, 0xffff_ffff), 6)).toBe(5);
    expect(uniformBelow(wordsOf(7, 7), 1)).toBe(0);
    expect(uniformBelow(wordsOf(0xffff_ffff, 0), 2 ** 32)).toBe(0xffff_ffff);
  });

  test('is any of the subsets, all alike', () => {
    const random = createRandom(3);
    const rounds = 60_000;
    const counts = new Map<string, number>();
    for (let i = 0; i < rounds; i++) {
      const { members } = fixedCohort(random, { population: 6, cohort: 3, secrecy: SECRET });
      counts.set(members.join(), (counts.get(members.join()) ?? 0) + 1);
    }
    // 6!/(3!·3!)
    expect(counts.size).toBe(20);
    expectChiSquare([...counts.values()].map((count) => ({ count, expected: rounds / 20 })));
  });

  test('takes each as often as any other, and as often with any other', () => {
    const random = createRandom(4);
    const [rounds, population, cohort] = [20_000, 50, 10];
    const each = Array<number>(population).fill(0);
    let repeated = 0;
    for (let i = 0; i < rounds; i++) {
      const { members } = fixedCohort(random, { population, cohort, secrecy: SECRET });
      for (const member of members) each[member]! += 1;
      repeated += cohort - new Set(members).size;
    }
    expect(repeated).toBe(0);
    // Counts within a round exclude one another: their statistic is (1 − m/n) of a chi-square variable's.
    const shrunk = 1 / Math.sqrt(1 - cohort / population);
    const expected = (rounds * cohort) / population;
    expectChiSquare(
      each.map((count) => ({ count: expected + (count - expected) * shrunk, expected })),
    );
  });

  test('takes time by its size, not by that of the population', () => {
    const drawn = fixedCohort(createRandom(5), {
      population: 2 ** 32,
      cohort: 1000,
      secrecy: SECRET,
    });
    expect(new Set(drawn.members).size).toBe(1000);
    expect(drawn.members).toEqual([...drawn.members].sort((a, b) => a - b));
    expect(drawn.sampling).toEqual({
      kind: 'without-replacement',
      population: 2 ** 32,
      cohort: 1000,
    });
    const all = fixedCohort(createRandom(5), { population: 9, cohort: 9, secrecy: SECRET });
    expect(all.members).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test.each([
    [0, 1, 'population must be in'],
    [10, 0, 'cohort must be in [1, 10]'],
    [10, 11, 'cohort must be in [1, 10]'],
    [2 ** 33, 1, 'population must be in'],
  ])('is not drawn of %d for %d', (population, cohort, message) => {
    const draw = () => fixedCohort(createRandom(1), { population, cohort, secrecy: SECRET });
    expect(draw).toThrow(message);
  });
});

describe('a cohort that is cut off', () => {
  test('is that of the coins, or so many of them, all alike', () => {
    const random = createRandom(6);
    const rounds = 30_000;
    const each = Array<number>(5).fill(0);
    let cut = 0;
    let largest = 0;
    for (let i = 0; i < rounds; i++) {
      const options = { population: 5, rate: 0.5, cohort: 2, secrecy: SECRET };
      const { members, sampling } = truncatedPoissonCohort(random, options);
      if (i === 0) {
        expect(sampling).toEqual({
          kind: 'truncated-poisson',
          rate: 0.5,
          population: 5,
          cohort: 2,
        });
      }
      if (members.length === 2) cut++;
      largest = Math.max(largest, members.length);
      for (const member of members) each[member]! += 1;
    }
    expect(largest).toBe(2);
    // Of 32 falls of five coins, 1 gives none, 5 give one, 26 two or more.
    expectChiSquare([
      { count: cut, expected: (rounds * 26) / 32 },
      { count: rounds - cut, expected: (rounds * 6) / 32 },
    ]);
    const expected = (rounds * (5 + 2 * 26)) / 32 / 5;
    for (const count of each) {
      expectChiSquare([
        { count, expected },
        { count: rounds - count, expected: rounds - expected },
      ]);
    }
  });
});

describe('amplification', () => {
  const OPEN = [
    [{ selection: 'weighted' }, 'selection is weighted'],
    [{ closing: 'quorum' }, 'the round closes by quorum'],
    [{ participation: 'visible' }, 'participation is visible to the adversary'],
    [{ adversary: 'server' }, 'the server is the adversary'],
  ] as const;

  test.each(OPEN)('is off with %o', (fact, objection) => {
    const secrecy = { ...SECRET, ...fact } as Secrecy;
    const random = createRandom(1);
    const draws = [
      poissonCohort(random, { population: 10, rate: 0.5, secrecy }),
      fixedCohort(random, { population: 10, cohort: 5, secrecy }),
      truncatedPoissonCohort(random, { population: 10, rate: 0.5, cohort: 5, secrecy }),
    ];
    for (const { sampling, because } of draws) {
      expect(sampling).toEqual({ kind: 'none' });
      expect(because).toBe(`no gain by sampling, as ${objection}: ${SECRET.reason}`);
    }
  });

  test('says all that speaks against it', () => {
    const secrecy = { ...SECRET, closing: 'quorum', adversary: 'server' } as const;
    const { because } = fixedCohort(createRandom(1), { population: 3, cohort: 1, secrecy });
    expect(because).toContain('the round closes by quorum and the server is the adversary');
  });

  test('makes a round cheaper where it is on, and nowhere else', () => {
    const epsilonOf = (sampling: Sampling): number => {
      const accountant = new RdpAccountant();
      accountant.compose(eventOf({ kind: 'gaussian', noiseMultiplier: 1 }, sampling));
      return accountant.epsilon(1e-6);
    };
    const random = createRandom(1);
    const coins = { population: 100, rate: 0.01 } as const;
    const open = { ...SECRET, participation: 'visible' } as const;
    const secret = poissonCohort(random, { ...coins, secrecy: SECRET });
    const seen = poissonCohort(random, { ...coins, secrecy: open });
    expect(epsilonOf(secret.sampling)).toBeLessThan(1.3);
    expect(epsilonOf(seen.sampling)).toBe(epsilonOf({ kind: 'none' }));
    expect(epsilonOf(seen.sampling)).toBeGreaterThan(5);
    expect(secret.because).toMatch(/^gain by sampling, .*: cohorts are drawn and kept/);
  });

  test('is in the types: an open draw has no other sampling than none', () => {
    const sampling = { kind: 'poisson', rate: 0.5 } as const;
    const open = { ...SECRET, adversary: 'server' } as const;
    expectTypeOf(claimSampling(sampling, SECRET).claimed).toEqualTypeOf<typeof sampling>();
    expectTypeOf(claimSampling(sampling, open).claimed).toEqualTypeOf<{ readonly kind: 'none' }>();
    const unknown: Secrecy = SECRET as Secrecy;
    expectTypeOf(claimSampling(sampling, unknown).claimed).toEqualTypeOf<
      typeof sampling | { readonly kind: 'none' }
    >();
    // @ts-expect-error: secrecy has no default.
    expect(() => claimSampling(sampling)).toThrow('secrecy must say what is known of the draw');
    // @ts-expect-error: a reason must be given.
    expect(() => claimSampling(sampling, { ...SECRET, reason: undefined })).toThrow(
      'secrecy.reason must be a sentence',
    );
  });

  test.each([
    [{ reason: '  ' }, 'secrecy.reason must be a sentence'],
    [{ closing: 'some' }, 'secrecy.closing must be one of all, quorum'],
    [{ adversary: undefined }, 'secrecy.adversary must be one of'],
  ])('is not claimed for %o', (wrong, message) => {
    const secrecy = { ...SECRET, ...wrong } as Secrecy;
    expect(() => claimSampling({ kind: 'none' }, secrecy)).toThrow(message);
  });
});
