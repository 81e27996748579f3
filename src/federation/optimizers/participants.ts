/**
 * What a step needs of the clients that took part: weighted means of their numbers, and a stage that
 * multiplies each row by its client’s factor.
 *
 * @module
 */

import { assertFinite, assertPositive } from '../../core/assert.ts';
import type { Stage } from '../../rules/rule.ts';
import type { Participant } from './optimizer.ts';

/**
 * Σ pᵢ·value(i) / Σ pᵢ over the participants, where pᵢ is the weight of each, 1 unless stated.
 *
 * @throws {TypeError | RangeError} if there is no participant, a weight is negative, or all are 0.
 */
export function weightedMeanOf(
  name: string,
  clients: readonly Participant[] | undefined,
  value: (client: Participant) => number,
): number {
  if (clients === undefined || clients.length === 0) {
    throw new TypeError(`${name} needs the clients of the round, got none`);
  }
  let sum = 0;
  let total = 0;
  for (const client of clients) {
    const weight = assertFinite('weight of a client', client.weight ?? 1);
    if (weight < 0) throw new RangeError(`weight of a client must not be negative, got ${weight}`);
    sum += weight * value(client);
    total += weight;
  }
  return sum / assertPositive('sum of the weights of clients', total);
}

/**
 * A stage that multiplies the row of each client by a factor of its own, after the screen has seen
 * the row and before the rule does. Each entry is rounded to f32 once.
 *
 * @param factors - In (0, 1], by client id; for every client that may come.
 */
export function participantRows(factors: ReadonlyMap<string, number>): Stage {
  for (const factor of factors.values()) {
    if (assertPositive('factor of a client', factor) > 1) {
      throw new RangeError(`factor of a client must be at most 1, got ${factor}`);
    }
  }
  return {
    name: 'participant-rows',
    laws: ['scale'],
    async apply(x, ops, { clients }) {
      if (clients === undefined) {
        throw new TypeError('participant-rows must know whose rows it is given');
      }
      const shares = clients.map((client) => {
        const factor = factors.get(client);
        if (factor === undefined) throw new TypeError(`client ${client} must have a factor`);
        return factor;
      });
      const weights = shares.map((factor, i) =>
        Array.from({ length: x.rows }, (_, k) => (k === i ? factor : 0)),
      );
      return { value: ops.combine(weights, x), weights };
    },
  };
}
