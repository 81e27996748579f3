/**
 * Rows of f32 out of files: the tensors of a safetensors file as one row, the rows of an npy array,
 * and differences of rows. Nothing is read before it is asked for, and no more than that.
 *
 * @module
 */

import type { HalfRow, HostRow } from '../backend/kernels.ts';
import { FormatError } from '../core/errors.ts';
import { assertRange, type ByteSource } from './byte-source.ts';
import {
  bitsOf,
  type FloatDtype,
  isFloat,
  LITTLE_ENDIAN,
  readFloats,
  readHalves,
} from './dtype.ts';
import { compare, type Layout } from './layout.ts';
import { type NpyHeader, readNpyHeader } from './npy.ts';
import type { SafetensorsHeader } from './safetensors.ts';

/** Columns [from, to) that lie one behind the other in a file, as elements of one type. */
interface Run {
  readonly from: number;
  readonly to: number;
  readonly dtype: FloatDtype;
  /** Byte of the file where the first column lies. */
  readonly at: number;
}

/**
 * The row that a layout makes of a safetensors file: the update as it stands or, with `base`, its
 * difference from the base, subtracted in f32. Reads may overlap.
 *
 * A read costs one read of the file for each run of tensors that lie in the order of the layout;
 * f32 goes from the file to its place without a copy. A difference takes 1 MiB besides. A row that is
 * f16 throughout, or bf16, and no difference, can also be read as it is: `half`.
 *
 * @param options.base - The base as a row of the same layout, mostly another tensorRow.
 * @throws {FormatError} `mismatch` if the file does not fit the layout: ask {@link compare} before.
 */
export function tensorRow(
  source: ByteSource,
  header: SafetensorsHeader,
  layout: Layout,
  options: { readonly base?: HostRow } = {},
): HostRow {
  const mismatches = compare(layout, header);
  if (mismatches.length > 0) {
    throw new FormatError('mismatch', `${source.name}: ${mismatches.join('; ')}`);
  }
  const row = runsRow(source, runsOf(header, layout));
  return options.base ? differenceRow(row, options.base) : row;
}

function runsOf(header: SafetensorsHeader, layout: Layout): Run[] {
  const runs: Run[] = [];
  for (const { name, from, to } of layout.tensors) {
    const tensor = header.tensors.get(name);
    // compare() has held every tensor to be there and of a float type.
    if (from === to || !tensor || !isFloat(tensor.dtype)) continue;
    const last = runs.at(-1);
    if (last && last.dtype === tensor.dtype && endOf(last) === tensor.from) {
      runs[runs.length - 1] = { ...last, to };
    } else {
      runs.push({ from, to, dtype: tensor.dtype, at: tensor.from });
    }
  }
  return runs;
}

function endOf({ from, to, dtype, at }: Run): number {
  return at + ((to - from) * bitsOf(dtype)) / 8;
}

function runsRow(source: ByteSource, runs: readonly Run[]): HostRow {
  const cols = runs.at(-1)?.to ?? 0;
  const half = halfOf(source, runs, cols);
  const inFile = inFileOf(source, runs, cols);
  return {
    cols,
    async read(from, to, into) {
      assertRead(from, to, { cols, into });
      for (const { start, end, at, dtype } of partsOf(runs, from, to)) {
        await readFloats(source, at, { dtype, into: into.subarray(start - from, end - from) });
      }
    },
    ...(half && { half }),
    ...(inFile && { inFile }),
  };
}

/** Where the row lies in an open file, if it is f32 there, as this machine has it. */
function inFileOf(
  { descriptor }: ByteSource,
  runs: readonly Run[],
  cols: number,
): HostRow['inFile'] {
  if (descriptor === undefined || !LITTLE_ENDIAN) return undefined;
  if (runs.some(({ dtype }) => dtype !== 'F32')) return undefined;
  return (from, to) => {
    assertRange(from, to, cols);
    const parts = [...partsOf(runs, from, to)];
    return { descriptor, runs: parts.map(({ start, end, at }) => ({ at, length: end - start })) };
  };
}

const HALF_FORMATS: Partial<Record<FloatDtype, HalfRow['format']>> = { F16: 'f16', BF16: 'bf16' };

