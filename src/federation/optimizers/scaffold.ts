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

/** What a client’s local descent works with. */
export interface ScaffoldClient {
  /** c, as the server sent it with the model. */
  readonly control: Float32Array;
  /** cᵢ, which the client keeps from the last round that it took part in; zeros before the first. */
  readonly own: Float32Array;
}

/**
 * Corrects the gradient of a local step in place: g ← g − cᵢ + c.
 *
 * @throws {RangeError} if lengths differ.
 */
export function correctGradient(
  gradient: Float32Array | Float64Array,
  { control, own }: ScaffoldClient,
): void {
  assertLengths(gradient.length, { control, own });
  for (let j = 0; j < gradient.length; j++) gradient[j] = gradient[j]! + (control[j]! - own[j]!);
}

/**
 * A client’s new variate and its difference from the old one, after K local steps that have changed the
 * model by `delta`: cᵢ⁺ = cᵢ − c − Δᵢ/(K·η_l), Δcᵢ = −c − Δᵢ/(K·η_l). What is sent is
 * `controlScale`·Δcᵢ, behind Δᵢ.
 *
 * @throws {TypeError | RangeError} if lengths differ or a setting is out of its range.
 */
export function controlChange(
  delta: Float32Array,
  options: ScaffoldClient & { readonly steps: number; readonly learningRate: number },
): { readonly own: Float32Array; readonly change: Float32Array } {
  const { control, own, steps, learningRate } = options;
  assertLengths(delta.length, { control, own });
  const reach = assertInteger('steps', steps, 1) * assertPositive('learningRate', learningRate);
  const change = delta.map((moved, j) => -control[j]! - moved / reach);
  return { own: own.map((c, j) => c - control[j]! - delta[j]! / reach), change };
}

function assertLengths(length: number, rows: Readonly<Record<string, Float32Array>>): void {
  for (const [name, row] of Object.entries(rows)) {
    if (row.length === length) continue;
    throw new RangeError(`${name} must have ${length} entries, got ${row.length}`);
  }
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
