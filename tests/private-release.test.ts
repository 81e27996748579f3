/** Private releases: what they add up to, what they cost, and what no client can do to them. */

import { describe, expect, expectTypeOf, test } from 'vitest';
import { Engine } from '../src/backend/engine.ts';
import { ReferenceKernels } from '../src/backend/reference/reference.ts';
import { PrivacyError } from '../src/core/errors.ts';
import { createRandom } from '../src/core/random.ts';
import { RdpAccountant } from '../src/privacy/accountants/rdp.ts';
import type { BudgetFilter } from '../src/privacy/ledger/filter.ts';
import { type Charging, openLedger } from '../src/privacy/ledger/ledger.ts';
import { scheduleFilter } from '../src/privacy/ledger/schedule-filter.ts';
import { MemoryStorage } from '../src/privacy/ledger/storage.ts';
import {
  eventOf,
  type PrivateRelease,
  type PrivateResult,
  type PrivateStatistic,
  type PrivateUpdate,
  planRelease,
  releasePrivately,
} from '../src/private-release.ts';
import { centeredClipping } from '../src/rules/centered-clipping.ts';
import { krum } from '../src/rules/krum.ts';
import { mean } from '../src/rules/mean.ts';
import { median } from '../src/rules/median.ts';
import { pipeline } from '../src/rules/pipeline.ts';
import { bucketing } from '../src/rules/pre/bucketing.ts';
import { clipNorm } from '../src/rules/pre/clip-norm.ts';
import { nnm } from '../src/rules/pre/nnm.ts';
import type { Releasable, Rule } from '../src/rules/rule.ts';
import { trimmedMean } from '../src/rules/trimmed-mean.ts';

const backend = new Engine(new ReferenceKernels());

function rule(rule: Releasable<Rule>, rows: number): PrivateStatistic {
  return { kind: 'rule', rule, rows };
}

/** So little noise that results can be compared with those of floats. */
const QUIET = 2 ** -16;

function plan(
  statistic: PrivateStatistic,
  options: Partial<Parameters<typeof planRelease>[0]> = {},
): Promise<PrivateRelease> {
  const relation = 'replace-one';
  return planRelease({ statistic, relation, clipNorm: 1, noiseMultiplier: QUIET, ...options });
}

/** A filter that admits everything, for noise that hides nothing. */
const ANYTHING: BudgetFilter = {
  budget: { epsilon: 1, delta: 1e-5 },
  settings: {},
  charge() {},
  epsilon: () => 0,
};

/** A ledger with room for a few rounds of this. */
async function ledgerFor(
  release: PrivateRelease,
  { cols, count }: { cols: number; count: number },
) {
  const schedule = [{ event: eventOf(release, cols), count }];
  const accountant = () => new RdpAccountant();
  const filter = scheduleFilter({ epsilon: 10, delta: 1e-5, schedule, accountant });
  const storage = new MemoryStorage();
  const { relation } = release;
  return { storage, ledger: await openLedger({ storage, filter, unit: 'client', relation }) };
}

/** Rows of normal entries, none longer than 1. */
function rowsOf(n: number, cols: number, seed = 1): Float32Array[] {
  const random = createRandom(seed);
  return Array.from({ length: n }, () => {
    const row = Float32Array.from({ length: cols }, () => random.normal());
    const norm = Math.hypot(...row);
    return row.map((value) => (0.9 * value) / norm);
  });
}

function named(rows: readonly Float32Array[]): Map<string, PrivateUpdate> {
  return new Map(rows.map((row, i) => [nameOf(i), { row }]));
}

function nameOf(i: number): string {
  return String(i).padStart(4, '0');
}

async function released(
  updates: ReadonlyMap<string, PrivateUpdate>,
  release: PrivateRelease,
  options: { cols: number; cohort?: readonly string[]; ledger?: Charging; center?: Float32Array },
): Promise<PrivateResult> {
  const { cols, cohort = [...updates.keys()], center } = options;
  const { relation } = release;
  const storage = new MemoryStorage();
  const { ledger = await openLedger({ storage, filter: ANYTHING, unit: 'client', relation }) } =
    options;
  const round = { round: 0, rounds: 3, cohort, cols, ledger, backend };
  return releasePrivately(updates, release, { ...round, ...(center && { center }) });
}

/** The result of the rule on floats. */
async function plainly(rule: Rule, rows: readonly Float32Array[]): Promise<Float32Array> {
  const { value } = await rule.apply(backend.matrix(rows), backend, {});
  return backend.read(value);
}

