/**
 * FedYogi: Adam whose second moment moves by a bounded share, up or down.
 *
 * Reddi et al. "Adaptive federated optimization", ICLR 2021; the second moment is that of Zaheer,
 * Reddi, Sachan, Kale, Kumar. "Adaptive methods for nonconvex optimization", NeurIPS 2018.
 *
 * @module
 */

import { optional, real } from '../../core/parameter.ts';
import { type AdaptiveOptions, adaptive, adaptiveParameters } from './adaptive.ts';
import { assertDecay, defineOptimizer, type OptimizerEntry } from './entry.ts';
import type { Optimizer } from './optimizer.ts';

/** Options of {@link fedYogi}; `beta1` is 0.9 unless given. */
export interface FedYogiOptions extends AdaptiveOptions {
  /** 1 − the greatest share of Δ² by which the second moment moves, in [0, 1). Default 0.99. */
  readonly beta2?: number;
}

/**
 * m ← β₁·m + (1 − β₁)·Δ, v ← v − (1 − β₂)·Δ²·sign(v − Δ²), x ← x + η·m / (√v + τ). v stays as it is
 * where it equals Δ², and never falls below 0: where it falls, Δ² is less than v.
 */
export function fedYogi(options: FedYogiOptions): Optimizer {
  const { beta1 = 0.9, beta2 = 0.99 } = options;
  assertDecay('beta2', beta2);
  return adaptive(options, {
    name: 'fed-yogi',
    beta1,
    second: (v, square) => v - (1 - beta2) * square * Math.sign(v - square),
  });
}

/** FedYogi’s line in the list. */
export const fedYogiEntry: OptimizerEntry = defineOptimizer<FedYogiOptions>({
  name: 'fed-yogi',
  parameters: {
    ...adaptiveParameters,
    beta2: optional(real('share of the second moment that goes on')),
  },
  make: fedYogi,
  sample: { eta: 0.5 },
  paper: 'Reddi et al. 2021',
  update: 'm = β₁·m + (1 − β₁)·Δ; v = v − (1 − β₂)·Δ²·sign(v − Δ²); x + η·m/(√v + τ)',
  clientScalars: [],
});
