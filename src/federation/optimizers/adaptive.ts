/**
 * What FedAdagrad, FedAdam and FedYogi share: a momentum, and a second moment that divides it.
 *
 * Reddi, Charles, Zaheer, Garrett, Rush, Konečný, Kumar, McMahan. "Adaptive federated optimization",
 * ICLR 2021, algorithm 2.
 *
 * @module
 */

import { assertOneOf, assertPositive } from '../../core/assert.ts';
import { optional, type Parameter, real, word } from '../../core/parameter.ts';
import { assertDecay } from './entry.ts';
import { type Optimizer, optimizer } from './optimizer.ts';

/**
 * Where implementations differ.
 *
 * - `paper`: the second moment starts at τ², nothing is corrected for the start.
 * - `flower`: it starts at 0, and FedAdam corrects its rate in step t by t + 1 powers of the decays.
 */
export type AdaptivePreset = 'paper' | 'flower';

const PRESETS: readonly AdaptivePreset[] = ['paper', 'flower'];

/** What all three take. */
export interface AdaptiveOptions {
  /** Server learning rate, above 0. There is no good default: the paper tunes it by task. */
  readonly eta: number;
  /** Added to the root of the second moment: small values adapt more. Above 0. Default 0.001. */
  readonly tau?: number;
  /** Share of the momentum that goes on, in [0, 1). */
  readonly beta1?: number;
  /** Default `paper`. */
  readonly preset?: AdaptivePreset;
}

/** What tells one from another. */
export interface AdaptiveBody {
  readonly name: string;
  readonly beta1: number;
  /** The second moment after a step: of what it was, and the square of the aggregate. */
  readonly second: (v: number, square: number) => number;
  /** Factor on the rate in the step that follows `steps` others. Default 1. */
  readonly correction?: (steps: number) => number;
}

/**
 * m ← β₁·m + (1 − β₁)·Δ, v ← second(v, Δ²), x ← x + η·m / (√v + τ).
 *
 * @throws {TypeError | RangeError} for an option out of its range.
 */
export function adaptive(
  { eta, tau = DEFAULT_TAU, preset = 'paper' }: AdaptiveOptions,
  { name, beta1, second, correction = () => 1 }: AdaptiveBody,
): Optimizer {
  assertPositive('eta', eta);
  assertPositive('tau', tau);
  assertDecay('beta1', beta1);
  assertOneOf('preset', preset, PRESETS);
  return optimizer({
    name,
    slots: [
      { name: 'momentum', initial: 0 },
      { name: 'second-moment', initial: preset === 'paper' ? Math.fround(tau * tau) : 0 },
    ],
    advance: (_, steps) => {
      const rate = eta * correction(steps);
      return ({ model, state, delta }) => {
        const [momentum, moment, step] = [state[0]!, state[1]!, delta[0]!];
        for (let j = 0; j < model.length; j++) {
          const d = step[j]!;
          const m = beta1 * momentum[j]! + (1 - beta1) * d;
          const v = second(moment[j]!, d * d);
          momentum[j] = m;
          moment[j] = v;
          model[j] = model[j]! + (rate * m) / (Math.sqrt(v) + tau);
        }
      };
    },
  });
}

const DEFAULT_TAU = 1e-3;

/** The options that all three read alike. */
export const adaptiveParameters: {
  readonly eta: Parameter<number, true>;
  readonly tau: Parameter<number, false>;
  readonly beta1: Parameter<number, false>;
  readonly preset: Parameter<AdaptivePreset, false>;
} = {
  eta: real('server learning rate'),
  tau: optional(real('added to the root of the second moment')),
  beta1: optional(real('share of the momentum that goes on')),
  preset: optional(word('whose start and correction', PRESETS)),
};
