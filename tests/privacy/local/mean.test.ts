import { describe, expect, test } from 'vitest';
import { createRandom, type Random } from '../../../src/core/random.ts';
import { duchi } from '../../../src/privacy/local/duchi.ts';
import { duchiVector } from '../../../src/privacy/local/duchi-vector.ts';
import { hybrid } from '../../../src/privacy/local/hybrid.ts';
import { gridLaplace } from '../../../src/privacy/local/laplace.ts';
import { piecewise } from '../../../src/privacy/local/piecewise.ts';
import type { MeanProtocol } from '../../../src/privacy/local/protocol.ts';
import { exactLog, fixed } from '../../support/exact-log.ts';
import { countOfWords, scriptedRandom } from '../../support/scripted-random.ts';

const WHOLE = 1n << 64n;
const LN3 = Math.log(3);

describe('variances worked by hand', () => {
  test('Duchi at e^ε = 3 sends ±2: B² − x²', () => {
    const protocol = duchi({ epsilon: LN3 });
    expect(protocol.decode(1)).toBeCloseTo(2, 14);
    expect(protocol.variance(0.5)).toBeCloseTo(4 - 0.25, 13);
  });

  test('Piecewise at e^(ε/2) = 3 has x²/2 + 1/2 and reaches to 2', () => {
    const protocol = piecewise({ epsilon: 2 * LN3 });
    // C = (s + 1)/(s − 1) = 2; (s + 3)/(3(s − 1)²) = 1/2. Cells are 2⁻³⁰ wide.
    expect(protocol.decode(2 ** 32 - 1)).toBeCloseTo(2, 8);
    expect(protocol.variance(0)).toBeCloseTo(1 / 2, 8);
    expect(protocol.variance(1)).toBeCloseTo(1, 8);
  });

  test('Laplace at ε = 1 has 8, on a fine grid', () => {
    expect(gridLaplace({ epsilon: 1 }).variance(0)).toBeCloseTo(8, 8);
  });

  test('Hybrid is Duchi up to ε = 0.609, and mixes above', () => {
    const variance = (protocol: MeanProtocol<number, never>): number => protocol.variance(0.3);
    expect(hybrid({ epsilon: 0.6 }).variance(0.3)).toBe(variance(duchi({ epsilon: 0.6 }) as never));
    const epsilon = 2 * LN3;
    // Piecewise with chance 1 − 1/3: 2/3·(0.09/2 + 1/2) + 1/3·((10/8)² − 0.09).
    const mixed = (2 / 3) * (0.045 + 0.5) + (1 / 3) * (1.5625 - 0.09);
    expect(hybrid({ epsilon }).variance(0.3)).toBeCloseTo(mixed, 8);
  });

  test.each([
    // C = 2^(d−1)/binom(d−1, (d−1)/2): 1, 2, 16/6; even: (2^(d−1) + binom(d, d/2)/2)/binom(d−1, d/2).
    [1, 1],
    [2, (2 + 1) / 1],
    [3, 2],
    [4, (8 + 3) / 3],
    [5, 16 / 6],
  ])('Duchi in %i dimensions at e^ε = 3 sends ±2·%d', (dimensions, factor) => {
    const protocol = duchiVector({ epsilon: LN3, dimensions });
    const [first] = protocol.decode(new Int8Array(dimensions).fill(1));
    expect(first).toBeCloseTo(2 * factor, 12);
  });
});

describe('the achieved ε of Duchi', () => {
  test.each([0.01, 1, 4, 18])('covers all thresholds at ε = %d', (epsilon) => {
    const protocol = duchi({ epsilon });
    const chances = [-1, -0.3, 0, 1e-9, 1].map((value) =>
      countOfWords((random) => protocol.randomise(value, random) === 1),
    );
    const [least, most] = [chances[0]!, chances.at(-1)!];
    expect(least + most).toBe(WHOLE);
    for (const chance of chances) {
      expect(chance).toBeGreaterThanOrEqual(least);
      expect(chance).toBeLessThanOrEqual(most);
    }
    expect(fixed(protocol.epsilon)).toBeGreaterThanOrEqual(exactLog(most, least));
    expect(protocol.epsilon).toBeCloseTo(epsilon, 9);
  });
});

describe('the achieved ε of Piecewise', () => {
  test.each([0.01, 1, 4, 18])('covers the two densities at ε = %d', (epsilon) => {
    const protocol = piecewise({ epsilon });
    // At −1 the window is the first W cells. Two words round its beginning, two say whether the report
    // is inside, and one chooses the cell there: 0 the first inside, or the first outside.
    const inside = countOfWords((random) => protocol.randomise(-1, random) === 0, {
      before: 2,
      after: [0],
    });
    const width = BigInt(widthOf(protocol));
    const cells = 1n << 32n;
    const worst = exactLog(inside * (cells - width), (WHOLE - inside) * width);
    expect(fixed(protocol.epsilon)).toBeGreaterThanOrEqual(worst);
    // W is rounded by at most half a cell of 2³²/(e^(ε/2) + 1).
    expect(Math.abs(protocol.epsilon - epsilon)).toBeLessThan(
      2 ** -32 * (Math.exp(epsilon / 2) + 2),
    );
  });
});

