import { describe, expect, test } from 'vitest';
import { exampleWeights } from '../../src/rules/example-weights.ts';
import { weightedMean } from '../../src/rules/weighted-mean.ts';
import { applyTo } from '../support/apply.ts';

describe('the weighted mean', () => {
  test('takes the example counts of the round', async () => {
    const { value, weights } = await applyTo(weightedMean(), [0, 4], { exampleCounts: [1, 3] });
    expect(value).toEqual([3]);
    expect(weights).toEqual([[0.25, 0.75]]);
  });

  test('prefers weights of its own, in any unit', async () => {
    const rule = weightedMean({ weights: [3e-300, 1e-300] });
    expect((await applyTo(rule, [0, 4], { exampleCounts: [1, 3] })).value).toEqual([1]);
  });

  test('does not overflow on absurd claims', async () => {
    const round = { exampleCounts: [1.5e308, 1.5e308, 0] };
    expect((await applyTo(weightedMean(), [2, 4, 100], round)).value).toEqual([3]);
  });

  test('does not read a row of weight 0', async () => {
    const round = { exampleCounts: [1, 0] };
    expect((await applyTo(weightedMean(), [5, Number.NaN], round)).value).toEqual([5]);
  });

  test('says what is wrong with its weights', async () => {
    const apply = (exampleCounts?: number[]) =>
      applyTo(weightedMean(), [1, 2], exampleCounts && { exampleCounts });
    await expect(apply()).rejects.toMatchObject({ code: 'constraint' });
    await expect(apply([0, 0])).rejects.toThrow('weighted-mean needs a weight above 0, all are 0');
    await expect(apply([1])).rejects.toThrow(
      'weighted-mean needs one weight for each of 2 rows, got an array of 1',
    );
    await expect(apply([1, -1])).rejects.toThrow(
      'weight of row 1 must be finite and at least 0, got -1',
    );
    await expect(apply([1, Number.NaN])).rejects.toThrow('weight of row 1');
  });

  test('weighs as many clients as there are', () => {
    const n = 200_000;
    const weights = exampleWeights('weighted-mean', {
      counts: new Array<number>(n).fill(3),
      rows: Array.from({ length: n }, (_, row) => row),
      n,
    });
    expect(weights[n - 1]).toBe(1 / n);
  });
});
