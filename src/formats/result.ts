/**
 * The result of an aggregation as a file: columns come tile by tile, named tensors go out in the
 * order of the format, and what the rule did not decide is carried over in between.
 *
 * @module
 */

import type { HostRow } from '../backend/kernels.ts';
import { FormatError } from '../core/errors.ts';
import type { Append } from './byte-source.ts';
import { assertCarried, carriedBytes } from './carried.ts';
import type { CarriedTensor, Layout } from './layout.ts';
import { npyHead } from './npy.ts';
import { quote } from './quote.ts';
import { appendTensor, planSafetensors, type TensorEntry, type TensorFile } from './safetensors.ts';

/** Takes the one row of a result in column order and writes a file. */
export interface ResultWriter {
  /**
   * The next entries of the row. Await each call; the tile may be reused after it.
   *
   * @throws {RangeError} if more come than the row has.
   */
  append(tile: Float32Array): Promise<void>;
  /**
   * Writes what follows the last column.
   *
   * @throws {RangeError} if entries are lacking.
   */
  finish(): Promise<void>;
}

/** The formats of a result. */
export type ResultFormat = 'safetensors' | 'npy';

/**
 * The format that a file name asks for.
 *
 * @throws {FormatError} `unsupported` if it ends in neither `.safetensors` nor `.npy`.
 */
export function resultFormat(path: string): ResultFormat {
  const lower = path.toLowerCase();
  if (lower.endsWith('.safetensors')) return 'safetensors';
  if (lower.endsWith('.npy')) return 'npy';
  throw new FormatError('unsupported', `${quote(path)} must end in .safetensors or .npy`);
}

/** What {@link safetensorsResult} needs to know. */
export interface SafetensorsResultOptions {
  readonly layout: Layout;
  /** Added to the result in f32: the row that updates are differences from. */
  readonly base?: HostRow;
  /** The file that copies come from; needed if the layout has a base and copies. */
  readonly baseFile?: TensorFile;
  /** The admitted updates, for means and for copies without a base. */
  readonly updates?: readonly TensorFile[];
  /** Default: that of `baseFile`. */
  readonly metadata?: ReadonlyMap<string, string>;
}

/**
 * A result as safetensors: aggregated tensors in f32, carried ones by their policy. Everything that
 * can fail for the files at hand fails here, before the first byte.
 *
 * @throws {FormatError} `mismatch` if a tensor to carry is lacking or updates disagree on a copy;
 *   `too-large` if the header would be.
 * @throws {TypeError} if copies need a `baseFile` and there is none.
 */
export async function safetensorsResult(
  append: Append,
  options: SafetensorsResultOptions,
): Promise<ResultWriter> {
  const { layout, base, baseFile, updates = [] } = options;
  const { carried, cols } = layout;
  if (layout.hasBase && !baseFile && carried.some((t) => t.policy === 'copy-from-base')) {
    throw new TypeError('baseFile must be given: the layout copies tensors from it');
  }
  const sources = { base: layout.hasBase ? baseFile : undefined, updates };
  for (const tensor of carried) await assertCarried(tensor, sources);

  const columns = layout.tensors.map(({ name, shape }) => ({ name, shape, dtype: 'F32' as const }));
  const plan = planSafetensors(
    [...columns, ...carried],
    options.metadata ?? baseFile?.header.metadata,
  );
  const stops = stopsOf(layout, plan.tensors);
  const writer = rowWriter(append, { cols, base });

  /** Writes the carried tensors whose place is at or before the column reached. */
  const flush = async (): Promise<void> => {
    for (let next = stops[0]; next && next.col <= writer.col; next = stops[0]) {
      stops.shift();
      await appendTensor(append, next.entry, carriedBytes(next.tensor, sources));
    }
  };
  await append(plan.head);
  await flush();
  return {
    async append(tile) {
      assertFits(writer.col + tile.length, cols);
      for (let at = 0; at < tile.length; ) {
        const end = Math.min(tile.length, at + (stops[0]?.col ?? cols) - writer.col);
        await writer.append(tile.subarray(at, end));
        await flush();
        at = end;
      }
    },
    finish: () => writer.finish(),
  };
}

/** A carried tensor and the column before which its bytes belong. */
interface Stop {
  readonly col: number;
  readonly tensor: CarriedTensor;
  readonly entry: TensorEntry;
}

/** The f32 tensors of a file are in the order of their names, which is that of the columns. */
function stopsOf(layout: Layout, placed: readonly TensorEntry[]): Stop[] {
  const carried = new Map(layout.carried.map((tensor) => [tensor.name, tensor]));
  const ends = new Map(layout.tensors.map(({ name, to }) => [name, to]));
  const stops: Stop[] = [];
  let col = 0;
  for (const entry of placed) {
    const tensor = carried.get(entry.name);
    if (tensor) stops.push({ col, tensor, entry });
    else col = ends.get(entry.name) ?? col;
  }
  return stops;
}

/**
 * A result as npy: a vector of `cols` entries of f32. A `base` is added to it in f32, as for
 * {@link safetensorsResult}.
 */
export async function npyResult(
  append: Append,
  { cols, base }: { readonly cols: number; readonly base?: HostRow | undefined },
): Promise<ResultWriter> {
  const writer = rowWriter(append, { cols, base });
  await append(npyHead([cols]));
  return writer;
}

/** Entries that are in memory at once while the base is added: 1 MiB. */
const SUM_CHUNK = 2 ** 18;

/** Writes the bare columns, with the base added. */
function rowWriter(
  append: Append,
  { cols, base }: { cols: number; base?: HostRow | undefined },
): ResultWriter & { readonly col: number } {
  if (base && base.cols !== cols) {
    throw new FormatError('mismatch', `base must have ${cols} entries, has ${base.cols}`);
  }
  let col = 0;
  const sums = new Float32Array(base ? Math.min(SUM_CHUNK, cols) : 0);
  return {
    get col() {
      return col;
    },
    async append(tile) {
      assertFits(col + tile.length, cols);
      const step = base ? sums.length : tile.length;
      for (let at = 0; at < tile.length; at += step) {
        const part = tile.subarray(at, at + step);
        const out = base ? await addTo(base, { col, part, sums }) : part;
        await append(new Uint8Array(out.buffer, out.byteOffset, out.byteLength));
        col += part.length;
      }
    },
    async finish() {
      if (col < cols) throw new RangeError(`result needs ${cols} entries, got ${col}`);
    },
  };
}

async function addTo(
  base: HostRow,
  { col, part, sums }: { col: number; part: Float32Array; sums: Float32Array },
): Promise<Float32Array> {
  const out = sums.subarray(0, part.length);
  await base.read(col, col + part.length, out);
  for (let i = 0; i < part.length; i++) out[i]! += part[i]!;
  return out;
}

function assertFits(col: number, cols: number): void {
  if (col > cols) throw new RangeError(`result has ${cols} entries, got at least ${col}`);
}
