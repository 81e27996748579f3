/**
 * How large or small a chance may be, after so many trials: exact, whatever the chance is.
 *
 * Clopper, Pearson. "The use of confidence or fiducial limits illustrated in the case of the binomial",
 * Biometrika 26, 1934.
 *
 * @module
 */

import { assertInteger, show } from '../core/assert.ts';
import { leastThat } from '../privacy/accountants/bisect.ts';
import { binomialMass } from '../privacy/binomial.ts';

/** What was counted. */
export interface Counted {
  /** In [0, trials]. */
  readonly successes: number;
  /** At least 1. */
  readonly trials: number;
}

/** Far below what sampling leaves open, and the end that is returned is the safe one. */
const TOLERANCE = 2 ** -30;

/**
 * The least p for which so few successes, or fewer, have a chance of at most `alpha`: a bound from above
 * that the true chance exceeds with probability at most `alpha`. 1 where all trials succeeded.
 *
 * Takes time in the number of successes.
 *
 * @param alpha - In (0, 1).
 */
export function upperBound({ successes, trials }: Counted, alpha: number): number {
  assertInteger('trials', trials, 1);
  assertInteger('successes', successes, 0, trials);
  if (!(alpha > 0 && alpha < 1))
    throw new RangeError(`alpha must be in (0, 1), got ${show(alpha)}`);
  if (successes === trials) return 1;
  const holds = (chance: number) => atMost(successes, { trials, chance }) <= alpha;
  return leastThat(holds, { low: 0, high: 1, tolerance: TOLERANCE });
}

/** The same from below: what fails is what does not succeed. 0 where no trial succeeded. */
export function lowerBound({ successes, trials }: Counted, alpha: number): number {
  return 1 - upperBound({ successes: trials - successes, trials }, alpha);
}

/** P(X ≤ k), from the largest term of the sum down to those that no longer count. */
function atMost(k: number, law: { readonly trials: number; readonly chance: number }): number {
  let sum = 0;
  for (let i = k; i >= 0; i--) sum += binomialMass(i, law);
  return Math.min(1, sum);
}
