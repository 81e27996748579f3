/**
 * A small neural network with everything in sight: inputs → ReLU layer → softmax.
 *
 * All parameters lie in one flat array, so that a model, a gradient and an update are rows of the
 * same length; {@link Mlp.tensors} names the parts, in the order of their names as
 * `formats/layout.ts` has it. Training is plain minibatch gradient descent on
 * the cross entropy, in f64.
 *
 * @module
 */

import { assertInteger } from '../core/assert.ts';
import type { Random } from '../core/random.ts';
import type { Dataset } from './dataset.ts';

/** A named part of the flat parameter array. */
export interface TensorPart {
  readonly name: string;
  readonly shape: readonly number[];
  /** First entry in the flat array; the part is contiguous and row-major. */
  readonly offset: number;
}

/** A model's quality on a dataset. */
export interface Evaluation {
  /** Share of examples whose largest output is their label, in [0, 1]. */
  readonly accuracy: number;
  /** Mean cross entropy in nats; NaN or Infinity for a model that has diverged. */
  readonly loss: number;
}

/** The network: its shape, and what can be computed with parameters of that shape. */
export interface Mlp {
  readonly tensors: readonly TensorPart[];
  /** Length of the flat parameter array. */
  readonly parameterCount: number;
  /** Random weights as He et al. (2015) propose for ReLU; biases are 0. */
  initialParameters(random: Random): Float32Array;
  /**
   * Mean cross entropy over the examples at `batch`, and its gradient.
   *
   * Cost: about 4 · batch · parameters operations, less for inputs that are 0.
   *
   * @param gradient - Overwritten with the gradient at `parameters`.
   */
  lossAndGradient(
    parameters: Float64Array,
    options: {
      readonly data: Dataset;
      readonly batch: ArrayLike<number>;
      readonly gradient: Float64Array;
    },
  ): number;
  /** Accuracy and loss over the first `limit` examples (default all). */
  evaluate(parameters: Float32Array, data: Dataset, limit?: number): Evaluation;
}

/**
 * A network with one hidden layer.
 *
 * Weights are stored inputs × outputs, so that an input of 0 skips a contiguous row: most pixels
 * are paper. The value holds scratch memory: use it from one task at a time.
 *
 * @throws {TypeError | RangeError} if a size is not a positive integer.
 */
