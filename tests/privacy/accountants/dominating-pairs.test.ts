import { describe, expect, test } from 'vitest';
import { PrivacyError } from '../../../src/core/errors.ts';
import {
  discreteGaussianPoints,
  discreteLaplacePoints,
} from '../../../src/privacy/accountants/discrete-noise-loss.ts';
import { dominatingPairs } from '../../../src/privacy/accountants/dominating-pairs.ts';
import type { LossPoint } from '../../../src/privacy/accountants/privacy-loss.ts';
import { cutOffCohort } from '../../../src/privacy/accountants/truncated-cohort.ts';
import type { Mechanism, Relation, Sampling } from '../../../src/privacy/event.ts';
import { eventOf } from './support.ts';

/** Points as pairs of loss and mass, losses rising. */
function sorted(points: readonly LossPoint[]): number[][] {
  return points.map(({ loss, mass }) => [loss, mass]).sort((a, b) => a[0]! - b[0]!);
}

function expectPoints(points: readonly LossPoint[], known: readonly (readonly number[])[]): void {
  const flat = sorted(points).flat();
  expect(flat).toHaveLength(2 * known.length);
  known.flat().forEach((value, i) => {
    expect(flat[i]).toBeCloseTo(value, 14);
  });
}

/** δ(ε) of points. */
function deltaOf(points: readonly LossPoint[], epsilon: number): number {
  return points.reduce(
    (sum, { loss, mass }) => (loss > epsilon ? sum - mass * Math.expm1(epsilon - loss) : sum),
    0,
  );
}

describe('points of a loss', () => {
  test('of a coin told truly three times of four: ±ln 3', () => {
    const coin: Mechanism = { kind: 'randomized-response', values: 2, noiseProbability: 0.5 };
    const { remove, add } = dominatingPairs(eventOf(coin, undefined, 'replace-one'));
    expect(remove).toBe(add);
    expectPoints(remove.points, [
      [-Math.log(3), 0.25],
      [Math.log(3), 0.75],
    ]);
  });

  test('of four words, against one at random', () => {
    // Own word 0.625, others 0.125 each, against 0.25 each.
    const words: Mechanism = { kind: 'randomized-response', values: 4, noiseProbability: 0.5 };
    const { remove, add } = dominatingPairs(eventOf(words, undefined, 'zero-out'));
    expectPoints(remove.points, [
      [-Math.log(2), 0.375],
      [Math.log(2.5), 0.625],
    ]);
    expectPoints(add.points, [
      [-Math.log(2.5), 0.25],
      [Math.log(2), 0.75],
    ]);
  });

  test('of words without noise are told apart for certain', () => {
    const words: Mechanism = { kind: 'randomized-response', values: 3, noiseProbability: 0 };
    const { remove } = dominatingPairs(eventOf(words, undefined, 'replace-one'));
    expect(remove).toEqual({ points: [], pieces: [], infinite: 1 });
  });

  test('of discrete Laplace noise with e^−rate = ½, moved by 2', () => {
    // P(0) = ⅓, P(±k) = ⅓·2^−k: 2/3 at and below 0, 1/6 at 1, 1/6 from 2 on.
    const { points } = discreteLaplacePoints(Math.LN2, 2);
    expectPoints(points, [
      [-2 * Math.LN2, 1 / 6],
      [0, 1 / 6],
      [2 * Math.LN2, 2 / 3],
    ]);
  });

  test('of discrete Laplace noise: two moves in two coordinates are dominated by their sum in one', () => {
    for (const rate of [0.01, 0.5, 2]) {
      for (const [a, b] of [
        [1, 1],
        [1, 4],
        [3, 5],
      ] as const) {
        const [left, right] = [a, b].map((shift) => discreteLaplacePoints(rate, shift).points);
        const both = left!.flatMap((x) =>
          right!.map((y) => ({ loss: x.loss + y.loss, mass: x.mass * y.mass })),
        );
        const one = discreteLaplacePoints(rate, a + b).points;
        for (let m = -a - b; m < a + b; m += 0.25) {
          // A dozen terms of at most 1.
          expect(deltaOf(both, rate * m)).toBeLessThanOrEqual(deltaOf(one, rate * m) + 1e-14);
        }
      }
    }
  });

  test('of a discrete Gaussian sum to 1, and are symmetric', () => {
    for (const [sigma, shift] of [
      [0.5, 1],
      [3, 2],
      [100, 250],
    ] as const) {
      const { points } = discreteGaussianPoints(sigma, shift);
      expect(points.reduce((sum, { mass }) => sum + mass, 0)).toBeCloseTo(1, 13);
      // Where the loss is l, Q has the mass that P has where it is −l: e^−l times P's own.
      points.forEach(({ loss, mass }, i) => {
        const mirror = points[points.length - 1 - i]!;
        expect(mirror.loss).toBeCloseTo(-loss, 10);
        if (mass < 1e-200 || mirror.mass < 1e-200) return;
        expect(Math.log(mirror.mass / mass) + loss).toBeCloseTo(0, 9);
      });
    }
  });
});

