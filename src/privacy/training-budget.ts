/**
 * From a promise about each record to a plan of steps that keeps it, and to the filter that holds the
 * training to it.
 *
 * @module
 */

import { assertInteger, assertOptions } from '../core/assert.ts';
import type { Accountant } from './accountants/accountant.ts';
import { epsilonAt } from './accountants/conversion.ts';
import { RdpAccountant } from './accountants/rdp.ts';
import { calibrateNoise } from './calibrate.ts';
import { planSteps, type StepOptions, type StepPlan, stepEvent } from './dp-sgd.ts';
import { type Budget, type BudgetFilter, checkBudget } from './ledger/filter.ts';
import { rdpFilter } from './ledger/rdp-filter.ts';

/** A training to come. */
export interface TrainingBudget extends Budget, Omit<StepOptions, 'noiseMultiplier'> {
  /** Steps of the whole training, over all its rounds. */
  readonly steps: number;
  /** Parameters of the model. */
  readonly parameterCount: number;
}

/** A training that fits its budget. */
export interface BudgetedTraining {
  /** With the least noise that is enough. */
  readonly plan: StepPlan;
  /** A new filter that admits all steps of the plan, for a ledger of its own. */
  readonly filter: () => BudgetFilter;
}

/** What a filter's sums may be rounded up by. */
const ROUNDING: number = 1 - 2 ** -30;

/**
 * The least noise with which so many steps keep (ε, δ), and the Rényi filter at the order that proves
 * it. Such a filter needs no schedule: clip norm, learning rate and the number of steps may be changed
 * on the way, by what was seen.
 *
 * @throws {PrivacyError} `over-budget` if no noise is enough.
 * @throws {TypeError | RangeError} if an option is out of its range, or 32 bits have no room for the noise.
 */
export function budgetTraining(options: TrainingBudget): BudgetedTraining {
  assertOptions(options, {
    epsilon: true,
    delta: true,
    steps: true,
    parameterCount: true,
    clipNorm: true,
    samplingRate: true,
    expectedBatch: true,
    bound: true,
  });
  const { steps, parameterCount, epsilon, delta, ...step } = options;
  const budget = checkBudget({ epsilon, delta });
  assertInteger('steps', steps, 1);
  const { sampling, relation } = stepEvent({ ...step, noiseMultiplier: 1 }, parameterCount);
  const compose = (accountant: Accountant, sigma: number): void => {
    // Costs depend on the ratio alone: any noise can be looked at, whether 32 bits have room or not.
    const mechanism = { kind: 'discrete-gaussian', sigma, sensitivity: 1 } as const;
    accountant.compose({ mechanism, sampling, relation }, steps);
  };
  const { noiseMultiplier } = calibrateNoise(compose, {
    epsilon: epsilon * ROUNDING,
    delta,
    accountant: () => new OneOrder(),
  });
  const proof = new OneOrder();
  compose(proof, noiseMultiplier);
  const order = proof.orderFor(delta);
  return {
    plan: planSteps({ ...step, noiseMultiplier }),
    filter: () => rdpFilter({ ...budget, order }),
  };
}

/** What a Rényi filter knows when its order is the best for what there is: no more than that order. */
class OneOrder extends RdpAccountant {
  orderFor(delta: number): number {
    return this.guarantee(delta).order;
  }

  override epsilon(delta: number): number {
    const order = this.orderFor(delta);
    return Math.max(0, this.rho(order) + epsilonAt(order, 0, delta));
  }
}
