/**
 * The model of a run and the updates for it, as safetensors: what an update must hold, and the rows that
 * rules and optimisers work on.
 *
 * @module
 */

import type { HostRow } from '../backend/kernels.ts';
import { FormatError } from '../core/errors.ts';
import { blocksOf } from '../formats/blocks.ts';
import type { Append, ByteSource } from '../formats/byte-source.ts';
import { bitsOf, isDtype } from '../formats/dtype.ts';
import { compare, type Layout, layoutOf } from '../formats/layout.ts';
import { safetensorsResult } from '../formats/result.ts';
import { tensorRow } from '../formats/rows.ts';
import {
  readSafetensorsHeader,
  type TensorData,
  type TensorFile,
  writeSafetensors,
} from '../formats/safetensors.ts';
import { readUpdate } from '../formats/wire.ts';
import { bytesOfRow } from './optimizers/state-file.ts';
import { updateLayout } from './update-layout.ts';

/** A model, open. */
export interface OpenModel {
  readonly file: TensorFile;
  readonly layout: Layout;
  /** What updates for it are, and aggregates of them. */
  readonly update: Layout;
  /** All that is aggregated. */
  readonly row: HostRow;
}

/** Bytes of a header that are taken beyond what the model's own has: metadata, spaces, other spellings. */
const HEADER_ROOM = 64 * 1024;
/** Entries of a row that are in memory at once: 1 MiB. */
const CHUNK = 2 ** 18;

/**
 * Reads the header of a model.
 *
 * @param parts - Vectors of the model's length that each client sends.
 * @throws {FormatError} if it is no safetensors file, or has no floats.
 */
export async function openModel(source: ByteSource, parts = 1): Promise<OpenModel> {
  const header = await readSafetensorsHeader(source);
  const layout = layoutOf([], { base: header });
  const update = updateLayout(layout, parts);
  return { file: { source, header }, layout, update, row: tensorRow(source, header, layout) };
}

/** Shortest and longest file that can be an update of this model in a number type. */
export function updateLengths(
  { file, layout, update }: OpenModel,
  dtype: string,
): { readonly least: number; readonly most: number } | undefined {
  if (!isDtype(dtype)) return undefined;
  const scales =
    dtype === 'I8' ? update.tensors.map(({ from, to }) => 2 * blocksOf(to - from)) : [];
  const least = scales.reduce((sum, bytes) => sum + bytes, (update.cols * bitsOf(dtype)) / 8);
  const sizes = [...file.header.tensors.values()].map(({ from, to }) => to - from);
  const header = file.source.size - sizes.reduce((sum, size) => sum + size, 0);
  const carried = layout.carried.reduce((sum, { name }) => {
    const tensor = file.header.tensors.get(name);
    return sum + (tensor === undefined ? 0 : tensor.to - tensor.from);
  }, 0);
  // Each part and its scales are named once more.
  const names = update.tensors.length * (dtype === 'I8' ? 2 : 1);
  const headers = (1 + names / layout.tensors.length) * header;
  return { least, most: least + carried + headers + HEADER_ROOM };
}

/** What keeps a file from being an update in a number type: words, none if nothing does. */
export async function updateFaults(
  { update }: Pick<OpenModel, 'update'>,
  file: TensorFile,
  dtype: string,
): Promise<string[]> {
  const { source, header } = file;
  if (dtype === 'I8') {
    try {
      await readUpdate(file, { layout: update, dtype });
      return [];
    } catch (error) {
      if (error instanceof FormatError) return [error.message.replace(`${source.name}: `, '')];
      throw error;
    }
  }
  const others = update.tensors.flatMap(({ name }) => {
    const tensor = header.tensors.get(name);
    return tensor === undefined || tensor.dtype === dtype ? [] : [`${name} is ${tensor.dtype}`];
  });
  return [...compare(update, header), ...others.slice(0, 1)];
}

/**
 * The row of an update, or of an aggregate of updates.
 *
 * @throws {FormatError} if the file is none.
 */
export async function updateRow(
  file: TensorFile,
  { update }: Pick<OpenModel, 'update'>,
): Promise<HostRow> {
  const first = update.tensors[0]!.name;
  const isBlocks = file.header.tensors.get(first)?.dtype === 'I8';
  if (isBlocks) return readUpdate(file, { layout: update, dtype: 'I8' });
  return tensorRow(file.source, file.header, update);
}

/** An aggregate as a file: a row of updates in f32, and what is to be known of it. */
export async function writeAggregate(
  append: Append,
  row: HostRow,
  options: {
    readonly update: Layout;
    readonly metadata?: ReadonlyMap<string, string> | undefined;
  },
): Promise<void> {
  const { update, metadata } = options;
  const tensors = update.tensors.map(({ name, shape, from, to }): TensorData => {
    const read: HostRow['read'] = (a, b, into) => row.read(from + a, from + b, into);
    return { name, shape, dtype: 'F32', data: bytesOfRow({ cols: to - from, read }) };
  });
  await writeSafetensors(append, tensors, metadata && { metadata });
}

/** A row as a file with the model's tensors, in f32; what is no row is the model's. */
export async function writeRow(
  append: Append,
  row: HostRow,
  { file, layout }: Pick<OpenModel, 'file' | 'layout'>,
): Promise<void> {
  const writer = await safetensorsResult(append, { layout, baseFile: file });
  const values = new Float32Array(Math.min(CHUNK, row.cols));
  for (let from = 0; from < row.cols; from += CHUNK) {
    const part = values.subarray(0, Math.min(CHUNK, row.cols - from));
    await row.read(from, from + part.length, part);
    await writer.append(part);
  }
  await writer.finish();
}

/** A row in memory. */
export function rowOf(values: Float32Array): HostRow {
  return {
    cols: values.length,
    async read(from, to, into) {
      into.set(values.subarray(from, to));
    },
  };
}
