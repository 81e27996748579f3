/**
 * MoNNA: the mean of the n − f updates nearest to a trusted one.
 *
 * Farhadkhani, Guerraoui, Gupta, Hoang, Pinot, Stephan. "Robust collaborative learning with linear
 * gradient overhead", ICML 2023.
 *
 * @module
 */

import { assertInteger } from '../core/assert.ts';
import { integer } from '../core/parameter.ts';
import { honestMajority, keptOf, requireClients, uniformOn } from './clients.ts';
import { defineRule, f, type RuleEntry } from './entry.ts';
import { distancesFrom, geometryOf, nearestTo } from './geometry.ts';
import type { Rule } from './rule.ts';

/** Options of {@link monna}. */
export interface MonnaOptions {
  /** Bound on the number of Byzantine clients. */
  readonly f: number;
  /** Row number of the trusted client, from 0. */
  readonly trusted: number;
}

/**
 * The mean of the n − f rows nearest to the trusted one, itself included; ties go to the lowest
 * index, rows with infinities come last. As good as the trusted row is honest, and no better.
 * Evidence: the squared distance to the trusted row.
 *
 * Needs n ≥ 2f + 1 and n > trusted. One pass of n²·d.
 */
export function monna({ f, trusted }: MonnaOptions): Rule {
  assertInteger('f', f, 0);
  assertInteger('trusted', trusted, 0);
  const majority = honestMajority('monna', f);
  const given = `trusted = ${trusted}`;
  const present = { rule: 'monna', formula: 'trusted + 1', min: trusted + 1, given };
  return {
    name: 'monna',
    laws: ['translation', 'scale', 'mean-without-faults', 'agreement'],
    minClients: Math.max(majority.min, present.min),
    async apply(x, ops) {
      requireClients(majority, x.rows);
      requireClients(present, x.rows);
      const geometry = await geometryOf(x, ops);
      const order = nearestTo(geometry, trusted);
      const weights = [uniformOn(order.slice(0, x.rows - f), x.rows)];
      return {
        value: ops.combine(weights, x),
        weights,
        evidence: keptOf(order, x.rows - f, distancesFrom(geometry, trusted)),
      };
    },
  };
}

/** MoNNA's line in the list. */
export const monnaEntry: RuleEntry = defineRule({
  name: 'monna',
  parameters: { f, trusted: integer('row number of the trusted client, from 0') },
  make: monna,
  sample: ({ f }) => ({ f, trusted: 0 }),
  paper: 'Farhadkhani et al. 2023',
  guarantee: 'bounded for n ≥ 2f + 1 while the trusted client is honest',
  cost: 'n²·d',
});
