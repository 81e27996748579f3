import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { geometricMedian } from '../../src/rules/geometric-median.ts';
import { applyTo, BYZFL_ROWS } from '../support/apply.ts';

const INF = Number.POSITIVE_INFINITY;

/** Σ wᵢ xᵢ in f64: the result before it is rounded to f32. */
function exactly(rows: readonly (readonly number[])[], weights: readonly number[]): number[] {
  return rows[0]!.map((_, j) => rows.reduce((sum, row, i) => sum + weights[i]! * row[j]!, 0));
}

function objective(rows: readonly (readonly number[])[], z: readonly number[]): number {
  return rows.reduce((sum, row) => sum + Math.hypot(...row.map((v, j) => v - z[j]!)), 0);
}

describe('the geometric median', () => {
  test('of four corners is where the diagonals cross', async () => {
    const rows = [
      [0, 0],
      [6, 0],
      [6, 6],
      [0, 3],
    ];
    const { value } = await applyTo(geometricMedian(), rows);
    expect(value[0]).toBeCloseTo(2, 6);
    expect(value[1]).toBeCloseTo(2, 6);
  });

  test('of a triangle with an angle above 120° is that corner, to the bit', async () => {
    const { value, weights } = await applyTo(geometricMedian(), [
      [10, 1],
      [0.1, 0.2],
      [-10, 1],
    ]);
    expect(value).toEqual([Math.fround(0.1), Math.fround(0.2)]);
    expect(weights).toEqual([[0, 1, 0]]);
  });

  test('of a triangle with smaller angles sees each side under 120°', async () => {
    const rows = [
      [0, 0],
      [4, 0],
      [1, 3],
    ];
    const { weights } = await applyTo(geometricMedian(), rows);
    const z = exactly(rows, weights![0]!);
    const units = rows.map((row) => {
      const away = row.map((v, j) => v - z[j]!);
      return away.map((v) => v / Math.hypot(...away));
    });
    // By 1e-9 of the objective the unit vectors add to at most n · 1e-9.
    expect(Math.hypot(...[0, 1].map((j) => units.reduce((sum, u) => sum + u[j]!, 0)))).toBeLessThan(
      3e-9,
    );
  });

  test('of points on a line is their median, the mean of the middle ones for an even number', async () => {
    expect((await applyTo(geometricMedian(), [0, 100, 2, 3, 1])).value).toEqual([2]);
    expect((await applyTo(geometricMedian(), [0, 100, 2, 1])).value).toEqual([1.5]);
    expect((await applyTo(geometricMedian(), [4, 1])).value).toEqual([2.5]);
    expect((await applyTo(geometricMedian(), [4])).value).toEqual([4]);
  });

  test('of rows of which more than half agree is that row', async () => {
    const rows = [
      [1, 2],
      [5, 7],
      [1, 2],
      [1, 2],
      [-9, 3],
    ];
    expect((await applyTo(geometricMedian(), rows)).value).toEqual([1, 2]);
  });

  test('is lower than every point nearby, on any input', async () => {
    const entry = fc.integer({ min: -20, max: 20 });
    const cohorts = fc.array(fc.tuple(entry, entry, entry), { minLength: 1, maxLength: 9 });
    await fc.assert(
      fc.asyncProperty(cohorts, fc.tuple(entry, entry, entry), async (rows, direction) => {
        const { weights } = await applyTo(geometricMedian(), rows);
        const z = exactly(rows, weights![0]!);
        const here = objective(rows, z);
        for (const step of [1, 1e-2, 1e-4, -1e-4, -1e-2, -1]) {
          const there = z.map((v, j) => v + step * direction[j]!);
          expect(objective(rows, there)).toBeGreaterThanOrEqual(here * (1 - 1e-9));
        }
      }),
      { seed: 5, numRuns: 300 },
    );
  });

  test('converges where rows all but lie on a line', async () => {
    const rows = Array.from({ length: 20 }, (_, i) => [
      Math.sin(i * i),
      1e-4 * Math.cos(7 * i * i),
    ]);
    const { weights } = await applyTo(geometricMedian(), rows);
    const f32Rows = rows.map((row) => row.map(Math.fround));
    const z = exactly(f32Rows, weights![0]!);
    const here = objective(f32Rows, z);
    for (const step of [1e-2, 1e-3, 1e-4, 1e-5]) {
      for (const [a, b] of [
        [1, 0],
        [-1, 0],
        [0, 1],
        [0, -1],
        [1, 1e-3],
        [-1, 1e-3],
      ] as const) {
        const there = [z[0]! + a * step, z[1]! + b * step];
        expect(objective(f32Rows, there)).toBeGreaterThanOrEqual(here * (1 - 1e-9));
      }
    }
  });

  test('is found on the honest scale, however far away the attackers are', async () => {
    const honest = [
      [0, 0],
      [6, 0],
      [6, 6],
      [0, 3],
    ];
    // Two attackers far away on opposite sides pull in opposite directions: nothing but the corners is left.
    const rows = [...honest, [1e30, 0], [-1e30, 0]];
    const { value } = await applyTo(geometricMedian(), rows);
    expect(value[0]).toBeCloseTo(2, 5);
    expect(value[1]).toBeCloseTo(2, 5);
    const oneSided = await applyTo(geometricMedian(), [0, 1, 2, 1e30, 1e30]);
    expect(oneSided.value).toEqual([2]);
  });

  test('leaves rows with infinities out, and is zero if no other is there', async () => {
    const { value, evidence } = await applyTo(geometricMedian(), [INF, 1, 2, 5, -INF]);
    expect(value).toEqual([2]);
    expect(evidence?.[0]).toEqual({ selected: false, reason: 'left out: holds an infinity' });
    expect(evidence?.[3]).toEqual({ score: 3 });
    expect((await applyTo(geometricMedian(), [INF, -INF])).value).toEqual([0]);
  });
});

