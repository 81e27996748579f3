/**
 * How much f Byzantine rows can do: (f, κ)-robustness where a κ is proved, and bounded results under
 * every attack that we have.
 *
 * A rule R is (f, κ)-robust if for every set S of n − f rows, with mean μ and mean squared distance V
 * from it, ‖R(x) − μ‖² ≤ κV. The definition holds for all S at once, so for small n all are tried.
 *
 * Allouah, Farhadkhani, Guerraoui, Gupta, Pinot, Stephan. "Fixing by mixing: a recipe for optimal
 * Byzantine ML under heterogeneity", AISTATS 2023.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Attack, rowsSent } from '../../src/attacks/attack.ts';
import { attacks, parseAttack } from '../../src/attacks/list.ts';
import { createRandom, type Random } from '../../src/core/random.ts';
import {
  geometricMedian,
  krum,
  mda,
  mean,
  median,
  nnm,
  smea,
  trimmedMean,
} from '../../src/rules/all.ts';
import { pipeline } from '../../src/rules/pipeline.ts';
import type { Rule, Stage } from '../../src/rules/rule.ts';
import { applyTo, reference } from '../support/apply.ts';
import { coalitions, coarse } from '../support/laws.ts';
import { reachOf } from '../support/reach.ts';
import { subjects } from '../support/rule-subjects.ts';
import {
  largestEntry,
  meanOf,
  type Rows,
  squaredDistance,
  subsets,
  varianceOf,
} from '../support/vectors.ts';

const SEED = 20_230_425;

/** A rule and the κ that is proved for it; N = n − f throughout. */
interface Proved {
  readonly name: string;
  readonly make: (f: number) => Rule;
  /** The constant of the paper, where the paper has this very rule. */
  readonly published?: (n: number, f: number) => number;
  /** Our own, sharper where a short proof gives more. */
  readonly kappa: (n: number, f: number) => number;
  /** The largest n to search with. */
  readonly most?: number;
}

const PROVED: readonly Proved[] = [
  {
    name: 'trimmed mean',
    make: (f) => trimmedMean({ f }),
    published: (n, f) => ((6 * f) / (n - 2 * f)) * (1 + f / (n - 2 * f)),
    // The i-th value kept lies between the i-th and the (i + f)-th of S in order. So the result is at
    // most the mean of the N − f highest of S: by f/(N − f) times as far above μ as the f lowest are
    // below it on average, which is at most √(V·(N − f)/f). This is the least κ that any rule can have.
    kappa: (n, f) => f / (n - 2 * f),
  },
  {
    name: 'median',
    make: () => median(),
    published: (n, f) => 4 * (1 + f / (n - 2 * f)) ** 2,
    // On the side where the median lies, k = ⌈n/2⌉ − f values of S are as far from μ or farther, and the
    // mean of k values of S is at most √(V·(N − k)/k) away.
    kappa: (n, f) => Math.floor(n / 2) / (Math.ceil(n / 2) - f),
  },
  {
    name: 'geometric median',
    make: () => geometricMedian(),
    published: (n, f) => 4 * (1 + f / (n - 2 * f)) ** 2,
    // Σ‖xᵢ − z‖ ≤ Σ‖xᵢ − μ‖ and the triangle inequality give (n − 2f)·‖z − μ‖ ≤ 2 Σ ‖xᵢ − μ‖ over S,
    // which is at most 2N√V.
    kappa: (n, f) => 4 * (1 + f / (n - 2 * f)) ** 2,
  },
  {
    // The paper's own Krum compares n − f rows, the row itself included, as ByzFL does.
    name: 'krum:preset=byzfl',
    make: (f) => krum({ f, preset: 'byzfl' }),
    published: (n, f) => 6 * (1 + f / (n - 2 * f)),
    // The least score is at most the mean over S of Σ_S ‖xᵢ − xⱼ‖², which is 2NV. The row that has it
    // compares itself with q ≥ n − 2f rows of S. For each, ‖x − μ‖ ≤ ‖x − xᵢ‖ + ‖xᵢ − μ‖; in root mean
    // square over the q rows that is √(2NV/q) + √(NV/q).
    kappa: (n, f) => (krumFactor(2) * (n - f)) / (n - 2 * f),
  },
  {
    // The same with n − f − 2 others: an honest score leaves out the farthest of its N − 1 honest others,
    // and q ≥ n − 2f − 1.
    name: 'krum',
    make: (f) => krum({ f }),
    kappa: (n, f) => (krumFactor((2 * (n - f - 2)) / (n - f - 1)) * (n - f)) / (n - 2 * f - 1),
  },
  {
    name: 'mda',
    make: (f) => mda({ f }),
    // The set T that is kept and S differ in at most f rows each, paired at most 2δ apart by way of a row
    // that they share, where δ is the diameter of S and δ² ≤ 2NV. So ‖R − μ‖ ≤ 2δf/N.
    kappa: (n, f) => (8 * f ** 2) / (n - f),
  },
  {
    name: 'smea',
    make: (f) => smea({ f }),
    // The mean of the n − 2f or more rows that T and S share is at most √(λf/(n − 2f)) from either mean, λ
    // being a set's top eigenvalue: λ of T is at most that of S, which is at most V.
    kappa: (n, f) => (4 * f) / (n - 2 * f),
    // The rule visits up to C(n, f) sets.
    most: 10,
  },
];

