import { afterAll, describe, expect, test } from 'vitest';
import { createBackend } from '../../src/backend/create-node.ts';
import { createRandom, type Random } from '../../src/core/random.ts';
import type { Relation } from '../../src/privacy/event.ts';
import { type Bounded, sensitivityOf } from '../../src/privacy/sensitivity.ts';
import { centeredClipping } from '../../src/rules/centered-clipping.ts';
import { krum } from '../../src/rules/krum.ts';
import { mean } from '../../src/rules/mean.ts';
import { median } from '../../src/rules/median.ts';
import { pipeline } from '../../src/rules/pipeline.ts';
import { arc } from '../../src/rules/pre/arc.ts';
import { bucketing } from '../../src/rules/pre/bucketing.ts';
import { clipNorm } from '../../src/rules/pre/clip-norm.ts';
import { nnm } from '../../src/rules/pre/nnm.ts';
import type { Rule } from '../../src/rules/rule.ts';
import { trimmedMean } from '../../src/rules/trimmed-mean.ts';

const backend = await createBackend('reference');
afterAll(() => backend.close());

const ruleOf = (rule: Rule, rows: number) =>
  ({ kind: 'rule', rule: rule as Bounded, rows }) as const;

describe('the sensitivity of a statistic', () => {
  test.each<[Relation, number]>([
    ['add-remove', 0.06],
    ['zero-out', 0.06],
    ['replace-one', 0.12],
  ])('of a capped sum over a public number, %s', (relation, expected) => {
    const sum = { kind: 'sum', denominator: 100, weight: 2 } as const;
    expect(sensitivityOf(sum, { relation, norm: 3 })).toBeCloseTo(expected, 15);
  });

  test.each<[string, Rule, number, number]>([
    // 2C/(n − 2b), C = 1.
    ['the trimmed mean', trimmedMean({ f: 2 }), 10, 2 / 6],
    // 2Lτ/n.
    ['centered clipping', centeredClipping({ tau: 0.25, iterations: 3 }), 10, (2 * 3 * 0.25) / 10],
    // Where τ is beyond what a row can move, that counts: 2LC/n.
    ['centered clipping with a far τ', centeredClipping({ tau: 9 }), 10, 2 / 10],
    // 2C·(1 + (n − 1)/(n − f))/(n − 2b).
    ['NNM and a trimmed mean', pipeline(nnm({ f: 2 }), trimmedMean({ f: 3 })), 10, 4.25 / 4],
    // (2C/s)/(G − 2b).
    [
      'equal buckets and a trimmed mean',
      pipeline(bucketing({ size: 2, seed: 1 }), trimmedMean({ f: 1 })),
      10,
      1 / 3,
    ],
    ['clipping and a mean', pipeline(clipNorm({ max: 0.5 }), mean()), 10, 1 / 10],
  ])('of %s, one row replaced', (_, rule, rows, expected) => {
    const found = sensitivityOf(ruleOf(rule, rows), { relation: 'replace-one', norm: 1 });
    expect(found).toBeCloseTo(expected, 14);
  });

  test('is refused where one client may decide', () => {
    for (const rule of [median(), krum({ f: 1 }), pipeline(arc({ f: 1 }), mean())]) {
      const refused = (): number =>
        sensitivityOf(ruleOf(rule, 9), { relation: 'replace-one', norm: 1 });
      expect(refused).toThrow(`influence on "${rule.name}" is known: one client may decide`);
    }
  });

  test('is refused for a rule whose rows are added and removed', () => {
    const added = { relation: 'add-remove', norm: 1 } as const;
    expect(() => sensitivityOf(ruleOf(trimmedMean({ f: 1 }), 9), added)).toThrow('fixed number');
  });

  test('is refused for unequal buckets, and for a second mixing', () => {
    const one = { relation: 'replace-one', norm: 1 } as const;
    const buckets = pipeline(bucketing({ size: 2, seed: 1 }), mean());
    expect(() => sensitivityOf(ruleOf(buckets, 9), one)).toThrow('no equal buckets of 2');
    const twice = pipeline(nnm({ f: 1 }), nnm({ f: 1 }), mean());
    expect(() => sensitivityOf(ruleOf(twice, 9), one)).toThrow('several rows move');
  });

  test('needs as many rows as the rule', () => {
    const few = (): number =>
      sensitivityOf(ruleOf(trimmedMean({ f: 2 }), 4), { relation: 'replace-one', norm: 1 });
    expect(few).toThrow('n ≥ 2f + 1 = 5');
  });

  test('of a trimmed mean where a row is added: the kept sum moves by 1.118 times the norm', async () => {
    // Five rows of norm 1, each zero in another of five columns, and one half elsewhere.
    const rows = Array.from({ length: 5 }, (_, i) =>
      Float32Array.from({ length: 5 }, (_, j) => (i === j ? 0 : 0.5)),
    );
    const kept = async (x: Float32Array[]): Promise<number[]> => {
      const found = await backend.read(backend.rankMean(backend.matrix(x), 2, x.length - 2));
      return [...found].map((value) => value * (x.length - 4));
    };
    const [before, after] = [await kept(rows), await kept([...rows, new Float32Array(5)])];
    expect([before, after]).toEqual([Array(5).fill(0.5), Array(5).fill(1)]);
    const moved = Math.hypot(...before.map((value, j) => value - after[j]!));
    expect(moved).toBeCloseTo(Math.sqrt(5) / 2, 12);
  });
});

