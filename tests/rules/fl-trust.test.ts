import { describe, expect, test } from 'vitest';
import { flTrust } from '../../src/rules/fl-trust.ts';
import { applyTo } from '../support/apply.ts';

const INF = Number.POSITIVE_INFINITY;

describe('FLTrust', () => {
  test('scales rows to the root and weighs them by their cosine to it', async () => {
    // Cosines 0.6, −1, 0 and 1 to the root (2, 0): (0.6·(1.2, 1.6) + (2, 0)) / 1.6.
    const rows = [
      [3, 4],
      [-1, 0],
      [0, 5],
      [4, 0],
    ];
    const { value, evidence } = await applyTo(flTrust(), rows, { reference: [2, 0] });
    expect(value[0]).toBeCloseTo(1.7, 6);
    expect(value[1]).toBeCloseTo(0.6, 6);
    expect(evidence?.map(({ score }) => score)).toEqual([0.6, 0, 0, 1]);
    expect(evidence?.[1]?.reason).toBe('does not go the way of the root update');
  });

  test('gives zero where nobody goes the way of the root', async () => {
    const { value, weights } = await applyTo(flTrust(), [-1, -5, 0, -INF], { reference: [3] });
    expect(value).toEqual([0]);
    expect(weights).toEqual([[0, 0, 0, 0]]);
  });

  test('takes the median for the root where it is told to', async () => {
    // The median is (1, 2); cosines to it are 1, 0.8 and 0.8.
    const rows = [[1, 2], [-3, 4].map((value) => -value), [5, 0]];
    const { evidence } = await applyTo(flTrust({ root: 'median' }), rows);
    expect(evidence?.[0]?.clipFactor).not.toBeUndefined();
    expect((await applyTo(flTrust({ root: 'median' }), [4, 4, 4])).value).toEqual([4]);
  });

  test('refuses a round without a root, and a root that is none', async () => {
    await expect(applyTo(flTrust(), [1, 2])).rejects.toThrow(
      'fl-trust needs an update of the server’s own',
    );
    await expect(applyTo(flTrust(), [1, 2], { reference: [INF] })).rejects.toThrow(
      'fl-trust needs a reference without infinities',
    );
  });
});
