import { describe, expect, test } from 'vitest';
import { drawn } from '../../../src/backend/reference/lattice-noise.ts';
import { type AliasTable, aliasTable } from '../../../src/privacy/lattice/alias-table.ts';
import { PLACES } from '../../../src/privacy/lattice/fixed-point.ts';
import {
  discreteGaussian,
  discreteLaplace,
  type Law,
  skellam,
} from '../../../src/privacy/lattice/laws.ts';
import { itShared } from '../../support/shared.ts';
import { GOLDEN, goldenRows } from './golden.ts';

const COLUMN = 1n << 96n;

const laws: [string, Law][] = [
  ['σ = 8', discreteGaussian(64)],
  ['σ = 0.5', discreteGaussian(0.25)],
  ['σ = 406', discreteGaussian(406 ** 2)],
  ['scale 10', discreteLaplace(10)],
  ['Skellam of variance 400', skellam(400)],
];

/** Weight of every value, counted from the words that kernels read. */
function weightsInWords({ words, offset, weights }: AliasTable): bigint[] {
  const found = weights.map(() => 0n);
  for (let column = 0; 4 * column < words.length; column++) {
    const [low, middle, high, alias] = [0, 1, 2, 3].map((i) => words[4 * column + i]!);
    const at = (alias! | 0) + offset;
    const threshold = BigInt(low!) | (BigInt(middle!) << 32n) | (BigInt(high!) << 64n);
    // A column past the values has nothing of its own.
    if (threshold > 0n) found[column]! += threshold;
    found[at]! += COLUMN - threshold;
  }
  return found;
}

describe('an alias table', () => {
  test.each(laws)('of %s gives every value exactly ⌊P·2^(m+96)⌋, and 0 the rest', (_, law) => {
    const table = aliasTable(law);
    const unit = PLACES - 96n - BigInt(table.log2Columns);
    const found = weightsInWords(table);
    expect(found).toEqual(table.weights);
    expect(found.reduce((sum, weight) => sum + weight, 0n)).toBe(
      COLUMN << BigInt(table.log2Columns),
    );
    for (let k = 1; k <= table.offset; k++) {
      expect(found[table.offset + k]).toBe(law.masses[k]! >> unit);
      expect(found[table.offset - k]).toBe(law.masses[k]! >> unit);
    }
  });

  test.each(laws)('of %s is as far from its law as it says', (_, law) => {
    const table = aliasTable(law);
    const unit = PLACES - 96n - BigInt(table.log2Columns);
    let twice = 1n << PLACES;
    for (const [i, weight] of table.weights.entries()) {
      const mass = law.masses[Math.abs(i - table.offset)]!;
      const realised = weight << unit;
      // What lies beyond the reach is 1 less all masses.
      twice += (realised > mass ? realised - mass : mass - realised) - mass;
    }
    const distance = Number(twice) / 2 / Number(1n << PLACES);
    expect(Math.log2(distance)).toBeCloseTo(table.log2TotalVariation, 6);
  });

  itShared('has the size and the distance of the golden rows', [GOLDEN], ([file]) => {
    const rows = goldenRows<
      { sigma: number; log2_columns: number },
      { support_entries: number; log2_tv: string }
    >(file, 'alias_table_tv');
    for (const { params, result } of rows) {
      const table = aliasTable(discreteGaussian(params.sigma ** 2));
      expect(table.log2Columns).toBe(params.log2_columns);
      expect(table.weights.length).toBe(result.support_entries);
      // Given to four places.
      expect(Math.abs(table.log2TotalVariation - Number(result.log2_tv))).toBeLessThan(6e-5);
    }
  });

  test('reaches the last values that have a weight, by words that must lead there', () => {
    const table = aliasTable(discreteGaussian(64));
    // P(k)·2^104 ≥ 1 up to 11.7 σ: 0.0499·exp(−94²/128) = 2^−103.9, and 2^−106.0 for 95.
    const first = table.weights.findIndex((weight) => weight > 0n);
    expect(first - table.offset).toBe(-94);
    for (const column of [first, 2 * table.offset - first]) {
      const value = column - table.offset;
      expect(Math.abs(value)).toBe(94);
      expect(drawn(table, Uint32Array.of(column, 0, 0, 0))).toBe(value);
      // Bits of the first word above the column's change nothing.
      expect(drawn(table, Uint32Array.of(0x5a5a_5a00 | column, 0, 0, 0))).toBe(value);
      // At the threshold the alias is drawn, which is another value.
      const [low, middle, high, alias] = table.words.slice(4 * column, 4 * column + 4);
      expect(drawn(table, Uint32Array.of(column, low!, middle!, high!))).toBe(alias! | 0);
      expect(alias! | 0).not.toBe(value);
    }
  });

  test('never gives a value of a column past its support', () => {
    const table = aliasTable(discreteGaussian(64));
    for (let column = 2 * table.offset + 1; column < 256; column++) {
      const value = drawn(table, Uint32Array.of(column, 0, 0, 0));
      expect(Math.abs(value)).toBeLessThanOrEqual(table.offset);
    }
  });

  test('of a law that reaches too far is refused', () => {
    expect(() => aliasTable(discreteLaplace(1000))).toThrow(
      /must reach no farther than 2\^15, got \d+/,
    );
  });
});
