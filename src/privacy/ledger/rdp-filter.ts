/**
 * The Rényi filter: one order, fixed in advance; events may then be chosen by what was seen before.
 *
 * Feldman, Zrnic. "Individual privacy accounting via a Rényi filter", NeurIPS 2021; Lécuyer. "Practical
 * privacy filters and odometers with Rényi differential privacy", 2021.
 *
 * @module
 */

import { assertFinite } from '../../core/assert.ts';
import { PrivacyError } from '../../core/errors.ts';
import { epsilonAt } from '../accountants/conversion.ts';
import { curveOf } from '../accountants/curve.ts';
import { assertSameRelation, type Relation } from '../event.ts';
import { type Budget, type BudgetFilter, checkBudget, RunningCost } from './filter.ts';

/** Options of {@link rdpFilter}. */
export interface RdpFilterOptions extends Budget {
  /** α > 1. About 1 + 2·ln(1/δ)/ε uses a budget well. */
  readonly order: number;
}

/**
 * Stops where the sum of ρ(α) would exceed the ρ* with
 * ρ* + ln((α−1)/α) − (ln δ + ln α)/(α−1) = ε. Sums are rounded up.
 *
 * @throws {RangeError} if the order admits no release at all: then ρ* ≤ 0.
 */
export function rdpFilter(options: RdpFilterOptions): BudgetFilter {
  const budget = checkBudget(options);
  const order = assertFinite('order', options.order);
  if (order <= 1) throw new RangeError(`order must be above 1, got ${order}`);
  const overhead = epsilonAt(order, 0, budget.delta);
  // A last place less than the difference, whose own rounding it makes good.
  const limit = (budget.epsilon - overhead) * (1 - 2 ** -50);
  if (limit <= 0) {
    throw new RangeError(
      `order must be larger: at ${order} even nothing costs ε = ${overhead}, of ${budget.epsilon}`,
    );
  }
  const cost = new RunningCost(limit);
  let relation: Relation | undefined;
  return {
    budget,
    settings: { filter: 'rdp', ...budget, order },
    charge: (event) => {
      const rho = curveOf(event).logMoment(order) / (order - 1);
      if (rho === Number.POSITIVE_INFINITY) {
        throw new PrivacyError('unsupported', `no bound is known at order ${order} for this event`);
      }
      const same = assertSameRelation(event, relation);
      cost.add(rho, `ρ(${order})`);
      relation = same;
    },
    epsilon: () => (cost.spent === 0 ? 0 : Math.max(0, cost.spent + overhead)),
  };
}
