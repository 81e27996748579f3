/**
 * FedAvgM: FedAvg with momentum on the server.
 *
 * Hsu, Qi, Brown. "Measuring the effects of non-identical data distribution for federated visual
 * classification", 2019. arXiv:1909.06335
 *
 * @module
 */

import { assertPositive } from '../../core/assert.ts';
import { optional, real } from '../../core/parameter.ts';
import { assertDecay, defineOptimizer, type OptimizerEntry } from './entry.ts';
import { type Optimizer, optimizer } from './optimizer.ts';

/** Options of {@link fedAvgM}. */
export interface FedAvgMOptions {
  /** Server learning rate, above 0. Default 1. */
  readonly eta?: number;
  /** Share of the last step that goes on, in [0, 1). Default 0.9. */
  readonly momentum?: number;
}

/**
 * m ← β·m + Δ, x ← x + η·m, from m = 0. The sum of a step’s shares is 1/(1 − β): with β = 0.9 a steady
 * aggregate moves the model ten times as far as in FedAvg.
 */
export function fedAvgM({ eta = 1, momentum = 0.9 }: FedAvgMOptions = {}): Optimizer {
  assertPositive('eta', eta);
  assertDecay('momentum', momentum);
  return optimizer({
    name: 'fed-avg-m',
    slots: [{ name: 'momentum', initial: 0 }],
    advance: () => (tile) => {
      const { model, state, delta } = tile;
      const [past, step] = [state[0]!, delta[0]!];
      for (let j = 0; j < model.length; j++) {
        const m = momentum * past[j]! + step[j]!;
        past[j] = m;
        model[j] = model[j]! + eta * m;
      }
    },
  });
}

/** FedAvgM’s line in the list. */
export const fedAvgMEntry: OptimizerEntry = defineOptimizer<FedAvgMOptions>({
  name: 'fed-avg-m',
  parameters: {
    eta: optional(real('server learning rate')),
    momentum: optional(real('share of the last step that goes on')),
  },
  make: fedAvgM,
  sample: { eta: 0.5, momentum: 0.75 },
  paper: 'Hsu et al. 2019',
  update: 'm = β·m + Δ; x + η·m',
  clientScalars: [],
});