/** (√share + 1)², where the score is `share`·NV. */
function krumFactor(share: number): number {
  return (Math.sqrt(share) + 1) ** 2;
}

/** After mixing: κ′ = 8f/(n − f)·(κ + 1), because mixed rows are within 8f/(n − f)·V of μ. */
const MIXED: readonly Proved[] = PROVED.map(
  ({ name, make, kappa, most = 25 }): Proved => ({
    most,
    name: `nnm + ${name}`,
    make: (f) => pipeline(nnm({ f }), make(f)),
    kappa: (n, f) => ((8 * f) / (n - f)) * (kappa(n, f) + 1),
  }),
);

async function resultOf(rule: Stage, rows: Rows): Promise<readonly number[]> {
  return (await applyTo(rule, rows)).rows[0]!;
}

/** ‖R − μ‖ − √(κV) for the rows of S, less what rounding the result to f32 may add. */
function excess(result: readonly number[], honest: Rows, kappa: number): number {
  const away = Math.sqrt(squaredDistance(result, meanOf(honest)));
  // A coordinate is rounded once or twice, by at most 2⁻²⁴ of the entries that it is made of.
  const rounding = 2 ** -22 * Math.sqrt(result.length) * largestEntry([result, ...honest]);
  return away - Math.sqrt(kappa * varianceOf(honest)) - rounding;
}

/** Every set of n − f rows that a client could send honestly. */
function* honestSets(rows: Rows, f: number): Generator<{ members: number[]; honest: Rows }> {
  for (const members of subsets(rows.length, rows.length - f)) {
    const honest = members.map((i) => rows[i]!);
    if (honest.flat().every(Number.isFinite)) yield { members, honest };
  }
}

/** The largest excess over all honest sets. */
function worstExcess(
  result: readonly number[],
  rows: Rows,
  { f, kappa }: { f: number; kappa: number },
): number {
  const sets = [...honestSets(rows, f)];
  return Math.max(...sets.map(({ honest }) => excess(result, honest, kappa)));
}

describe.each([...PROVED, ...MIXED])('$name', ({ make, kappa, most = 25 }) => {
  test('is (f, κ)-robust for every set of honest clients, n ≤ 10', async () => {
    const property = fc.asyncProperty(cohorts(make), async ({ rows, f }) => {
      const result = await resultOf(make(f), rows);
      expect(worstExcess(result, rows, { f, kappa: kappa(rows.length, f) })).toBeLessThanOrEqual(0);
    });
    await fc.assert(property, { seed: SEED, numRuns: 50 });
  });

  test('is (f, κ)-robust under every attack', async () => {
    for (const [n, f] of [
      [7, 2],
      [10, 3],
    ] as const) {
      for (const { spec, rows } of await attacked(make(f), { n, f })) {
        const result = await resultOf(make(f), rows);
        const worst = worstExcess(result, rows, { f, kappa: kappa(n, f) });
        expect(worst, `${spec}, n = ${n}, f = ${f}`).toBeLessThanOrEqual(0);
      }
    }
  });

  const sizes = [
    { n: 9, f: 2 },
    { n: 15, f: 4 },
    { n: 25, f: 11 },
  ];
  test.each(sizes.filter(({ n }) => n <= most))(
    'no search finds more than κ, n = $n and f = $f',
    async ({ n, f }) => {
      const found = await search(make(f), { n, f, seed: SEED + n });
      expect(found).toBeLessThanOrEqual(kappa(n, f) * (1 + 1e-5));
    },
  );

  test('gives what any robust rule must when f of n clients differ', async () => {
    // n − f rows on 0 leave a finite κ no choice but 0; yet the f rows on 1 may be honest.
    const [n, f] = [9, 2];
    const rows = [...Array(n - f).fill([0]), ...Array(f).fill([1])];
    const result = await resultOf(make(f), rows);
    expect(result).toEqual([0]);
    const honest = rows.slice(f);
    expect(result[0]! - meanOf(honest)[0]!).toBeCloseTo(-f / (n - f), 12);
    expect(kappa(n, f)).toBeGreaterThanOrEqual(f / (n - 2 * f));
  });
});

