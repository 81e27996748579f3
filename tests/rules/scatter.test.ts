import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Geometry } from '../../src/rules/geometry.ts';
import {
  leastOfScatter,
  resolutionFor,
  ScatterBound,
  topOfScatter,
} from '../../src/rules/scatter.ts';
import { type Rows, squaredDistance, subsets } from '../support/vectors.ts';

/** What the bound looks at: distances alone. */
function geometryOf(rows: Rows): Geometry {
  const squaredDistances = Float64Array.from(
    rows.flatMap((a) => rows.map((b) => squaredDistance(a, b))),
  );
  const finite = rows.map(() => true);
  return { n: rows.length, products: new Float64Array(), squaredDistances, finite };
}

const all = (rows: Rows): number[] => [...rows.keys()];

describe('the scatter of some rows', () => {
  test('has the top eigenvalue of Σ (xᵢ − μ)(xᵢ − μ)ᵀ', () => {
    // Around (1, 1): (±1, 0) twice and (0, ±2), so the eigenvalues are 2 and 8.
    const rows = [
      [0, 1],
      [2, 1],
      [1, 3],
      [1, -1],
    ];
    expect(topOfScatter(geometryOf(rows), all(rows))).toBeCloseTo(8, 13);
    // Three coefficients that add to 0 for two dimensions: the third direction has nothing.
    expect(leastOfScatter(geometryOf(rows), all(rows))).toBeCloseTo(0, 13);
    expect(leastOfScatter(geometryOf(rows), [0, 1, 2])).toBeCloseTo(2, 13);
  });

  test('is the same in every direction for the corners of a simplex', () => {
    const rows = Array.from({ length: 6 }, (_, i) =>
      all([[], [], [], [], [], []]).map((j) => (i === j ? 3 : 0)),
    );
    expect(topOfScatter(geometryOf(rows), all(rows))).toBeCloseTo(9, 13);
    expect(leastOfScatter(geometryOf(rows), all(rows))).toBeCloseTo(9, 13);
  });
});

describe('the bound on the top eigenvalue of all subsets', () => {
  const entry = fc.oneof(
    fc.integer({ min: -3, max: 3 }),
    fc.double({ min: -3, max: 3, noNaN: true }),
  );
  const parts = fc
    .record({ n: fc.integer({ min: 3, max: 9 }), d: fc.integer({ min: 1, max: 12 }) })
    .chain(({ n, d }) =>
      fc.record({
        rows: fc.array(fc.array(entry, { minLength: d, maxLength: d }), {
          minLength: n,
          maxLength: n,
        }),
        // What becomes of each row: kept, left out, or open.
        fates: fc.array(fc.constantFrom('kept', 'out', 'open', 'open'), {
          minLength: n,
          maxLength: n,
        }),
        direction: fc.array(entry, { minLength: n, maxLength: n }),
        size: fc.integer({ min: 2, max: n - 1 }),
      }),
    );

  test('never drops a part that holds a subset within the limit', () => {
    let dropped = 0;
    fc.assert(
      fc.property(parts, ({ rows, fates, direction, size }) => {
        const geometry = geometryOf(rows);
        const open = all(rows).filter((i) => fates[i] !== 'out');
        const kept = Uint8Array.from(fates, (fate) => Number(fate === 'kept'));
        const keptRows = open.filter((i) => kept[i] === 1);
        fc.pre(open.length >= size && keptRows.length <= size);
        const tops = [...subsets(open.length, size)]
          .map((chosen) => chosen.map((k) => open[k]!))
          .filter((chosen) => keptRows.every((row) => chosen.includes(row)))
          .map((chosen) => topOfScatter(geometry, chosen));
        const limit = Math.min(...tops);
        fc.pre(geometry.squaredDistances.every((distance) => distance <= 8 * limit));
        const bound = new ScatterBound(geometry, { rows: all(rows), size, limit });
        const part = { rows: open, kept, direction: Float64Array.from(direction) };
        expect(bound.look(part, limit)).toBeDefined();
        if (bound.look(part, 0.8 * limit) === undefined) dropped++;
      }),
      { seed: 12, numRuns: 2000 },
    );
    // It is a bound that bites: with a limit a fifth too low most parts go.
    expect(dropped).toBeGreaterThan(1000);
  });

  test('is the eigenvalue itself where only one subset is left', () => {
    const rows = Array.from({ length: 8 }, (_, i) => [Math.sin(i), Math.cos(3 * i), i % 3]);
    const geometry = geometryOf(rows);
    const top = topOfScatter(geometry, all(rows));
    const bound = new ScatterBound(geometry, { rows: all(rows), size: 8, limit: top });
    const part = { rows: all(rows), kept: new Uint8Array(8), direction: new Float64Array(8) };
    expect(bound.look(part, top)).toBeDefined();
    expect(bound.look(part, top * (1 - 1e-9))).toBeUndefined();
  });

  test('holds what differs by rounding for equal, and by no more than 10⁻⁹ for 60 rows', () => {
    expect(resolutionFor(60)).toBeLessThan(1e-9);
    expect(resolutionFor(60)).toBeGreaterThan(60 * 2 ** -53);
  });
});
