/**
 * What a plan of like rounds costs on the way: ε after some of them, for a table or a chart.
 *
 * @module
 */

import { assertInteger } from '../core/assert.ts';
import type { Accountant } from './accountants/accountant.ts';
import type { PrivacyEvent } from './event.ts';

/** ε after so many rounds. */
export interface PlanPoint {
  readonly steps: number;
  readonly epsilon: number;
}

/** Where to look, and who accounts. */
export interface PlanQuestion {
  /** Numbers of rounds, each above 0 and above the one before. */
  readonly steps: readonly number[];
  /** In (0, 1). */
  readonly delta: number;
  /** With nothing spent; it has spent the last number of rounds afterwards. */
  readonly accountant: Accountant;
}

/**
 * ε at δ after each of the numbers of rounds, of an event that takes place once a round. One accounting
 * for each number: milliseconds by Rényi divergence, tenths of a second by the distribution of the loss.
 *
 * @throws {PrivacyError} `unsupported` if the accountant knows no bound for the event.
 * @throws {RangeError | TypeError} if a number is out of its range.
 */
export function epsilonOverSteps(
  event: PrivacyEvent,
  { steps, delta, accountant }: PlanQuestion,
): PlanPoint[] {
  let before = 0;
  return steps.map((now) => {
    accountant.compose(event, assertInteger('steps', now, before + 1) - before);
    before = now;
    return { steps: now, epsilon: accountant.epsilon(delta) };
  });
}

/**
 * Up to `count` numbers of rounds from 1 to `last`, nearer to each other at first, where ε rises most:
 * it goes about as the root of the rounds.
 */
export function spreadSteps(last: number, count: number): number[] {
  assertInteger('last', last, 1);
  assertInteger('count', count, 2);
  const places = Array.from({ length: count }, (_, i) =>
    Math.max(1, Math.round(last * (i / (count - 1)) ** 2)),
  );
  return [...new Set(places)];
}
