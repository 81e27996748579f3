/**
 * The filter for a schedule fixed in advance: any accountant proves its cost before the first release,
 * and then the events pass one by one, in their order, and no other.
 *
 * Nothing may depend on results but where to stop, so that plain composition holds.
 *
 * @module
 */

import { assertInteger } from '../../core/assert.ts';
import { canonicalJson, type Json } from '../../core/canonical-json.ts';
import { PrivacyError } from '../../core/errors.ts';
import type { Accountant } from '../accountants/accountant.ts';
import { checkEvent, type PrivacyEvent } from '../event.ts';
import { type Budget, type BudgetFilter, checkBudget } from './filter.ts';

/** An event that takes place so many times in a row. */
export interface ScheduledEvent {
  readonly event: PrivacyEvent;
  readonly count: number;
}

/** Options of {@link scheduleFilter}. */
export interface ScheduleFilterOptions extends Budget {
  /** All releases to come, in their order. */
  readonly schedule: readonly ScheduledEvent[];
  /** Makes the accountant that proves their cost, empty. */
  readonly accountant: () => Accountant;
}

/**
 * A filter that lets the schedule through. `epsilon()` composes what is charged, and takes as long as
 * the accountant does.
 *
 * @throws {PrivacyError} `over-budget` if the whole schedule costs more than the budget, `unsupported`
 *   if the accountant has no bound for one of the events or only estimates.
 */
export function scheduleFilter(options: ScheduleFilterOptions): BudgetFilter {
  const budget = checkBudget(options);
  const schedule = checkSchedule(options.schedule);
  const { accountant } = options;
  const total = accountant();
  if (total.isEstimate) {
    throw new PrivacyError('unsupported', `${total.name} only estimates: no budget rests on it`);
  }
  for (const { event, count } of schedule) total.compose(event, count);
  const cost = total.epsilon(budget.delta);
  if (!(cost <= budget.epsilon)) {
    throw new PrivacyError(
      'over-budget',
      `the schedule costs ε = ${cost} at δ = ${budget.delta}, the budget is ${budget.epsilon}`,
    );
  }
  let charged = 0;
  return {
    budget,
    settings: { filter: 'schedule', accountant: total.name, ...budget, schedule: asJson(schedule) },
    charge: (event) => {
      requireNext(checkEvent(event), eventAt(schedule, charged));
      charged++;
    },
    epsilon: () => epsilonOf(accountant(), { schedule, charged, delta: budget.delta }),
  };
}

function checkSchedule(schedule: readonly ScheduledEvent[]): ScheduledEvent[] {
  return schedule.map(({ event, count }) => ({
    event: structuredClone(checkEvent(event)),
    count: assertInteger('count', count, 1),
  }));
}

/** The event with so many before it. */
function eventAt(schedule: readonly ScheduledEvent[], place: number): PrivacyEvent | undefined {
  let before = 0;
  for (const { event, count } of schedule) {
    before += count;
    if (place < before) return event;
  }
  return undefined;
}

function requireNext(event: PrivacyEvent, next: PrivacyEvent | undefined): void {
  if (next === undefined) {
    throw new PrivacyError('over-budget', 'the schedule is at its end');
  }
  if (canonicalJson(asJson(event)) !== canonicalJson(asJson(next))) {
    throw new PrivacyError('over-budget', 'the schedule has another event next');
  }
}

function epsilonOf(
  accountant: Accountant,
  {
    schedule,
    charged,
    delta,
  }: { readonly schedule: readonly ScheduledEvent[]; charged: number; delta: number },
): number {
  if (charged === 0) return 0;
  let left = charged;
  for (const { event, count } of schedule) {
    if (left > 0) accountant.compose(event, Math.min(left, count));
    left -= count;
  }
  return accountant.epsilon(delta);
}

/** Events hold nothing but what JSON can. */
function asJson(value: unknown): Json {
  return value as Json;
}
