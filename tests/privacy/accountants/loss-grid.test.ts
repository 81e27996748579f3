import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createLossGrid } from '../../../src/privacy/accountants/loss-grid.ts';

describe('a grid of losses', () => {
  test('has all multiples near 0, then every second, then every fourth', () => {
    const grid = createLossGrid(1, 4);
    const indices = Array.from({ length: 18 }, (_, place) => grid.indexOf(place));
    expect(indices).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40]);
    expect([-7, -8, -9, -12, -13].map(grid.indexOf)).toEqual([-7, -8, -10, -16, -20]);
  });

  test('finds the place at or below any loss', () => {
    const loss = fc.double({ min: -1e9, max: 1e9, noNaN: true });
    const interval = fc.double({ min: 1e-9, max: 10, noNaN: true });
    fc.assert(
      fc.property(loss, interval, fc.constantFrom(1, 4, 128, 2 ** 14), (l, h, resolution) => {
        const grid = createLossGrid(h, resolution);
        const place = grid.placeBelow(l);
        expect(grid.lossOf(place)).toBeLessThanOrEqual(l);
        expect(grid.lossOf(place + 1)).toBeGreaterThan(l);
        // A step is an interval, or at most 1/resolution of the loss.
        const step = grid.lossOf(place + 1) - grid.lossOf(place);
        expect(step).toBeLessThanOrEqual(Math.max(h, Math.abs(l) / resolution) * (1 + 2 ** -40));
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  test('finds a place by its own loss', () => {
    const grid = createLossGrid(1e-4, 64);
    for (let place = -2000; place <= 2000; place++) {
      expect(grid.placeBelow(grid.lossOf(place))).toBe(place);
    }
  });
});
