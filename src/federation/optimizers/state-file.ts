/**
 * The state of an optimiser as a file: a safetensors file with one f32 vector for each slot.
 *
 * What is read back is held to the optimiser: a state of another one, of another length or with a
 * tensor too many is refused, since training would go on silently wrong with it.
 *
 * @module
 */

import type { HostRow } from '../../backend/kernels.ts';
import { FormatError } from '../../core/errors.ts';
import type { Append } from '../../formats/byte-source.ts';
import { vectorLayout } from '../../formats/layout.ts';
import { quote } from '../../formats/quote.ts';
import { tensorRow } from '../../formats/rows.ts';
import {
  showShape,
  type TensorData,
  type TensorFile,
  writeSafetensors,
} from '../../formats/safetensors.ts';
import type { Optimizer, OptimizerState } from './optimizer.ts';

/** Names and meaning of the metadata may change with it. */
const FORMAT = 'aggregis/optimizer/v1';

/** Entries of a row that are in memory at once: 1 MiB. */
const CHUNK = 2 ** 18;

/**
 * Writes a state. An optimiser that remembers nothing has a file, too: it counts steps.
 *
 * @throws {AggregationError} `no-convergence` if the state comes from a step that leads nowhere.
 */
export async function writeOptimizerState(
  append: Append,
  { name, slots }: Optimizer,
  { steps, rows }: OptimizerState,
): Promise<void> {
  const tensors = slots.map((slot): TensorData => {
    const row = rows.get(slot.name);
    if (row === undefined) throw new TypeError(`state of ${name} must have the row ${slot.name}`);
    return { name: slot.name, dtype: 'F32', shape: [row.cols], data: bytesOfRow(row) };
  });
  const metadata = new Map([
    ['format', FORMAT],
    ['optimizer', name],
    ['steps', String(steps)],
  ]);
  await writeSafetensors(append, tensors, { metadata });
}

/** A row as little-endian f32, a chunk at a time. */
export async function* bytesOfRow(row: HostRow): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < row.cols; from += CHUNK) {
    const values = new Float32Array(Math.min(CHUNK, row.cols - from));
    await row.read(from, from + values.length, values);
    yield new Uint8Array(values.buffer);
  }
}

/**
 * The state that a file holds. Its rows are read from the file when they are asked for.
 *
 * @param cols - Entries of the model.
 * @throws {FormatError} `mismatch` if the file is of another optimiser or another model, `malformed`
 *   if it is no such file.
 */
export function readOptimizerState(
  file: TensorFile,
  { name, slots }: Optimizer,
  cols: number,
): OptimizerState {
  const { source, header } = file;
  const { metadata, tensors } = header;
  const refuse = (code: 'mismatch' | 'malformed', problem: string): FormatError =>
    new FormatError(code, `${source.name}: ${problem}`);
  if (metadata.get('format') !== FORMAT) {
    throw refuse('malformed', `is no state of an optimiser: its format is not ${FORMAT}`);
  }
  const found = metadata.get('optimizer') ?? '';
  if (found !== name) throw refuse('mismatch', `is a state of ${quote(found)}, not of ${name}`);
  const steps = metadata.get('steps') ?? '';
  if (!/^(0|[1-9]\d{0,14})$/.test(steps)) {
    throw refuse('malformed', `must count its steps, got ${quote(steps)}`);
  }
  for (const tensor of tensors.keys()) {
    if (slots.some((slot) => slot.name === tensor)) continue;
    throw refuse('mismatch', `has tensor ${quote(tensor)}, which ${name} does not remember`);
  }
  const rows = slots.map((slot) => {
    const tensor = tensors.get(slot.name);
    if (tensor === undefined) throw refuse('mismatch', `lacks tensor ${quote(slot.name)}`);
    const { dtype, shape } = tensor;
    if (dtype !== 'F32' || shape.length !== 1 || shape[0] !== cols) {
      const needed = `F32 ${showShape([cols])}`;
      const what = `tensor ${quote(slot.name)}`;
      throw refuse('mismatch', `${what} must be ${needed}, is ${dtype} ${showShape(shape)}`);
    }
    const alone = { ...header, tensors: new Map([[slot.name, tensor]]) };
    return [slot.name, tensorRow(source, alone, vectorLayout(cols, slot.name))] as const;
  });
  return { steps: Number(steps), rows: new Map(rows) };
}
