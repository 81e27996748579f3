/**
 * References: how golden vectors say what numbers they mean, and the numbers themselves in f64.
 *
 * @module
 */

import { show } from '../../core/assert.ts';
import { FormatError } from '../../core/errors.ts';
import type { Fields } from './fields.ts';

/** Numbers of a file, checked whole before any is used. */
export type Pack = Float64Array | Float32Array;

/** Updates of n clients, row-major. */
export interface GoldenInput {
  readonly rows: number;
  readonly cols: number;
  readonly values: Float32Array;
}

/** Where the numbers of an answer come from. */
export type Reference =
  | { readonly kind: 'values'; readonly values: ArrayLike<number> }
  /** The mean of rows of the input. */
  | {
      readonly kind: 'rows';
      readonly rows: readonly number[];
      readonly weights: readonly number[];
    }
  /** Bulyan's second stage over rows of the input: `keep` values of each column are averaged. */
  | { readonly kind: 'picks'; readonly rows: readonly number[]; readonly keep: number };

/** What a reference is checked against. */
export interface ReferenceContext {
  readonly packs: ReadonlyMap<string, Pack>;
  /** Shape of the case's input. */
  readonly rows: number;
  readonly cols: number;
  /** How many numbers are needed. */
  readonly count: number;
  /** Parameters of the case. */
  readonly params: Fields;
}

/**
 * Reads a reference.
 *
 * @throws {FormatError} `malformed` if it is none, or does not give as many numbers as needed.
 */
export function readReference(fields: Fields, context: ReferenceContext): Reference {
  if (fields.has('file')) return packReference(fields, context);
  if (fields.has('values')) {
    const values = fields.looseNumbers('values');
    requireCount(fields, values.length, context);
    return { kind: 'values', values };
  }
  if (fields.has('rows')) return rowsReference(fields, context);
  if (fields.has('picks')) return picksReference(fields, context);
  throw malformed(fields, 'must have one of file, values, rows or picks');
}

/** The numbers that a reference stands for. */
export function numbersOf(reference: Reference, input: GoldenInput): ArrayLike<number> {
  switch (reference.kind) {
    case 'values':
      return reference.values;
    case 'rows':
      return byColumn(input, reference.rows, (column) => weightedMean(column, reference.weights));
    case 'picks':
      return byColumn(input, reference.rows, (column) => bulyanMean(column, reference.keep));
    default:
      return reference satisfies never;
  }
}

function packReference(fields: Fields, context: ReferenceContext): Reference {
  const file = fields.string('file');
  const pack = context.packs.get(file);
  if (pack === undefined) throw malformed(fields, `names no pack: ${show(file)}`);
  fields.word('dtype', [pack instanceof Float64Array ? 'f64' : 'f32']);
  const from = fields.integer('offset') / pack.BYTES_PER_ELEMENT;
  const count = fields.integer('count', 1);
  if (!Number.isInteger(from) || from + count > pack.length) {
    throw malformed(fields, `must start on a number of ${file} and end inside it`);
  }
  requireCount(fields, count, context);
  return { kind: 'values', values: pack.subarray(from, from + count) };
}

function rowsReference(fields: Fields, context: ReferenceContext): Reference {
  const rows = rowList(fields, 'rows', context);
  const given = fields.has('row_weights') ? fields.numbers('row_weights') : rows.map(() => 1);
  // One weight for each row named, or one for each row of the input.
  const weights = given.length === context.rows ? rows.map((row) => given[row]!) : given;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (weights.length === rows.length && total > 0) return { kind: 'rows', rows, weights };
  const needed = `${rows.length} or ${context.rows} row_weights with a positive sum`;
  throw malformed(fields, `must have ${needed}`);
}

function picksReference(fields: Fields, context: ReferenceContext): Reference {
  const rows = rowList(fields, 'picks', context);
  const keep = context.rows - 4 * context.params.integer('f', 0, context.rows);
  if (keep >= 1 && keep <= rows.length) return { kind: 'picks', rows, keep };
  throw malformed(fields, `must pick at least n − 4f ≥ 1 rows, got ${rows.length} for ${keep}`);
}

function rowList(fields: Fields, key: string, context: ReferenceContext): number[] {
  const rows = fields.integers(key, 0, context.rows - 1);
  if (rows.length === 0) throw malformed(fields, `must name at least one row in ${key}`);
  requireCount(fields, context.cols, context);
  return rows;
}

function requireCount(fields: Fields, count: number, context: ReferenceContext): void {
  if (count !== context.count) {
    throw malformed(fields, `must give ${context.count} numbers, got ${count}`);
  }
}

function malformed({ where }: Fields, what: string): FormatError {
  return new FormatError('malformed', `${where} ${what}`);
}

function byColumn(
  { cols, values }: GoldenInput,
  rows: readonly number[],
  body: (column: Float64Array) => number,
): Float64Array {
  return Float64Array.from({ length: cols }, (_, col) =>
    body(Float64Array.from(rows, (row) => values[row * cols + col]!)),
  );
}

function weightedMean(column: Float64Array, weights: readonly number[]): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return column.reduce((sum, value, i) => sum + weights[i]! * value, 0) / total;
}

/** The mean of the `keep` values nearest to the median; of two equally near, the lower. */
function bulyanMean(column: Float64Array, keep: number): number {
  const sorted = column.toSorted();
  const [upper, lower] = [Math.floor(sorted.length / 2), Math.ceil(sorted.length / 2) - 1];
  const median = (sorted[lower]! + sorted[upper]!) / 2;
  // The sort is stable and the values ascend.
  const near = [...sorted].sort((a, b) => Math.abs(a - median) - Math.abs(b - median));
  return near.slice(0, keep).reduce((sum, value) => sum + value, 0) / keep;
}
