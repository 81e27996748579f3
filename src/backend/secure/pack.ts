/**
 * unpackWords and readPacked, with their bodies: words in fewer bits, see ../packing.ts.
 *
 * @module
 */

import { assertInteger, show } from '../../core/assert.ts';
import type { Backend, ExtraOperation, PackedShape, Place, Tile, Words } from '../kernels.ts';
import { asWords, build } from '../matrix.ts';
import { MAX_BITS, MIN_BITS, packedBytes, packedWords } from '../packing.ts';
import { bytesRow, checkLength } from '../rows.ts';
import { COLUMN_GROUP } from '../webgpu/column-kernels.ts';
import { strideOf } from '../webgpu/tiles.ts';
import type { GpuTools } from '../webgpu/webgpu.ts';
import { type SecureLibrary, secureLibrary } from './library.ts';
import { packRow, unpackRow } from './reference-packing.ts';
import { shaders } from './shaders.gen.ts';

/** Columns that are in the memory of kernels at once: whole words, whatever an entry has. */
const PIECE_COLS = 4096;
/** Pieces in and out, where an entry has 32 bits, and what is read behind the last. */
const PIECES_BYTES = 2 * 4 * PIECE_COLS + 16;
const PAGE_BYTES = 2 ** 16;

/**
 * Words out of packed rows that the caller holds: entry j has bits [j·b, (j+1)·b) of a row, whose bits
 * are counted from the lowest of the first byte. What follows the last entry is not looked at. Rows must
 * not change while they are in use. n × ⌈d·b/8⌉ bytes → n×d
 *
 * @throws {TypeError | RangeError} if there is no row or one is not of ⌈cols·bits/8⌉ bytes; names it.
 */
export function unpackWords(rows: readonly Uint8Array[], { bits, cols }: PackedShape): Words {
  if (!Array.isArray(rows)) throw new TypeError(`rows must be an array, got ${show(rows)}`);
  assertInteger('number of rows', rows.length, 1);
  assertInteger('cols', cols, 1);
  const bytes = packedBytes(cols, checkBits(bits));
  for (const [i, row] of rows.entries()) {
    if (!(row instanceof Uint8Array)) {
      throw new TypeError(`row ${i} must be a Uint8Array, got ${show(row)}`);
    }
    if (row.length !== bytes) {
      throw new RangeError(`row ${i} must have ${bytes} bytes, got ${row.length}`);
    }
  }
  const shape = { element: 'u32', rows: rows.length, cols } as const;
  const sources = rows.map(bytesRow);
  const x = build({ op: 'source', ...shape, bits, sources });
  return build({ op: 'extra', ...shape, x, operation: unpackOperation(bits) });
}

/**
 * The low `bits` bits, in [8, 32], of each entry of the one row of `x`, packed as {@link unpackWords}
 * takes them, zeros at the end of the last byte: in `into`, as a backend's `read` does it, or in a new
 * array of ⌈d·bits/8⌉ bytes.
 *
 * @throws {TypeError | RangeError} that names what is wrong with `x`, the bits or the array.
 */
export async function readPacked(
  backend: Pick<Backend, 'readCoded'>,
  x: Words,
  { bits, into }: { readonly bits: number; readonly into?: Uint8Array },
): Promise<Uint8Array> {
  const node = asWords('x', x);
  if (node.rows !== 1) throw new RangeError(`readPacked needs one row, got ${node.rows}`);
  const length = packedBytes(node.cols, checkBits(bits));
  const bytes = into ?? new Uint8Array(length);
  checkLength(bytes, { rows: 1, cols: length }, Uint8Array);
  await backend.readCoded(x, { operation: packOperation(bits), bits }, bytes);
  return bytes;
}

/** Bits that an entry can be packed in. */
function checkBits(bits: number): number {
  return assertInteger('bits', bits, MIN_BITS, MAX_BITS);
}

function unpackOperation(bits: number): ExtraOperation {
  return {
    name: 'unpack',
    reference(x, out) {
      for (const [i, row] of x.entries()) unpackRow(integersOf(row), bits, integersOf(out[i]!));
    },
    wasm: {
      async reshape() {
        const library = await secureLibrary();
        return (row, out) => unpackOnCpu(library, { row, out, bits });
      },
    },
    webgpu: (x: Tile, { cols }: Place, { columns }: GpuTools) =>
      columns.run({ name: 'unpack', text: shaders.unpack }, x, {
        params: [bits, cols, x.rows, strideOf(cols)],
        ...{ cols, density: { x: bits / 32, out: 1 }, rows: x.rows },
        columns: 4 * COLUMN_GROUP,
      }),
  };
}

function packOperation(bits: number): ExtraOperation {
  return {
    name: 'pack',
    reference: ([x], [out]) => packRow(integersOf(x!), bits, integersOf(out!)),
    wasm: {
      async reshape() {
        const library = await secureLibrary();
        return (row, out) => packOnCpu(library, { row, out, bits });
      },
    },
    webgpu(x: Tile, _: Place, { columns }: GpuTools): Promise<Tile> {
      const density = { x: 1, out: bits / 32 };
      // An invocation makes one word.
      const shape = { density, columns: COLUMN_GROUP / density.out };
      const params = [bits, x.cols];
      return columns.run({ name: 'pack', text: shaders.pack }, x, { params, ...shape });
    },
  };
}

/** A row, and the row of another width that is made of it. */
interface Reshaped {
  readonly row: Float32Array;
  readonly out: Float32Array;
  readonly bits: number;
}

/** Unpacks as many entries as `out` has. */
function unpackOnCpu(library: SecureLibrary, { row, out, bits }: Reshaped): void {
  const { x, y, words } = piecesIn(library);
  for (let from = 0; from < out.length; from += PIECE_COLS) {
    const cols = Math.min(PIECE_COLS, out.length - from);
    const there = wordsOf(row).subarray(packedWords(from, bits), packedWords(from + cols, bits));
    words.set(there, x / 4);
    library.unpack(x, bits, cols, y);
    wordsOf(out).set(words.subarray(y / 4, y / 4 + cols), from);
  }
}

/** Packs a row into as many words as it takes. */
function packOnCpu(library: SecureLibrary, { row, out, bits }: Reshaped): void {
  const { x, y, words } = piecesIn(library);
  for (let from = 0; from < row.length; from += PIECE_COLS) {
    const cols = Math.min(PIECE_COLS, row.length - from);
    words.set(wordsOf(row).subarray(from, from + cols), x / 4);
    library.pack(x, bits, cols, y);
    const start = packedWords(from, bits);
    const count = packedWords(from + cols, bits) - start;
    wordsOf(out).set(words.subarray(y / 4, y / 4 + count), start);
  }
}

/** Where a piece goes in, where it comes out, and the memory, which is large enough. */
function piecesIn(library: SecureLibrary): { x: number; y: number; words: Uint32Array } {
  const { memory } = library;
  const x = Math.ceil(library.heapBase() / 16) * 16;
  const missing = x + PIECES_BYTES - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
  return { x, y: x + PIECES_BYTES / 2, words: new Uint32Array(memory.buffer) };
}

function wordsOf({ buffer, byteOffset, length }: Float32Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, length);
}

function integersOf({ buffer, byteOffset, length }: Float32Array): Int32Array {
  return new Int32Array(buffer, byteOffset, length);
}
