/**
 * Blocks of 8-bit integers: a quarter of the bytes of f32, and one scale for each 256 values.
 *
 * A tensor `NAME` goes as two: `NAME`, I8 of the same shape, and `NAME.scales`, F16 with one entry for
 * each 256 values in row-major order, the last block being what is left. A value is its integer times
 * its block's scale, exactly, in f32.
 *
 * The scale s of a block is the least f16 that is not below max|x|/127, and each integer is x/s
 * rounded to nearest, ties to even. So no value is off by more than half a step, s/2. s is at most
 * (1 + 2⁻¹⁰)·max|x|/127 where that quotient is 2⁻¹⁴ or more, else at most 2⁻²⁴ above it: what is smaller
 * than 2⁻²⁵ in such a block is lost. A block of zeros has the scale 0.
 *
 * @module
 */

import type { HostRow } from '../backend/kernels.ts';
import { FormatError } from '../core/errors.ts';
import { assertRange, type ByteSource } from './byte-source.ts';
import { readHalves, widenHalves } from './dtype.ts';
import { narrowToHalves } from './narrow.ts';
import { quote } from './quote.ts';

/** Values that share a scale. */
export const BLOCK = 256;

/** The greatest integer; the least is its negative. −128 is never written, but read as it stands. */
const MOST = 127;

/** Half-precision bits from here on are infinite, NaN or negative. */
const HALF_INFINITY = 0x7c00;

/** The name of the tensor that holds the scales. */
export function scalesName(name: string): string {
  return `${name}.scales`;
}

/** How many scales a tensor of `count` values has. */
export function blocksOf(count: number): number {
  return Math.ceil(count / BLOCK);
}

/** Says of the entry with this number that it cannot be written. */
export type Refuse = (entry: number) => never;

/**
 * The scale of each block of `values`, as bits of f16. The first value begins a block. Refuses a value
 * that is not finite, or above 127 · 65,504 in magnitude.
 */
export function blockScales(values: Float32Array, refuse: Refuse): Uint16Array {
  const largest = largestOfBlocks(values, refuse);
  const scales = new Uint16Array(largest.length);
  const steps = new Float32Array(largest.length);
  narrowToHalves(
    largest.map((size) => size / MOST),
    scales,
  );
  widenHalves(scales, steps);
  for (let k = 0; k < scales.length; k++) {
    // The quotient was rounded, the product is exact.
    if (steps[k]! * MOST < largest[k]!) scales[k]! += 1;
    if (scales[k]! < HALF_INFINITY) continue;
    const block = values.subarray(k * BLOCK, (k + 1) * BLOCK);
    refuse(k * BLOCK + block.findIndex((value) => Math.abs(value) === largest[k]));
  }
  return scales;
}

function largestOfBlocks(values: Float32Array, refuse: Refuse): Float32Array {
  const largest = new Float32Array(blocksOf(values.length));
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i]!);
    if (!Number.isFinite(size)) refuse(i);
    const block = Math.floor(i / BLOCK);
    if (size > largest[block]!) largest[block] = size;
  }
  return largest;
}

/** 1.5 · 2⁵²: added and taken off again it rounds a small f64 to an integer, ties to even. */
const ROUNDER = 1.5 * 2 ** 52;

/** The integers of `values` under the scales of {@link blockScales}. */
export function encodeBlocks(values: Float32Array, scales: Uint16Array): Int8Array {
  const integers = new Int8Array(values.length);
  const steps = new Float32Array(scales.length);
  widenHalves(scales, steps);
  for (let i = 0; i < values.length; i++) {
    const step = steps[Math.floor(i / BLOCK)]!;
    if (step !== 0) integers[i] = values[i]! / step + ROUNDER - ROUNDER;
  }
  return integers;
}

/** A tensor of blocks in a file, and the columns [from, to) of the row that it is. */
export interface BlockTensor {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  /** Byte of the file where its integers begin. */
  readonly at: number;
  /** Byte of the file where its scales begin. */
  readonly scalesAt: number;
}

/** Values that are in memory at once while they are read: 256 KiB of integers. */
const CHUNK = 2 ** 18;

/**
 * The row that tensors of blocks make, in the order of their columns. A read costs two reads of the
 * file for each 2¹⁸ values of a tensor.
 *
 * Reading rejects with {@link FormatError} `malformed` where a scale is infinite, NaN or negative: ask
 * {@link checkScales} before.
 */
export function blockRow(source: ByteSource, tensors: readonly BlockTensor[]): HostRow {
  const cols = tensors.at(-1)?.to ?? 0;
  return {
    cols,
    async read(from, to, into) {
      assertRange(from, to, cols);
      for (const tensor of tensors) {
        const end = Math.min(to, tensor.to);
        let start = Math.max(from, tensor.from);
        while (start < end) {
          const next = Math.min(end, start + CHUNK);
          await readBlocks(source, tensor, {
            first: start - tensor.from,
            into: into.subarray(start - from, next - from),
          });
          start = next;
        }
      }
    },
  };
}

async function readBlocks(
  source: ByteSource,
  tensor: BlockTensor,
  { first, into }: { first: number; into: Float32Array },
): Promise<void> {
  const block = Math.floor(first / BLOCK);
  const end = first + into.length;
  const steps = await readScales(source, tensor, { from: block, to: blocksOf(end) });
  const bytes = await source.read(tensor.at + first, tensor.at + end);
  const integers = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 0; i < into.length; i++) {
    into[i] = integers[i]! * steps[Math.floor((first + i) / BLOCK) - block]!;
  }
}

async function readScales(
  source: ByteSource,
  { name, scalesAt }: BlockTensor,
  { from, to }: { from: number; to: number },
): Promise<Float32Array> {
  const halves = new Uint16Array(to - from);
  await readHalves(source, scalesAt + 2 * from, halves);
  const steps = new Float32Array(halves.length);
  widenHalves(halves, steps);
  const wrong = halves.findIndex((half) => half >= HALF_INFINITY);
  if (wrong < 0) return steps;
  const what = `scale ${from + wrong} of tensor ${quote(name)}`;
  const came = Object.is(steps[wrong], -0) ? '-0' : steps[wrong];
  throw new FormatError(
    'malformed',
    `${source.name}: ${what} must be finite and not negative, is ${came}`,
  );
}

/**
 * Reads the scales of all tensors: a hundredth of the file.
 *
 * @throws {FormatError} `malformed` for one that is infinite, NaN or negative.
 */
export async function checkScales(
  source: ByteSource,
  tensors: readonly BlockTensor[],
): Promise<void> {
  for (const tensor of tensors) {
    const count = blocksOf(tensor.to - tensor.from);
    for (let from = 0; from < count; from += CHUNK) {
      await readScales(source, tensor, { from, to: Math.min(count, from + CHUNK) });
    }
  }
}
