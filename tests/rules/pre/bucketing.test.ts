import { describe, expect, test } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import { bucketing } from '../../../src/rules/pre/bucketing.ts';
import { applyTo } from '../../support/apply.ts';

describe('bucketing', () => {
  test('averages consecutive groups of a permutation, the last one shorter', async () => {
    const stage = bucketing({ size: 2, permutation: [2, 0, 1] });
    const { rows, weights, rowOf } = await applyTo(stage, [1, 2, 6]);
    expect(rows).toEqual([[3.5], [2]]);
    expect(weights).toEqual([
      [0.5, 0, 0.5],
      [0, 1, 0],
    ]);
    expect(rowOf).toEqual([0, 1, 0]);
    expect(stage.rowsOut?.(3)).toBe(2);
    expect(stage.rowsOut?.(4)).toBe(2);
  });

  test('shuffles with ChaCha20 from the seed, anew on each use', async () => {
    const stage = bucketing({ size: 1, seed: 42 });
    const first = await applyTo(stage, [0, 1, 2, 3, 4]);
    expect(first.rows.flat()).toEqual(createRandom(42).permutation(5));
    expect((await applyTo(stage, [0, 1, 2, 3, 4])).rows).toEqual(first.rows);
    const other = bucketing({ size: 1, seed: new Uint8Array(32).fill(3) });
    expect((await applyTo(other, [0, 1, 2, 3, 4])).rows).not.toEqual(first.rows);
  });

  test('keeps an infinity in its bucket', async () => {
    const stage = bucketing({ size: 2, permutation: [0, 1, 2, 3] });
    const inf = Number.POSITIVE_INFINITY;
    expect((await applyTo(stage, [inf, 1, 2, 4])).rows).toEqual([[inf], [3]]);
  });

  test('refuses what is no permutation, size or seed', async () => {
    const wrong = 'permutation must hold each of 0 … 2 once, got an array of 3';
    for (const permutation of [
      [0, 1, 1],
      [1, 2, 3],
      [0, 1, 1.5],
    ]) {
      await expect(applyTo(bucketing({ size: 2, permutation }), [1, 2, 3])).rejects.toThrow(wrong);
    }
    expect(() => bucketing({ size: 0, seed: 1 })).toThrow('size must be at least 1, got 0');
    expect(() => bucketing({ size: 2, seed: -1 })).toThrow('seed must be at least 0, got -1');
  });
});
