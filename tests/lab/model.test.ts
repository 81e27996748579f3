import { describe, expect, test } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import type { Dataset } from '../../src/lab/dataset.ts';
import { drawDigits } from '../../src/lab/glyphs.ts';
import { localUpdate, mlp } from '../../src/lab/model.ts';

const tiny: Dataset = {
  inputs: Float32Array.of(0.5, 0, 1, 0.25, 1, 0.75),
  labels: Uint8Array.of(0, 1),
  size: 2,
  features: 3,
  classes: 2,
};

test('the gradient is what finite differences say, at every parameter', () => {
  const random = createRandom(11);
  const model = mlp({ features: 3, hidden: 4, classes: 2 });
  const at = Float64Array.from({ length: model.parameterCount }, () => random.normal());
  const gradient = new Float64Array(at.length);
  const batch = [0, 1, 1];
  model.lossAndGradient(at, { data: tiny, batch, gradient });
  const scratch = new Float64Array(at.length);
  const loss = (p: Float64Array) =>
    model.lossAndGradient(p, { data: tiny, batch, gradient: scratch });
  const step = 1e-6;
  for (let i = 0; i < at.length; i++) {
    const [up, down] = [at.slice(), at.slice()];
    up[i]! += step;
    down[i]! -= step;
    // Central differences: truncation about step² and rounding about 2⁻⁵² · loss / step, 3e-10.
    expect((loss(up) - loss(down)) / (2 * step)).toBeCloseTo(gradient[i]!, 8);
  }
});

test('outputs and loss are those of a network worked by hand', () => {
  const model = mlp({ features: 1, hidden: 2, classes: 2 });
  // Hidden: relu(2x + 1), relu(−x). Outputs: 1·h₀ + 3·h₁, 2·h₀ + 5·h₁ + 0.5. At x = 1: h = (3, 0).
  const parameters = Float32Array.of(1, 0, 2, -1, 0, 0.5, 1, 2, 3, 5);
  expect(model.tensors.map((part) => part.name)).toEqual([
    'hidden.bias',
    'hidden.weight',
    'output.bias',
    'output.weight',
  ]);
  const data: Dataset = {
    inputs: Float32Array.of(1),
    labels: Uint8Array.of(0),
    size: 1,
    features: 1,
    classes: 2,
  };
  const { accuracy, loss } = model.evaluate(parameters, data);
  expect(accuracy).toBe(0);
  // Outputs 3 and 6.5: the loss at label 0 is log(1 + e^3.5).
  expect(loss).toBeCloseTo(Math.log1p(Math.exp(3.5)), 12);
});

describe('a local update', () => {
  test('is one step of minus the rate times the gradient, rounded to f32', () => {
    const model = mlp({ features: 3, hidden: 2, classes: 2 });
    const parameters = model.initialParameters(createRandom(2));
    const gradient = new Float64Array(parameters.length);
    const wide = new Float64Array(parameters);
    model.lossAndGradient(wide, { data: tiny, batch: [1], gradient });
    const update = localUpdate(model, parameters, {
      data: tiny,
      batches: [[1]],
      learningRate: 0.5,
    });
    for (let i = 0; i < update.length; i++) {
      // The sum with the parameter rounds once more, by half an ulp of a number below 4.
      expect(Math.abs(update[i]! + 0.5 * gradient[i]!)).toBeLessThanOrEqual(2 ** -24);
    }
  });

  test('leaves the global model as it is', () => {
    const model = mlp({ features: 3, hidden: 2, classes: 2 });
    const parameters = model.initialParameters(createRandom(2));
    const before = parameters.slice();
    localUpdate(model, parameters, { data: tiny, batches: [[0, 1]], learningRate: 1 });
    expect(parameters).toEqual(before);
  });
});

test('parameters that are not finite give an answer, not an exception', () => {
  const model = mlp({ features: 3, hidden: 2, classes: 2 });
  for (const value of [Number.NaN, Infinity, -Infinity, 3e38]) {
    const { accuracy, loss } = model.evaluate(
      new Float32Array(model.parameterCount).fill(value),
      tiny,
    );
    expect(accuracy).toBe(0.5);
    expect(typeof loss).toBe('number');
  }
});

test('trained on drawn digits in one place, it reads at least nine of ten it has not seen', () => {
  const random = createRandom(1);
  const [train, unseen] = [drawDigits(1500, random), drawDigits(500, random)];
  const model = mlp({ features: 256, hidden: 32, classes: 10 });
  const parameters = model.initialParameters(random);
  const batches = Array.from({ length: 900 }, (_, s) =>
    Array.from({ length: 16 }, (_, i) => (16 * s + i) % train.size),
  );
  const update = localUpdate(model, parameters, { data: train, batches, learningRate: 0.4 });
  const trained = parameters.map((value, i) => value + update[i]!);
  expect(model.evaluate(parameters, unseen).accuracy).toBeLessThan(0.3);
  expect(model.evaluate(trained, unseen).accuracy).toBeGreaterThan(0.9);
});
