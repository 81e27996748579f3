import { describe, expect, test } from 'vitest';
import { createBackend } from '../../src/backend/create-node.ts';
import { createRandom } from '../../src/core/random.ts';
import { loadData } from '../../src/lab/data-files.ts';
import type { Dataset } from '../../src/lab/dataset.ts';
import { takeExamples } from '../../src/lab/dataset.ts';
import { exampleGradients } from '../../src/lab/example-gradients.ts';
import { type Mlp, mlp } from '../../src/lab/model.ts';
import { dirichletPartition } from '../../src/lab/partition.ts';
import {
  dealOut,
  type PrivateClient,
  privateClient,
  privateRound,
} from '../../src/lab/private-clients.ts';
import { streamOf } from '../../src/lab/sampling.ts';
import type { StepPlan } from '../../src/privacy/dp-sgd.ts';
import { clipToLattice, fromLattice } from '../../src/privacy/lattice/clip.ts';
import { budgetTraining } from '../../src/privacy/training-budget.ts';
import { withSeeds } from '../privacy/dp-sgd-support.ts';
import { itShared } from '../support/shared.ts';

/** Eight examples of four features in three classes. */
const TINY: Dataset = {
  inputs: Float32Array.from({ length: 32 }, (_, i) => Math.abs(Math.sin(i))),
  labels: Uint8Array.of(0, 1, 2, 0, 1, 2, 0, 1),
  size: 8,
  features: 4,
  classes: 3,
};

test('gradients of single examples add up to that of a batch', () => {
  const model = mlp({ ...TINY, hidden: 5 });
  const parameters = model.initialParameters(createRandom(1));
  const gradientOf = exampleGradients(model, TINY);
  const sum = new Float64Array(model.parameterCount);
  for (const example of [1, 4, 6]) {
    const gradient = gradientOf(example, parameters) as Float32Array;
    for (let j = 0; j < sum.length; j++) sum[j]! += gradient[j]!;
  }
  const batch = new Float64Array(model.parameterCount);
  const wide = new Float64Array(parameters);
  model.lossAndGradient(wide, { data: TINY, batch: [1, 4, 6], gradient: batch });
  expect(Math.hypot(...batch)).toBeGreaterThan(0.1);
  // Each of three addends is rounded to f32 once: half a unit in its last place, of at most 4.
  for (const [j, value] of batch.entries()) {
    expect(Math.abs(sum[j]! / 3 - value)).toBeLessThan(4 * 2 ** -24);
  }
});

test('examples are dealt out, each once, in parts of nearly one size', () => {
  const parts = dealOut(TINY, 3, createRandom(2));
  expect(parts.map(({ size }) => size)).toEqual([3, 3, 2]);
  const firsts = parts.flatMap(({ inputs, size }) =>
    Array.from({ length: size }, (_, i) => inputs[4 * i]!),
  );
  const all = Array.from({ length: 8 }, (_, i) => TINY.inputs[4 * i]!);
  expect(firsts.sort()).toEqual(all.sort());
  expect(() => dealOut(TINY, 9, createRandom(2))).toThrow(/parts must be in \[1, 8\]/);
});

describe('a client of the laboratory', () => {
  const training = {
    epsilon: 3,
    delta: 1e-5,
    clipNorm: 1,
    samplingRate: 0.2,
    expectedBatch: 20,
    steps: 30,
    parameterCount: 35,
  };

  test('makes all steps of its budget and not one more', async () => {
    const budget = budgetTraining(training);
    const client = await privateClient(TINY, budget);
    await using backend = await createBackend('reference');
    const model = mlp({ ...TINY, hidden: 4 });
    expect(model.parameterCount).toBe(35);
    const { trainings } = await privateRound(model.initialParameters(createRandom(1)), {
      model,
      plan: budget.plan,
      clients: [client],
      round: 0,
      localSteps: 31,
      learningRate: 0.1,
      backend,
    });
    expect(trainings[0]).toMatchObject({ ended: 'over-budget' });
    expect(trainings[0]!.receipts).toHaveLength(30);
    const { epsilonSoFar } = trainings[0]!.receipts.at(-1)!;
    expect(epsilonSoFar).toBeLessThanOrEqual(3);
    expect(epsilonSoFar).toBeGreaterThan(2.999);
  });
});

