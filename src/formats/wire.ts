/**
 * Updates as they travel: the columns of a layout as a safetensors file, in one of four types.
 *
 * The file holds the layout's tensors and nothing else, without metadata, in the order of the format.
 * So its length follows from layout and type, and is known before the first byte comes.
 *
 * @module
 */

import type { HostRow } from '../backend/kernels.ts';
import { assertOneOf } from '../core/assert.ts';
import { FormatError } from '../core/errors.ts';
import {
  BLOCK,
  type BlockTensor,
  blockRow,
  blockScales,
  blocksOf,
  checkScales,
  encodeBlocks,
  type Refuse,
  scalesName,
} from './blocks.ts';
import type { Append } from './byte-source.ts';
import { countOf } from './dtype.ts';
import { type Layout, type LayoutTensor, sameShape } from './layout.ts';
import { narrowToBrainFloats, narrowToHalves } from './narrow.ts';
import { quote } from './quote.ts';
import { tensorRow } from './rows.ts';
import {
  planSafetensors,
  showShape,
  type TensorData,
  type TensorFile,
  type TensorInfo,
  writeSafetensors,
} from './safetensors.ts';

/**
 * How the values of an update travel, and by how much a value x may be off.
 *
 * - `F32`: as they are.
 * - `F16`: by 2⁻¹¹·|x|, below 2⁻¹⁴ by 2⁻²⁵. Only what is below 65,520.
 * - `BF16`: by 2⁻⁸·|x|.
 * - `I8`: blocks of 256 integers of 8 bits that share a scale (`blocks.ts`): by half a step, which is
 *   about 1/254 of the greatest |x| of the block.
 */
export type WireDtype = 'F32' | 'F16' | 'BF16' | 'I8';

/** All of them, from the exact one on. */
export const wireDtypes: readonly WireDtype[] = ['F32', 'F16', 'BF16', 'I8'];

/** Which layout, in which type. */
export interface WireOptions {
  readonly layout: Pick<Layout, 'tensors' | 'cols'>;
  readonly dtype: WireDtype;
}

/**
 * The tensors of an update, by name in the order of the columns; behind each of type I8 its scales.
 *
 * @throws {RangeError} if the type is none of the four.
 */
export function wireTensors({ layout, dtype }: WireOptions): TensorInfo[] {
  assertOneOf('dtype', dtype, wireDtypes);
  return layout.tensors.flatMap(({ name, shape }): TensorInfo[] => {
    const values = { name, dtype, shape };
    if (dtype !== 'I8') return [values];
    return [values, { name: scalesName(name), dtype: 'F16', shape: [blocksOf(countOf(shape)!)] }];
  });
}

/**
 * Length of an update in bytes.
 *
 * @throws {FormatError} `malformed` if scales would have the name of another tensor; `too-large` if
 *   the header would be.
 */
export function wireLength(options: WireOptions): number {
  const { head, tensors } = planSafetensors(wireTensors(options));
  return tensors.reduce((end, { to }) => Math.max(end, to), head.length);
}

/** Values that are in memory at once while they are written: whole blocks, 1 MiB of f32. */
const CHUNK = 2 ** 10 * BLOCK;

/**
 * Writes an update. The row is read once, for I8 twice; 1 MiB of it is in memory at once.
 *
 * @throws {FormatError} `unsupported` if an entry is not finite, or beyond what the type holds; the
 *   message names it. Then part of the file is written. `mismatch` if the row is not as long as the
 *   layout; and as {@link wireLength}.
 */
export async function writeUpdate(
  append: Append,
  row: HostRow,
  { layout, dtype }: WireOptions,
): Promise<void> {
  assertOneOf('dtype', dtype, wireDtypes);
  if (row.cols !== layout.cols) {
    throw new FormatError('mismatch', `update must have ${layout.cols} entries, has ${row.cols}`);
  }
  const data = new Map(
    layout.tensors.flatMap((tensor): [string, AsyncIterable<Uint8Array>][] => {
      const values = encoded(row, tensor, ENCODERS[dtype]);
      if (dtype !== 'I8') return [[tensor.name, values]];
      return [
        [tensor.name, values],
        [scalesName(tensor.name), encoded(row, tensor, blockScales)],
      ];
    }),
  );
  const tensors = wireTensors({ layout, dtype }).map((info): TensorData => {
    return { ...info, data: data.get(info.name)! };
  });
  await writeSafetensors(append, tensors);
}

