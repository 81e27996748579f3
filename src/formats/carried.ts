/**
 * The tensors of a result that no rule has decided: copies, and plain means over the updates.
 *
 * @module
 */

import { FormatError } from '../core/errors.ts';
import type { ByteSource } from './byte-source.ts';
import { bitsOf, countOf, type IntegerDtype, isFloat, isInteger, readFloats } from './dtype.ts';
import { type CarriedTensor, sameShape } from './layout.ts';
import { quote } from './quote.ts';
import type { TensorEntry, TensorFile } from './safetensors.ts';

/** Bytes or elements of one tensor that are in memory at once. */
const CHUNK = 2 ** 18;

/** Where carried tensors come from. */
export interface CarrySources {
  /** The file that copies come from; without it, the copy that most of the updates hold. */
  readonly base?: TensorFile | undefined;
  /** The admitted updates, in the order of their rows. */
  readonly updates: readonly TensorFile[];
}

/** A tensor within its file. */
interface Place extends TensorEntry {
  readonly source: ByteSource;
}

/**
 * The bytes of a carried tensor in the result, piece by piece.
 *
 * @throws {FormatError} `mismatch` if a file lacks the tensor or has it with another shape or type,
 *   if without a base no copy is held by more than half (before the first piece), or if no update has a
 *   finite value for an entry of a mean.
 */
export async function* carriedBytes(
  tensor: CarriedTensor,
  { base, updates }: CarrySources,
): AsyncGenerator<Uint8Array> {
  const files = tensor.policy === 'copy-from-base' && base ? [base] : updates;
  const places = files.map((file) => placeIn(file, tensor));
  if (tensor.policy === 'mean') {
    yield* isInteger(tensor.dtype) ? integerMean(tensor, places) : floatMean(tensor, places);
    return;
  }
  const copy = await agreed(tensor, places);
  for (let at = copy.from; at < copy.to; at += CHUNK) {
    yield copy.source.read(at, Math.min(copy.to, at + CHUNK));
  }
}

/**
 * Checks that a carried tensor can be had, before anything is written.
 *
 * @throws {FormatError} as {@link carriedBytes}, for all that can be told without taking the mean.
 */
export async function assertCarried(tensor: CarriedTensor, sources: CarrySources): Promise<void> {
  const copied = tensor.policy === 'copy-from-base';
  const files = copied && sources.base ? [sources.base] : sources.updates;
  const places = files.map((file) => placeIn(file, tensor));
  if (copied) await agreed(tensor, places);
  else if (places.length === 0) throw nothingToCarry(tensor);
}

function placeIn({ source, header }: TensorFile, tensor: CarriedTensor): Place {
  const found = header.tensors.get(tensor.name);
  const sameType =
    found?.dtype === tensor.dtype ||
    (tensor.policy === 'mean' && isFloat(tensor.dtype) && found && isFloat(found.dtype));
  if (found && sameType && sameShape(found.shape, tensor.shape)) return { ...found, source };
  const what = `tensor ${quote(tensor.name)} to carry over`;
  throw new FormatError('mismatch', `${source.name}: lacks ${what}, or has another shape or type`);
}

/**
 * The copy that more than half of the places hold: with an honest majority no single update can
 * stop a round, or choose what is copied. Boyer and Moore's vote, then a count. 2·n comparisons.
 */
async function agreed(tensor: CarriedTensor, places: readonly Place[]): Promise<Place> {
  if (places.length === 0) throw nothingToCarry(tensor);
  let candidate = places[0]!;
  let lead = 0;
  for (const place of places) {
    if (lead === 0) candidate = place;
    lead += (await sameBytes(candidate, place)) ? 1 : -1;
  }
  let votes = 0;
  for (const place of places) if (await sameBytes(candidate, place)) votes++;
  if (2 * votes > places.length) return candidate;
  const message =
    `tensor ${quote(tensor.name)} has no copy that more than half of the ` +
    `${places.length} updates hold; state a base, or the policy mean or exclude`;
  throw new FormatError('mismatch', message);
}

async function sameBytes(a: Place, b: Place): Promise<boolean> {
  if (a === b) return true;
  const size = a.to - a.from;
  for (let at = 0; at < size; at += CHUNK) {
    const end = Math.min(size, at + CHUNK);
    const [x, y] = await Promise.all([
      a.source.read(a.from + at, a.from + end),
      b.source.read(b.from + at, b.from + end),
    ]);
    if (!x.every((byte, i) => byte === y[i])) return false;
  }
  return true;
}

function nothingToCarry({ name }: CarriedTensor): FormatError {
  return new FormatError('mismatch', `no update is left to take tensor ${quote(name)} from`);
}

