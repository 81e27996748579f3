/**
 * FedAdam: Adam on the server.
 *
 * Reddi et al. "Adaptive federated optimization", ICLR 2021.
 *
 * @module
 */

import { optional, real } from '../../core/parameter.ts';
import { type AdaptiveOptions, adaptive, adaptiveParameters } from './adaptive.ts';
import { assertDecay, defineOptimizer, type OptimizerEntry } from './entry.ts';
import type { Optimizer } from './optimizer.ts';

/** Options of {@link fedAdam}; `beta1` is 0.9 unless given. */
export interface FedAdamOptions extends AdaptiveOptions {
  /** Share of the second moment that goes on, in [0, 1). Default 0.99. */
  readonly beta2?: number;
}

/**
 * m ← β₁·m + (1 − β₁)·Δ, v ← β₂·v + (1 − β₂)·Δ², x ← x + η·m / (√v + τ). No correction for the start:
 * v starts at τ².
 *
 * The preset `flower` starts v at 0 and multiplies η in step t by √(1 − β₂ᵗ⁺¹) / (1 − β₁ᵗ⁺¹): one power
 * more than Adam, for what counts there are rounds, from 1.
 */
export function fedAdam(options: FedAdamOptions): Optimizer {
  const { beta1 = 0.9, beta2 = 0.99, preset } = options;
  assertDecay('beta2', beta2);
  return adaptive(options, {
    name: 'fed-adam',
    beta1,
    second: (v, square) => beta2 * v + (1 - beta2) * square,
    ...(preset === 'flower' && {
      correction: (steps: number) => {
        const power = steps + 2;
        return Math.sqrt(1 - beta2 ** power) / (1 - beta1 ** power);
      },
    }),
  });
}

/** FedAdam’s line in the list. */
export const fedAdamEntry: OptimizerEntry = defineOptimizer<FedAdamOptions>({
  name: 'fed-adam',
  parameters: {
    ...adaptiveParameters,
    beta2: optional(real('share of the second moment that goes on')),
  },
  make: fedAdam,
  sample: { eta: 0.5 },
  paper: 'Reddi et al. 2021',
  update: 'm = β₁·m + (1 − β₁)·Δ; v = β₂·v + (1 − β₂)·Δ²; x + η·m/(√v + τ)',
  clientScalars: [],
});