/** Values to what is written of them. */
type Encode = (values: Float32Array, refuse: Refuse) => ArrayBufferView;

const ENCODERS: Readonly<Record<WireDtype, Encode>> = {
  F32: (values, refuse) => {
    const wrong = values.findIndex((value) => !Number.isFinite(value));
    return wrong < 0 ? values : refuse(wrong);
  },
  F16: (values, refuse) => {
    const halves = new Uint16Array(values.length);
    narrowToHalves(values, halves);
    return assertExponents(halves, 0x7c00, refuse);
  },
  BF16: (values, refuse) => {
    const halves = new Uint16Array(values.length);
    narrowToBrainFloats(values, halves);
    return assertExponents(halves, 0x7f80, refuse);
  },
  I8: (values, refuse) => encodeBlocks(values, blockScales(values, refuse)),
};

/** What is infinite or NaN has all bits of its exponent set. */
function assertExponents(halves: Uint16Array, exponent: number, refuse: Refuse): Uint16Array {
  const wrong = halves.findIndex((half) => (half & exponent) === exponent);
  return wrong < 0 ? halves : refuse(wrong);
}

async function* encoded(
  row: HostRow,
  { name, from, to }: LayoutTensor,
  encode: Encode,
): AsyncGenerator<Uint8Array> {
  const space = new Float32Array(Math.min(CHUNK, to - from));
  for (let at = from; at < to; at += CHUNK) {
    const values = space.subarray(0, Math.min(CHUNK, to - at));
    await row.read(at, at + values.length, values);
    const { buffer, byteOffset, byteLength } = encode(values, (i) => {
      const what = `entry ${at + i - from} of tensor ${quote(name)} is ${values[i]}`;
      throw new FormatError('unsupported', `${what}: no update of this type can hold it`);
    });
    yield new Uint8Array(buffer, byteOffset, byteLength);
  }
}

/**
 * The row of an update that came. The file is held to layout and type: names, types and shapes of all
 * tensors, and the scales of I8, which are read whole. Values are not looked at: whether they are
 * finite is the screen's to say.
 *
 * @throws {FormatError} `mismatch` if the file is another; `malformed` for a scale that is infinite,
 *   NaN or negative.
 */
export async function readUpdate(
  { source, header }: TensorFile,
  { layout, dtype }: WireOptions,
): Promise<HostRow> {
  const needed = wireTensors({ layout, dtype });
  const problem = needed
    .map((info) => difference(info, header.tensors.get(info.name)))
    .find((one) => one !== undefined);
  if (problem !== undefined) throw new FormatError('mismatch', `${source.name}: ${problem}`);
  if (header.tensors.size > needed.length) {
    const names = new Set(needed.map(({ name }) => name));
    const stray = [...header.tensors.keys()].find((name) => !names.has(name));
    const message = `has tensor ${quote(stray!)}, which is not in the layout`;
    throw new FormatError('mismatch', `${source.name}: ${message}`);
  }
  if (dtype !== 'I8') return tensorRow(source, header, fullLayout(layout));
  const tensors = layout.tensors.map(({ name, from, to }): BlockTensor => {
    const at = header.tensors.get(name)!.from;
    return { name, from, to, at, scalesAt: header.tensors.get(scalesName(name))!.from };
  });
  await checkScales(source, tensors);
  return blockRow(source, tensors);
}

function difference(needed: TensorInfo, found: TensorInfo | undefined): string | undefined {
  const what = `tensor ${quote(needed.name)}`;
  if (found === undefined) return `lacks ${what}`;
  if (found.dtype === needed.dtype && sameShape(found.shape, needed.shape)) return undefined;
  const [is, must] = [found, needed].map(({ dtype, shape }) => `${dtype} ${showShape(shape)}`);
  return `${what} must be ${must}, is ${is}`;
}

function fullLayout({ tensors, cols }: WireOptions['layout']): Layout {
  return { tensors, cols, carried: [], excluded: new Set(), hasBase: false };
}
