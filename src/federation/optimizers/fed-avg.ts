/**
 * FedAvg: the aggregate is the step.
 *
 * McMahan, Moore, Ramage, Hampson, Agüera y Arcas. "Communication-efficient learning of deep
 * networks from decentralized data", AISTATS 2017. With a server learning rate as in Reddi et al. 2021.
 *
 * @module
 */

import { assertPositive } from '../../core/assert.ts';
import { optional, real } from '../../core/parameter.ts';
import { defineOptimizer, type OptimizerEntry } from './entry.ts';
import { type Optimizer, optimizer, type Tile } from './optimizer.ts';

/** Options of {@link fedAvg}. */
export interface FedAvgOptions {
  /** Server learning rate, above 0. Default 1. */
  readonly eta?: number;
}

/** x ← x + η·Δ. Remembers nothing. */
export function fedAvg({ eta = 1 }: FedAvgOptions = {}): Optimizer {
  assertPositive('eta', eta);
  return optimizer({ name: 'fed-avg', advance: () => (tile) => addScaled(tile, eta) });
}

/** x ← x + factor·Δ on a tile. */
export function addScaled({ model, delta }: Tile, factor: number): void {
  const step = delta[0]!;
  for (let j = 0; j < model.length; j++) model[j] = model[j]! + factor * step[j]!;
}

/** FedAvg’s line in the list. */
export const fedAvgEntry: OptimizerEntry = defineOptimizer<FedAvgOptions>({
  name: 'fed-avg',
  parameters: { eta: optional(real('server learning rate')) },
  make: fedAvg,
  sample: { eta: 0.5 },
  paper: 'McMahan et al. 2017',
  update: 'x + η·Δ',
  clientScalars: [],
});
