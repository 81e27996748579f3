/**
 * The laboratory's models, an example at a time: what private training asks for.
 *
 * @module
 */

import type { ExampleGradient } from '../privacy/dp-sgd.ts';
import type { Dataset } from './dataset.ts';
import type { Mlp } from './model.ts';

/** Gradients of the cross entropy on the examples of `data`, in f64 and rounded once. */
export function exampleGradients(model: Mlp, data: Dataset): ExampleGradient {
  const wide = new Float64Array(model.parameterCount);
  const gradient = new Float64Array(model.parameterCount);
  const rounded = new Float32Array(model.parameterCount);
  return (example, parameters) => {
    wide.set(parameters);
    model.lossAndGradient(wide, { data, batch: [example], gradient });
    rounded.set(gradient);
    return rounded;
  };
}
