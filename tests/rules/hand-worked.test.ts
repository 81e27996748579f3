/**
 * Numbers worked by hand that tell each rule from its neighbours: the same rule off by one, under
 * another preset, or with another centre gives another answer on them.
 */

import { afterAll, describe, expect, test } from 'vitest';
import {
  arc,
  bucketing,
  centeredClipping,
  clipNorm,
  geometricMedian,
  nnm,
} from '../../src/rules/index.ts';
import type { Stage } from '../../src/rules/rule.ts';
import { parseRule } from '../../src/rules/spec.ts';
import { applyTo, referenceBackend } from '../support/rule-subjects.ts';
import type { Rows } from '../support/vectors.ts';

const backend = referenceBackend();
afterAll(() => backend.close());

/** The result of a rule on clients that send one number each. */
async function onColumn(spec: string, column: readonly number[]): Promise<number> {
  const { rows } = await applyTo(backend, parseRule(spec), {
    rows: column.map((value) => [value]),
  });
  return rows[0]![0]!;
}

async function onRows(stage: Stage, rows: Rows): Promise<Rows> {
  return (await applyTo(backend, stage, { rows })).rows;
}

describe('rules by coordinate on 0 2 3 5 6', () => {
  test.each([
    ['mean', 16 / 5, 'all five'],
    ['median', 3, 'the third'],
    ['trimmed-mean:f=1', 10 / 3, '2 3 5'],
    ['trimmed-mean:f=2', 3, '3'],
    ['trimmed-mean-beta:beta=0.39', 10 / 3, '⌊0.39 · 5⌋ = 1 at each end'],
    ['mea-med:f=1', 5 / 2, '0 2 3 5: 0 and 6 are equally far from 3, the lower value is kept'],
    ['mea-med:f=2', 10 / 3, '2 3 5 around 3'],
    ['phocas:f=1', 4, '2 3 5 6 around the trimmed mean 10/3'],
    ['phocas:f=2', 10 / 3, '2 3 5 around 3'],
  ])('%s gives %d: %s', async (spec, want) => {
    // One rounding to f32 of numbers below 4: 2 · 2⁻²⁴.
    expect(Math.abs((await onColumn(spec, [3, 5, 6, 0, 2])) - want)).toBeLessThan(2 ** -22);
  });

  test('the median of an even number of clients is the midpoint', async () => {
    expect(await onColumn('median', [9, 1, 4, 2])).toBe(3);
  });
});

describe('rules by distance on 2 5 10 11 21 22 23, f = 1', () => {
  // Sums of the four least squared distances, of 23 5 10 2 11 22 21 in turn:
  // 318, 326 (9 + 25 + 36 + 256), 211 (1 + 25 + 64 + 121), 515, 218 (1 + 36 + 81 + 100), 267, 226.
  const column = [23, 5, 10, 2, 11, 22, 21];

  test.each([
    ['krum:f=1', 10, '211 is least; unsquared 21 wins, with three neighbours 5, with five 11'],
    ['krum:f=1,preset=byzfl', 11, 'five neighbours: 10 has 355, 11 has 339'],
    ['multi-krum:f=1', 16, '10 11 21 22: n − f − 2 = 4 rows'],
    ['multi-krum:f=1,m=3', 14, '10 11 21'],
    ['multi-krum:f=1,preset=byzfl', 46 / 3, 'all but 2: n − f = 6 rows'],
    ['multi-krum:f=1,preset=flower,m=2,weighting=uniform', 10.5, '10 11'],
    ['monna:f=1,trusted=5', 46 / 3, 'all but 2, the farthest from 22'],
    ['monna:f=3,trusted=4', 7, '11 10 5 2: 2 is nearer to 11 than 21 by one'],
  ])('%s gives %d: %s', async (spec, want) => {
    // One rounding to f32 of numbers below 16: 8 · 2⁻²⁴.
    expect(Math.abs((await onColumn(spec, column)) - want)).toBeLessThan(2 ** -20);
  });
});

describe('Bulyan on 1 7 9 11 13 14 15, f = 1', () => {
  const column = [15, 11, 14, 9, 13, 7, 1];

  test('picks 13 11 14 9 7 in turn and averages 9 11 13 around 11', async () => {
    // Four neighbours: 13 has 1 + 4 + 4 + 16 = 25. Three: 11 has 4 + 9 + 16 = 29. Two: 14 has 1 + 25 = 26.
    // One: 9 and 7 have 4. One: 7 has 36 and so has 1, which comes later.
    expect(await onColumn('bulyan:f=1', column)).toBe(11);
  });

  test('flower picks 13 11 14 9 15 at once and averages 11 13 14 around 13', async () => {
    // Scores 25 33 36 49 57; 11 and 15 are equally far from 13, the lower value is kept.
    expect(await onColumn('bulyan:f=1,preset=flower', column)).toBeCloseTo(38 / 3, 5);
  });
});

