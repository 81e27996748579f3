import { describe, expect, test } from 'vitest';
import { aggregate } from '../../src/index.ts';
import { foolsGold } from '../../src/rules/fools-gold.ts';
import { pipeline } from '../../src/rules/pipeline.ts';
import { bucketing } from '../../src/rules/pre/bucketing.ts';
import { clipNorm } from '../../src/rules/pre/clip-norm.ts';
import { applyTo, reference } from '../support/apply.ts';

const INF = Number.POSITIVE_INFINITY;

/** On the rows of one round alone, as in the first. */
const atOnce = foolsGold({ over: 'this-round' });

describe('FoolsGold', () => {
  test('takes weight from clients by how alike they are', async () => {
    // cos = ½ between the first two, 0 to the third: shares ½, ½, 1. The logit of ½ is 0, so they count
    // ½, ½ and 1.
    const rows = [
      [1, 1, 0],
      [1, 0, 1],
      [1, -1, -1],
    ];
    const { weights, evidence } = await applyTo(atOnce, rows);
    expect(weights![0]![0]).toBeCloseTo(0.25, 12);
    expect(weights![0]![1]).toBeCloseTo(0.25, 12);
    expect(weights![0]![2]).toBeCloseTo(0.5, 12);
    expect(evidence?.[2]?.score).toBe(1);
  });

  test('pardons a client that is like a sybil without being one', async () => {
    // The last two are the same; the first is at cosine 0.6 from both, and v₁ = 0.6 < v₂ = 1. So its
    // likeness is 0.36, its share 0.64: alone above 0, hence 1 after division.
    const rows = [
      [3, 4],
      [1, 0],
      [1, 0],
    ];
    const { weights, evidence } = await applyTo(atOnce, rows);
    expect(weights).toEqual([[1, 0, 0]]);
    expect(evidence?.[1]?.reason).toBe('another client has sent the like');
  });

  test('compares what clients have sent in all, where that is known', async () => {
    const rows = [
      [1, 0],
      [1, 0],
      [0, 1],
    ].map((row) => Float32Array.from(row));
    const past = [
      [0, 9],
      [9, 0],
      [0, -9],
    ].map((row) => Float32Array.from(row));
    const x = reference.matrix(rows);
    const { weights } = await foolsGold().apply(x, reference, { past: reference.matrix(past) });
    // Sums (1, 9), (10, 0) and (0, −8): the first two are hardly alike any more.
    expect(weights![0]!.every((weight) => weight > 0.3)).toBe(true);
    const now = await atOnce.apply(x, reference, { past: reference.matrix(past) });
    expect(now.weights).toEqual([[0, 0, 1]]);
    const short = reference.matrix(past.slice(1));
    await expect(foolsGold().apply(x, reference, { past: short })).rejects.toThrow(
      'fools-gold needs a past of 3×2, got 2×2',
    );
  });

  test('is given the past by aggregate, and refuses without', async () => {
    const updates = new Map([
      ['a', Float32Array.of(1, 0)],
      ['b', Float32Array.of(1, 0)],
      ['c', Float32Array.of(0, 1)],
    ]);
    // In all (1, 3), (3, 0) and, new, (0, 1).
    const past = new Map([
      ['a', Float32Array.of(0, 3)],
      ['b', Float32Array.of(2, 0)],
    ]);
    const { clients } = await aggregate(updates, foolsGold(), { backend: 'reference', past });
    expect(clients.map(({ weight }) => weight! > 0)).toEqual([false, true, false]);
    await expect(aggregate(updates, foolsGold(), { backend: 'reference' })).rejects.toMatchObject({
      code: 'constraint',
      message: 'fools-gold needs what each client has sent before (past), or over=this-round',
    });
    await expect(
      aggregate(updates, pipeline(bucketing({ size: 1, permutation: [2, 0, 1] }), foolsGold()), {
        backend: 'reference',
        past,
      }),
    ).rejects.toThrow('fools-gold needs what each client has sent before');
    const clipped = pipeline(clipNorm({ max: 9 }), foolsGold());
    const same = await aggregate(updates, clipped, { backend: 'reference', past });
    expect(same.clients.map(({ weight }) => weight)).toEqual(clients.map(({ weight }) => weight));
  });

  test('gives zero where all are alike, and no weight to infinities', async () => {
    expect((await applyTo(atOnce, [3, 3, 3])).value).toEqual([0]);
    expect((await applyTo(atOnce, [2, -2, INF])).weights).toEqual([[0.5, 0.5, 0]]);
    expect((await applyTo(atOnce, [7])).value).toEqual([7]);
    expect((await applyTo(atOnce, [INF])).value).toEqual([0]);
  });
});
