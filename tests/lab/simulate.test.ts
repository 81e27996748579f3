import { beforeAll, describe, expect, test } from 'vitest';
import { createBackend } from '../../src/backend/create-node.ts';
import type { Backend } from '../../src/backend/kernels.ts';
import { createRandom } from '../../src/core/random.ts';
import type { TrainTest } from '../../src/lab/dataset.ts';
import { crossCheck, expectations, leftOut } from '../../src/lab/findings.ts';
import { drawDigits } from '../../src/lab/glyphs.ts';
import { namedAttack, namedRule } from '../../src/lab/named.ts';
import {
  CONTROL,
  type SimulationOptions,
  type SimulationResult,
  simulate,
} from '../../src/lab/simulate.ts';

const random = createRandom(5);
const data: TrainTest = {
  source: 'drawn digits',
  train: drawDigits(600, random),
  test: drawDigits(200, random),
};
const rules = ['mean', 'multi-krum:f=3', 'nnm:f=3+trimmed-mean:f=3'].map(namedRule);
const small = { hidden: 16, localSteps: 12, batchSize: 8, learningRate: 0.5, alpha: 1 };

let backend: Backend;
beforeAll(async () => {
  backend = await createBackend('reference');
});

/** 10 clients, 3 of whom attack; 6 rounds. */
function run(changes: Partial<SimulationOptions> = {}): Promise<SimulationResult> {
  return simulate({
    data,
    clients: 10,
    attackers: 3,
    attack: namedAttack('sign-flip:scale=4'),
    rules,
    rounds: 6,
    seed: 3,
    backend,
    training: small,
    ...changes,
  });
}

const course = (result: SimulationResult, name: string) =>
  result.courses.find((one) => one.name === name)!;

describe('under a sign flip of 4 by 3 of 10', () => {
  let result: SimulationResult;
  beforeAll(async () => {
    result = await run();
  });

  test('the mean collapses, and NNM + trimmed mean learns as if nobody attacked', () => {
    const control = course(result, CONTROL).final.accuracy;
    expect(control).toBeGreaterThan(0.6);
    expect(course(result, 'mean').final.accuracy).toBeLessThan(0.2);
    expect(course(result, 'nnm:f=3+trimmed-mean:f=3').final.accuracy).toBeGreaterThan(
      control - 0.1,
    );
  });

  test('all courses start from one model', () => {
    const starts = result.courses.map(({ accuracy }) => accuracy[0]);
    expect(new Set(starts).size).toBe(1);
    expect(result.courses.map(({ accuracy }) => accuracy.length)).toEqual([7, 7, 7, 7]);
  });

  test('the attackers send what the attack is defined to be, from the honest updates', () => {
    const [first, second, third, ...honest] = result.lastRound.map(({ row }) => row);
    expect(result.lastRound.map(({ client }) => client)).toEqual(result.cohort.names);
    expect(second).toEqual(first);
    expect(third).toEqual(first);
    for (let i = 0; i < first!.length; i += 97) {
      const mean = honest.reduce((sum, row) => sum + row[i]!, 0) / honest.length;
      // One rounding to f32 of a number of this size.
      expect(Math.abs(first![i]! + 4 * mean)).toBeLessThanOrEqual(Math.abs(4 * mean) * 2 ** -23);
    }
  });

  test('on the same updates the mean lands 1.5 honest means away, every round', () => {
    // (7μ − 3·4μ) / 10 = −0.5μ, which is 1.5μ from μ.
    const [mean, , defended] = result.comparisons;
    for (const deviation of mean!.deviations) expect(deviation).toBeCloseTo(1.5, 5);
    expect(defended!.deviations[0]).toBeLessThan(0.5);
    expect(result.yardstick).toBe('nnm:f=3+trimmed-mean:f=3');
  });

  test('it is told who was left out, where a rule decides on clients', () => {
    const out = (name: string) => leftOut(course(result, name), result.attackers);
    expect(out('mean')).toEqual({ attackers: [], honest: [] });
    const selected = out('multi-krum:f=3')!;
    expect(selected.attackers.length + selected.honest.length).toBe(10 - (10 - 3 - 2));
    expect(out('nnm:f=3+trimmed-mean:f=3')).toBeUndefined();
  });

  test('what is expected of the default attack is judged by these numbers', () => {
    expect(expectations(result).map(({ met }) => met)).toEqual([
      true,
      course(result, 'nnm:f=3+trimmed-mean:f=3').final.accuracy >=
        course(result, CONTROL).final.accuracy - 0.05,
    ]);
  });

  test('two backends of one kind agree on the last round to the bit', async () => {
    await using other = await createBackend('reference');
    const check = await crossCheck(result, { rules, backend, other });
    expect(check.differences.map(({ relative }) => relative)).toEqual([0, 0, 0]);
  });
});