describe('a cohort that is cut off', () => {
  test('of two, where one is kept', () => {
    // The other one comes up with ½, and then I am in with ½·½.
    const sampling = { kind: 'truncated-poisson', rate: 0.5, population: 2, cohort: 1 } as const;
    const { chance, rateIfCut } = cutOffCohort(sampling);
    expect(chance).toBeCloseTo(0.5, 15);
    expect(rateIfCut).toBeCloseTo(0.25, 15);
  });

  test('is summed from its largest term, also where the first is 0 in f64', () => {
    const sampling = {
      kind: 'truncated-poisson',
      rate: 0.5,
      population: 10_001,
      cohort: 10,
    } as const;
    const { chance, rateIfCut } = cutOffCohort(sampling);
    expect(chance).toBeCloseTo(1, 10);
    expect(rateIfCut).toBeCloseTo(10 / 10_001, 10);
  });
});

describe('an event without a proven pair is refused', () => {
  const gaussian: Mechanism = { kind: 'gaussian', noiseMultiplier: 1 };
  const coins: Sampling = { kind: 'poisson', rate: 0.1 };
  const cohort: Sampling = { kind: 'without-replacement', population: 10, cohort: 2 };
  const cut: Sampling = { kind: 'truncated-poisson', rate: 0.1, population: 10, cohort: 2 };
  const wide = { kind: 'discrete-gaussian', sigma: 10, sensitivity: 3 } as const;
  const cases: readonly (readonly [string, Mechanism, Sampling, Relation])[] = [
    ['Poisson sampling under replace-one', gaussian, coins, 'replace-one'],
    ['a fixed cohort under add-remove', gaussian, cohort, 'add-remove'],
    ['a fixed cohort under zero-out', gaussian, cohort, 'zero-out'],
    ['a cohort that is cut off under zero-out', gaussian, cut, 'zero-out'],
    ['on a fixed cohort', { kind: 'laplace', scale: 1 }, cohort, 'replace-one'],
    ['on a cohort that is cut off', { kind: 'laplace', scale: 1 }, cut, 'add-remove'],
    ['an unknown number of dimensions', wide, { kind: 'none' }, 'add-remove'],
    ['sigma 2 < 4', { ...wide, sigma: 2, dimensions: 9 }, { kind: 'none' }, 'add-remove'],
    ['it bounds moments', { kind: 'zcdp', rho: 1 }, { kind: 'none' }, 'add-remove'],
    [
      'that a word was sent is seen',
      { kind: 'randomized-response', values: 2, noiseProbability: 0.5 },
      { kind: 'none' },
      'add-remove',
    ],
    [
      'a tree with poisson sampling',
      { kind: 'tree', noiseMultiplier: 1, steps: 4 },
      coins,
      'add-remove',
    ],
    [
      'a skellam mechanism',
      { kind: 'skellam', variance: 9, l1Sensitivity: 1, l2Sensitivity: 1 },
      { kind: 'none' },
      'add-remove',
    ],
  ];

  test.each(cases)('%s', (what, mechanism, sampling, relation) => {
    const attempt = (): unknown => dominatingPairs({ mechanism, sampling, relation });
    expect(attempt).toThrow(PrivacyError);
    expect(attempt).toThrow(what);
  });
});
