/**
 * Mean around the median (MeaMed): per coordinate the mean of the n − f values nearest to the median.
 *
 * Xie, Koyejo, Gupta. "Generalized Byzantine-tolerant SGD", 2018. arXiv:1802.10116
 *
 * @module
 */

import { assertInteger } from '../core/assert.ts';
import { honestMajority, requireClients } from './clients.ts';
import { medianOf } from './coordinates.ts';
import { defineRule, f, type RuleEntry } from './entry.ts';
import type { Rule } from './rule.ts';

/** Options of {@link meaMed}. */
export interface MeaMedOptions {
  /** Bound on the number of Byzantine clients. */
  readonly f: number;
}

/**
 * Per coordinate the mean of the n − f values nearest to the median; equal distances go to the lower
 * value. Needs n ≥ 2f + 1. Two passes of sorting.
 */
export function meaMed({ f }: MeaMedOptions): Rule {
  assertInteger('f', f, 0);
  const condition = honestMajority('mea-med', f);
  return {
    name: 'mea-med',
    laws: ['permutation', 'translation', 'scale', 'mean-without-faults', 'agreement', 'bounded'],
    minClients: condition.min,
    async apply(x, ops) {
      requireClients(condition, x.rows);
      return { value: ops.nearestMean(x, medianOf(x, ops), x.rows - f) };
    },
  };
}

/**
 * MeaMed's line in the list.
 *
 * - Paper: Xie et al. 2018, arXiv:1802.10116
 * - Guarantee: bounded for n ≥ 2f + 1
 * - Cost: n·log n·d
 */
export const meaMedEntry: RuleEntry = defineRule<MeaMedOptions>({
  name: 'mea-med',
  parameters: { f },
  make: meaMed,
  sample: ({ f }) => ({ f }),
});
