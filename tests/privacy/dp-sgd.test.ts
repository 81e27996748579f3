import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { createBackend } from '../../src/backend/create-node.ts';
import { RdpAccountant } from '../../src/privacy/accountants/rdp.ts';
import {
  type ExampleGradient,
  type PrivateTraining,
  type PrivateTrainingOptions,
  planSteps,
  privateTraining,
  type StepOptions,
  stepEvent,
} from '../../src/privacy/dp-sgd.ts';
import { FileStorage } from '../../src/privacy/ledger/file-ledger.ts';
import { openLedger } from '../../src/privacy/ledger/ledger.ts';
import { MemoryStorage } from '../../src/privacy/ledger/storage.ts';
import { zcdpFilter } from '../../src/privacy/ledger/zcdp-filter.ts';
import { COLS, DELTA, ledgerFor, STEP, withSeeds } from './dp-sgd-support.ts';

const backend = await createBackend('reference');
afterAll(() => backend.close());

const withCode = (code: string): object => expect.objectContaining({ name: 'PrivacyError', code });
const plan = planSteps(STEP);
const ZEROS = new Float32Array(COLS);

/** The same gradient for all. */
const constant = (...values: number[]): ExampleGradient => {
  const gradient = Float32Array.from({ length: COLS }, (_, j) => values[j] ?? 0);
  return () => gradient;
};

/** A training with known seeds, of a hundred examples. */
async function train(options: Partial<PrivateTrainingOptions> = {}): Promise<PrivateTraining> {
  return privateTraining({
    plan,
    examples: 100,
    gradientOf: constant(),
    parameters: ZEROS,
    steps: 1,
    learningRate: 1,
    ledger: withSeeds(await ledgerFor()),
    backend,
    ...options,
  });
}

/** How far a training with these gradients ends from one without any, the noise being the same. */
async function moved(options: Partial<PrivateTrainingOptions>): Promise<number[]> {
  const still = await train({ ...options, gradientOf: constant() });
  const { parameters } = await train(options);
  return Array.from(parameters, (value, j) => value - still.parameters[j]!);
}

/**
 * Values here are below 4 and come from sums rounded to f32 once, then once more when they are added
 * to the parameters; a gradient is rounded to the lattice, 2⁻²⁰ of the clip norm, and a factor to 21
 * bits of itself, both over at most 100 examples and divided by 50.
 */
const TOLERANCE = 2 ** -17;

function expectClose(values: readonly number[], expected: readonly number[]): void {
  expect(values).toHaveLength(expected.length);
  for (const [j, value] of values.entries()) {
    expect(Math.abs(value - expected[j]!), `entry ${j}`).toBeLessThanOrEqual(TOLERANCE);
  }
}