function worst(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a, (value, i) => Math.abs(value - b[i]!)).reduce((x, y) => Math.max(x, y), 0);
}

describe('without noise to speak of, a release is what the rule makes of floats', () => {
  const [n, cols] = [20, 300];
  const rules: Releasable<Rule>[] = [
    mean(),
    trimmedMean({ f: 4 }),
    centeredClipping({ tau: 1 }),
    pipeline(nnm({ f: 4 }), trimmedMean({ f: 4 })),
    pipeline(bucketing({ size: 2, seed: 5 }), trimmedMean({ f: 4 })),
    pipeline(nnm({ f: 4 }), mean()),
  ];

  test.each(rules.map((one) => [one.name, one] as const))('%s', async (_, one) => {
    const rows = rowsOf(n, cols);
    const release = await plan(rule(one, n));
    const { value } = await released(named(rows), release, { cols });
    // Entries are rounded by half a step each; noise reaches 14 σ.
    const { lattice, noise, multiple } = release;
    const tolerance = (0.5 + (14 * noise.sigma) / multiple) / lattice.scale + 2 ** -20;
    expect(worst(value, await plainly(one, rows))).toBeLessThan(tolerance);
    expect(Math.max(...value.map(Math.abs))).toBeGreaterThan(20 * tolerance);
  });

  test('a sum over a public constant', async () => {
    const rows = rowsOf(7, cols);
    const release = await plan({ kind: 'sum', denominator: 10 }, { relation: 'add-remove' });
    const { value } = await released(named(rows), release, { cols });
    const expected = (await plainly(mean(), rows)).map((entry) => entry * 0.7);
    expect(worst(value, expected)).toBeLessThan(1e-4);
  });

  test('examples count up to the cap', async () => {
    const [a, b] = rowsOf(2, cols) as [Float32Array, Float32Array];
    const statistic = { kind: 'sum', denominator: 100, exampleCap: 50 } as const;
    const release = await plan(statistic, { relation: 'add-remove' });
    // One unit moves the sum by 50 clipped rows.
    expect(release.sensitivity).toBeCloseTo(50 * release.lattice.bound, -1);
    const updates = new Map([
      ['a', { row: a, examples: 30 }],
      ['b', { row: b, examples: 1e9 }],
    ]);
    const { value } = await released(updates, release, { cols });
    expect(
      worst(
        value,
        a.map((x, j) => 0.3 * x + 0.5 * b[j]!),
      ),
    ).toBeLessThan(1e-4);
  });

  test('a center is taken off before clipping and put back', async () => {
    const rows = rowsOf(n, cols);
    const center = rowsOf(1, cols, 9)[0]!.map((value) => 50 * value);
    const moved = rows.map((row) => row.map((value, j) => value + center[j]!));
    const release = await plan(rule(mean(), n));
    const { value, clients } = await released(named(moved), release, { cols, center });
    expect(clients.every(({ clipFactor }) => clipFactor === 1)).toBe(true);
    expect(worst(value, await plainly(mean(), moved))).toBeLessThan(1e-4);
  });
});

describe('noise', () => {
  test('is as wide as the sensitivity of the whole path asks', async () => {
    // n = 20, f = 4, in steps of bound B: mean 2B; trimmed mean 2B; NNM first, the sum of 16 rows each:
    // 2·(16 + 19)·B; halves of 2 rows 2B. All as integers, before any division.
    const expected = [
      [mean(), 2],
      [trimmedMean({ f: 4 }), 2],
      [pipeline(nnm({ f: 4 }), trimmedMean({ f: 4 })), 70],
      [pipeline(bucketing({ size: 2, seed: 5 }), trimmedMean({ f: 4 })), 2],
    ] as const;
    for (const [one, factor] of expected) {
      const release = await plan(rule(one, 20), { noiseMultiplier: 0.5 });
      const { bound } = release.lattice;
      expect(release.sensitivity / bound).toBeCloseTo(factor, 9);
      expect(release.sensitivity).toBeGreaterThanOrEqual(factor * bound);
      expect(release.noise.sigma).toBeGreaterThanOrEqual(0.5 * release.sensitivity);
      const { mechanism } = eventOf(release, 5);
      const { noise, sensitivity } = release;
      expect(mechanism).toEqual({
        kind: 'discrete-gaussian',
        sigma: noise.sigma,
        sensitivity,
        dimensions: 5,
      });
    }
  });

  test('is there, with its variance', async () => {
    const cols = 20_000;
    const release = await plan(rule(mean(), 4), { noiseMultiplier: 1 });
    const updates = named(Array.from({ length: 4 }, () => new Float32Array(cols)));
    const { value } = await released(updates, release, { cols });
    // σ of the mean: 2C/n · z.
    const square = value.reduce((sum, v) => sum + v * v, 0) / cols;
    // Five standard errors, √(2/N) each.
    expect(Math.abs(square / 0.25 - 1)).toBeLessThan(5 * Math.sqrt(2 / cols));
  });

  test('leaves room for the longest sums in 32 bits', async () => {
    const one = pipeline(nnm({ f: 40 }), trimmedMean({ f: 40 }));
    for (const noiseMultiplier of [QUIET, 1, 8]) {
      const { lattice, noise } = await plan(rule(one, 200), { noiseMultiplier });
      const reach = 160 * 120 * lattice.bound + 14 * noise.sigma;
      expect(reach).toBeLessThan(2 ** 31);
      expect(lattice.bound).toBeGreaterThan(1000);
    }
    await expect(plan(rule(one, 200), { bound: 2 ** 20 })).rejects.toThrow('bound must be at most');
  });
});

