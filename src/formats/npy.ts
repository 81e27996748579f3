/**
 * NPY: one array of numbers behind a small header, read by range and written as a stream.
 *
 * NumPy enhancement proposal 1 and `numpy.lib.format`, versions 1.0 to 3.0. Arrays of one or two
 * dimensions in C order, of little-endian f2, f4 or f8. The header is a Python literal; what is
 * read here is the one dictionary that the format allows, never an expression.
 *
 * @module
 */

import { assertInteger } from '../core/assert.ts';
import { FormatError } from '../core/errors.ts';
import type { Append, ByteSource } from './byte-source.ts';
import { Cursor } from './cursor.ts';
import { byteLengthOf, countOf, type FloatDtype } from './dtype.ts';
import { quote } from './quote.ts';

/** Largest header that is read, in bytes. NumPy's own are of 64 to 128. */
export const MAX_NPY_HEADER_BYTES = 65_535;

/** What an npy file says of itself. */
export interface NpyHeader {
  readonly dtype: FloatDtype;
  /** Sizes in row-major order. */
  readonly shape: readonly number[];
  /** The bytes [from, to) of the file that hold the array. */
  readonly from: number;
  readonly to: number;
}

const MAGIC: readonly number[] = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const PREFIX_BYTES = 8;
const ALIGNMENT = 64;
/** NumPy's own limit. */
const MAX_RANK = 64;

const DTYPES: ReadonlyMap<string, FloatDtype> = new Map([
  ['<f2', 'F16'],
  ['<f4', 'F32'],
  ['<f8', 'F64'],
]);

/**
 * Reads and checks the header. A file that passes holds the whole array and nothing behind it.
 *
 * @throws {FormatError} `malformed` if the file breaks the format; `unsupported` for another version,
 *   element type, byte order or Fortran order; `too-large` for a header above
 *   {@link MAX_NPY_HEADER_BYTES} or a size beyond 2⁵³.
 */
export async function readNpyHeader(source: ByteSource): Promise<NpyHeader> {
  const { text, from } = await readHeaderText(source);
  const { descr, fortranOrder, shape } = readFields(new Cursor(source.name, text));
  const dtype = DTYPES.get(descr);
  if (dtype === undefined) {
    const readable = [...DTYPES.keys()].join(', ');
    throw unsupported(source, `type ${quote(descr)}; what is read: ${readable}`);
  }
  if (fortranOrder) throw unsupported(source, 'Fortran order; save a C-ordered copy');
  const count = countOf(shape);
  const bytes = count === undefined ? undefined : byteLengthOf(dtype, count);
  if (bytes === undefined) {
    throw new FormatError('too-large', `${source.name}: array of 2^50 bytes or more`);
  }
  const room = source.size - from;
  if (bytes > room) throw malformed(source, `array needs ${bytes} bytes, file has ${room}`);
  if (bytes < room) throw malformed(source, `${room - bytes} bytes after the array`);
  return { dtype, shape, from, to: from + bytes };
}

async function readHeaderText(source: ByteSource): Promise<{ text: string; from: number }> {
  const prefix = await source.read(0, Math.min(PREFIX_BYTES, source.size));
  if (prefix.length < PREFIX_BYTES || !MAGIC.every((byte, i) => prefix[i] === byte)) {
    throw malformed(source, 'does not begin with the magic bytes of npy');
  }
  const [major, minor] = [prefix[6]!, prefix[7]!];
  if (major < 1 || major > 3 || minor !== 0) throw unsupported(source, `version ${major}.${minor}`);
  const lengthBytes = major === 1 ? 2 : 4;
  const start = PREFIX_BYTES + lengthBytes;
  if (source.size < start) throw malformed(source, 'ends before its header');
  const field = await source.read(PREFIX_BYTES, start);
  const length = field.reduce((sum, byte, i) => sum + byte * 256 ** i, 0);
  if (length > MAX_NPY_HEADER_BYTES) {
    const limit = `limit is ${MAX_NPY_HEADER_BYTES}`;
    throw new FormatError('too-large', `${source.name}: header of ${length} bytes, ${limit}`);
  }
  const from = start + length;
  if (from > source.size) {
    const room = source.size - start;
    throw malformed(source, `header of ${length} bytes does not fit in the ${room} that follow`);
  }
  return { text: decode(source, await source.read(start, from)), from };
}

/** What is read is ASCII; other characters can only stand in the names of fields, unsupported. */
function decode(source: ByteSource, bytes: Uint8Array): string {
  if (bytes.some((byte) => byte > 0x7e)) throw malformed(source, 'header is not plain ASCII');
  return new TextDecoder().decode(bytes);
}