describe('a step', () => {
  test('goes against the sum of clipped gradients over the expected batch', async () => {
    const { local } = await train({ gradientOf: constant(0.5) });
    expect(local.clipped).toBe(0);
    // (1/50)·batch·0.5; the batch is known from the seed.
    const small = await moved({ gradientOf: constant(0.5) });
    expectClose(small, [-local.examples / 100, 0, 0, 0, 0, 0]);
    // (3, 4) has norm 5 and becomes (0.6, 0.8).
    const large = await moved({ gradientOf: constant(3, 4), learningRate: 0.5 });
    const share = local.examples / 100;
    expectClose(large, [-0.6 * share, -0.8 * share, 0, 0, 0, 0]);
    expect((await train({ gradientOf: constant(3, 4) })).local.clipped).toBe(local.examples);
  });

  test('is the same on all backends', async () => {
    await using wasm = await createBackend('wasm');
    const gradientOf = constant(0.1, 7, -2);
    const here = await train({ gradientOf });
    const there = await train({ gradientOf, backend: wasm });
    expect(there.parameters).toEqual(here.parameters);
    expect(there.receipts[0]!.tables).toEqual(here.receipts[0]!.tables);
  });

  test('moves by the clip norm at most when one example is another, whatever its gradient is', async () => {
    const ordinary = constant(0.2, -0.1);
    const everybody = { plan: planSteps({ ...STEP, samplingRate: 1 }) };
    const ledger = async () => withSeeds(await ledgerFor({ step: everybody.plan }));
    const before = await train({ ...everybody, gradientOf: ordinary, ledger: await ledger() });
    const zeroed: ExampleGradient = (i, p) => (i === 7 ? ZEROS : ordinary(i, p));
    const without = await train({ ...everybody, gradientOf: zeroed, ledger: await ledger() });
    expect(before.local.examples).toBe(100);
    const any32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    await fc.assert(
      fc.asyncProperty(fc.array(any32, { minLength: COLS, maxLength: COLS }), async (bits) => {
        const own = new Float32Array(Uint32Array.from(bits).buffer);
        const gradientOf: ExampleGradient = (i, p) => (i === 7 ? own : ordinary(i, p));
        const after = await train({ ...everybody, gradientOf, ledger: await ledger() });
        const steps = after.parameters.map((v, j) => (v - without.parameters[j]!) * 50);
        // Floats come after the noise: here they blur what was exact.
        expect(Math.hypot(...steps)).toBeLessThanOrEqual(1 + 50 * TOLERANCE);
      }),
      { seed: 3, numRuns: 60 },
    );
  });

  test('counts a gradient with NaN or infinities as zero, and tells', async () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const broken: ExampleGradient = (i, p) => constant(i < 60 ? bad : 0.5)(i, p);
      const zero: ExampleGradient = (i, p) => constant(i < 60 ? 0 : 0.5)(i, p);
      const got = await train({ gradientOf: broken });
      const expected = await train({ gradientOf: zero });
      expect(got.parameters).toEqual(expected.parameters);
      expect(got.local.examples).toBe(expected.local.examples);
      expect(got.local.nonFinite).toBeGreaterThan(10);
      expect(expected.local.nonFinite).toBe(0);
    }
  });

  test('without an example releases noise alone, of the planned size', async () => {
    const cols = 4096;
    const parameters = new Float32Array(cols);
    const noisy = async (examples: number, seed: number) => {
      const ledger = withSeeds(await ledgerFor({ cols }), seed);
      const gradientOf: ExampleGradient = () => parameters;
      return train({ parameters, ledger, examples, gradientOf });
    };
    const { parameters: noise, local, receipts } = await noisy(0, 1);
    expect(local).toEqual({ examples: 0, emptyBatches: 1, clipped: 0, nonFinite: 0 });
    // σ = clip norm, over 50. Standard error of a variance over n: √(2/n); five of them.
    const variance = noise.reduce((sum, value) => sum + (50 * value) ** 2, 0) / cols;
    expect(Math.abs(variance - 1)).toBeLessThan(5 * Math.sqrt(2 / cols));
    // Noise does not depend on the batch, and other seeds give other noise.
    expect((await noisy(100, 1)).parameters).toEqual(noise);
    expect((await noisy(0, 2)).parameters).not.toEqual(noise);
    expect(receipts[0]!.achievedSigma).toBe(2 ** 20);
  });

  test('holds sums within 32 bits, however many examples there are', async () => {
    // Room for 2·0.01 + 14 gradients beside each other: of a hundred, sums stop short and keep sign.
    const step = { ...STEP, expectedBatch: 0.01 };
    expect(() => planSteps({ ...step, bound: 2 ** 26 })).toThrow(/bound must be in/);
    const tight = planSteps({ ...step, bound: 2 ** 24 });
    const ledger = withSeeds(await ledgerFor({ step: tight }));
    const { parameters } = await train({
      plan: tight,
      gradientOf: constant(1),
      ledger,
      examples: 1000,
    });
    // The most is 2³¹ − 14·2²⁴ = 114·2²⁴, less or more 14·2²⁴ of noise, over 0.01.
    expect(parameters[0]).toBeLessThan(-100 * 100);
    expect(parameters[0]).toBeGreaterThan(-128 * 100);
  });
});