describe('what no client can do', () => {
  const [n, cols] = [9, 8];
  const rows = rowsOf(n, cols);

  test('bad updates are rows of zeros, and the number of rows stays', async () => {
    const updates = named(rows);
    updates.set(nameOf(0), { row: Float32Array.of(...rows[0]!.slice(1), Number.NaN) });
    updates.set(nameOf(1), { row: new Float32Array(3) });
    updates.set(nameOf(2), { row: new Float32Array(cols).fill(-Infinity) });
    updates.set(nameOf(3), { row: rows[3]!, examples: -5 });
    updates.delete(nameOf(4));
    const release = await plan(rule(trimmedMean({ f: 2 }), n));
    const cohort = rows.map((_, i) => nameOf(i));
    const { value, clients } = await released(updates, release, { cols, cohort });
    expect(clients.map(({ verdict, reason }) => [verdict, reason?.split(':')[0]])).toEqual([
      ['zeroed', 'non-finite'],
      ['zeroed', 'length'],
      ['zeroed', 'non-finite'],
      ['zeroed', 'examples'],
      ['zeroed', 'missing'],
      ...Array.from({ length: 4 }, () => ['accepted', undefined]),
    ]);
    const zeros = rows.map((row, i) => (i < 5 ? new Float32Array(cols) : row));
    const expected = await plainly(trimmedMean({ f: 2 }), zeros);
    expect(worst(value, expected)).toBeLessThan(1e-3);
  });

  test('a long update is brought to the clip norm', async () => {
    const release = await plan({ kind: 'sum', denominator: 1 }, { relation: 'add-remove' });
    const long = rows[0]!.map((value) => value * 1e30);
    const { value, clients } = await released(new Map([['a', { row: long }]]), release, { cols });
    expect(Math.hypot(...value)).toBeCloseTo(1, 3);
    expect(clients[0]!.clipFactor).toBeCloseTo(1 / 0.9e30, 35);
  });

  test('the same update twice counts twice', async () => {
    // Who compares clients learns of one what depends on another.
    const release = await plan({ kind: 'sum', denominator: 2 }, { relation: 'add-remove' });
    const { value } = await released(named([rows[0]!, rows[0]!]), release, { cols });
    expect(worst(value, rows[0]!)).toBeLessThan(1e-3);
  });

  test('an empty cohort releases noise alone', async () => {
    const release = await plan(
      { kind: 'sum', denominator: 10 },
      { relation: 'add-remove', noiseMultiplier: 1 },
    );
    const { value, clients } = await released(new Map(), release, { cols: 2000 });
    expect(clients).toEqual([]);
    const square = value.reduce((sum, v) => sum + v * v, 0) / 2000;
    expect(Math.abs(square / 0.01 - 1)).toBeLessThan(5 * Math.sqrt(2 / 2000));
  });
});

