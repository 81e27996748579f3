/**
 * Clients that hide each of their examples, in a federation that takes their word for it: every client
 * trains on its own budget, and the server averages what comes.
 *
 * @module
 */

import type { Backend } from '../backend/kernels.ts';
import { assertInteger } from '../core/assert.ts';
import type { Random } from '../core/random.ts';
import {
  type PrivateTraining,
  privateTraining,
  type RecordLedger,
  type StepPlan,
} from '../privacy/dp-sgd.ts';
import { openLedger } from '../privacy/ledger/ledger.ts';
import { MemoryStorage } from '../privacy/ledger/storage.ts';
import type { BudgetedTraining } from '../privacy/training-budget.ts';
import { type Dataset, takeExamples } from './dataset.ts';
import { exampleGradients } from './example-gradients.ts';
import type { Mlp } from './model.ts';

/** A client with its records and its budget. */
export interface PrivateClient {
  readonly data: Dataset;
  readonly ledger: RecordLedger;
}

/** Opens a ledger in memory for the examples of one client: gone with the process, as clients here are. */
export async function privateClient(
  data: Dataset,
  { filter }: Pick<BudgetedTraining, 'filter'>,
): Promise<PrivateClient> {
  const ledger = await openLedger({
    storage: new MemoryStorage(),
    filter: filter(),
    unit: 'record',
    relation: 'add-remove',
  });
  return { data, ledger };
}

/** The examples in as many parts of nearly one size, dealt at random. */
export function dealOut(data: Dataset, parts: number, random: Random): Dataset[] {
  assertInteger('parts', parts, 1, data.size);
  const order = random.permutation(data.size);
  return Array.from({ length: parts }, (_, part) =>
    takeExamples(
      data,
      order.filter((_, place) => place % parts === part),
    ),
  );
}

/** A round of all clients. */
export interface PrivateClientsRound {
  readonly model: Mlp;
  readonly plan: StepPlan;
  readonly clients: readonly PrivateClient[];
  /** Number of the round, from 0. */
  readonly round: number;
  /** Steps of each client in a round. */
  readonly localSteps: number;
  /** Factor on the gradient, above 0. */
  readonly learningRate: number;
  readonly backend: Backend;
}

/** The mean of the models that all clients have made of `parameters`, and how each has trained. */
export async function privateRound(
  parameters: Float32Array,
  { model, plan, clients, round, localSteps, learningRate, backend }: PrivateClientsRound,
): Promise<{ readonly parameters: Float32Array; readonly trainings: readonly PrivateTraining[] }> {
  const trainings: PrivateTraining[] = [];
  // One after another: the model holds scratch memory.
  for (const { data, ledger } of clients) {
    const training = await privateTraining({
      plan,
      examples: data.size,
      gradientOf: exampleGradients(model, data),
      parameters,
      steps: localSteps,
      firstStep: round * localSteps,
      learningRate,
      ledger,
      backend,
    });
    trainings.push(training);
  }
  const models = backend.matrix(trainings.map((training) => training.parameters));
  const weights = [trainings.map(() => 1 / trainings.length)];
  const mean = await backend.read(backend.combine(weights, models));
  backend.release(models);
  return { parameters: mean, trainings };
}
