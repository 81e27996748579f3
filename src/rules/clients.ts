/**
 * What many rules say of the clients they are given: that they are too few, which of them were kept,
 * and in which order they come.
 *
 * @module
 */

import { AggregationError } from '../core/errors.ts';
import type { ClientEvidence } from './rule.ts';

/** A rule's condition on the number of clients, with the words of its message. */
export interface Condition {
  readonly rule: string;
  /** The least n as a formula: `2f + 3`. */
  readonly formula: string;
  /** What the formula comes to. */
  readonly min: number;
  /** The values in the formula: `f = 2`. */
  readonly given: string;
}

/**
 * Checks a rule's condition on n.
 *
 * @throws {AggregationError} `constraint`: `krum needs n ≥ 2f + 3 = 7 clients for f = 2, got 5`.
 */
export function requireClients({ rule, formula, min, given }: Condition, n: number): void {
  if (n >= min) return;
  throw new AggregationError(
    'constraint',
    `${rule} needs n ≥ ${formula} = ${min} clients for ${given}, got ${n}`,
  );
}

/** The condition n ≥ 2f + 1: honest clients are the majority. */
export function honestMajority(rule: string, f: number): Condition {
  return { rule, formula: '2f + 1', min: 2 * f + 1, given: `f = ${f}` };
}

/** Weight 1/k on each of the k given rows of n, 0 on the others. */
export function uniformOn(rows: readonly number[], n: number): number[] {
  const weights = new Array<number>(n).fill(0);
  for (const row of rows) weights[row] = 1 / rows.length;
  return weights;
}

/**
 * Row numbers by ascending key. Equal keys: a finite row comes before one with an infinity, then the
 * lower index first. No key may be NaN.
 */
export function ascending(keys: ArrayLike<number>, finite: readonly boolean[]): number[] {
  const rows = Array.from(finite, (_, i) => i);
  // The sort is stable. Infinity − Infinity is NaN, so keys are compared, not subtracted.
  return rows.sort((a, b) => {
    const [x, y] = [keys[a]!, keys[b]!];
    if (x !== y) return x < y ? -1 : 1;
    return Number(finite[b]) - Number(finite[a]);
  });
}

/** Evidence of a rule that keeps some rows: `order` lists all rows, best first. */
export function keptOf(
  order: readonly number[],
  count: number,
  scores: ArrayLike<number>,
): ClientEvidence[] {
  const evidence = new Array<ClientEvidence>(order.length);
  for (const [rank, row] of order.entries()) {
    const selected = rank < count;
    const reason = `score ranks ${rank + 1} of ${order.length}, ${count} kept`;
    evidence[row] = { score: scores[row]!, selected, ...(selected ? {} : { reason }) };
  }
  return evidence;
}

/** Evidence of a rule that keeps a set of rows without scoring each. */
export function membersOf(rows: readonly number[], n: number, reason: string): ClientEvidence[] {
  const kept = new Set(rows);
  return Array.from({ length: n }, (_, row) =>
    kept.has(row) ? { selected: true } : { selected: false, reason },
  );
}