describe('batches', () => {
  test('have each example by a coin of its own', async () => {
    const step = { ...STEP, samplingRate: 0.1 };
    const ledger = await ledgerFor({ step, steps: 40 });
    const seen = new Uint32Array(2000);
    const gradientOf: ExampleGradient = (i) => {
      seen[i]!++;
      return ZEROS;
    };
    // Seeds of the platform's own: each bound fails in one of 10⁶ runs or fewer.
    const { local } = await train({
      plan: planSteps(step),
      ledger,
      examples: 2000,
      gradientOf,
      steps: 40,
    });
    expect(local.examples).toBe(seen.reduce((a, b) => a + b));
    // 80,000 coins of 0.1: 8000 ± 85; six of them.
    expect(Math.abs(local.examples - 8000)).toBeLessThan(6 * Math.sqrt(80_000 * 0.09));
    // Binomial over 40 steps, mean 4: the χ² of all 2000 counts is 2000 ± √4000 nearly.
    const chi = seen.reduce((sum, n) => sum + (n - 4) ** 2 / 3.6, 0);
    expect(Math.abs(chi - 2000)).toBeLessThan(6 * Math.sqrt(4000));
  });

  test('have everybody at a rate of 1, and are never drawn above what is accounted for', async () => {
    const step = { ...STEP, samplingRate: 1 };
    const ledger = await ledgerFor({ step });
    expect((await train({ plan: planSteps(step), ledger })).local.examples).toBe(100);
    // A third of 2³² lies between two words: coins have the lower, the accountant the upper.
    const { sampling } = stepEvent({ ...STEP, samplingRate: 1 / 3 }, COLS);
    expect(sampling).toEqual({ kind: 'poisson', rate: 1_431_655_766 / 2 ** 32 });
    expect(stepEvent({ ...STEP, samplingRate: 0.25 }, COLS).sampling).toMatchObject({ rate: 0.25 });
  });
});

