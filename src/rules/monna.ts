/**
 * MoNNA: the mean of the n − f updates nearest to a trusted one.
 *
 * Farhadkhani, Guerraoui, Gupta, Hoang, Pinot, Stephan. "Robust collaborative learning with linear
 * gradient overhead", ICML 2023.
 *
 * @module
 */

import { assertInteger, show } from '../core/assert.ts';
import { AggregationError } from '../core/errors.ts';
import type { Parameter } from '../core/parameter.ts';
import { honestMajority, keptOf, requireClients, uniformOn } from './clients.ts';
import { defineRule, f, type RuleEntry } from './entry.ts';
import { distancesFrom, geometryOf, nearestTo } from './geometry.ts';
import type { Rule } from './rule.ts';

/** Options of {@link monna}. */
export interface MonnaOptions {
  /** Bound on the number of Byzantine clients. */
  readonly f: number;
  /**
   * The trusted client: its id where the round names its clients, as `aggregate` does; else its row
   * number, from 0. A number in place of an id would point to another client as soon as the screen
   * excludes one, so it is refused.
   */
  readonly trusted: number | string;
}

/**
 * The mean of the n − f rows nearest to the trusted one, itself included; ties go to the lowest
 * index, rows with infinities come last. As good as the trusted row is honest, and no better.
 * Evidence: the squared distance to the trusted row.
 *
 * Needs n ≥ 2f + 1 and the trusted row among the n. One pass of n²·d.
 */
export function monna({ f, trusted }: MonnaOptions): Rule {
  assertInteger('f', f, 0);
  if (typeof trusted !== 'string') assertInteger('trusted', trusted, 0);
  const majority = honestMajority('monna', f);
  const least = typeof trusted === 'string' ? 1 : trusted + 1;
  const given = `trusted = ${trusted}`;
  const present = { rule: 'monna', formula: 'trusted + 1', min: least, given };
  return {
    name: 'monna',
    laws: ['translation', 'scale', 'mean-without-faults', 'agreement'],
    minClients: Math.max(majority.min, present.min),
    async apply(x, ops, { clients }) {
      requireClients(majority, x.rows);
      requireClients(present, x.rows);
      const row = rowOf(trusted, clients);
      const geometry = await geometryOf(x, ops);
      const order = nearestTo(geometry, row);
      const weights = [uniformOn(order.slice(0, x.rows - f), x.rows)];
      return {
        value: ops.combine(weights, x),
        weights,
        evidence: keptOf(order, x.rows - f, distancesFrom(geometry, row)),
      };
    },
  };
}

function rowOf(trusted: number | string, clients: readonly string[] | undefined): number {
  if (typeof trusted === 'number') {
    if (clients === undefined) return trusted;
    const mend = `as in trusted = ${show(clients[trusted])}`;
    throw constraint(`trusted to be the id of a client where clients are named, ${mend}`);
  }
  if (clients === undefined) {
    throw constraint(
      'rows that are clients to find the trusted one by its id; give its row number',
    );
  }
  const row = clients.indexOf(trusted);
  if (row < 0) throw constraint(`the trusted client ${show(trusted)}, which is not in the round`);
  return row;
}

function constraint(needs: string): AggregationError {
  return new AggregationError('constraint', `monna needs ${needs}`);
}

/** The trusted client in a SPEC: digits are a row number. */
const trustedClient: Parameter<number | string, true> = {
  required: true,
  meaning: 'id of the trusted client, or row number where rows have no ids',
  wants: 'an id or a row number',
  read: (text) => (text === '' ? undefined : /^\d{1,9}$/.test(text) ? Number(text) : text),
};

/**
 * MoNNA's line in the list.
 *
 * - Paper: Farhadkhani et al. 2023
 * - Guarantee: bounded for n ≥ 2f + 1 while the trusted client is honest
 * - Cost: n²·d
 */
export const monnaEntry: RuleEntry = defineRule<MonnaOptions>({
  name: 'monna',
  parameters: { f, trusted: trustedClient },
  make: monna,
  sample: ({ f }) => ({ f, trusted: 0 }),
  variants: ({ n, f }) => [{ f, trusted: n - 1 }],
});
