/**
 * The clients of a simulation: who holds which examples, and what their training does to a model.
 *
 * @module
 */

import { assertInteger, assertPositive } from '../core/assert.ts';
import type { Random } from '../core/random.ts';
import type { Dataset } from './dataset.ts';
import { localUpdate, type Mlp, mlp } from './model.ts';
import { dirichletPartition } from './partition.ts';
import { streamOf } from './sampling.ts';

/** How the model is made and how clients train it. */
export interface Training {
  /** Width of the hidden layer. */
  readonly hidden: number;
  /** Steps of gradient descent of each client in each round. */
  readonly localSteps: number;
  /** Examples in a step, drawn with replacement from the client's own. */
  readonly batchSize: number;
  /** Factor on the gradient, above 0. */
  readonly learningRate: number;
  /** How alike clients are: parameter of the Dirichlet partition, above 0. */
  readonly alpha: number;
}

/** Reads 95 of 100 drawn digits after 30 rounds, and costs a few milliseconds for each client. */
export const DEFAULT_TRAINING: Training = {
  hidden: 32,
  localSteps: 16,
  batchSize: 16,
  learningRate: 0.5,
  alpha: 1,
};

/** Example numbers of each step of each client: `batches[client][step]`. */
export type Batches = readonly (readonly number[])[][];

/** Clients with their examples, and the model that they train. */
export interface Cohort {
  /** `client-01`, `client-02`, …: their order is that of the numbers. */
  readonly names: readonly string[];
  /** How many examples each client has. */
  readonly examples: readonly number[];
  readonly training: Training;
  readonly model: Mlp;
  readonly initialParameters: Float32Array;
  /** What all clients will train on in the next round. */
  drawBatches(): Batches;
  /** The update of one client that follows the protocol. */
  update(client: number, parameters: Float32Array, batches: Batches): Float32Array;
}

/**
 * Deals the examples out and draws the first model, all from one seed.
 *
 * @throws {TypeError | RangeError} if there are more clients than examples or a setting is outside
 *   its range.
 */
export function createCohort(
  data: Dataset,
  options: {
    readonly clients: number;
    readonly seed: number;
    readonly training?: Partial<Training>;
    /** Example numbers of each client. Default: dealt out unevenly, see {@link Training.alpha}. */
    readonly parts?: readonly (readonly number[])[];
  },
): Cohort {
  const training = checkTraining({ ...DEFAULT_TRAINING, ...options.training });
  const { clients, seed } = options;
  const random = streamOf(seed, 'partition');
  const { alpha } = training;
  const parts = options.parts ?? dirichletPartition(data.labels, { clients, alpha, random });
  const batches = streamOf(seed, 'batches');
  const model = mlp({ ...data, hidden: training.hidden });
  return {
    names: clientNames(clients),
    examples: parts.map((part) => part.length),
    training,
    model,
    initialParameters: model.initialParameters(streamOf(seed, 'model')),
    drawBatches: () => parts.map((part) => drawSteps(part, training, batches)),
    update: (client, parameters, batches) =>
      localUpdate(model, parameters, {
        data,
        batches: batches[client]!,
        learningRate: training.learningRate,
      }),
  };
}

function checkTraining(training: Training): Training {
  assertInteger('localSteps', training.localSteps, 1);
  assertInteger('batchSize', training.batchSize, 1);
  assertPositive('learningRate', training.learningRate);
  return training;
}

/** Names of one width, so that their order as text is the order of the numbers. */
function clientNames(clients: number): string[] {
  const width = Math.max(2, String(clients).length);
  return Array.from({ length: clients }, (_, i) => `client-${String(i + 1).padStart(width, '0')}`);
}

function drawSteps(part: readonly number[], training: Training, random: Random): number[][] {
  return Array.from({ length: training.localSteps }, () =>
    Array.from({ length: training.batchSize }, () => part[random.below(part.length)]!),
  );
}