describe('smoothed Weiszfeld steps', () => {
  test('start from zero with weights 1/max(ν, distance)', async () => {
    // Weights 1, 1/2, 1/4: (1 + 1 + 1)/(7/4) = 12/7.
    const { value } = await applyTo(geometricMedian({ iterations: 1, nu: 0.1 }), [1, 2, 4]);
    expect(value[0]).toBeCloseTo(12 / 7, 6);
    // ν = 2 makes the first two weights 1/2: (1/2 + 1 + 1)/(5/4) = 2.
    expect((await applyTo(geometricMedian({ iterations: 1, nu: 2 }), [1, 2, 4])).value).toEqual([
      2,
    ]);
  });

  test('take ν = 0.1 by default', async () => {
    // The distances 0 and 1 give the weights 10 and 1.
    const { value } = await applyTo(geometricMedian({ iterations: 1 }), [0, 1]);
    expect(value[0]).toBeCloseTo(1 / 11, 7);
  });

  test('agree with byzfl’s documentation for ν = 0.1 and three steps', async () => {
    const { value } = await applyTo(geometricMedian({ iterations: 3 }), BYZFL_ROWS);
    for (const [j, expected] of [3.78788764, 4.78788764, 5.78788764].entries()) {
      expect(value[j]).toBeCloseTo(expected, 6);
    }
  });

  test('give zero weight to rows with infinities', async () => {
    const rule = geometricMedian({ iterations: 2 });
    const { value } = await applyTo(rule, [INF, 1, 2, 4]);
    expect(value).toEqual((await applyTo(rule, [1, 2, 4])).value);
  });

  test('refuse options that would be ignored', () => {
    expect(() => geometricMedian({ nu: 0.1 })).toThrow(
      'nu is for smoothed steps: it needs iterations, got only nu = 0.1',
    );
    expect(() => geometricMedian({ iterations: 0 })).toThrow(
      'iterations must be at least 1, got 0',
    );
    expect(() => geometricMedian({ iterations: 3, nu: 0 })).toThrow('nu must be above 0, got 0');
  });
});