const published = PROVED.flatMap(({ name, published, kappa }) =>
  published === undefined ? [] : [{ name, published, kappa }],
);

test.each(published)('the κ of the $name is no more than the published one', (of) => {
  for (let n = 3; n <= 60; n++) {
    for (let f = 1; 2 * f < n; f++) expect(of.kappa(n, f)).toBeLessThanOrEqual(of.published(n, f));
  }
});

describe('nearest-neighbour mixing', () => {
  test('brings honest rows to within 8f/(n − f) of their variance from their mean', async () => {
    const property = fc.asyncProperty(
      cohorts((f) => nnm({ f })),
      async ({ rows, f }) => {
        const n = rows.length;
        const mixed = (await applyTo(nnm({ f }), rows)).rows;
        for (const { members, honest } of honestSets(rows, f)) {
          const center = meanOf(honest);
          const spread = members.map((i) => squaredDistance(mixed[i]!, center));
          const root = Math.sqrt(spread.reduce((sum, value) => sum + value / spread.length, 0));
          const bound = Math.sqrt(((8 * f) / (n - f)) * varianceOf(honest));
          const entries = largestEntry([...honest, ...members.map((i) => mixed[i]!)]);
          const rounding = 2 ** -23 * Math.sqrt(center.length) * entries;
          expect(root).toBeLessThanOrEqual(bound + rounding);
        }
      },
    );
    await fc.assert(property, { seed: SEED, numRuns: 50 });
  });
});

describe('the search', () => {
  test('finds that the plain mean has no κ', async () => {
    const most = Math.max(...[...PROVED, ...MIXED].map(({ kappa }) => kappa(25, 11)));
    expect(await search(mean(), { n: 25, f: 11, seed: SEED })).toBeGreaterThan(100 * most);
  });

  // Their κ is the least possible (of the median, for odd n), so that there is something to find.
  test.each(PROVED.slice(0, 2))('comes close to the κ of the $name', async (proved) => {
    const found = await search(proved.make(2), { n: 9, f: 2, seed: SEED });
    expect(found).toBeGreaterThan(0.8 * proved.kappa(9, 2));
  });
});

describe.each(subjects.filter(({ laws }) => laws.includes('bounded')))('$name', (subject) => {
  test('stays near the honest rows under every attack', async () => {
    const f = 2;
    const n = Math.max(9, subject.make({ n: 9, f }).minClients ?? 0);
    const rule = subject.make({ n, f });
    for (const { spec, rows } of await attacked(rule, { n, f })) {
      const outcome = await applyTo(rule, rows, { exampleCounts: rows.map(() => 1) });
      const honest = rows.slice(0, n - f);
      const options = subject.options({ n, f });
      const outside = reachOf(subject.entry, { n, f, honest, options });
      const far = outcome.rows.filter((row) => !(outside(row) <= 1e-5));
      expect(far.length, spec).toBeLessThanOrEqual(subject.kind === 'stage' ? f : 0);
    }
  });
});

/** Up to 10 clients, f of them a coalition, anywhere among the rows. */
function cohorts(make: (f: number) => Stage): fc.Arbitrary<{ rows: Rows; f: number }> {
  return fc.integer({ min: 1, max: 3 }).chain((f) => {
    const least = Math.max(2 * f + 1, make(f).minClients ?? 1);
    const shape = fc.record({
      n: fc.integer({ min: least, max: 10 }),
      d: fc.integer({ min: 1, max: 3 }),
    });
    return shape.chain(({ n, d }) => {
      const row = fc.array(coarse, { minLength: d, maxLength: d });
      const honest = fc.array(row, { minLength: n - f, maxLength: n - f });
      const order = fc.shuffledSubarray([...Array(n).keys()], { minLength: n, maxLength: n });
      return fc.record({ honest, sent: coalitions(f, d), order }).map(({ honest, sent, order }) => {
        const all = [...honest, ...sent];
        return { rows: order.map((i) => all[i]!), f };
      });
    });
  });
}

/** Every attack of the list, weak and strong. */
const ATTACKS: Readonly<Record<string, readonly string[]>> = {
  'sign-flip': ['sign-flip', 'sign-flip:scale=1e6', 'sign-flip:scale=1e30'],
  ipm: ['ipm:tau=0.1', 'ipm:tau=10'],
  alie: ['alie', 'alie:tau=1.5', 'alie:tau=-4'],
  mimic: ['mimic'],
  gaussian: ['gaussian:std-dev=200,seed=1', 'gaussian:std-dev=1e12,seed=2'],
  inf: ['inf'],
  'optimised-ipm': ['optimised-ipm'],
  'optimised-alie': ['optimised-alie'],
};

