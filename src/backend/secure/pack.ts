/**
 * unpackWords and readPacked, with their bodies: words in fewer bits, see ../packing.ts.
 *
 * @module
 */

import { assertInteger, show } from '../../core/assert.ts';
import type {
  Backend,
  Density,
  ExtraOperation,
  PackedShape,
  Place,
  Tile,
  WasmColumns,
  Words,
} from '../kernels.ts';
import { asWords, build } from '../matrix.ts';
import { checkBits, packedBytes } from '../packing.ts';
import { bytesRow, checkLength } from '../rows.ts';
import { COLUMN_GROUP } from '../webgpu/column-kernels.ts';
import { strideOf } from '../webgpu/tiles.ts';
import type { GpuTools } from '../webgpu/webgpu.ts';
import { LIBRARY, secureModule } from './library.ts';
import { packRow, unpackRow } from './reference-packing.ts';
import { shaders } from './shaders.gen.ts';

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

function unpackOperation(bits: number): ExtraOperation {
  return {
    name: 'unpack',
    reference(x, out) {
      for (const [i, row] of x.entries()) unpackRow(integersOf(row), bits, integersOf(out[i]!));
    },
    wasm: wasmOf('unpack', bits, { rows: bits / 32, out: 1 }),
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
    wasm: wasmOf('pack', bits, { rows: 1, out: bits / 32 }),
    webgpu(x: Tile, _: Place, { columns }: GpuTools): Promise<Tile> {
      const density = { x: 1, out: bits / 32 };
      // An invocation makes one word.
      const shape = { density, columns: COLUMN_GROUP / density.out };
      const params = [bits, x.cols];
      return columns.run({ name: 'pack', text: shaders.pack }, x, { params, ...shape });
    },
  };
}

function wasmOf(kernel: string, bits: number, density: Density): WasmColumns {
  const table = (): Uint32Array => Uint32Array.of(bits);
  return { library: LIBRARY, module: secureModule, kernel, effort: 1, table, density };
}

function integersOf({ buffer, byteOffset, length }: Float32Array): Int32Array {
  return new Int32Array(buffer, byteOffset, length);
}
