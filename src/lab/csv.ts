/**
 * Tables of numbers with the label in the last column.
 *
 * One example on a line, commas between numbers, no quotes; a first line of names may be there.
 * Every line has as many fields as the first. Strict, since a table that is half understood trains
 * a model that nobody asked for.
 *
 * @module
 */

import { FormatError } from '../core/errors.ts';
import type { Dataset } from './dataset.ts';

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const MAX_LABEL = 255;

/**
 * Reads a table. Inputs keep their values: see {@link scaleByTraining}.
 *
 * @param name - What messages call the file.
 * @throws {FormatError} `malformed`, naming line and column, if a field is not a finite number, a
 *   line is too short or long, or a label is not an integer in [0, 255]; `mismatch` if there is no
 *   example, no column besides the label, or only the label 0.
 */
export function parseCsv(text: string, name: string): Dataset {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  while (lines.at(-1) === '') lines.pop();
  const headed = lines.length > 0 && lines[0]!.split(',').some((field) => !isNumber(field));
  const size = lines.length - (headed ? 1 : 0);
  if (size === 0) throw new FormatError('mismatch', `${name}: holds no line of numbers`);
  const columns = lines[0]!.split(',').length;
  if (columns < 2) {
    throw new FormatError('mismatch', `${name}: needs a column of inputs before the label`);
  }
  const features = columns - 1;
  const inputs = new Float32Array(size * features);
  const labels = new Uint8Array(size);
  for (let i = 0; i < size; i++) {
    const number = i + (headed ? 2 : 1);
    const values = parseLine(lines[number - 1]!, { columns, where: `${name}: line ${number}` });
    inputs.set(values.subarray(0, features), i * features);
    labels[i] = checkLabel(values[features]!, `${name}: line ${number}`);
  }
  const classes = labels.reduce((a, b) => Math.max(a, b), 0) + 1;
  if (classes < 2)
    throw new FormatError('mismatch', `${name}: every label is 0, needs two classes`);
  return { inputs, labels, size, features, classes };
}

function isNumber(field: string): boolean {
  return NUMBER.test(field.trim());
}

function parseLine(
  line: string,
  options: { readonly columns: number; readonly where: string },
): Float64Array {
  const fields = line.split(',');
  const { columns, where } = options;
  if (fields.length !== columns) {
    throw new FormatError('malformed', `${where} needs ${columns} fields, got ${fields.length}`);
  }
  return Float64Array.from(fields, (field, column) => {
    const value = isNumber(field) ? Number(field) : Number.NaN;
    // What f32 cannot hold would become an infinity on the way into the dataset.
    if (Number.isFinite(Math.fround(value))) return value;
    const came = JSON.stringify(field.slice(0, 24));
    throw new FormatError(
      'malformed',
      `${where}, column ${column + 1} needs a number, got ${came}`,
    );
  });
}

function checkLabel(label: number, where: string): number {
  if (Number.isInteger(label) && label >= 0 && label <= MAX_LABEL) return label;
  throw new FormatError(
    'malformed',
    `${where}: the label (last column) must be an integer in [0, ${MAX_LABEL}], got ${label}`,
  );
}
