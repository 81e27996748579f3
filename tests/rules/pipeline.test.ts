import { describe, expect, expectTypeOf, test } from 'vitest';
import { krum } from '../../src/rules/krum.ts';
import { mean } from '../../src/rules/mean.ts';
import { median } from '../../src/rules/median.ts';
import { multiKrum } from '../../src/rules/multi-krum.ts';
import { pipeline } from '../../src/rules/pipeline.ts';
import { arc } from '../../src/rules/pre/arc.ts';
import { bucketing } from '../../src/rules/pre/bucketing.ts';
import { clipNorm } from '../../src/rules/pre/clip-norm.ts';
import { nnm } from '../../src/rules/pre/nnm.ts';
import type { Bounded, Releasable, Rule } from '../../src/rules/rule.ts';
import { signVote } from '../../src/rules/sign-vote.ts';
import { trimmedMean } from '../../src/rules/trimmed-mean.ts';
import { weightedMean } from '../../src/rules/weighted-mean.ts';
import { applyTo, BYZFL_ROWS } from '../support/apply.ts';

describe('a pipeline', () => {
  test('is a rule, and must end in one', () => {
    expectTypeOf(pipeline(nnm({ f: 1 }), mean())).toEqualTypeOf<Releasable<Rule>>();
    expectTypeOf(pipeline(clipNorm({ max: 1 }), mean())).toEqualTypeOf<Bounded<Rule>>();
    // One client may decide which update is the median.
    expectTypeOf(pipeline(nnm({ f: 1 }), median())).toEqualTypeOf<Rule>();
    // @ts-expect-error: nnm is a stage
    pipeline(mean(), nnm({ f: 1 }));
    expect(pipeline(clipNorm({ max: 1 }), nnm({ f: 1 }), median()).name).toBe(
      'clip-norm+nnm+median',
    );
  });

  test('names a part that is none, such as a factory that was not called', () => {
    expect(() => pipeline(nnm({ f: 1 }), mean as never)).toThrow(
      'part 1 of a pipeline must be a stage or a rule, such as mean(), got a function',
    );
    expect(() => pipeline([mean()] as never)).toThrow('part 0 of a pipeline');
    expect(() => pipeline(...([] as never))).toThrow('a pipeline must end in a rule, got no part');
  });

  test('applies its parts in turn, as byzfl’s documentation has it', async () => {
    const rule = pipeline(clipNorm({ max: 2 }), nnm({ f: 1 }), trimmedMean({ f: 1 }));
    const { value, weights } = await applyTo(rule, BYZFL_ROWS);
    for (const [j, expected] of [0.95841302, 1.14416941, 1.3299258].entries()) {
      expect(value[j]).toBeCloseTo(expected, 6);
    }
    expect(weights).toBeUndefined();
  });

  test('multiplies the shares of linear parts', async () => {
    const rule = pipeline(
      clipNorm({ max: 2 }),
      bucketing({ size: 2, permutation: [2, 0, 1] }),
      mean(),
    );
    const { value, weights } = await applyTo(rule, [1, -4, 8]);
    // Clipped to 1, −2, 2; buckets (2 + 1)/2 and −2; their mean.
    expect(value).toEqual([-0.25]);
    expect(weights).toEqual([[0.25, 0.25, 0.0625]]);
  });

  test('tells each client what became of its row, through buckets too', async () => {
    const rule = pipeline(
      clipNorm({ max: 10 }),
      clipNorm({ max: 5 }),
      bucketing({ size: 2, permutation: [0, 5, 1, 4, 2, 3] }),
      krum({ f: 0 }),
    );
    const { value, evidence } = await applyTo(rule, [1, 2, 3, 4, 2, 20]);
    // Buckets (1 + 5)/2, (2 + 2)/2, (3 + 4)/2; Krum has one neighbour for three rows and f = 0.
    expect(value).toEqual([3]);
    expect(evidence?.map(({ selected }) => selected)).toEqual([
      true,
      false,
      false,
      false,
      false,
      true,
    ]);
    expect(evidence?.map(({ score }) => score)).toEqual([0.25, 1, 0.25, 0.25, 1, 0.25]);
    expect(evidence?.[5]).toEqual({
      score: 0.25,
      selected: true,
      clipFactor: 0.25,
      reason: 'norm 20.00 clipped to 10.00; norm 10.00 clipped to 5.000',
    });
  });

  test('lets example counts follow the rows', async () => {
    const round = { exampleCounts: [1, 2, 3, 4] };
    const buckets = bucketing({ size: 2, permutation: [3, 0, 1, 2] });
    // Buckets (8 + 0)/2 = 4 with 5 examples and (2 + 4)/2 = 3 with 5.
    expect((await applyTo(pipeline(buckets, weightedMean()), [0, 2, 4, 8], round)).value).toEqual([
      3.5,
    ]);
    const clipped = pipeline(clipNorm({ max: 2 }), weightedMean());
    expect((await applyTo(clipped, [0, 2, 4, 8], round)).value[0]).toBeCloseTo(1.8, 6);
  });

  test('checks each part’s condition on the rows that reach it', async () => {
    const rule = pipeline(bucketing({ size: 2, seed: 1 }), krum({ f: 1 }));
    expect(rule.minClients).toBe(9);
    await expect(applyTo(rule, [1, 2, 3, 4, 5, 6, 7, 8])).rejects.toThrow(
      'krum needs n ≥ 2f + 3 = 5 clients for f = 1, got 4',
    );
    expect((await applyTo(rule, [1, 2, 3, 4, 5, 6, 7, 8, 9])).rows).toHaveLength(1);
    expect(pipeline(nnm({ f: 3 }), median()).minClients).toBe(7);
    expect(pipeline(mean()).minClients).toBe(1);
  });

  test('goes on counting after several buckets', async () => {
    const twice = pipeline(
      bucketing({ size: 3, permutation: [0, 1, 2, 3, 4, 5] }),
      bucketing({ size: 2, permutation: [1, 0] }),
      mean(),
    );
    const { value, weights } = await applyTo(twice, [1, 2, 3, 4, 5, 6]);
    expect(value).toEqual([3.5]);
    expect(weights?.[0]?.every((w) => Math.abs(w - 1 / 6) < 1e-15)).toBe(true);
  });
});

describe('laws of a pipeline', () => {
  test('are those that all its parts have', () => {
    expect(pipeline(nnm({ f: 1 }), trimmedMean({ f: 1 })).laws).toEqual([
      'permutation',
      'translation',
      'scale',
      'mean-without-faults',
      'agreement',
      'bounded',
    ]);
    expect(pipeline(arc({ f: 1 }), mean()).laws).not.toContain('bounded');
    expect(pipeline(bucketing({ size: 2, seed: 1 }), median()).laws).not.toContain('permutation');
    expect(pipeline(nnm({ f: 1 }), multiKrum({ f: 1 })).laws).not.toContain('mean-without-faults');
  });

  test('hold jointly where one part scales with its parameter, and vanish where the last ignores scale', () => {
    const clipped = pipeline(clipNorm({ max: 1 }), median());
    expect(clipped.laws).toContain('joint-scale');
    expect(clipped.laws).not.toContain('scale');
    expect(pipeline(nnm({ f: 1 }), signVote()).laws).toContain('scale-invariant');
    expect(pipeline(clipNorm({ max: 1 }), signVote()).laws).not.toContain('scale-invariant');
  });
});