/** Sums in f64 in the order of the updates, rounded to f32 once. */
async function* floatMean(tensor: CarriedTensor, places: Place[]): AsyncGenerator<Uint8Array> {
  const count = countOf(tensor.shape) ?? 0;
  for (let at = 0; at < count; at += CHUNK) {
    const length = Math.min(CHUNK, count - at);
    const sums = new Float64Array(length);
    const finite = new Uint32Array(length);
    const values = new Float32Array(length);
    for (const place of places) {
      if (!isFloat(place.dtype)) continue;
      const from = place.from + (at * bitsOf(place.dtype)) / 8;
      await readFloats(place.source, from, { dtype: place.dtype, into: values });
      addFinite(values, { sums, finite });
    }
    for (let i = 0; i < length; i++) {
      if (finite[i] === 0) {
        const what = `entry ${at + i} of tensor ${quote(tensor.name)}`;
        throw new FormatError('mismatch', `no update has a finite value for ${what}`);
      }
      values[i] = sums[i]! / finite[i]!;
    }
    yield new Uint8Array(values.buffer);
  }
}

function addFinite(
  values: Float32Array,
  { sums, finite }: { sums: Float64Array; finite: Uint32Array },
): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) continue;
    sums[i]! += value;
    finite[i]!++;
  }
}

/** How an integer type is read and written, as BigInt: exact for all of them. */
interface IntegerCodec {
  get(view: DataView, at: number): bigint;
  set(view: DataView, at: number, value: bigint): void;
}

const CODECS: Readonly<Record<IntegerDtype, IntegerCodec>> = {
  // Any byte but 0 is true, so that a stray one weighs no more than a vote.
  BOOL: {
    get: (view, at) => (view.getUint8(at) === 0 ? 0n : 1n),
    set: (view, at, value) => view.setUint8(at, Number(value)),
  },
  U8: {
    get: (view, at) => BigInt(view.getUint8(at)),
    set: (view, at, value) => view.setUint8(at, Number(value)),
  },
  I8: {
    get: (view, at) => BigInt(view.getInt8(at)),
    set: (view, at, value) => view.setInt8(at, Number(value)),
  },
  U16: {
    get: (view, at) => BigInt(view.getUint16(at, true)),
    set: (view, at, value) => view.setUint16(at, Number(value), true),
  },
  I16: {
    get: (view, at) => BigInt(view.getInt16(at, true)),
    set: (view, at, value) => view.setInt16(at, Number(value), true),
  },
  U32: {
    get: (view, at) => BigInt(view.getUint32(at, true)),
    set: (view, at, value) => view.setUint32(at, Number(value), true),
  },
  I32: {
    get: (view, at) => BigInt(view.getInt32(at, true)),
    set: (view, at, value) => view.setInt32(at, Number(value), true),
  },
  U64: {
    get: (view, at) => view.getBigUint64(at, true),
    set: (view, at, value) => view.setBigUint64(at, value, true),
  },
  I64: {
    get: (view, at) => view.getBigInt64(at, true),
    set: (view, at, value) => view.setBigInt64(at, value, true),
  },
};

/** Exact sums; the mean is rounded once. Integer tensors are counters and masks: small. */
async function* integerMean(tensor: CarriedTensor, places: Place[]): AsyncGenerator<Uint8Array> {
  if (!isInteger(tensor.dtype)) return;
  const codec = CODECS[tensor.dtype];
  const width = bitsOf(tensor.dtype) / 8;
  const size = (countOf(tensor.shape) ?? 0) * width;
  for (let at = 0; at < size; at += CHUNK) {
    const length = Math.min(CHUNK, size - at);
    const sums = new Array<bigint>(length / width).fill(0n);
    for (const { source, from } of places) {
      const bytes = await source.read(from + at, from + at + length);
      const view = new DataView(bytes.buffer, bytes.byteOffset, length);
      for (let i = 0; i < sums.length; i++) sums[i]! += codec.get(view, i * width);
    }
    const mean = new DataView(new ArrayBuffer(length));
    const count = BigInt(places.length);
    for (let i = 0; i < sums.length; i++) codec.set(mean, i * width, divideToEven(sums[i]!, count));
    yield new Uint8Array(mean.buffer);
  }
}

/** The integer nearest to a/b, the even one of two. b > 0 */
export function divideToEven(a: bigint, b: bigint): bigint {
  // BigInt division truncates; the floor leaves a remainder in [0, b).
  const remainder = ((a % b) + b) % b;
  const floor = (a - remainder) / b;
  const twice = 2n * remainder;
  return twice > b || (twice === b && floor % 2n !== 0n) ? floor + 1n : floor;
}
