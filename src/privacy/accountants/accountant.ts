/**
 * What an accountant does: adds up what releases cost, and says what all of them cost together.
 *
 * @module
 */

import type { PrivacyEvent } from '../event.ts';

/**
 * A running total. All events have one relation, that of the first.
 *
 * Everything it says is, unless it says `isEstimate`, an upper bound that holds for events fixed in advance; parameters chosen from
 * earlier results need a filter instead.
 */
export interface Accountant {
  /** Short and stable: `rdp`, `pld`, … */
  readonly name: string;
  /** There only where results are estimates, for comparison, and nothing may be released on them. */
  readonly isEstimate?: true;
  /**
   * Adds an event that takes place `count` times: the same as so many single ones.
   *
   * @throws {PrivacyError} `unsupported` if this accountant knows no bound for the event.
   * @throws {RangeError} if a parameter is out of its range, or the relation is another.
   */
  compose(event: PrivacyEvent, count?: number): void;
  /** The least ε that it can prove at `delta`, in (0, 1); ≥ 0, Infinity where there is none. */
  epsilon(delta: number): number;
  /** The least δ that it can prove at `epsilon` ≥ 0; in [0, 1]. */
  delta(epsilon: number): number;
}

/**
 * A δ of a guarantee.
 *
 * @throws {RangeError} if it is not in (0, 1).
 */
export function assertDelta(delta: number): number {
  if (!(delta > 0 && delta < 1)) throw new RangeError(`delta must be in (0, 1), got ${delta}`);
  return delta;
}

/**
 * An ε of a guarantee.
 *
 * @throws {RangeError} if it is not in [0, ∞).
 */
export function assertEpsilon(epsilon: number): number {
  if (!(epsilon >= 0 && epsilon < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`epsilon must be 0 or above, got ${epsilon}`);
  }
  return epsilon;
}