/** The row in half precision, where all of it is of one such type. */
function halfOf(source: ByteSource, runs: readonly Run[], cols: number): HalfRow | undefined {
  const [first, ...others] = runs;
  const format = first && HALF_FORMATS[first.dtype];
  if (!format || others.some(({ dtype }) => dtype !== first.dtype)) return undefined;
  return {
    format,
    async read(from, to, into) {
      assertRead(from, to, { cols, into });
      for (const { start, end, at } of partsOf(runs, from, to)) {
        await readHalves(source, at, into.subarray(start - from, end - from));
      }
    },
  };
}

/** What of columns [from, to) lies in each run, in order: columns [start, end), from byte `at` on. */
function* partsOf(
  runs: readonly Run[],
  from: number,
  to: number,
): Generator<{ start: number; end: number; at: number; dtype: FloatDtype }> {
  for (let i = firstEndingAfter(runs, from); i < runs.length; i++) {
    const run = runs[i]!;
    if (run.from >= to) return;
    const start = Math.max(from, run.from);
    const at = run.at + ((start - run.from) * bitsOf(run.dtype)) / 8;
    yield { start, end: Math.min(to, run.to), at, dtype: run.dtype };
  }
}

/** By bisection: runs are in the order of their columns. */
function firstEndingAfter(runs: readonly Run[], col: number): number {
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (runs[middle]!.to > col) high = middle;
    else low = middle + 1;
  }
  return low;
}

function assertRead(
  from: number,
  to: number,
  { cols, into }: { cols: number; into: Float32Array | Uint16Array },
): void {
  assertRange(from, to, cols);
  if (into.length !== to - from) {
    throw new RangeError(`into must hold ${to - from} entries, got ${into.length}`);
  }
}

/** Entries of the subtrahend that are in memory at once: 1 MiB. */
const DIFFERENCE_CHUNK = 2 ** 18;

/**
 * The difference of two rows, rounded to f32 entry by entry.
 *
 * @throws {FormatError} `mismatch` if their lengths differ.
 */
export function differenceRow(row: HostRow, base: HostRow): HostRow {
  const { cols } = row;
  if (base.cols !== cols) {
    throw new FormatError('mismatch', `base must have ${cols} entries, has ${base.cols}`);
  }
  return {
    cols,
    async read(from, to, into) {
      await row.read(from, to, into);
      const scratch = new Float32Array(Math.min(DIFFERENCE_CHUNK, to - from));
      for (let at = from; at < to; at += scratch.length) {
        const part = scratch.subarray(0, to - at);
        await base.read(at, at + part.length, part);
        const offset = at - from;
        for (let j = 0; j < part.length; j++) into[offset + j]! -= part[j]!;
      }
    },
  };
}

/** Most rows that one npy file may have: each costs an object, which its bytes need not back. */
export const MAX_NPY_ROWS: number = 2 ** 20;

/**
 * The rows of an npy file: n of an n×d array, one of a vector. Values become f32 as in
 * `readFloats`; reads may overlap.
 *
 * @throws {FormatError} as `readNpyHeader`; `unsupported` for scalars, for more than two
 *   dimensions and for rows without entries; `too-large` for more than `MAX_NPY_ROWS`.
 */
export async function npyRows(source: ByteSource): Promise<HostRow[]> {
  return rowsOf(source, await readNpyHeader(source));
}

function rowsOf(source: ByteSource, { dtype, shape, from }: NpyHeader): HostRow[] {
  const [rows, cols] = shape.length === 1 ? [1, shape[0]] : shape;
  if (shape.length > 2 || rows === undefined || cols === undefined) {
    const message = `npy of ${shape.length} dimensions; what is read: 1 or 2`;
    throw new FormatError('unsupported', `${source.name}: ${message}`);
  }
  if (cols === 0)
    throw new FormatError('unsupported', `${source.name}: npy of rows without entries`);
  if (rows > MAX_NPY_ROWS) {
    throw new FormatError('too-large', `${source.name}: ${rows} rows, limit is ${MAX_NPY_ROWS}`);
  }
  const rowBytes = (cols * bitsOf(dtype)) / 8;
  return Array.from({ length: rows }, (_, i) =>
    runsRow(source, [{ from: 0, to: cols, dtype, at: from + i * rowBytes }]),
  );
}
