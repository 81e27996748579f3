/**
 * The filter of zero-concentrated privacy: its one number adds up for events chosen on the way as for
 * fixed ones, so that a budget is a filter for free.
 *
 * Bun, Steinke. "Concentrated differential privacy", TCC 2016; Feldman, Zrnic, NeurIPS 2021, for
 * adaptive choice: at the one order that turns the budget's ρ into (ε, δ) it is a Rényi filter.
 *
 * @module
 */

import { ZcdpAccountant, zcdpBudget, zcdpEpsilon } from '../accountants/zcdp.ts';
import { assertSameRelation, type PrivacyEvent, type Relation } from '../event.ts';
import { type Budget, type BudgetFilter, checkBudget, RunningCost } from './filter.ts';

/** Stops where the sum of ρ would exceed what proves (ε, δ). Exact for unsampled Gaussian noise. */
export function zcdpFilter(options: Budget): BudgetFilter {
  const budget = checkBudget(options);
  const cost = new RunningCost(zcdpBudget(budget.epsilon, budget.delta));
  let relation: Relation | undefined;
  return {
    budget,
    settings: { filter: 'zcdp', ...budget },
    charge: (event) => {
      const rho = rhoOf(event);
      const same = assertSameRelation(event, relation);
      cost.add(rho, 'ρ');
      relation = same;
    },
    epsilon: () => Math.min(budget.epsilon, zcdpEpsilon(cost.spent, budget.delta)),
  };
}

function rhoOf(event: PrivacyEvent): number {
  const one = new ZcdpAccountant();
  one.compose(event);
  return one.rho;
}