export function mlp(sizes: {
  readonly features: number;
  readonly hidden: number;
  readonly classes: number;
}): Mlp {
  const features = assertInteger('features', sizes.features, 1, 1 << 24);
  const hidden = assertInteger('hidden', sizes.hidden, 1, 1 << 16);
  const classes = assertInteger('classes', sizes.classes, 2, 256);
  const tensors = layOut([
    ['hidden.bias', [hidden]],
    ['hidden.weight', [features, hidden]],
    ['output.bias', [classes]],
    ['output.weight', [hidden, classes]],
  ]);
  const [b1, w1, b2, w2] = tensors.map((part) => part.offset) as [number, number, number, number];
  const parameterCount = w2 + hidden * classes;
  const activations = new Float64Array(hidden);
  const backward = new Float64Array(hidden);
  const outputs = new Float64Array(classes);
  // Hidden units that ReLU let through: what the others do next is multiplied by 0.
  const active = new Uint32Array(hidden);
  let activeCount = 0;

  /** Fills `activations`, `active` and `outputs` (before the softmax) for one example. */
  function forward(p: Float64Array, inputs: Float32Array, from: number): void {
    for (let j = 0; j < hidden; j++) activations[j] = p[b1 + j]!;
    for (let i = 0; i < features; i++) {
      const x = inputs[from + i]!;
      if (x === 0) continue;
      const row = w1 + i * hidden;
      for (let j = 0; j < hidden; j++) activations[j]! += x * p[row + j]!;
    }
    activeCount = 0;
    for (let k = 0; k < classes; k++) outputs[k] = p[b2 + k]!;
    for (let j = 0; j < hidden; j++) {
      const a = activations[j]!;
      // Written so that NaN passes: a diverged model must not look like a silent one.
      if (a <= 0) continue;
      active[activeCount++] = j;
      const row = w2 + j * classes;
      for (let k = 0; k < classes; k++) outputs[k]! += a * p[row + k]!;
    }
  }

  /** Adds one example's gradient; `outputs` holds the derivative of the loss by the outputs. */
  function addGradient(p: Float64Array, g: Float64Array, inputs: Float32Array, from: number): void {
    for (let k = 0; k < classes; k++) g[b2 + k]! += outputs[k]!;
    for (let t = 0; t < activeCount; t++) {
      const j = active[t]!;
      const a = activations[j]!;
      const row = w2 + j * classes;
      let sum = 0;
      for (let k = 0; k < classes; k++) {
        sum += p[row + k]! * outputs[k]!;
        g[row + k]! += a * outputs[k]!;
      }
      backward[j] = sum;
      g[b1 + j]! += sum;
    }
    for (let i = 0; i < features; i++) {
      const x = inputs[from + i]!;
      if (x === 0) continue;
      const row = w1 + i * hidden;
      for (let t = 0; t < activeCount; t++) {
        const j = active[t]!;
        g[row + j]! += x * backward[j]!;
      }
    }
  }

  return {
    tensors,
    parameterCount,
    initialParameters(random) {
      const parameters = new Float32Array(parameterCount);
      const draw = (from: number, to: number, fanIn: number) => {
        for (let i = from; i < to; i++) parameters[i] = Math.sqrt(2 / fanIn) * random.normal();
      };
      draw(w1, b2, features);
      draw(w2, parameterCount, hidden);
      return parameters;
    },
    lossAndGradient(parameters, { data, batch, gradient }) {
      gradient.fill(0);
      let loss = 0;
      for (let i = 0; i < batch.length; i++) {
        const from = batch[i]! * features;
        const label = data.labels[batch[i]!]!;
        forward(parameters, data.inputs, from);
        loss += softmaxInPlace(outputs, label);
        outputs[label]! -= 1;
        addGradient(parameters, gradient, data.inputs, from);
      }
      if (batch.length > 1) {
        for (let i = 0; i < parameterCount; i++) gradient[i]! /= batch.length;
      }
      return loss / batch.length;
    },
    evaluate(parameters, data, limit = data.size) {
      // One kind of array everywhere: code that meets two runs at a third of the speed.
      const wide = new Float64Array(parameters);
      const count = Math.min(limit, data.size);
      let correct = 0;
      let loss = 0;
      for (let i = 0; i < count; i++) {
        forward(wide, data.inputs, i * features);
        if (indexOfLargest(outputs) === data.labels[i]) correct++;
        loss += softmaxInPlace(outputs, data.labels[i]!);
      }
      return { accuracy: correct / count, loss: loss / count };
    },
  };
}

/** One client's work in a round: gradient descent on its own batches. */
export interface LocalTraining {
  readonly data: Dataset;
  /** One batch of example numbers for each step. */
  readonly batches: readonly ArrayLike<number>[];
  /** Factor on the gradient, above 0. */
  readonly learningRate: number;
  /** Changes the gradient of a step in place, at the parameters that it was taken at. */
  readonly correct?: ((gradient: Float64Array, parameters: Float64Array) => void) | undefined;
}

/**
 * What a client sends: the difference that its training made to the global model.
 *
 * @returns f32, as long as `parameters`; not finite where the model diverged.
 */
export function localUpdate(
  model: Mlp,
  parameters: Float32Array,
  work: LocalTraining,
): Float32Array {
  const local = new Float64Array(parameters);
  const gradient = new Float64Array(local.length);
  for (const batch of work.batches) {
    model.lossAndGradient(local, { data: work.data, batch, gradient });
    work.correct?.(gradient, local);
    for (let i = 0; i < local.length; i++) local[i]! -= work.learningRate * gradient[i]!;
  }
  for (let i = 0; i < local.length; i++) local[i]! -= parameters[i]!;
  return new Float32Array(local);
}

function layOut(parts: readonly [name: string, shape: readonly number[]][]): TensorPart[] {
  let offset = 0;
  return parts.map(([name, shape]) => {
    const part = { name, shape, offset };
    offset += shape.reduce((a, b) => a * b, 1);
    return part;
  });
}

/** Replaces outputs by their softmax; returns the cross entropy at `label`. */
function softmaxInPlace(outputs: Float64Array, label: number): number {
  let largest = outputs[0]!;
  for (const value of outputs) if (value > largest) largest = value;
  let sum = 0;
  for (let k = 0; k < outputs.length; k++) {
    outputs[k] = Math.exp(outputs[k]! - largest);
    sum += outputs[k]!;
  }
  for (let k = 0; k < outputs.length; k++) outputs[k]! /= sum;
  return -Math.log(outputs[label]!);
}

/** First place of the largest value; 0 where nothing compares. */
function indexOfLargest(values: Float64Array): number {
  let best = 0;
  for (let k = 1; k < values.length; k++) if (values[k]! > values[best]!) best = k;
  return best;
}
