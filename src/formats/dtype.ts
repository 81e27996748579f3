/**
 * Element types of tensors: their names and sizes, and how the floating-point ones become f32.
 *
 * Names and order are those of the safetensors format; f16 is IEEE 754 binary16, bf16 the upper
 * half of a binary32.
 *
 * @module
 */

import { FormatError } from '../core/errors.ts';
import { type ByteSource, readInto } from './byte-source.ts';

/** Bits of one element, in increasing order of alignment: the order of tensors in a file, reversed. */
const BITS = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const;

/** The name of an element type in a safetensors header. */
export type Dtype = keyof typeof BITS;

/** The element types whose values can be read as f32. */
export type FloatDtype = 'F16' | 'BF16' | 'F32' | 'F64';

/** The element types that count. */
export type IntegerDtype = 'BOOL' | 'U8' | 'I8' | 'I16' | 'U16' | 'I32' | 'U32' | 'I64' | 'U64';

/** All names, in increasing order of alignment. */
export const dtypes: readonly Dtype[] = Object.keys(BITS) as Dtype[];

const ranks: ReadonlyMap<string, number> = new Map(dtypes.map((name, rank) => [name, rank]));

const floats: ReadonlySet<string> = new Set<FloatDtype>(['F16', 'BF16', 'F32', 'F64']);

const integers: ReadonlySet<string> = new Set<IntegerDtype>([
  'BOOL',
  'U8',
  'I8',
  'I16',
  'U16',
  'I32',
  'U32',
  'I64',
  'U64',
]);

/** Whether a name is that of an element type. */
export function isDtype(name: string): name is Dtype {
  return ranks.has(name);
}

/** Whether values of the type can be read as f32. */
export function isFloat(dtype: Dtype): dtype is FloatDtype {
  return floats.has(dtype);
}

/** Whether the type is an integer type or BOOL. */
export function isInteger(dtype: Dtype): dtype is IntegerDtype {
  return integers.has(dtype);
}

/** Size of one element in bits; some types are smaller than a byte. */
export function bitsOf(dtype: Dtype): number {
  return BITS[dtype];
}

/** Place of the type in increasing order of alignment. */
export function alignmentRank(dtype: Dtype): number {
  return ranks.get(dtype) ?? 0;
}

/** Entries of a tensor of this shape, 1 for a scalar; `undefined` if not a safe integer. */
export function countOf(shape: readonly number[]): number | undefined {
  let count = 1;
  let empty = false;
  for (const size of shape) {
    // An empty tensor must not hide an absurd shape, so zeros stay out of the product.
    if (size === 0) empty = true;
    else count *= size;
    if (count > Number.MAX_SAFE_INTEGER) return undefined;
  }
  return empty ? 0 : count;
}

/** Bytes of `count` elements; `undefined` if not a whole number of bytes, or 2⁵⁰ and more. */
export function byteLengthOf(dtype: Dtype, count: number): number | undefined {
  const bits = count * BITS[dtype];
  return Number.isSafeInteger(bits) && bits % 8 === 0 ? bits / 8 : undefined;
}

/** Elements of f64 that are in memory at once on their way to f32. */
const F64_CHUNK = 2 ** 16;

/** Whether numbers lie in this machine's memory as they do in files. */
export const LITTLE_ENDIAN: boolean = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/**
 * Reads little-endian elements that start at byte `from` of the source, as many as `into` holds.
 *
 * f32 is copied bit by bit; f16 and bf16 are exact; f64 is rounded to the nearest f32, ties to
 * even, and becomes infinite beyond its range. Takes no memory beyond `into` (f64: 512 KiB).
 *
 * @throws {FormatError} `unsupported` on a machine with big-endian numbers; `malformed` if the
 *   source ends early.
 */
export async function readFloats(
  source: ByteSource,
  from: number,
  { dtype, into }: { dtype: FloatDtype; into: Float32Array },
): Promise<void> {
  assertLittleEndian(source);
  const bytes = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
  switch (dtype) {
    case 'F32':
      return readInto(source, from, bytes);
    case 'F16':
    case 'BF16': {
      // The halves go to the back of `into` and are widened from the front: element i is written
      // to bytes [4i, 4i + 4) when those still to be read begin at 2·length + 2(i + 1) ≥ 4i + 4.
      await readInto(source, from, bytes.subarray(bytes.length / 2));
      const offset = into.byteOffset + into.byteLength / 2;
      const halves = new Uint16Array(into.buffer, offset, into.length);
      if (dtype === 'F16') widenHalves(halves, into);
      else widenBrainFloats(halves, into);
      return;
    }
    case 'F64': {
      const chunk = new Float64Array(Math.min(F64_CHUNK, into.length));
      for (let at = 0; at < into.length; at += chunk.length) {
        const part = chunk.subarray(0, into.length - at);
        await readInto(source, from + 8 * at, new Uint8Array(part.buffer, 0, part.byteLength));
        into.set(part, at);
      }
      return;
    }
    default:
      dtype satisfies never;
  }
}

/**
 * Reads little-endian elements of 16 bits that start at byte `from` of the source, as they are.
 *
 * @throws {FormatError} as {@link readFloats}.
 */
export async function readHalves(
  source: ByteSource,
  from: number,
  into: Uint16Array,
): Promise<void> {
  assertLittleEndian(source);
  await readInto(source, from, new Uint8Array(into.buffer, into.byteOffset, into.byteLength));
}

function assertLittleEndian({ name }: ByteSource): void {
  if (LITTLE_ENDIAN) return;
  throw new FormatError('unsupported', `${name}: needs a little-endian machine`);
}

/**
 * Exact f16 → f32 of all `halves`, NaN payloads included. `into` may share memory with `halves`
 * as long as no element is written over one that is still to be read.
 */
export function widenHalves(halves: Uint16Array, into: Float32Array): void {
  const bits = new Uint32Array(into.buffer, into.byteOffset, into.length);
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i]!;
    const sign = (half & 0x8000) << 16;
    const exponent = half & 0x7c00;
    const rest = half & 0x7fff;
    if (exponent === 0x7c00) bits[i] = sign | 0x7f800000 | (rest << 13);
    // The exponent bias grows from 15 to 127.
    else if (exponent !== 0) bits[i] = sign | ((rest << 13) + (112 << 23));
    else {
      // Subnormal or zero: a multiple of 2⁻²⁴, normal in f32.
      into[i] = rest * 2 ** -24;
      bits[i]! |= sign;
    }
  }
}

/** Exact bf16 → f32 of all `halves`; memory may be shared as for {@link widenHalves}. */
export function widenBrainFloats(halves: Uint16Array, into: Float32Array): void {
  const bits = new Uint32Array(into.buffer, into.byteOffset, into.length);
  for (let i = 0; i < halves.length; i++) bits[i] = halves[i]! << 16;
}