/** Cells of the window: the first of all words for a cell that gives the first cell again. */
function widthOf(protocol: MeanProtocol<number, number>): number {
  // `below` of the scripted stream takes the word modulo the width.
  const isInside = (word: number): boolean =>
    protocol.randomise(-1, scriptedRandom([0, 0, 0, 0, word])) === word;
  let low = 0;
  let high = 2 ** 32 - 1;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (isInside(middle)) low = middle;
    else high = middle;
  }
  return high;
}

describe('the achieved ε of Laplace on the grid', () => {
  test.each([0.5, 3])(
    'covers every pair of reports and values at ε = %d, by their bits',
    (epsilon) => {
      const protocol = gridLaplace({ epsilon });
      // Words of one draw at the value 0, a grid point: two to round, one for the sign, four for the
      // last coin, four for each bit.
      const bitAt = (before: number, isSet: (report: number) => boolean): bigint =>
        countOfWords((random) => isSet(protocol.randomise(0, positive(random, before))), {
          words: 4,
        });
      const whole = 1n << 128n;
      const odds: bigint[] = [];
      for (let j = 0; j < 24; j++) {
        const one = bitAt(7 + 4 * j, (report) => report === 2 ** j);
        odds.push(exactLog(whole - one, one));
      }
      const grid = Math.round(1 / protocol.decode(1));
      // ln P(m) but for a constant; pairs at the largest distance, at carries and at random places.
      const logWeight = (magnitude: number): bigint =>
        odds.reduce((sum, odd, j) => sum + (((magnitude >>> j) & 1) === 1 ? odd : 0n), 0n);
      const random = createRandom(3);
      const starts = [0, 1, 2 ** 20 - 1, 2 ** 23 - 2 * grid, 2 ** 23 - 1, 2 ** 24 - 1 - 2 * grid];
      for (let i = 0; i < 500; i++) starts.push(random.below(2 ** 24 - 2 * grid));
      for (const start of starts) {
        const loss = logWeight(start + 2 * grid) - logWeight(start);
        expect(fixed(protocol.epsilon)).toBeGreaterThanOrEqual(loss);
      }
      expect(protocol.epsilon).toBeLessThan(epsilon * (1 + 1e-10));
    },
  );
});

/** `random` for the words from `before` on; before and after them: no bit set, and a plus. */
function positive(random: Random, before: number): Random {
  let word = 0;
  return {
    ...random,
    uint32: () => {
      const place = word++;
      if (place >= before && place < before + 4) return random.uint32();
      // The sign is the lowest bit; all ones are above every threshold.
      return place === 2 ? 0 : 0xffffffff;
    },
  };
}

test('Laplace noise of minus zero is drawn anew, or 0 would come twice as often', () => {
  // Two words to round, a sign, 25 coins that all fall on 0; then the same again with a plus.
  const coins = Array.from({ length: 100 }, () => 0xffffffff);
  const random = scriptedRandom([0, 0, 1, ...coins, 0, ...coins, 77]);
  expect(gridLaplace({ epsilon: 1 }).randomise(0, random)).toBe(0);
  expect(random.uint32()).toBe(77);
});

describe('the achieved ε of Duchi for vectors', () => {
  test.each([1, 2, 3, 4])('is the worst ratio over all corners in %i dimensions', (dimensions) => {
    const protocol = duchiVector({ epsilon: 1, dimensions });
    const value = new Float64Array(dimensions).fill(1);
    // Two words for each coordinate of v, all +1, then two for the side, then the first corner tried.
    const along = countOfWords(
      (random) => protocol.randomise(value, random).every((sign) => sign === 1),
      { before: 2 * dimensions, after: [0xffffffff] },
    );
    const worst = exactLog(along, WHOLE - along);
    expect(fixed(protocol.epsilon)).toBeGreaterThanOrEqual(worst);
    expect(protocol.epsilon).toBeCloseTo(1, 12);
  });
});

const SCALARS: readonly MeanProtocol<number, unknown>[] = [
  duchi({ epsilon: 1 }),
  piecewise({ epsilon: 2 }),
  hybrid({ epsilon: 1.5 }),
  hybrid({ epsilon: 0.5 }),
  gridLaplace({ epsilon: 1 }),
] as readonly unknown[] as readonly MeanProtocol<number, unknown>[];

