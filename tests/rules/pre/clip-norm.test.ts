import { expect, test } from 'vitest';
import { clipNorm } from '../../../src/rules/pre/clip-norm.ts';
import { applyTo, f32 } from '../../support/apply.ts';

test('clipping scales longer rows down to the norm and leaves the others to the bit', async () => {
  const { rows, weights, evidence } = await applyTo(clipNorm({ max: 1 }), [
    [3, 4],
    [0.3, -0.4],
    [0, 0],
  ]);
  expect(rows).toEqual([
    [f32(0.6), f32(0.8)],
    [f32(0.3), f32(-0.4)],
    [0, 0],
  ]);
  expect(weights).toEqual([
    [0.2, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ]);
  expect(evidence).toEqual([
    { clipFactor: 0.2, reason: 'norm 5.000 clipped to 1.000' },
    { clipFactor: 1 },
    { clipFactor: 1 },
  ]);
});

test('clipping works for norms beyond f32 and for the smallest numbers', async () => {
  const huge = await applyTo(clipNorm({ max: 1 }), [[3e38, 3e38]]);
  expect(huge.rows[0]![0]).toBeCloseTo(Math.SQRT1_2, 6);
  const tiny = await applyTo(clipNorm({ max: 1e-40 }), [[3e-40, 4e-40]]);
  // Subnormals of f32 are multiples of 2⁻¹⁴⁹ ≈ 1.4e-45.
  expect(Math.abs(tiny.rows[0]![0]! - 0.6e-40)).toBeLessThan(2 ** -149);
});

test('clipping makes a row with an infinity the zero update', async () => {
  const { rows, evidence } = await applyTo(clipNorm({ max: 2 }), [
    [Number.NEGATIVE_INFINITY, 1],
    [1, 1],
  ]);
  expect(rows).toEqual([
    [0, 0],
    [1, 1],
  ]);
  expect(evidence?.[0]).toEqual({ clipFactor: 0, reason: 'norm Infinity clipped to 2.000' });
});

test('clipping asks for a norm above 0', () => {
  expect(() => clipNorm({ max: 0 })).toThrow('max must be above 0, got 0');
  expect(() => clipNorm({ max: Number.POSITIVE_INFINITY })).toThrow('max must be a finite number');
});
