/**
 * Golden rows of accounting, and what to hold against them.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import type { Mechanism, PrivacyEvent, Relation, Sampling } from '../../../src/privacy/event.ts';

/** One computation of a peer. */
export interface GoldenRow {
  readonly id: string;
  readonly kind: string;
  // biome-ignore lint/suspicious/noExplicitAny: each kind has parameters of its own.
  readonly params: any;
  // biome-ignore lint/suspicious/noExplicitAny: each kind has results of its own.
  readonly result: any;
}

/** The rows of one kind; throws where there is none. */
export function rowsOf(file: string, kind: string): GoldenRow[] {
  const { rows } = JSON.parse(readFileSync(file, 'utf8')) as { rows: GoldenRow[] };
  const found = rows.filter((row) => row.kind === kind);
  if (found.length === 0) throw new Error(`no row of kind ${kind}`);
  return found;
}

/** An event under add-remove, of everybody if not said otherwise. */
export function eventOf(
  mechanism: Mechanism,
  sampling: Sampling = { kind: 'none' },
  relation: Relation = 'add-remove',
): PrivacyEvent {
  return { mechanism, sampling, relation };
}

/** A Gaussian, sampled by coins of this rate. */
export function poissonGaussian(noiseMultiplier: number, rate: number): PrivacyEvent {
  return eventOf({ kind: 'gaussian', noiseMultiplier }, { kind: 'poisson', rate });
}

/** The integer orders of the golden columns. */
export const INTEGER_ORDERS: readonly number[] = [
  ...Array.from({ length: 63 }, (_, i) => i + 2),
  128,
  256,
  512,
  1024,
];

/** The orders that dp_accounting takes if none are asked for. */
export const PEER_ORDERS: readonly number[] = [
  ...Array.from({ length: 99 }, (_, i) => 1 + (i + 1) / 10),
  ...Array.from({ length: 53 }, (_, i) => i + 11),
  128,
  256,
  512,
  1024,
];

/** |actual/known − 1|, and 0 where both are 0. */
export function deviation(actual: number, known: number): number {
  return actual === known ? 0 : Math.abs(actual - known) / Math.abs(known);
}

/** The row that deviates most, for a message. */
export function worst<R extends GoldenRow>(
  rows: readonly R[],
  deviationOf: (row: R) => number,
): { readonly deviation: number; readonly id: string } {
  return rows
    .map((row) => ({ deviation: deviationOf(row), id: row.id }))
    .reduce((a, b) => (b.deviation > a.deviation || Number.isNaN(b.deviation) ? b : a));
}