describe('ties go to the lowest index', () => {
  test('in Krum', async () => {
    // The two neighbours in the middle score 4 + 64 each.
    expect(await onColumn('krum:f=0', [0, 2, 10, 12])).toBe(2);
    expect(await onColumn('krum:f=0', [12, 10, 2, 0])).toBe(10);
  });

  test('in MoNNA', async () => {
    expect(await onColumn('monna:f=1,trusted=1', [0, 1, 2])).toBe(0.5);
    expect(await onColumn('monna:f=1,trusted=1', [2, 1, 0])).toBe(1.5);
  });

  test('in nearest-neighbour mixing', async () => {
    expect((await onRows(nnm({ f: 1 }), [[0], [1], [2]]))[1]).toEqual([0.5]);
    expect((await onRows(nnm({ f: 1 }), [[2], [1], [0]]))[1]).toEqual([1.5]);
  });

  test('and to the lowest value in a coordinate', async () => {
    expect(await onColumn('mea-med:f=1', [2, 1, 0])).toBe(0.5);
    expect(await onColumn('mea-med:f=1', [0, 1, 2])).toBe(0.5);
  });
});

describe('the geometric median', () => {
  test('of four corners is where the diagonals cross', async () => {
    const corners = [
      [0, 0],
      [0, 2],
      [4, 4],
      [2, 0],
    ];
    const [[x, y]] = (await onRows(geometricMedian(), corners)) as [[number, number]];
    // A gradient of 2 · 10⁻⁹ at most, where the objective bends by 0.9 per unit, and one rounding to f32.
    expect(Math.hypot(x - 1, y - 1)).toBeLessThan(2e-7);
  });

  test('in smoothed steps starts at zero and takes ν for shorter distances', async () => {
    // Weights 1/ν and 1: 10 and 1.
    expect(await onColumn('geometric-median:iterations=1', [0, 1])).toBeCloseTo(1 / 11, 7);
    // Then 1/11 from 0, which is below ν, and 10/11 from 1: weights 10 and 1.1.
    expect(await onColumn('geometric-median:iterations=2', [0, 1])).toBeCloseTo(11 / 111, 7);
    expect(await onColumn('geometric-median:iterations=1,nu=1', [0, 1])).toBe(0.5);
  });
});

describe('centered clipping on 1 and 5 with τ = 2', () => {
  test.each([
    [1, 1.5, '(1 + 2)/2 from zero'],
    [2, 2.25, 'then (−0.5 + 2)/2 more'],
    [3, 2.625, 'then (−1.25 + 2)/2 more'],
  ])('after %d steps is at %d: %s', async (iterations, want) => {
    const rule = centeredClipping({ tau: 2, iterations });
    expect(await onRows(rule, [[1], [5]])).toEqual([[want]]);
  });

  test('starts from the reference of the round', async () => {
    const x = backend.matrix([Float32Array.of(1), Float32Array.of(5)]);
    const reference = backend.matrix([Float32Array.of(10)]);
    const { value } = await centeredClipping({ tau: 2 }).apply(x, backend, { reference });
    expect([...(await backend.read(value))]).toEqual([8]);
  });
});

describe('stages', () => {
  test('clipping shortens what is longer than the limit', async () => {
    const rows = [
      [3, 4],
      [6, 8],
      [0, -1],
    ];
    expect(await onRows(clipNorm({ max: 5 }), rows)).toEqual([
      [3, 4],
      [3, 4],
      [0, -1],
    ]);
  });

  test('arc clips the ⌊2 · 2 · 3/5⌋ = 2 longest of five rows to the third', async () => {
    expect(await onRows(arc({ f: 2 }), [[1], [-5], [3], [4], [-2]])).toEqual([
      [1],
      [-3],
      [3],
      [3],
      [-2],
    ]);
  });

  test('nearest-neighbour mixing counts the row itself among n − f', async () => {
    // 1: 1 2 4. 2: 1 2 4. 4: 4 2 1. 10: 10 4 2.
    expect(await onRows(nnm({ f: 1 }), [[1], [2], [4], [10]])).toEqual(
      [7 / 3, 7 / 3, 7 / 3, 16 / 3].map((value) => [Math.fround(value)]),
    );
  });

  test('bucketing averages each bucket over its own clients', async () => {
    const stage = bucketing({ size: 2, permutation: [2, 0, 1] });
    expect(await onRows(stage, [[1], [2], [9]])).toEqual([[5], [2]]);
  });

  test('bucketing shuffles: buckets depend on the seed and not on arrival', async () => {
    const rows = Array.from({ length: 16 }, (_, i) => [2 ** i]);
    const results = await Promise.all(
      [1, 2, 1].map((seed) => onRows(bucketing({ size: 2, seed }), rows)),
    );
    const arrival = await onRows(bucketing({ size: 2, permutation: [...rows.keys()] }), rows);
    expect(results[0]).toEqual(results[2]);
    expect(results[0]).not.toEqual(results[1]);
    expect(results[0]).not.toEqual(arrival);
  });
});

test('the sign vote counts clients, not sizes, and zeros abstain', async () => {
  expect(await onColumn('sign-vote', [-100, 1, 2, 0])).toBe(1);
  expect(await onColumn('sign-vote', [-100, 1, 0])).toBe(0);
});
