/**
 * The model of a run and the updates for it, as safetensors: what an update must hold, and the rows that
 * rules and optimisers work on.
 *
 * @module
 */

import type { HostRow } from '../backend/kernels.ts';
import type { Append, ByteSource } from '../formats/byte-source.ts';
import { bitsOf, isDtype } from '../formats/dtype.ts';
import { compare, type Layout, layoutOf } from '../formats/layout.ts';
import { safetensorsResult } from '../formats/result.ts';
import { tensorRow } from '../formats/rows.ts';
import { readSafetensorsHeader, type TensorFile } from '../formats/safetensors.ts';

/** A model, open. */
export interface OpenModel {
  readonly file: TensorFile;
  readonly layout: Layout;
  /** All that is aggregated. */
  readonly row: HostRow;
}

/** Bytes of a header that are taken beyond what the model's own has: metadata, spaces, other spellings. */
const HEADER_ROOM = 64 * 1024;
/** Entries of a row that are in memory at once: 1 MiB. */
const CHUNK = 2 ** 18;

/** Reads the header of a model. @throws {FormatError} if it is no safetensors file, or has no floats. */
export async function openModel(source: ByteSource): Promise<OpenModel> {
  const header = await readSafetensorsHeader(source);
  const layout = layoutOf([], { base: header });
  return { file: { source, header }, layout, row: tensorRow(source, header, layout) };
}

/** Shortest and longest file that can be an update of this model in a number type. */
export function updateLengths(
  { file, layout }: OpenModel,
  dtype: string,
): { readonly least: number; readonly most: number } | undefined {
  if (!isDtype(dtype)) return undefined;
  const least = Math.ceil((layout.cols * bitsOf(dtype)) / 8);
  const sizes = [...file.header.tensors.values()].map(({ from, to }) => to - from);
  const header = file.source.size - sizes.reduce((sum, size) => sum + size, 0);
  const carried = layout.carried.reduce((sum, { name }) => {
    const tensor = file.header.tensors.get(name);
    return sum + (tensor === undefined ? 0 : tensor.to - tensor.from);
  }, 0);
  return { least, most: least + carried + 2 * header + HEADER_ROOM };
}

/** What keeps a file from being an update in a number type: words, none if nothing does. */
export function updateFaults(
  { layout }: OpenModel,
  { header }: Pick<TensorFile, 'header'>,
  dtype: string,
): string[] {
  const others = layout.tensors.flatMap(({ name }) => {
    const tensor = header.tensors.get(name);
    return tensor === undefined || tensor.dtype === dtype ? [] : [`${name} is ${tensor.dtype}`];
  });
  return [...compare(layout, header), ...others.slice(0, 1)];
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
