/**
 * Cohorts drawn by coins and cut off at a size: how often that happens, and to whom.
 *
 * After the supplement of google/differential-privacy's `dp_accounting`, §4.3, where a unit that takes
 * another's place is accounted for more loosely.
 *
 * @module
 */

import { logBinomial } from '../../core/special.ts';
import type { Sampling } from '../event.ts';

/** A truncated cohort as one unit sees it. */
export interface CutOff {
  /** The coins' rate: the chance to take part where fewer than the cohort's size of others come up. */
  readonly rate: number;
  /** The chance that at least the cohort's size of others come up. */
  readonly chance: number;
  /** The chance to take part where they do. */
  readonly rateIfCut: number;
}

/** Relative errors below 10⁻⁹ for populations below 10⁶. */
export function cutOffCohort({
  rate,
  population,
  cohort,
}: Extract<Sampling, { kind: 'truncated-poisson' }>): CutOff {
  const chance = binomialTail(population - 1, rate, cohort);
  if (chance === 0) return { rate, chance, rateIfCut: 0 };
  // Whoever is in one of so many equal places, when more than the cohort's size came up.
  const taken = (binomialTail(population, rate, cohort + 1) * cohort) / population;
  return { rate, chance, rateIfCut: Math.min(1, taken / chance) };
}

/** P(X ≥ from) for X binomial: a sum of positive terms, from the largest on, so that none starts at 0. */
function binomialTail(n: number, p: number, from: number): number {
  if (from > n || p === 0) return 0;
  if (p === 1) return 1;
  const start = Math.max(from, Math.min(n, Math.floor((n + 1) * p)));
  const odds = p / (1 - p);
  const first = Math.exp(
    logBinomial(n, start) + start * Math.log(p) + (n - start) * Math.log1p(-p),
  );
  let sum = 0;
  for (let k = start, term = first; k <= n && term > 0; k++) {
    sum += term;
    term *= ((n - k) / (k + 1)) * odds;
  }
  for (let k = start, term = first; k > from && term > 0; k--) {
    term *= k / (n - k + 1) / odds;
    sum += term;
  }
  return Math.min(1, sum);
}
