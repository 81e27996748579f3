/**
 * Labelled examples in memory, and their split into training and test.
 *
 * @module
 */

import { assertInteger } from '../core/assert.ts';
import type { Random } from '../core/random.ts';

/** Examples with labels. Row i of `inputs` belongs to `labels[i]`. */
export interface Dataset {
  /** Numbers in [0, 1], row-major: `size` × `features`. */
  readonly inputs: Float32Array;
  /** Class of each example, in [0, classes). */
  readonly labels: Uint8Array;
  readonly size: number;
  readonly features: number;
  readonly classes: number;
}

/** What a training is run on. Both halves agree in features and classes. */
export interface TrainTest {
  /** Where the examples come from, in words for a report. */
  readonly source: string;
  readonly train: Dataset;
  readonly test: Dataset;
}

/** The examples at the given places, in that order, as a dataset of its own. */
export function takeExamples(data: Dataset, indices: ArrayLike<number>): Dataset {
  const { features, classes } = data;
  const inputs = new Float32Array(indices.length * features);
  const labels = new Uint8Array(indices.length);
  for (let i = 0; i < indices.length; i++) {
    const from = assertInteger('indices', indices[i]!, 0, data.size - 1);
    inputs.set(data.inputs.subarray(from * features, (from + 1) * features), i * features);
    labels[i] = data.labels[from]!;
  }
  return { inputs, labels, size: indices.length, features, classes };
}

/**
 * Splits at random, `testShare` of the examples for the test (rounded, at least one on each side).
 *
 * @throws {RangeError} if there are fewer than two examples or the share is not in (0, 1).
 */
export function splitTrainTest(
  data: Dataset,
  options: { readonly source: string; readonly testShare: number; readonly random: Random },
): TrainTest {
  assertInteger('data.size', data.size, 2);
  const { testShare } = options;
  if (!(testShare > 0 && testShare < 1)) {
    throw new RangeError(`testShare must be in (0, 1), got ${testShare}`);
  }
  const order = options.random.permutation(data.size);
  const testSize = Math.min(data.size - 1, Math.max(1, Math.round(data.size * testShare)));
  return {
    source: options.source,
    train: takeExamples(data, order.slice(testSize)),
    test: takeExamples(data, order.slice(0, testSize)),
  };
}

/**
 * Scales each column to [0, 1] by its range over the training examples; test examples are cut to
 * that range. A column that is constant in training becomes 0.
 */
export function scaleByTraining(split: TrainTest): TrainTest {
  const { inputs, size, features } = split.train;
  const low = new Float64Array(features).fill(Infinity);
  const high = new Float64Array(features).fill(-Infinity);
  for (let i = 0; i < size * features; i++) {
    const column = i % features;
    if (inputs[i]! < low[column]!) low[column] = inputs[i]!;
    if (inputs[i]! > high[column]!) high[column] = inputs[i]!;
  }
  const scale = (data: Dataset): Dataset => ({
    ...data,
    inputs: data.inputs.map((value, i) => {
      const column = i % features;
      const range = high[column]! - low[column]!;
      return range > 0 ? Math.min(1, Math.max(0, (value - low[column]!) / range)) : 0;
    }),
  });
  return { source: split.source, train: scale(split.train), test: scale(split.test) };
}
