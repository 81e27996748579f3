/**
 * FedNova: clients that took more local steps count no more for it.
 *
 * Wang, Liu, Liang, Joshi, Poor. "Tackling the objective inconsistency problem in heterogeneous
 * federated optimization", NeurIPS 2020.
 *
 * @module
 */

import { assertInteger, assertPositive } from '../../core/assert.ts';
import { integer, optional, real } from '../../core/parameter.ts';
import { boundedClaim, type ClientScalar } from './client-scalars.ts';
import { assertDecay, defineOptimizer, type OptimizerEntry } from './entry.ts';
import { addScaled } from './fed-avg.ts';
import { type Optimizer, optimizer, type Participant } from './optimizer.ts';
import { weightedMeanOf } from './participants.ts';

/** Options of {@link fedNova}. */
export interface FedNovaOptions {
  /** Most local steps that a client may claim, at least 1: a claim beyond it costs the row. */
  readonly maxSteps: number;
  /** Momentum of the clients’ local descent, in [0, 1). Default 0. */
  readonly momentum?: number;
  /** Server learning rate, above 0. Default 1. */
  readonly eta?: number;
}

/**
 * Row i becomes Δᵢ/aᵢ before the rule, where aᵢ is the sum of the weights that the client’s local
 * gradients have in Δᵢ: its steps τᵢ where it has no momentum. Then x ← x + η·τ_eff·D, where D is what
 * the rule made of these rows and τ_eff = Σ pᵢ·aᵢ / Σ pᵢ; the p are the participants’ weights, which
 * should be those of the rule. With equal steps it is FedAvg.
 *
 * Steps are a claim. One that is too low makes a row too long by a factor of up to `maxSteps`: the
 * rule, or a norm bound after the factor, is what stands against that. One that is too high
 * lengthens everybody’s step, by no more than that client’s weight times `maxSteps`.
 */
export function fedNova({ maxSteps, momentum = 0, eta = 1 }: FedNovaOptions): Optimizer {
  assertInteger('maxSteps', maxSteps, 1);
  assertDecay('momentum', momentum);
  assertPositive('eta', eta);
  const scalar: ClientScalar = {
    name: 'steps',
    meaning: 'local steps taken',
    integer: true,
    min: 1,
    max: maxSteps,
    beyond: 'refuse',
  };
  const gradientWeight = ({ steps }: Participant): number =>
    accumulated(boundedClaim(scalar, steps), momentum);
  return optimizer({
    name: 'fed-nova',
    clientScalars: [scalar],
    rowFactor: (client) => 1 / gradientWeight(client),
    advance: ({ clients }) => {
      const effective = weightedMeanOf('fed-nova', clients, gradientWeight);
      return (tile) => addScaled(tile, eta * effective);
    },
  });
}

/** Σ over k = 1..τ of (1 − ρᵏ)/(1 − ρ): what τ gradients count together under momentum ρ. */
function accumulated(steps: number, momentum: number): number {
  if (momentum === 0) return steps;
  const geometric = (1 - momentum ** steps) / (1 - momentum);
  return (steps - momentum * geometric) / (1 - momentum);
}

/** FedNova’s line in the list. */
export const fedNovaEntry: OptimizerEntry = defineOptimizer<FedNovaOptions>({
  name: 'fed-nova',
  parameters: {
    maxSteps: integer('most local steps that a client may claim'),
    momentum: optional(real('momentum of the clients’ local descent')),
    eta: optional(real('server learning rate')),
  },
  make: fedNova,
  sample: { maxSteps: 100, eta: 0.5 },
  paper: 'Wang et al. 2020',
  update: 'x + η·τ_eff·D, D of Δᵢ/aᵢ',
  clientScalars: ['steps'],
});