describe('a training', () => {
  test('may be cut into rounds, and steps have their numbers in receipts', async () => {
    const gradientOf: ExampleGradient = (i, p) => p.map((value, j) => value - (i + j) / 100);
    const whole = await train({ gradientOf, steps: 4 });
    const ledger = withSeeds(await ledgerFor());
    const first = await train({ gradientOf, ledger, steps: 3 });
    const { parameters } = first;
    const second = await train({ gradientOf, ledger, parameters, firstStep: 3 });
    // Coins and noise of the fourth step come from the fourth seed and the nonce of step 3.
    expect(second.parameters).toEqual(whole.parameters);
    expect(whole.receipts.map(({ round }) => round)).toEqual([0, 1, 2, 3]);
    expect(second.receipts).toEqual(whole.receipts.slice(3));
    const last = whole.receipts.at(-1)!;
    expect(last).toMatchObject({ unit: 'record', event: stepEvent(plan, COLS) });
    expect(last.nonces).toEqual({
      first: '000000030000000000000200',
      last: '000000030000000000000202',
    });
    expect(last.tables).toHaveLength(2);
  });

  test('costs what the accountant says of its steps', async () => {
    const { receipts, ended, numericalDelta } = await train({ steps: 5 });
    const accountant = new RdpAccountant();
    accountant.compose(stepEvent(STEP, COLS), 5);
    expect(ended).toBe('complete');
    expect(receipts.at(-1)!.epsilonSoFar).toBe(accountant.epsilon(DELTA));
    expect(numericalDelta).toBeGreaterThan(0);
    expect(numericalDelta).toBeLessThan(0.01 * DELTA);
  });

  test('ends before the step that would overdraw, with what it has', async () => {
    const gradientOf = constant(0.3);
    const three = await train({ gradientOf, steps: 3 });
    const storage = new MemoryStorage();
    const ledger = await ledgerFor({ steps: 3, storage });
    const asked = await train({ gradientOf, steps: 100, ledger: withSeeds(ledger) });
    expect(asked.ended).toBe('over-budget');
    expect(asked.reason).toMatch(/the schedule is at its end/);
    expect(asked.receipts).toHaveLength(3);
    expect(asked.parameters).toEqual(three.parameters);
    // Nothing is open: one record to begin with, and two for each step.
    expect(ledger.records).toBe(7);
    const more = await train({ ledger, firstStep: 3, parameters: asked.parameters });
    expect(more).toMatchObject({
      ended: 'over-budget',
      parameters: asked.parameters,
      receipts: [],
    });
    expect(more.local.examples).toBe(0);
  });

  test('that fails between reserve and commit has spent the step', async () => {
    const storage = new MemoryStorage();
    const ledger = await ledgerFor({ storage });
    const failing: ExampleGradient = () => {
      // Opened, charged, ended, charged: the second step.
      if (ledger.records === 4) throw new Error('out of memory');
      return ZEROS;
    };
    await expect(train({ ledger, gradientOf: failing, steps: 2 })).rejects.toThrow('out of memory');
    const accountant = new RdpAccountant();
    accountant.compose(stepEvent(STEP, COLS), 2);
    expect(ledger.epsilon()).toBe(accountant.epsilon(DELTA));
    const again = await ledgerFor({ storage });
    expect(again.epsilon()).toBe(ledger.epsilon());
    expect(again.abandoned).toEqual([3]);
    // Of the five steps that the budget has, one is made and one is lost.
    const rest = await train({ ledger: again, steps: 5, firstStep: 2 });
    expect(rest.ended).toBe('over-budget');
    expect(rest.receipts).toHaveLength(3);
  });

  test('that is killed between reserve and commit has spent the step', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'aggregis-training-'));
    try {
      const path = join(folder, 'ledger.jsonl');
      const program = join(import.meta.dirname, 'training-child.ts');
      const words = ['--import', import.meta.resolve('tsx'), program, path];
      const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
      const [line] = (await once(child.stdout, 'data')) as [Buffer];
      expect(line.toString()).toContain('in its second step');
      child.kill('SIGKILL');
      await once(child, 'exit');
      await using storage = await FileStorage.open(path);
      const ledger = await ledgerFor({ storage });
      // Opened, charged, ended, charged.
      expect(ledger.abandoned).toEqual([3]);
      const accountant = new RdpAccountant();
      accountant.compose(stepEvent(STEP, COLS), 2);
      expect(ledger.epsilon()).toBe(accountant.epsilon(DELTA));
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('whose ledger cannot write makes nothing of the step', async () => {
    const storage = new MemoryStorage();
    const ledger = await ledgerFor({ storage });
    const gradientOf: ExampleGradient = () => {
      storage.append = () => Promise.reject(new Error('disk full'));
      return ZEROS;
    };
    await expect(train({ ledger, gradientOf })).rejects.toThrow(withCode('ledger'));
    expect((await ledgerFor({ storage: new MemoryStorage(storage.text) })).abandoned).toEqual([1]);
  });

  test('is not spoilt by a callback that writes to its parameters, nor writes to the caller’s', async () => {
    const parameters = ZEROS.slice();
    const spoiling: ExampleGradient = (i, p) => {
      const gradient = p.map((value, j) => (value - i - j) / 100);
      p.fill(Number.NaN);
      return gradient;
    };
    const clean: ExampleGradient = (i, p) => p.map((value, j) => (value - i - j) / 100);
    const got = await train({ gradientOf: spoiling, parameters, steps: 3 });
    expect(got.parameters).toEqual((await train({ gradientOf: clean, steps: 3 })).parameters);
    expect(parameters).toEqual(ZEROS);
  });

  test('takes gradients that come later', async () => {
    const later: ExampleGradient = async () => constant(0.5)(0, ZEROS);
    const now = await train({ gradientOf: constant(0.5) });
    expect((await train({ gradientOf: later })).parameters).toEqual(now.parameters);
  });
});