test('every attack in the list is tried', () => {
  expect(Object.keys(ATTACKS).toSorted()).toEqual(attacks.map(({ name }) => name).toSorted());
});

/** Cohorts under each attack: the honest rows, then those of the attackers. */
async function attacked(
  rule: Stage,
  { n, f }: { n: number; f: number },
): Promise<{ spec: string; rows: Rows }[]> {
  const counts = Array<number>(n).fill(1);
  const whole = pipeline(rule, mean());
  const defence: Parameters<typeof parseAttack>[1] = {
    defence: async (x) => (await whole.apply(x, reference, { exampleCounts: counts })).value,
  };
  const results: { spec: string; rows: Rows }[] = [];
  for (const spec of Object.values(ATTACKS).flat()) {
    const attack = parseAttack(spec, defence);
    // Clients that agree on a direction, and clients that do not.
    for (const spread of [0.5, 5]) {
      const honest = honestRows(n - f, spread);
      results.push({
        spec: `${spec} on rows ${spread} apart`,
        rows: [...honest, ...(await craft(attack, honest, f))],
      });
    }
  }
  return results;
}

function honestRows(count: number, spread: number): Rows {
  const random = createRandom(SEED);
  const center = [1, -2, 0.5];
  return Array.from({ length: count }, () =>
    center.map((value) => Math.fround(value + spread * even(random))),
  );
}

async function craft(attack: Attack, honest: Rows, attackers: number): Promise<Rows> {
  const x = reference.matrix(honest.map((row) => Float32Array.from(row)));
  const sent = rowsSent(await attack.craft(x, reference, { attackers }), reference, { attackers });
  const numbers = await reference.read(sent);
  reference.release(sent);
  return Array.from({ length: attackers }, (_, i) => [
    ...numbers.subarray(i * sent.cols, (i + 1) * sent.cols),
  ]);
}

const RESTARTS = 4;
const STEPS = 64;

/**
 * The largest ‖R − μ‖²/V that hill climbing finds. The first n − f rows are the honest ones; for small
 * n every other choice is looked at too. All rows move: an adversary may pick its victims.
 */
async function search(rule: Stage, of: { n: number; f: number; seed: number }): Promise<number> {
  const random = createRandom(of.seed);
  let best = 0;
  for (let restart = 0; restart < RESTARTS; restart++) {
    let rows = startRows(of, random);
    let ratio = worstRatio(await resultOf(rule, rows), rows, of.f);
    for (let step = 0; step < STEPS; step++) {
      const candidate = neighbour(rows, of, random);
      const next = worstRatio(await resultOf(rule, candidate), candidate, of.f);
      if (next >= ratio) [rows, ratio] = [candidate, next];
    }
    best = Math.max(best, ratio);
  }
  return best;
}

/** Honest rows around zero, and attackers on one point nearer or farther. */
function startRows({ n, f }: { n: number; f: number }, random: Random): Rows {
  const point = [even(random), even(random)].map((value) => value * magnitude(random));
  return Array.from({ length: n }, (_, i) =>
    (i < n - f ? [even(random), even(random)] : point).map(Math.fround),
  );
}

/** One row elsewhere, or on another, or all attackers elsewhere. */
function neighbour(rows: Rows, { n, f }: { n: number; f: number }, random: Random): Rows {
  const size = magnitude(random);
  const moved = (row: readonly number[]): number[] =>
    row.map((value) => Math.fround(value + size * even(random)));
  const one = random.below(3) === 0 ? random.below(n - f) : n - f + random.below(f);
  const way = random.below(3);
  if (way === 0) return rows.with(one, moved(rows[one]!));
  if (way === 1) return rows.with(one, rows[random.below(n)]!);
  const point = moved(rows[n - 1]!);
  return rows.map((row, i) => (i < n - f ? row : point));
}

/** Uniform in [−1, 1). */
function even(random: Random): number {
  return 2 * random.uniform() - 1;
}

/** Between 0.01 and 1000, each order of magnitude alike. */
function magnitude(random: Random): number {
  return 10 ** (5 * random.uniform() - 2);
}

function worstRatio(result: readonly number[], rows: Rows, f: number): number {
  const known = { honest: rows.slice(0, rows.length - f) };
  let worst = 0;
  for (const { honest } of rows.length <= 10 ? honestSets(rows, f) : [known]) {
    // Less what rounding may add, so that rows that all but agree do not count as a find.
    const away = Math.max(0, excess(result, honest, 0));
    if (away > 0) worst = Math.max(worst, away ** 2 / varianceOf(honest));
  }
  return worst;
}