/** Points in a ball, mostly on its border or at the centre: where bounds are attained. */
function point(random: Random, d: number): number[] {
  if (random.below(6) === 0) return new Array<number>(d).fill(0);
  const direction = Array.from({ length: d }, () => random.normal());
  if (random.below(3) === 0) direction.fill(0, 1);
  const norm = Math.hypot(...direction);
  const length = random.below(3) === 0 ? random.uniform() : 1;
  return direction.map((value) => (norm === 0 ? 0 : (value / norm) * length));
}

interface Pair {
  /** All rows of the one side; the other has `instead` in place of row 0. */
  readonly rows: readonly (readonly number[])[];
  readonly instead: readonly number[];
}

async function movedBy(rule: Rule, { rows, instead }: Pair): Promise<number> {
  const resultOf = async (all: readonly (readonly number[])[]): Promise<Float32Array> => {
    const x = backend.matrix(all.map((row) => Float32Array.from(row)));
    return backend.read((await rule.apply(x, backend, {})).value);
  };
  const [a, b] = [await resultOf(rows), await resultOf([instead, ...rows.slice(1)])];
  return Math.hypot(...a.map((value, j) => value - b[j]!));
}

/** One point of a pair drawn anew, or moved a little and brought back into the ball. */
function mutated(random: Random, { rows, instead }: Pair): Pair {
  const all = [...rows, instead];
  const k = random.below(all.length);
  const d = instead.length;
  const fresh = random.below(2) === 0 ? point(random, d) : nudged(random, all[k]!);
  all[k] = fresh;
  return { rows: all.slice(0, -1), instead: all.at(-1)! };
}

function nudged(random: Random, row: readonly number[]): number[] {
  const moved = row.map((value) => value + 0.2 * random.normal());
  const norm = Math.hypot(...moved);
  return moved.map((value) => (norm > 1 ? value / norm : value));
}

/** The farthest that a climb from random pairs gets: replacing one row of norm at most 1. */
async function search(
  rule: Rule,
  { n, d, seed }: { n: number; d: number; seed: number },
): Promise<number> {
  const random = createRandom(seed);
  let farthest = 0;
  for (let restart = 0; restart < 5; restart++) {
    let best: Pair = {
      rows: Array.from({ length: n }, () => point(random, d)),
      instead: point(random, d),
    };
    let reached = await movedBy(rule, best);
    for (let step = 0; step < 30; step++) {
      const next = mutated(random, best);
      const found = await movedBy(rule, next);
      if (found < reached) continue;
      [best, reached] = [next, found];
    }
    farthest = Math.max(farthest, reached);
  }
  return farthest;
}

describe('a search for the worst pair of neighbours', () => {
  /** Share of the bound that the search must come to, so that it is known to look in earnest. */
  const bounds: [string, Rule, number, number][] = [
    ['mean', mean(), 5, 0.95],
    ['trimmed mean', trimmedMean({ f: 1 }), 5, 0.8],
    ['centered clipping', centeredClipping({ tau: 0.3, start: 'zero' }), 5, 0.9],
    ['three steps of it', centeredClipping({ tau: 0.3, iterations: 3, start: 'zero' }), 5, 0.4],
    ['NNM and a mean', pipeline(nnm({ f: 2 }), mean()), 6, 0.3],
    ['NNM and a trimmed mean', pipeline(nnm({ f: 2 }), trimmedMean({ f: 1 })), 6, 0.2],
    [
      'buckets and a trimmed mean',
      pipeline(bucketing({ size: 2, seed: 3 }), trimmedMean({ f: 1 })),
      6,
      0.8,
    ],
    ['clipping and a mean', pipeline(clipNorm({ max: 0.5 }), mean()), 5, 0.95],
  ];
  test.each(bounds)('%s: never beyond the bound, and near it', async (_, rule, n, share) => {
    const bound = sensitivityOf(ruleOf(rule, n), { relation: 'replace-one', norm: 1 });
    for (const d of [1, 3]) {
      const found = await search(rule, { n, d, seed: 7 * n + d });
      // Rows and results are rounded to f32.
      expect(found).toBeLessThanOrEqual(bound * (1 + 1e-5));
      expect(found).toBeGreaterThan(share * bound);
    }
  });

  test('finds that the median has no bound like that of a mean', async () => {
    // A trimmed mean’s bound for as many rows would be 2/5.
    expect(await search(median(), { n: 5, d: 1, seed: 4 })).toBeGreaterThan(1.5);
  });
});