const ROUNDS = 20;
const LOCAL_STEPS = 2;
const LEARNING_RATE = 10;

/** The same rounds, clipped, with coins, and without noise. */
async function trainedInTheOpen(
  initial: Float32Array,
  { model, plan, clients }: { model: Mlp; plan: StepPlan; clients: readonly PrivateClient[] },
): Promise<Float32Array> {
  const random = createRandom(5);
  let global = initial;
  for (let round = 0; round < ROUNDS; round++) {
    const next = new Float64Array(global.length);
    for (const { data } of clients) {
      const gradientOf = exampleGradients(model, data);
      const local = global.slice();
      for (let step = 0; step < LOCAL_STEPS; step++) {
        const sum = new Uint32Array(local.length);
        for (let i = 0; i < data.size; i++) {
          if (random.uniform() >= plan.samplingRate) continue;
          const { values } = clipToLattice(await gradientOf(i, local), plan.lattice);
          for (let j = 0; j < sum.length; j++) sum[j]! += values[j]!;
        }
        const gradient = fromLattice(sum, plan.lattice, 1 / plan.expectedBatch);
        for (let j = 0; j < local.length; j++) local[j]! -= LEARNING_RATE * gradient[j]!;
      }
      for (let j = 0; j < local.length; j++) next[j]! += local[j]! / clients.length;
    }
    global = Float32Array.from(next);
  }
  return global;
}

describe('twenty clients that hide their records at ε = 8', () => {
  itShared(
    'read digits within ten points of what they read without noise',
    ['data/digits.csv.gz'],
    async ([path]) => {
      const { train, test } = await loadData(path, { random: createRandom(1) });
      const parts = dirichletPartition(train.labels, {
        clients: 20,
        alpha: 1,
        random: streamOf(1, 'partition'),
      });
      const model = mlp({ ...train, hidden: 24 });
      const budget = budgetTraining({
        epsilon: 8,
        delta: 1e-5,
        clipNorm: 0.3,
        samplingRate: 0.7,
        // Of 72 examples, as the partners have agreed, not as each has counted.
        expectedBatch: 50,
        steps: ROUNDS * LOCAL_STEPS,
        parameterCount: model.parameterCount,
      });
      const clients = await Promise.all(
        parts.map(async (part, i) => {
          const { data, ledger } = await privateClient(takeExamples(train, part), budget);
          // Known seeds, for a known result: 41 charges of each client at most.
          return { data, ledger: withSeeds(ledger, 41 * i) };
        }),
      );
      await using backend = await createBackend('wasm');
      const { plan } = budget;
      const initial = model.initialParameters(createRandom(3));
      const round = { model, plan, clients, localSteps: LOCAL_STEPS, learningRate: LEARNING_RATE };
      let parameters = initial;
      for (let r = 0; r < ROUNDS; r++) {
        const made = await privateRound(parameters, { ...round, round: r, backend });
        for (const { ended } of made.trainings) expect(ended).toBe('complete');
        parameters = made.parameters;
      }
      const open = await trainedInTheOpen(initial, round);
      const [hidden, seen] = [model.evaluate(parameters, test), model.evaluate(open, test)];
      // 0.864 and 0.928 with these seeds; with others 0.86 to 0.92 against 0.93. Chance reads 0.1, and
      // 359 examples measure 0.9 up to a standard error of 0.016.
      expect(hidden.accuracy).toBeGreaterThan(0.8);
      expect(hidden.accuracy).toBeGreaterThan(seen.accuracy - 0.1);
      // Noise there was: about four gradients' worth on each sum.
      expect(plan.noiseMultiplier).toBeGreaterThan(2.5);
      expect(plan.noiseMultiplier).toBeLessThan(3.5);

      const beyond = await privateRound(parameters, { ...round, round: ROUNDS, backend });
      for (const { ended, receipts } of beyond.trainings) {
        expect({ ended, receipts }).toEqual({ ended: 'over-budget', receipts: [] });
      }
    },
  );
});