test('rows of clients do not stay with the backend', async () => {
  const own = new Engine(new ReferenceKernels());
  const [n, cols] = [9, 50];
  const release = await plan(rule(pipeline(nnm({ f: 2 }), trimmedMean({ f: 2 })), n));
  const storage = new MemoryStorage();
  const relation = 'replace-one';
  const ledger = await openLedger({ storage, filter: ANYTHING, unit: 'client', relation });
  const updates = named(rowsOf(n, cols));
  const cohort = [...updates.keys()];
  const once = async (round: number): Promise<number> => {
    const common = { rounds: 3, cohort, cols, ledger, backend: own };
    await releasePrivately(updates, release, { round, ...common });
    return own.peakTileBytes;
  };
  const first = await once(0);
  await once(1);
  expect(await once(2)).toBe(first);
});

describe('refused', () => {
  test('by type and at run time: what one client may decide', async () => {
    // @ts-expect-error: one client may decide which update is the median
    await expect(plan(rule(median(), 9))).rejects.toThrow(PrivacyError);
    // @ts-expect-error: a selection
    await expect(plan(rule(krum({ f: 1 }), 9))).rejects.toThrow('no bound on one unit’s influence');
    // @ts-expect-error: clipping in floats stands before the lattice
    await expect(plan(rule(pipeline(clipNorm({ max: 1 }), mean()), 9))).rejects.toThrow();
    expectTypeOf(pipeline(nnm({ f: 1 }), median())).toEqualTypeOf<Rule>();
  });

  test('a rule with rows that come and go, sampling that its bound is not for', async () => {
    const trimmed = rule(trimmedMean({ f: 2 }), 9);
    await expect(plan(trimmed, { relation: 'add-remove' })).rejects.toThrow('fixed number');
    const poisson = { kind: 'poisson', rate: 0.1 } as const;
    await expect(plan(trimmed, { sampling: poisson })).rejects.toThrow('without replacement');
    const drawn = { kind: 'without-replacement', population: 90, cohort: 9 } as const;
    await expect(plan(trimmed, { sampling: drawn, relation: 'zero-out' })).rejects.toThrow(
      'without replacement',
    );
    expect((await plan(trimmed, { sampling: drawn })).sampling).toBe(drawn);
    // The rule has 9 rows, the draw 8.
    await expect(plan(trimmed, { sampling: { ...drawn, cohort: 8 } })).rejects.toThrow('cohort');
  });

  test('a cohort that was not drawn as the plan says, and rules that depend on its order', async () => {
    const drawn = { kind: 'without-replacement', population: 90, cohort: 3 } as const;
    const statistic = { kind: 'sum', denominator: 3 } as const;
    const release = await plan(statistic, { sampling: drawn });
    const rows = named(rowsOf(4, 3));
    await expect(released(rows, release, { cols: 3 })).rejects.toThrow(
      'cohort must have 3 clients',
    );
    const buckets = rule(pipeline(bucketing({ size: 2, seed: 5 }), mean()), 4);
    const four = { ...drawn, cohort: 4 };
    await expect(plan(buckets, { sampling: four })).rejects.toThrow('order of rows');
    // A mean of kept values may be longer than each row: (√½, √½, √½) of three of length 1.
    const clipped = pipeline(trimmedMean({ f: 1 }), centeredClipping({ tau: 1 }));
    await expect(plan(rule(clipped, 3))).rejects.toThrow('tau = 1');
  });

  test('a center that is not finite, noise that is none', async () => {
    const release = await plan(rule(mean(), 4));
    const center = Float32Array.of(0, Number.NaN, 0);
    const asked = released(named(rowsOf(4, 3)), release, { cols: 3, center });
    await expect(asked).rejects.toThrow('center must be a Float32Array of finite numbers');
    await expect(plan(rule(mean(), 4), { noiseMultiplier: 1e-150 })).rejects.toThrow('sigma');
  });

  test('centered clipping of more than one step, or of rows beyond tau', async () => {
    const steps = rule(centeredClipping({ tau: 1, iterations: 2 }), 9);
    await expect(plan(steps)).rejects.toThrow('one step');
    await expect(plan(rule(centeredClipping({ tau: 0.5 }), 9))).rejects.toThrow('tau = 0.5');
  });

  test('a cohort of another size, strangers, and twins', async () => {
    const rows = rowsOf(4, 3);
    const release = await plan(rule(mean(), 4));
    const ask = (cohort: string[], cols = 3) => released(named(rows), release, { cols, cohort });
    const names = rows.map((_, i) => nameOf(i));
    await expect(ask(names.slice(1))).rejects.toThrow('updates must come from the cohort');
    await expect(ask([...names, 'late'])).rejects.toThrow('cohort must have 4 clients, got 5');
    await expect(ask([...names, names[0]!])).rejects.toThrow('each client once');
  });

  test('what is the server’s mistake, before anything is charged', async () => {
    const release = await plan(rule(mean(), 4));
    const cohort = rowsOf(4, 3).map((_, i) => nameOf(i));
    const ask = (updates: unknown) =>
      released(updates as Map<string, PrivateUpdate>, release, { cols: 3, cohort });
    await expect(ask(new Map([[nameOf(0), new Float32Array(3)]]))).rejects.toThrow(
      'must hold a row, a Float32Array, got undefined',
    );
    await expect(ask(new Map([[nameOf(0), { row: [1, 2, 3] }]]))).rejects.toThrow('Float32Array');
    await expect(ask({})).rejects.toThrow();
    const bad = { clipNorm: 1, noiseMultiplier: 1, relation: 'replaceOne' };
    await expect(planRelease({ ...bad, statistic: rule(mean(), 4) } as never)).rejects.toThrow(
      'relation must be one of',
    );
    const kind = { ...bad, relation: 'replace-one', statistic: { kind: 'mean' } };
    await expect(planRelease(kind as never)).rejects.toThrow('statistic.kind must be one of');
    await expect(plan(rule(mean(), 4), { noiseMultiplier: 1e7 })).rejects.toThrow('less noise');
  });

  test('options that are none, or out of range', async () => {
    const one = rule(mean(), 4);
    await expect(plan(one, { clipNorm: 0 })).rejects.toThrow('clipNorm');
    await expect(plan(one, { noiseMultiplier: Number.NaN })).rejects.toThrow('noiseMultiplier');
    await expect(plan(one, { bound: 0.5 })).rejects.toThrow('bound');
    await expect(plan(one, { noise: 1 } as object)).rejects.toThrow('there is no option "noise"');
  });
});