function malformed(source: ByteSource, problem: string): FormatError {
  return new FormatError('malformed', `${source.name}: ${problem}`);
}

function unsupported(source: ByteSource, what: string): FormatError {
  return new FormatError('unsupported', `${source.name}: npy of ${what}`);
}

interface Fields {
  readonly descr: string;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

const STRING = /'([^'"\\\n]*)'|"([^'"\\\n]*)"/y;
const WORD = /True|False/y;
// Python 2 wrote its long integers with an L.
const NATURAL = /(0|[1-9][0-9]{0,15})L?/y;

/** Reads the dictionary. The header's cap bounds all of it. */
function readFields(cursor: Cursor): Fields {
  const seen = new Set<string>();
  let descr: string | undefined;
  let fortranOrder: boolean | undefined;
  let shape: readonly number[] | undefined;
  readList(cursor, '{}', () => {
    const key = readString(cursor);
    if (seen.has(key)) cursor.fail(`has the key ${quote(key)} twice`);
    seen.add(key);
    cursor.expect(':');
    if (key === 'descr') descr = readDescr(cursor);
    else if (key === 'fortran_order') {
      fortranOrder = match(cursor, WORD, 'needs True or False')[0] === 'True';
    } else if (key === 'shape') shape = readShape(cursor);
    else cursor.fail(`has an unknown key ${quote(key)}`);
  });
  cursor.end();
  if (descr === undefined || fortranOrder === undefined || shape === undefined) {
    return cursor.fail('lacks descr, fortran_order or shape');
  }
  return { descr, fortranOrder, shape };
}

function readDescr(cursor: Cursor): string {
  if (!cursor.take('[')) return readString(cursor);
  const message = `${cursor.file}: npy of records; what is read: ${[...DTYPES.keys()].join(', ')}`;
  throw new FormatError('unsupported', message);
}

function readString(cursor: Cursor): string {
  const found = match(cursor, STRING, 'needs a string');
  return found[1] ?? found[2] ?? '';
}

function readShape(cursor: Cursor): number[] {
  const sizes: number[] = [];
  const comma = readList(cursor, '()', () => {
    const found = match(cursor, NATURAL, 'needs a non-negative integer below 10^16');
    sizes.push(Number(found[1]));
  });
  // Without a comma, parentheses around a number are just the number.
  if (sizes.length === 1 && !comma) cursor.fail('needs a tuple as shape');
  return sizes;
}

/** Items between brackets, with commas between and perhaps behind; whether there was a comma. */
function readList(cursor: Cursor, brackets: string, item: () => void): boolean {
  let comma = false;
  cursor.expect(brackets[0]!);
  while (!cursor.take(brackets[1]!)) {
    item();
    if (!cursor.take(',')) {
      cursor.expect(brackets[1]!);
      break;
    }
    comma = true;
  }
  return comma;
}

/** What a pattern finds here, or `problem`. */
function match(cursor: Cursor, pattern: RegExp, problem: string): RegExpExecArray {
  pattern.lastIndex = cursor.skip();
  const found = pattern.exec(cursor.text) ?? cursor.fail(problem);
  cursor.at += found[0].length;
  return found;
}

/**
 * The first bytes of a file with an f32 array of this shape: what NumPy writes, padded so that the
 * array begins at a multiple of 64 bytes.
 *
 * @throws {TypeError | RangeError} if `shape` is not of at most 64 sizes.
 */
export function npyHead(shape: readonly number[]): Uint8Array {
  assertInteger('shape.length', shape.length, 0, MAX_RANK);
  for (const size of shape) assertInteger('size', size, 0);
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${sizes}), }`;
  const start = PREFIX_BYTES + 2;
  const length = Math.ceil((start + text.length + 1) / ALIGNMENT) * ALIGNMENT;
  const head = new Uint8Array(length).fill(0x20);
  head.set([...MAGIC, 1, 0]);
  new DataView(head.buffer).setUint16(PREFIX_BYTES, length - start, true);
  head.set(new TextEncoder().encode(text), start);
  head[length - 1] = 0x0a;
  return head;
}

/**
 * Writes an f32 array. At most one piece of the data is in memory.
 *
 * @throws {FormatError} `mismatch` if the pieces do not add up to the shape.
 */
export async function writeNpy(
  append: Append,
  {
    shape,
    data,
  }: { shape: readonly number[]; data: Iterable<Float32Array> | AsyncIterable<Float32Array> },
): Promise<void> {
  const needed = countOf(shape);
  let count = 0;
  await append(npyHead(shape));
  for await (const part of data) {
    count += part.length;
    await append(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  }
  if (count !== needed) {
    throw new FormatError('mismatch', `npy needs ${needed} entries, got ${count}`);
  }
}
