import { describe, expect, test } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import { privUnit } from '../../../src/privacy/local/priv-unit.ts';
import { exactLog, fixed } from '../../support/exact-log.ts';
import { countOfWords } from '../../support/scripted-random.ts';

const SEED = [1, 2, 3, 4];

/** A unit vector along (1, 2, …, d). */
function climbing(dimensions: number): Float64Array {
  const value = Float64Array.from({ length: dimensions }, (_, j) => j + 1);
  const norm = Math.hypot(...value);
  return value.map((x) => x / norm);
}

/** Length of what a report is decoded to: 1/m. */
function reach(options: Parameters<typeof privUnit>[0]): number {
  return Math.hypot(...privUnit(options).decode({ seed: SEED, index: 0 }));
}

describe('PrivUnit by ranks', () => {
  test('has on the sphere the m of order statistics, worked by hand', () => {
    // In three dimensions products are uniform on [−1, 1] (Archimedes), so the i-th best of N is
    // 1 − 2i/(N + 1) in the mean, and the K best 1 − (K + 1)/(N + 1). With N = 2, K = 1 and e^ε = 3:
    // m = (1 − 2/3)·(3/4 − 1/4) = 1/6.
    expect(reach({ epsilon: Math.log(3), dimensions: 3, candidates: 2 })).toBeCloseTo(6, 5);
  });

  test('has for many directions the m of the continuous mechanism with the best cap', () => {
    // Cap of mass c on the sphere: mean product 1 − c; m = (1 − c)·c(E − 1)/(c·E + 1 − c) is greatest
    // at c = 1/(1 + √E). E = 9: c = 1/4, m = 3/4·2/(9/4 + 3/4) = 1/2. Sizes are tried by quarters of
    // powers of two, which costs at most (2^(1/8) − 1)² or 0.8 % here, and N = 4096 some 1/N.
    const length = reach({ epsilon: Math.log(9), dimensions: 3, candidates: 4096 });
    expect(length).toBeGreaterThan(2 - 1e-6);
    expect(length).toBeLessThan(2 * 1.009);
  });

  test.each([2, 3, 10])('is unbiased in %i dimensions, with the variance that it states', (d) => {
    const protocol = privUnit({ epsilon: 3, dimensions: d, candidates: 12 });
    const value = climbing(d);
    const random = createRandom(11);
    const n = 3000;
    const decoded = Array.from({ length: n }, () =>
      protocol.decode(protocol.randomise(value, random)),
    );
    const variance = protocol.variance(value);
    for (let j = 0; j < d; j++) {
      const column = decoded.map((z) => z[j]!);
      const mean = column.reduce((a, b) => a + b) / n;
      const spread = column.reduce((sum, x) => sum + (x - value[j]!) ** 2, 0) / n;
      const fourth = column.reduce((sum, x) => sum + (x - value[j]!) ** 4, 0) / n;
      // Five standard errors of a mean, and of a mean square.
      expect(Math.abs(mean - value[j]!)).toBeLessThan(5 * Math.sqrt(variance[j]! / n));
      const wide = Math.sqrt((fourth - spread ** 2) / n) / spread;
      expect(Math.abs(spread / variance[j]! - 1)).toBeLessThan(5 * wide + 0.002);
    }
  });

  test.each([0.1, 2, 8, 12])(
    'achieves an ε that covers its integer chance at ε = %d',
    (epsilon) => {
      // Of two directions one is the cap.
      const protocol = privUnit({ epsilon, dimensions: 2, candidates: 2 });
      const value = climbing(2);
      const plain = protocol.randomise(value, createRandom(1)).seed;
      expect(plain).toHaveLength(4);
      // Four words of seed; the same for all, so that the nearest is always the same index.
      const drawn = new Set<number>();
      const near = protocol.randomise(value, nearest());
      const inside = countOfWords(
        (random) => {
          const { index } = protocol.randomise(value, random);
          drawn.add(index);
          return index === near.index;
        },
        { before: 4, after: [0] },
      );
      expect(drawn.size).toBe(2);
      expect(fixed(protocol.epsilon)).toBeGreaterThanOrEqual(
        exactLog(inside, (1n << 64n) - inside),
      );
      expect(Math.abs(protocol.epsilon - epsilon)).toBeLessThan(1e-9);
    },
  );

  test('gives no more than e^ε between vectors, for the directions of one seed', () => {
    // Indices under a fixed seed: inside the cap p/K, else (1 − p)/(N − K), for every vector.
    const protocol = privUnit({ epsilon: 1, dimensions: 2, candidates: 8 });
    const random = createRandom(5);
    const fixedSeed = { ...random, uint32: seeded(random) };
    const counts = [new Map<number, number>(), new Map<number, number>()];
    const n = 3000;
    for (const [side, value] of [Float64Array.of(1, 0), Float64Array.of(-1, 0)].entries()) {
      for (let i = 0; i < n; i++) {
        fixedSeed.uint32 = seeded(random);
        const { index } = protocol.randomise(value, fixedSeed);
        counts[side]!.set(index, (counts[side]!.get(index) ?? 0) + 1);
      }
    }
    for (let index = 0; index < 8; index++) {
      const [a, b] = counts.map((count) => count.get(index)!) as [number, number];
      // Counts of 150 and more: five standard errors of a log-ratio.
      expect(Math.abs(Math.log(a / b))).toBeLessThan(1 + 5 * Math.sqrt(1 / a + 1 / b));
    }
  });

  test('refuses vectors off the sphere, reports that are none and bad options', () => {
    const protocol = privUnit({ epsilon: 2, dimensions: 3, candidates: 16 });
    const random = createRandom(1);
    expect(() => protocol.randomise(new Float64Array(3), random)).toThrow(/norm 1, got 0/);
    expect(() => protocol.randomise(Float64Array.of(1, 1, 0), random)).toThrow(RangeError);
    expect(() => protocol.randomise(Float64Array.of(Number.NaN, 1, 0), random)).toThrow(/norm 1/);
    expect(() => protocol.randomise(Float64Array.of(1, 0), random)).toThrow(TypeError);
    for (const bad of [null, {}, { seed: SEED, index: 16 }, { seed: [1, 2, 3], index: 0 }]) {
      expect(() => protocol.estimate([bad as never])).toThrow(/reports\[0\] must be a report/);
    }
    expect(() => privUnit({ epsilon: 13, dimensions: 3 })).toThrow(/\(0, 12\]/);
    expect(() => privUnit({ epsilon: 1, dimensions: 1 })).toThrow(/dimensions/);
    expect(() => privUnit({ epsilon: 1, dimensions: 3, candidates: 1 })).toThrow(/candidates/);
  });
});

/** The words of a fixed seed, then zeros: inside the cap, first of it. */
function nearest(): ReturnType<typeof createRandom> {
  let word = 0;
  return {
    ...createRandom(0),
    uint32: () => (word++ < 4 ? 0x9e3779b9 : 0),
    below: () => 0,
  };
}

/** Four words of a fixed seed, then those of the stream. */
function seeded(random: ReturnType<typeof createRandom>): () => number {
  let word = 0;
  return () => SEED[word++] ?? random.uint32();
}