describe('bad input', () => {
  test('is refused before anything is charged', async () => {
    const ledger = await ledgerFor();
    const bad: readonly [Partial<PrivateTrainingOptions>, RegExp][] = [
      [{ examples: -1 }, /examples must be in/],
      [{ examples: 1.5 }, /examples must be an integer/],
      [{ gradientOf: 'mean' as never }, /gradientOf must be a function/],
      [{ parameters: [0] as never }, /parameters must be a Float32Array/],
      [{ parameters: new Float32Array(0) }, /parameters must have some entries/],
      [{ parameters: Float32Array.of(0, Number.NaN) }, /parameters must be finite/],
      [{ steps: 0 }, /steps must be/],
      [{ firstStep: 2 ** 32 - 1, steps: 2 }, /steps must be/],
      [{ learningRate: 0 }, /learningRate must be above 0/],
      [{ momentum: 0.9 } as never, /no option "momentum"/],
    ];
    for (const [options, why] of bad) {
      await expect(train({ ledger, ...options })).rejects.toThrow(why);
    }
    expect(ledger.records).toBe(1);
  });

  test('such as a ledger for another unit or relation is refused', async () => {
    const filter = () => zcdpFilter({ epsilon: 8, delta: DELTA });
    const client = await openLedger({
      storage: new MemoryStorage(),
      filter: filter(),
      unit: 'client',
      relation: 'add-remove',
    });
    await expect(train({ ledger: client })).rejects.toThrow(/unit record, got "client"/);
    const replaced = await openLedger({
      storage: new MemoryStorage(),
      filter: filter(),
      unit: 'record',
      relation: 'replace-one',
    });
    await expect(train({ ledger: replaced })).rejects.toThrow(/relation must be/);
    // Sampling does not add up in a zCDP budget.
    const summed = await openLedger({
      storage: new MemoryStorage(),
      filter: filter(),
      unit: 'record',
      relation: 'add-remove',
    });
    await expect(train({ ledger: summed })).rejects.toThrow(withCode('unsupported'));
    expect([client, replaced, summed].map(({ records }) => records)).toEqual([1, 1, 1]);
  });

  test('such as a δ that the noise’s own error is not small beside is refused', async () => {
    const ledger = await ledgerFor({ delta: 1e-25 });
    await expect(train({ ledger })).rejects.toThrow(withCode('numerics'));
    expect(ledger.records).toBe(1);
  });

  test('such as a gradient of another length is told', async () => {
    await expect(train({ gradientOf: () => new Float32Array(2) })).rejects.toThrow(
      /6 entries, got 2/,
    );
    await expect(train({ gradientOf: (() => [1]) as never })).rejects.toThrow(/Float32Array/);
  });

  test('such as a step out of range is told, with the range', () => {
    const bad: readonly [Partial<StepOptions>, RegExp][] = [
      [{ samplingRate: 0 }, /samplingRate must be above 0/],
      [{ samplingRate: 1.01 }, /samplingRate must be in/],
      [{ samplingRate: 2 ** -33 }, /samplingRate must be in/],
      [{ clipNorm: -1 }, /clipNorm must be above 0/],
      [{ noiseMultiplier: 0 }, /noiseMultiplier must be above 0/],
      [{ noiseMultiplier: 2 ** 20 }, /room for 32/],
      [{ expectedBatch: Number.NaN }, /expectedBatch must be a finite number/],
      [{ expectedBatch: 2 ** 23 }, /room for 127/],
      [{ bound: 0 }, /bound must be in/],
      [{ noise: 1 } as never, /no option "noise"/],
    ];
    for (const [options, why] of bad) {
      expect(() => planSteps({ ...STEP, ...options })).toThrow(why);
    }
  });
});
