/**
 * FedAdagrad: steps divided by the root of the sum of all squares so far.
 *
 * Reddi et al. "Adaptive federated optimization", ICLR 2021.
 *
 * @module
 */

import { type AdaptiveOptions, adaptive, adaptiveParameters } from './adaptive.ts';
import { defineOptimizer, type OptimizerEntry } from './entry.ts';
import type { Optimizer } from './optimizer.ts';

/** Options of {@link fedAdagrad}; `beta1` is 0 unless given. */
export type FedAdagradOptions = AdaptiveOptions;

/** v ← v + Δ², x ← x + η·m / (√v + τ), where m is Δ unless `beta1` is given. */
export function fedAdagrad(options: FedAdagradOptions): Optimizer {
  const { beta1 = 0 } = options;
  return adaptive(options, {
    name: 'fed-adagrad',
    beta1,
    second: (v, square) => v + square,
  });
}

/** FedAdagrad’s line in the list. */
export const fedAdagradEntry: OptimizerEntry = defineOptimizer<FedAdagradOptions>({
  name: 'fed-adagrad',
  parameters: adaptiveParameters,
  make: fedAdagrad,
  sample: { eta: 0.5 },
  paper: 'Reddi et al. 2021',
  update: 'v = v + Δ²; x + η·Δ/(√v + τ)',
  clientScalars: [],
});