test('the same seed gives the same run, another seed another', async () => {
  const figures = ({ courses, comparisons }: SimulationResult) => ({
    comparisons,
    curves: courses.map(({ accuracy }) => accuracy),
    models: courses.map(({ parameters }) => parameters),
  });
  const brief = { rounds: 2 };
  expect(figures(await run(brief))).toEqual(figures(await run(brief)));
  expect(figures(await run({ ...brief, seed: 4 }))).not.toEqual(figures(await run(brief)));
});

test('without an attack all clients are honest, and the mean is the control', async () => {
  const result = await run({ attack: undefined, rounds: 2 });
  expect(result.attackers).toEqual([]);
  expect(course(result, 'mean').parameters).toEqual(course(result, CONTROL).parameters);
  expect(result.comparisons[0]!.deviations[0]).toBeLessThan(1e-6);
});

test('rows with infinities are screened out by name and change nothing for the mean', async () => {
  const result = await run({ attack: namedAttack('inf'), rules: [namedRule('mean')], rounds: 2 });
  expect(leftOut(course(result, 'mean'), result.attackers)).toEqual({
    attackers: ['client-01', 'client-02', 'client-03'],
    honest: [],
  });
  expect(course(result, 'mean').parameters).toEqual(course(result, CONTROL).parameters);
});

test('an optimised attack is aimed at the rule that it meets', async () => {
  const result = await run({
    attack: namedAttack('optimised-ipm:evaluations=6'),
    rules: ['mean', 'median'].map(namedRule),
    rounds: 1,
  });
  // Against the mean the search finds a large factor, against the median one of its own.
  expect(result.comparisons[0]!.deviations[0]).toBeGreaterThan(0.3);
  expect(course(result, 'mean').final.accuracy).toBeLessThan(0.3);
});

test('a model that diverges ends its course where updates are no longer finite', async () => {
  const training = { ...small, localSteps: 1, learningRate: 1e15 };
  const result = await run({ training, rounds: 5 });
  for (const { accuracy, stopped } of result.courses) {
    expect(stopped?.round).toBeGreaterThan(1);
    expect(stopped?.reason).toContain('no update is left');
    expect(accuracy).toHaveLength(6);
  }
  expect(result.comparisons[0]!.deviations.at(-1)).toBeNaN();
  expect(result.lastRound).toHaveLength(7);
});

test('a rule that does not admit the cohort is refused in the first round', async () => {
  await expect(run({ rules: [namedRule('multi-krum:f=6')] })).rejects.toMatchObject({
    code: 'constraint',
  });
});

test.each<[message: string, changes: Partial<SimulationOptions>]>([
  ['attackers must be in [0, 9], got 10', { attackers: 10 }],
  ['rounds must be in [1, 100000], got 0', { rounds: 0 }],
  ['rules.length must be at least 1, got 0', { rules: [] }],
  ['rules must have names that differ', { rules: [rules[0]!, rules[0]!] }],
  ['clients must be in [1, 600], got 601', { clients: 601 }],
])('an option outside its range is refused: %s', async (message, changes) => {
  await expect(run(changes)).rejects.toThrow(message);
});