/** Fourth central moment over squared variance minus 1, from the sample: how far variances spread. */
function meanAndSpread(sample: readonly number[]): {
  mean: number;
  variance: number;
  wide: number;
} {
  const n = sample.length;
  const mean = sample.reduce((a, b) => a + b, 0) / n;
  const variance = sample.reduce((a, b) => a + (b - mean) ** 2, 0) / n;
  const fourth = sample.reduce((a, b) => a + (b - mean) ** 4, 0) / n;
  return { mean, variance, wide: Math.sqrt((fourth / variance ** 2 - 1) / n) };
}

describe.each(SCALARS.map((protocol) => [protocol.name, protocol] as const))(
  '%s',
  (_, protocol) => {
    test.each([-1, -0.37, 0, 0.9, 1])(
      'is unbiased at %d, with the variance that it states',
      (value) => {
        const random = createRandom(7);
        const n = 20_000;
        const sample = Array.from({ length: n }, () =>
          protocol.decode(protocol.randomise(value, random)),
        );
        const { mean, variance, wide } = meanAndSpread(sample);
        const stated = protocol.variance(value);
        // Five standard errors, 50 of these checks: false alarms in 3·10⁻⁵ of seeds.
        expect(Math.abs(mean - value)).toBeLessThan(5 * Math.sqrt(stated / n));
        // Duchi's squares hardly spread: then the mean's own square remains, 25 variances of it.
        expect(Math.abs(variance / stated - 1)).toBeLessThan(5 * wide + 25 / n + 0.002);
      },
    );

    test('estimates the mean of clients with different values', () => {
      const random = createRandom(8);
      const values = Array.from({ length: 4000 }, (_, i) => Math.sin(i) * 0.5 + 0.3);
      const truth = values.reduce((a, b) => a + b) / values.length;
      const estimate = protocol.estimate(values.map((value) => protocol.randomise(value, random)));
      const variance =
        values.reduce((sum, v) => sum + protocol.variance(v), 0) / values.length ** 2;
      expect(Math.abs(estimate - truth)).toBeLessThan(5 * Math.sqrt(variance));
    });

    test('refuses values outside [−1, 1] and reports that are none', () => {
      const random = createRandom(1);
      expect(() => protocol.randomise(1.01, random)).toThrow(
        /value must be in \[-1, 1\], got 1.01/,
      );
      expect(() => protocol.randomise(Number.NaN, random)).toThrow(TypeError);
      expect(() => protocol.estimate([])).toThrow(/reports must be at least one/);
      for (const bad of [
        undefined,
        null,
        0.5,
        2 ** 40,
        Number.NaN,
        {},
        { kind: 'duchi', report: 0 },
      ]) {
        expect(() => protocol.estimate([bad])).toThrow(/reports\[0\] must be a report of/);
      }
    });
  },
);

describe.each([1, 4, 5])('duchi-vector in %i dimensions', (dimensions) => {
  const protocol = duchiVector({ epsilon: 2, dimensions });
  const value = Float64Array.from({ length: dimensions }, (_, j) => [0.8, -1, 0, 1, -0.3][j]!);

  test('is unbiased in each coordinate, with the variance that it states', () => {
    const random = createRandom(9);
    const n = 20_000;
    const reports = Array.from({ length: n }, () => protocol.randomise(value, random));
    const estimate = protocol.estimate(reports);
    const variance = protocol.variance(value);
    for (let j = 0; j < dimensions; j++) {
      expect(Math.abs(estimate[j]! - value[j]!)).toBeLessThan(5 * Math.sqrt(variance[j]! / n));
    }
  });

  test('refuses other lengths, values outside [−1, 1] and reports that are none', () => {
    const random = createRandom(1);
    const long = new Float64Array(dimensions + 1);
    expect(() => protocol.randomise(long, random)).toThrow(TypeError);
    expect(() =>
      protocol.randomise(
        value.map(() => 2),
        random,
      ),
    ).toThrow(RangeError);
    expect(() => protocol.estimate([new Int8Array(dimensions)])).toThrow(/reports\[0\]/);
    expect(() => protocol.estimate([])).toThrow(RangeError);
  });
});

describe('options', () => {
  test.each([duchi, piecewise, hybrid, gridLaplace])('%o refuses bad ones', (make) => {
    expect(() => make({ epsilon: 0 })).toThrow(RangeError);
    expect(() => make({ epsilon: 41 })).toThrow(/epsilon must be in \(0, [24]0\]/);
    expect(() => make({ epsilon: Number.NaN })).toThrow(TypeError);
  });

  test('duchiVector refuses bad ones', () => {
    expect(() => duchiVector({ epsilon: 1, dimensions: 0 })).toThrow(RangeError);
    expect(() => duchiVector({ epsilon: -1, dimensions: 1 })).toThrow(RangeError);
  });
});
