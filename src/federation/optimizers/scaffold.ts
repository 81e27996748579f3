/**
 * SCAFFOLD: control variates that take out of local steps what is a client’s own direction.
 *
 * Karimireddy, Kale, Mohri, Reddi, Stich, Suresh. "SCAFFOLD: stochastic controlled averaging for
 * federated learning", ICML 2020, option II for the clients’ variates.
 *
 * A client sends two rows of the model’s length, Δᵢ and Δcᵢ, one behind the other ({@link joinRows}):
 * screens, clipping, masks, noise and the rule act on both as on one vector.
 *
 * @module
 */

import { assertInteger, assertPositive } from '../../core/assert.ts';
import { optional, real } from '../../core/parameter.ts';
import { defineOptimizer, type OptimizerEntry } from './entry.ts';
import { type Optimizer, type OptimizerRound, optimizer } from './optimizer.ts';

/** Options of {@link scaffold}. */
export interface ScaffoldOptions {
  /** Server learning rate, above 0. Default 1. */
  readonly eta?: number;
  /**
   * What clients multiply Δcᵢ by before they send it, above 0. With local steps × learning rate both
   * halves of the row have the same unit, so that neither a bound on the norm of the whole nor noise
   * on all of it falls on one half alone. Default 1.
   */
  readonly controlScale?: number;
}

/**
 * x ← x + η·Δ, c ← c + (|S|/N)·Δc, where (Δ, Δc) is what the rule made of the participants’ rows. c is
 * the mean of the variates of all N clients, of which only |S| have changed: without |S|/N it would
 * run away from that mean in every round that is not everybody’s.
 *
 * A round must state `population` and `participants`, or its clients. Under differential privacy state
 * for `participants` what was planned: how many came is not covered by the noise.
 */
export function scaffold({ eta = 1, controlScale = 1 }: ScaffoldOptions = {}): Optimizer {
  assertPositive('eta', eta);
  assertPositive('controlScale', controlScale);
  return optimizer({
    name: 'scaffold',
    slots: [{ name: 'control', initial: 0 }],
    parts: 2,
    controlScale,
    advance: (round) => {
      const share = participation(round) / controlScale;
      return ({ model, state, delta }) => {
        const [control, step, change] = [state[0]!, delta[0]!, delta[1]!];
        for (let j = 0; j < model.length; j++) {
          model[j] = model[j]! + eta * step[j]!;
          control[j] = control[j]! + share * change[j]!;
        }
      };
    },
  });
}

/** |S|/N */
function participation({ clients, participants = clients?.length, population }: OptimizerRound) {
  const all = assertInteger('population', population as number, 1);
  return assertInteger('participants', participants as number, 1, all) / all;
}

/** SCAFFOLD’s line in the list. */
export const scaffoldEntry: OptimizerEntry = defineOptimizer<ScaffoldOptions>({
  name: 'scaffold',
  parameters: {
    eta: optional(real('server learning rate')),
    controlScale: optional(real('what clients multiply Δc by')),
  },
  make: scaffold,
  sample: { eta: 0.5, controlScale: 4 },
  paper: 'Karimireddy et al. 2020',
  update: 'x + η·Δ; c + (|S|/N)·Δc',
  clientScalars: [],
});
