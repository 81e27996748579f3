import { describe, expect, test } from 'vitest';
import { AggregationError } from '../../src/core/errors.ts';
import { trimmedMean } from '../../src/rules/trimmed-mean.ts';
import { trimmedMeanBeta } from '../../src/rules/trimmed-mean-beta.ts';
import { applyTo, f32, TELLING_COLUMN } from '../support/apply.ts';

describe('the trimmed mean', () => {
  test('drops f values at each end of each column', async () => {
    // −1 0 | 1 2 8.5 | 8.5 100: 11.5/3
    const { value } = await applyTo(trimmedMean({ f: 2 }), TELLING_COLUMN);
    expect(value).toEqual([f32(23 / 6)]);
    expect((await applyTo(trimmedMean({ f: 0 }), TELLING_COLUMN)).value).toEqual([17]);
  });

  test('adds only what it keeps, so huge and infinite values leave no trace', async () => {
    const inf = Number.POSITIVE_INFINITY;
    expect((await applyTo(trimmedMean({ f: 1 }), [1e38, 1, 2, 3, -1e38])).value).toEqual([2]);
    expect((await applyTo(trimmedMean({ f: 2 }), [inf, 1, 2, 3, inf])).value).toEqual([3]);
    expect((await applyTo(trimmedMean({ f: 1 }), [inf, 1, 2, 3, -inf])).value).toEqual([2]);
  });

  test('states its condition', async () => {
    const rule = trimmedMean({ f: 2 });
    expect(rule.minClients).toBe(5);
    await expect(applyTo(rule, [1, 2, 3, 4])).rejects.toThrow(
      new AggregationError(
        'constraint',
        'trimmed-mean needs n ≥ 2f + 1 = 5 clients for f = 2, got 4',
      ),
    );
    expect(() => trimmedMean({ f: -1 })).toThrow('f must be at least 0, got -1');
    expect(() => trimmedMean({ f: 1.5 })).toThrow('f must be an integer, got 1.5');
  });
});

describe('the trimmed mean by a fraction', () => {
  test('drops ⌊βn⌋ at each end, the product taken in double precision', async () => {
    // 100 · 0.29 is 28.999999999999996: ranks 28 … 71 remain of 0 … 99, all but the top one in balance.
    const rows = Array.from({ length: 100 }, (_, i) => (i === 71 ? 71 + 44 : i));
    expect((await applyTo(trimmedMeanBeta({ beta: 0.29 }), rows)).value).not.toEqual([49.5]);
    const plain = Array.from({ length: 100 }, (_, i) => (i < 28 ? -1000 : i));
    expect((await applyTo(trimmedMeanBeta({ beta: 0.29 }), plain)).value).toEqual([49.5]);
  });

  test('drops nothing where βn is below 1', async () => {
    expect((await applyTo(trimmedMeanBeta({ beta: 0.2 }), [0, 0, 0, 8])).value).toEqual([2]);
    expect((await applyTo(trimmedMeanBeta({ beta: 0.25 }), [0, 0, 0, 8])).value).toEqual([0]);
  });

  test('refuses a half, which would leave nothing', () => {
    expect(() => trimmedMeanBeta({ beta: 0.5 })).toThrow('beta must be in [0, 0.5), got 0.5');
    expect(() => trimmedMeanBeta({ beta: Number.NaN })).toThrow('beta must be a finite number');
  });
});
