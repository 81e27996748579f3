import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { topEigenpair, topEigenvalue } from '../../src/core/symmetric.ts';

/** ‖A·v − λ·v‖ and ‖v‖. */
function residual(a: Float64Array, n: number): { residual: number; length: number; value: number } {
  const { value, vector } = topEigenpair(a, n);
  const away = Array.from({ length: n }, (_, i) => {
    let sum = -value * vector[i]!;
    for (let j = 0; j < n; j++) sum += a[i * n + j]! * vector[j]!;
    return sum;
  });
  return { residual: Math.hypot(...away), length: Math.hypot(...vector), value };
}

function symmetric(entries: readonly number[], n: number): Float64Array {
  const a = new Float64Array(n * n);
  for (let i = 0, k = 0; i < n; i++) {
    for (let j = 0; j <= i; j++, k++) a[i * n + j] = a[j * n + i] = entries[k]!;
  }
  return a;
}

describe('topEigenpair', () => {
  test('finds (3, (1, 1)/√2) for [[2, 1], [1, 2]]', () => {
    const { value, vector } = topEigenpair(Float64Array.of(2, 1, 1, 2), 2);
    expect(value).toBeCloseTo(3, 14);
    expect(Math.abs(vector[0]!)).toBeCloseTo(Math.SQRT1_2, 14);
    expect(vector[0]).toBeCloseTo(vector[1]!, 14);
  });

  test('finds (3, (1, −1)/√2) for [[2, −1], [−1, 2]], at right angles to a constant start', () => {
    const { value, vector } = topEigenpair(Float64Array.of(2, -1, -1, 2), 2);
    expect(value).toBeCloseTo(3, 14);
    expect(vector[0]).toBeCloseTo(-vector[1]!, 14);
  });

  test('takes the largest eigenvalue, not the one of largest absolute value', () => {
    expect(topEigenvalue(Float64Array.of(-5, 0, 0, 1), 2)).toBe(1);
    expect(topEigenvalue(Float64Array.of(-5), 1)).toBe(-5);
  });

  test('finds the eigenvalue 4·cos²(π/2(n+1)) of the second difference matrix', () => {
    const n = 40;
    const a = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      a[i * n + i] = 2;
      if (i > 0) a[i * n + i - 1] = a[(i - 1) * n + i] = -1;
    }
    const expected = 4 * Math.cos(Math.PI / (2 * (n + 1))) ** 2;
    expect(topEigenvalue(a, n)).toBeCloseTo(expected, 13);
  });

  test('finds the eigenvalue n of the matrix of ones, and 1 of the identity', () => {
    expect(residual(new Float64Array(49).fill(1), 7).value).toBeCloseTo(7, 13);
    const identity = Float64Array.from({ length: 25 }, (_, i) => (i % 6 === 0 ? 1 : 0));
    expect(residual(identity, 5)).toEqual({ residual: 0, length: 1, value: 1 });
  });

  test('gives 0 and a unit vector for the zero matrix', () => {
    const { value, vector } = topEigenpair(new Float64Array(9), 3);
    expect(value).toBe(0);
    expect(Math.hypot(...vector)).toBeCloseTo(1, 14);
  });

  test('keeps its digits at 1e±150', () => {
    for (const unit of [1e-150, 1e150]) {
      expect(topEigenvalue(Float64Array.of(2 * unit, unit, unit, 2 * unit), 2) / unit).toBeCloseTo(
        3,
        13,
      );
    }
  });

  test('satisfies A·v = λ·v, and no Rayleigh quotient is larger', () => {
    const entry = fc.double({ min: -10, max: 10, noNaN: true });
    const matrices = fc
      .integer({ min: 1, max: 12 })
      .chain((n) => fc.tuple(fc.constant(n), fc.array(entry, { minLength: 78, maxLength: 78 })));
    const directions = fc.array(entry, { minLength: 12, maxLength: 12 });
    fc.assert(
      fc.property(matrices, directions, ([n, entries], direction) => {
        const a = symmetric(entries, n);
        const { residual: away, length, value } = residual(a, n);
        // Backward error of the reduction: a modest multiple of n · 2⁻⁵² · ‖A‖, with ‖A‖ ≤ 10·n.
        const tolerance = 100 * n * n * 10 * Number.EPSILON;
        expect(away).toBeLessThanOrEqual(tolerance);
        expect(length).toBeCloseTo(1, 12);
        const x = direction.slice(0, n);
        let quotient = 0;
        for (let i = 0; i < n; i++) {
          for (let j = 0; j < n; j++) quotient += x[i]! * a[i * n + j]! * x[j]!;
        }
        const square = x.reduce((sum, c) => sum + c * c, 0);
        expect(quotient).toBeLessThanOrEqual((value + tolerance) * square + tolerance);
      }),
      { seed: 1, numRuns: 300 },
    );
  });
});
