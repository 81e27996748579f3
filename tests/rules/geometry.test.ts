import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createBackend } from '../../src/backend/create-node.ts';
import {
  type Geometry,
  geometryOf,
  nearestTo,
  productsAround,
  squaredDistanceChange,
  squaredDistanceChanges,
  squaredDistancesTo,
  squaredNormOf,
} from '../../src/rules/geometry.ts';

async function geometry(rows: readonly (readonly number[])[]): Promise<Geometry> {
  const ops = await createBackend('reference');
  return geometryOf(ops.matrix(rows.map((row) => Float32Array.from(row))), ops);
}

/** Σ αⱼ xⱼ, entry by entry. */
function combine(rows: readonly (readonly number[])[], alpha: readonly number[]): number[] {
  return rows[0]!.map((_, k) => rows.reduce((sum, row, i) => sum + alpha[i]! * row[k]!, 0));
}

function squaredNorm(x: readonly number[]): number {
  return x.reduce((sum, value) => sum + value * value, 0);
}

function minus(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, j) => value - b[j]!);
}

const entry = fc.integer({ min: -50, max: 50 });
const share = fc.integer({ min: -8, max: 8 }).map((k) => k / 8);
const cohorts = fc.integer({ min: 1, max: 6 }).chain((n) =>
  fc.record({
    rows: fc.array(fc.tuple(entry, entry, entry), { minLength: n, maxLength: n }),
    alpha: fc.array(share, { minLength: n, maxLength: n }),
  }),
);

describe('distances to a combination of rows', () => {
  test('are those of the combination itself, whatever its coefficients add to', async () => {
    await fc.assert(
      fc.asyncProperty(cohorts, async ({ rows, alpha }) => {
        const z = combine(rows, alpha);
        const away = squaredDistancesTo(await geometry(rows), alpha);
        // Terms up to (6 · 50)²·3·4 ≈ 10⁶ in f64.
        rows.forEach((row, i) => {
          expect(away[i]).toBeCloseTo(squaredNorm(minus(row, z)), 8);
        });
        expect(squaredNormOf(await geometry(rows), alpha)).toBeCloseTo(squaredNorm(z), 8);
      }),
      { seed: 11 },
    );
  });

  test('keep their digits on an offset common to all rows', async () => {
    const rows = [0, 1, 2, 5].map((v) => [2 ** 23 + v, 2 ** 23 - v]);
    const away = squaredDistancesTo(await geometry(rows), [0.25, 0.25, 0.25, 0.25]);
    expect(Array.from(away)).toEqual([8, 2, 0, 18]);
  });

  test('keep their digits beside rows that are far away', async () => {
    const rows = [
      [1, 0],
      [0, 1],
      [3e30, 0],
    ];
    const away = squaredDistancesTo(await geometry(rows), [0.5, 0.5, 0]);
    expect(away[0]).toBeCloseTo(0.5, 12);
    expect(away[1]).toBeCloseTo(0.5, 12);
    expect(away[2]! / Math.fround(3e30) ** 2).toBeCloseTo(1, 12);
  });

  test('keep their digits from the zero update', async () => {
    const rows = [
      [3, 4],
      [1e20, 0],
    ];
    expect(squaredDistancesTo(await geometry(rows), [0, 0])[0]).toBe(25);
  });

  test('keep their digits close to a row', async () => {
    const step = 2 ** -30;
    const away = squaredDistancesTo(
      await geometry([
        [1, 0],
        [0, 1],
      ]),
      [1 - step, step],
    );
    expect(away[0]! / (2 * step * step)).toBeCloseTo(1, 12);
  });

  test('stay in range for rows near both ends of f32', async () => {
    for (const unit of [1e-38, 1e37]) {
      const rows = [[3 * unit], [5 * unit], [7 * unit]];
      const away = squaredDistancesTo(await geometry(rows), [0, 1, 0]);
      expect(Math.sqrt(away[0]!) / unit).toBeCloseTo(2, 5);
      expect(away[1]).toBe(0);
    }
  });
});

describe('changes of distances', () => {
  test('are the difference between two points', async () => {
    await fc.assert(
      fc.asyncProperty(cohorts, fc.nat(5), fc.nat(5), async ({ rows, alpha }, a, b) => {
        const n = rows.length;
        const seen = await geometry(rows);
        const total = alpha.reduce((sum, value) => sum + value, 0);
        const to = alpha.map((value, i) => value + (i === 0 ? 1 - total : 0));
        const from = rows.map((_, i) => (i === a % n ? 1 : 0));
        const changes = squaredDistanceChanges(seen, from, to);
        rows.forEach((row, i) => {
          const before = squaredNorm(minus(row, rows[a % n]!));
          const after = squaredNorm(minus(row, combine(rows, to)));
          expect(changes[i]).toBeCloseTo(after - before, 7);
          const [k, l] = [a % n, b % n];
          expect(squaredDistanceChange(seen, { i, from: k, to: l })).toBe(
            squaredNorm(minus(row, rows[l]!)) - squaredNorm(minus(row, rows[k]!)),
          );
        });
      }),
      { seed: 12 },
    );
  });

  test('are seen on the scale of the step by a row very far away', async () => {
    const seen = await geometry([[1], [3], [2 ** 80]]);
    // (2⁸⁰ − 3)² − (2⁸⁰ − 1)² = −2²·2⁸⁰ + 8, while the squares themselves are near 2¹⁶⁰.
    expect(squaredDistanceChange(seen, { i: 2, from: 0, to: 1 })).toBe(-(2 ** 82));
    expect(squaredDistanceChanges(seen, [1, 0, 0], [0, 1, 0])[2]).toBe(-(2 ** 82));
  });
});

test('products around a point are those of the rows moved by it', async () => {
  const rows = [
    [1, 2],
    [4, -2],
    [7, 3],
  ];
  const mean = combine(rows, [1 / 3, 1 / 3, 1 / 3]);
  const around = productsAround(await geometry(rows), [1 / 3, 1 / 3, 1 / 3]);
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 3; j++) {
      const [a, b] = [minus(rows[i]!, mean), minus(rows[j]!, mean)];
      expect(around[3 * i + j]).toBeCloseTo(a[0]! * b[0]! + a[1]! * b[1]!, 12);
    }
  }
});

test('the nearest rows begin with the row itself, and infinite rows come last', async () => {
  const seen = await geometry([
    [Number.POSITIVE_INFINITY],
    [5],
    [5],
    [6],
    [Number.NEGATIVE_INFINITY],
  ]);
  expect(nearestTo(seen, 2)).toEqual([2, 1, 3, 0, 4]);
  expect(nearestTo(seen, 0)).toEqual([0, 1, 2, 3, 4]);
  expect(nearestTo(seen, 4)).toEqual([4, 1, 2, 3, 0]);
});