describe('the ledger', () => {
  const cols = 4;

  test('is charged before, and has the receipt after', async () => {
    const release = await plan(rule(mean(), 4), { noiseMultiplier: 2 });
    const { ledger, storage } = await ledgerFor(release, { cols, count: 2 });
    const { receipt, numericalDelta } = await released(named(rowsOf(4, cols)), release, {
      cols,
      ledger,
    });
    expect(receipt).toMatchObject({ unit: 'client', round: 0, event: eventOf(release, cols) });
    expect(receipt.tables.length).toBeGreaterThan(0);
    expect(receipt.nonces.first <= receipt.nonces.last).toBe(true);
    expect(numericalDelta).toBeLessThan(1e-20);
    expect(ledger.records).toBe(3);
    expect(await storage.read()).not.toContain('seed');
    await released(named(rowsOf(4, cols)), release, { cols, ledger });
    await expect(released(named(rowsOf(4, cols)), release, { cols, ledger })).rejects.toThrow(
      PrivacyError,
    );
    expect(ledger.records).toBe(5);
  });

  test('refuses, and nothing is computed', async () => {
    const release = await plan(rule(mean(), 4), { noiseMultiplier: 2 });
    const { ledger } = await ledgerFor(release, { cols, count: 1 });
    const refusing: Charging = {
      budget: ledger.budget,
      epsilon: () => 0,
      reserve: () => Promise.reject(new PrivacyError('over-budget', 'no')),
      drawSeed: () => {
        throw new Error('a seed was drawn');
      },
      commit: () => Promise.reject(new Error('committed')),
    };
    const asked = released(named(rowsOf(4, cols)), release, { cols, ledger: refusing });
    await expect(asked).rejects.toThrow('no');
  });

  test('keeps a charge whose noise was never released', async () => {
    const release = await plan(rule(mean(), 4), { noiseMultiplier: 2 });
    const { ledger } = await ledgerFor(release, { cols, count: 2 });
    const failing: Charging = {
      budget: ledger.budget,
      epsilon: () => ledger.epsilon(),
      reserve: (event) => ledger.reserve(event),
      drawSeed: (charge) => ledger.drawSeed(charge),
      commit: () => Promise.reject(new Error('power loss')),
    };
    const asked = released(named(rowsOf(4, cols)), release, { cols, ledger: failing });
    await expect(asked).rejects.toThrow('power loss');
    expect(ledger.epsilon()).toBeGreaterThan(0);
    // One of two is left.
    await released(named(rowsOf(4, cols)), release, { cols, ledger });
    await expect(released(named(rowsOf(4, cols)), release, { cols, ledger })).rejects.toThrow();
  });
});
