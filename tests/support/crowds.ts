/**
 * Cohorts that are hard for rules that choose a subset: ties, duplicates, rows on a line, rows with
 * nothing to tell them apart, attackers far away, infinities. All entries are short binary fractions, so
 * that sums of a few products are exact and subsets that tie on paper tie in f64 too, up to the last bits.
 *
 * @module
 */

import fc from 'fast-check';
import type { Rows } from './vectors.ts';

/** Rows, of which f may be anything: n ≥ 2f + 1. */
export interface Crowd {
  readonly kind: string;
  readonly f: number;
  readonly rows: Rows;
}

type RowOf = (i: number) => fc.Arbitrary<readonly number[]>;

const small = fc.integer({ min: -8, max: 8 });
const large = fc.integer({ min: -1000, max: 1000 });
const few = fc.integer({ min: 0, max: 2 });
const INF = Number.POSITIVE_INFINITY;

const KINDS: Readonly<Record<string, RowOf>> = {
  anywhere: () => fc.tuple(large, large, large, large),
  grid: () => fc.tuple(small, small, small),
  'few places': () => fc.tuple(few, few),
  line: () => small.map((v) => [v]),
  // On a line up to 2⁻¹⁶ of its length.
  'nearly a line': () => fc.tuple(small, small).map(([v, w]) => [v, 3 * v + w * 2 ** -13]),
  corners: (i) => fc.constant(Array.from({ length: 12 }, (_, j) => (i === j ? 1 : 0))),
  'a far group': () =>
    fc.tuple(few, small, small).map(([v, ...rest]) => (v === 0 ? [2 ** 60, 0] : rest)),
  infinities: () => fc.tuple(few, small, small).map(([v, ...rest]) => (v === 0 ? [INF, 0] : rest)),
};

/** Crowds of up to `most` rows. */
export function crowds(most: number): fc.Arbitrary<Crowd> {
  return fc
    .record({
      kind: fc.constantFrom(...Object.keys(KINDS)),
      n: fc.integer({ min: 1, max: most }),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    .chain(({ kind, n, share }) => {
      const f = Math.round(share * Math.floor((n - 1) / 2));
      const rows = fc.tuple(...Array.from({ length: n }, (_, i) => KINDS[kind]!(i)));
      return fc.record({ kind: fc.constant(kind), f: fc.constant(f), rows });
    });
}

/** The rows that a rule which keeps n − f may choose from: finite ones, and more only if they are too few. */
export function eligible({ rows, f }: Crowd): number[] {
  const finite = rows.flatMap((row, i) => (row.every(Number.isFinite) ? [i] : []));
  const others = rows.flatMap((row, i) => (row.every(Number.isFinite) ? [] : [i]));
  const missing = Math.max(0, rows.length - f - finite.length);
  return [...finite, ...others.slice(0, missing)].sort((a, b) => a - b);
}
