/**
 * A filter decides whether one more release fits into a budget, before it is made.
 *
 * What a filter proves is the budget: whatever was let through is (ε, δ)-private together, if releases
 * stop when it refuses. Its `epsilon()` says what the charges so far cost by the same formula; for
 * parameters chosen on the way it is a reading of the budget, not a guarantee of its own.
 *
 * @module
 */

import { assertPositive } from '../../core/assert.ts';
import type { Json } from '../../core/canonical-json.ts';
import { PrivacyError } from '../../core/errors.ts';
import { assertDelta } from '../accountants/accountant.ts';
import type { PrivacyEvent } from '../event.ts';

/** What all releases together may cost. */
export interface Budget {
  /** > 0. */
  readonly epsilon: number;
  /** In (0, 1). */
  readonly delta: number;
}

/** A running total with an end. */
export interface BudgetFilter {
  readonly budget: Budget;
  /** All that its decisions depend on: a ledger is opened again with the same only. */
  readonly settings: { readonly [key: string]: Json };
  /**
   * Charges an event, or refuses and charges nothing.
   *
   * @throws {PrivacyError} `over-budget` if it does not fit, `unsupported` if no bound is known for it.
   * @throws {TypeError | RangeError} if it is none, or its relation is another than before.
   */
  charge(event: PrivacyEvent): void;
  /** ε at the budget's δ of what is charged; 0 for nothing. */
  epsilon(): number;
}

/** @throws {TypeError | RangeError} if a number is out of its range. */
export function checkBudget({ epsilon, delta }: Budget): Budget {
  return { epsilon: assertPositive('epsilon', epsilon), delta: assertDelta(delta) };
}

/** A sum of costs that never rounds down, and an end to it. */
export class RunningCost {
  readonly limit: number;
  #spent = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  get spent(): number {
    return this.#spent;
  }

  /** @throws {PrivacyError} `over-budget` if the sum would exceed the limit; then nothing is added. */
  add(cost: number, name: string): void {
    // One more unit in the last place than rounding may have taken.
    const next = (this.#spent + cost) * (1 + 2 ** -52);
    if (!(next <= this.limit)) {
      throw new PrivacyError(
        'over-budget',
        `the release costs ${name} = ${cost}, and ${this.#spent} of ${this.limit} is spent`,
      );
    }
    this.#spent = next;
  }
}
