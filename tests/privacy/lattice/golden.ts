/** Rows of the golden file of noise, and decimal numbers as fractions. */

import { readFileSync } from 'node:fs';
import type { Rational } from '../../../src/privacy/lattice/fixed-point.ts';
import { PLACES } from '../../../src/privacy/lattice/fixed-point.ts';

export const GOLDEN = 'golden/dp_noise_reference.json';

export interface GoldenRow<P = Record<string, string>, R = Record<string, unknown>> {
  readonly id: string;
  readonly kind: string;
  readonly params: P;
  readonly result: R;
}

/** The rows of a kind; there is at least one. */
export function goldenRows<P, R>(file: string, kind: string): GoldenRow<P, R>[] {
  const { rows } = JSON.parse(readFileSync(file, 'utf8')) as { rows: GoldenRow<P, R>[] };
  const found = rows.filter((row) => row.kind === kind);
  if (found.length === 0) throw new Error(`no row of kind ${kind}`);
  return found;
}

/** A decimal number, exactly. */
export function decimal(text: string): Rational {
  const [, whole, places = '', exponent = '0'] = /^(\d+)(?:\.(\d+))?(?:e([-+]?\d+))?$/.exec(text)!;
  const shift = Number(exponent) - places.length;
  const digits = BigInt(whole! + places);
  return shift >= 0
    ? { numerator: digits * 10n ** BigInt(shift), denominator: 1n }
    : { numerator: digits, denominator: 10n ** BigInt(-shift) };
}

/** How far a fixed-point number is from a decimal one, relative to it. */
export function relativeError(value: bigint, text: string): number {
  const { numerator, denominator } = decimal(text);
  const difference = value * denominator - (numerator << PLACES);
  const size = difference < 0n ? -difference : difference;
  // 60 places are more than a quotient that matters has.
  return Number((size * 10n ** 60n) / (numerator << PLACES)) / 1e60;
}
