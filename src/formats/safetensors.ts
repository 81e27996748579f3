/**
 * Safetensors: named tensors behind a JSON header, read by range and written as a stream.
 *
 * The format of https://github.com/huggingface/safetensors. Files come from strangers: the reader
 * trusts no number in them, reads nothing but the header, and takes memory in proportion to the
 * header alone.
 *
 * @module
 */

import { FormatError } from '../core/errors.ts';
import type { Append, ByteSource } from './byte-source.ts';
import { alignmentRank, byteLengthOf, countOf, type Dtype, isDtype } from './dtype.ts';
import { parseHeader, type TensorClaim } from './header-json.ts';
import { quote } from './quote.ts';

/** Largest header that is read, in bytes; the reference implementation has the same limit. */
export const MAX_HEADER_BYTES = 100_000_000;

const LENGTH_BYTES = 8;

/** What a tensor is. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: Dtype;
  /** Sizes in row-major order; empty for a scalar. A size of 0 is allowed. */
  readonly shape: readonly number[];
}

/** A tensor and the bytes [from, to) of the file that hold it. They need not be aligned. */
export interface TensorEntry extends TensorInfo {
  readonly from: number;
  readonly to: number;
}

/** What a safetensors file says of itself. */
export interface SafetensorsHeader {
  /** Free text by key, such as `format: pt`. */
  readonly metadata: ReadonlyMap<string, string>;
  /** All tensors by name, in the order of the file. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
}

/** A file with its header. */
export interface TensorFile {
  readonly source: ByteSource;
  readonly header: SafetensorsHeader;
}

/**
 * Reads and checks the header. A file that passes holds every tensor it names, each byte after the
 * header belongs to one tensor, and sizes agree with shapes.
 *
 * @throws {FormatError} `malformed` if the file breaks the format, `unsupported` for an element type
 *   without a known size, `too-large` for a header above `MAX_HEADER_BYTES` or a size beyond
 *   2⁵³.
 */
export async function readSafetensorsHeader(source: ByteSource): Promise<SafetensorsHeader> {
  const length = await readHeaderLength(source);
  const dataStart = LENGTH_BYTES + length;
  const text = decodeUtf8(source.name, await source.read(LENGTH_BYTES, dataStart));
  const claims = parseHeader(source.name, text);
  const entries = [...claims.tensors].map(([name, claim]) =>
    entryOf(source, dataStart, { name, claim }),
  );
  // Empty tensors share their place with a neighbour, so the end of the range is the second key.
  entries.sort((a, b) => a.from - b.from || a.to - b.to);
  assertContiguous(source, dataStart, entries);
  return { metadata: claims.metadata, tensors: new Map(entries.map((e) => [e.name, e])) };
}

async function readHeaderLength(source: ByteSource): Promise<number> {
  if (source.size < LENGTH_BYTES) {
    throw malformed(
      source,
      `needs ${LENGTH_BYTES} bytes for the header length, has ${source.size}`,
    );
  }
  const bytes = await source.read(0, LENGTH_BYTES);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > MAX_HEADER_BYTES) {
    const limit = `limit is ${MAX_HEADER_BYTES}`;
    throw new FormatError('too-large', `${source.name}: header of ${length} bytes, ${limit}`);
  }
  const room = source.size - LENGTH_BYTES;
  if (length > room) {
    throw malformed(source, `header of ${length} bytes does not fit in the ${room} that follow`);
  }
  return Number(length);
}

function decodeUtf8(file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new FormatError('malformed', `${file}: header is not UTF-8`, { cause });
  }
}

function entryOf(
  source: ByteSource,
  dataStart: number,
  { name, claim }: { name: string; claim: TensorClaim },
): TensorEntry {
  const what = `tensor ${quote(name)}`;
  if (!isDtype(claim.dtype)) {
    const message = `${source.name}: ${what} has the unknown type ${quote(claim.dtype)}`;
    throw new FormatError('unsupported', message);
  }
  const [begin, end, ...more] = claim.offsets;
  if (begin === undefined || end === undefined || more.length > 0) {
    throw malformed(source, `${what} needs 2 offsets, has ${claim.offsets.length}`);
  }
  const room = source.size - dataStart;
  if (end < begin) throw malformed(source, `${what} ends at ${end}, before it begins at ${begin}`);
  if (end > room)
    throw malformed(source, `${what} ends at ${end}, out of bounds: data has ${room}`);
  const bytes = byteLength(source, { name, dtype: claim.dtype, shape: claim.shape });
  if (bytes !== end - begin) {
    const shape = showShape(claim.shape);
    throw malformed(
      source,
      `${what}, ${claim.dtype} ${shape}, needs ${bytes} bytes, has ${end - begin}`,
    );
  }
  return {
    name,
    dtype: claim.dtype,
    shape: claim.shape,
    from: dataStart + begin,
    to: dataStart + end,
  };
}

function byteLength(source: { readonly name: string }, info: TensorInfo): number {
  const what = `${source.name}: tensor ${quote(info.name)}, ${info.dtype} ${showShape(info.shape)},`;
  const count = countOf(info.shape);
  if (count === undefined) throw new FormatError('too-large', `${what} has more than 2^53 entries`);
  const bytes = byteLengthOf(info.dtype, count);
  if (bytes !== undefined) return bytes;
  throw new FormatError('too-large', `${what} does not take a whole number of bytes below 2^50`);
}

/** Every byte of the data belongs to exactly one tensor: no overlap, no hole, nothing behind. */
function assertContiguous(source: ByteSource, dataStart: number, entries: TensorEntry[]): void {
  let end = dataStart;
  let before = 'the header';
  for (const { name, from, to } of entries) {
    const what = `tensor ${quote(name)}`;
    if (from < end) throw malformed(source, `${what} overlaps ${before} by ${end - from} bytes`);
    if (from > end) throw malformed(source, `hole of ${from - end} bytes before ${what}`);
    end = to;
    before = what;
  }
  if (end < source.size) {
    throw malformed(source, `${source.size - end} bytes after the last tensor`);
  }
}

function malformed(source: { readonly name: string }, problem: string): FormatError {
  return new FormatError('malformed', `${source.name}: ${problem}`);
}

/** How a shape reads in a message. */
export function showShape(shape: readonly number[]): string {
  const shown = shape.length > 8 ? [...shape.slice(0, 8), '…'] : shape;
  return `[${shown.join(', ')}]`;
}

/** A header ready to be written, and where each tensor's bytes belong. */
export interface SafetensorsPlan {
  /** The first bytes of the file: length and header. */
  readonly head: Uint8Array;
  /** In the order of the file: by falling alignment, then by name. */
  readonly tensors: readonly TensorEntry[];
}

/**
 * Lays out a file: tensors in the order of the reference implementation, so that each is aligned to
 * its element size, and the header padded with spaces to a multiple of 8 bytes.
 *
 * @throws {FormatError} `malformed` for a name that is taken twice, reserved or not Unicode text;
 *   `too-large` for a shape whose size is out of range or a header above `MAX_HEADER_BYTES`.
 */
export function planSafetensors(
  infos: readonly TensorInfo[],
  metadata: ReadonlyMap<string, string> = new Map(),
): SafetensorsPlan {
  const target = { name: 'safetensors' };
  assertNames(target, infos);
  for (const text of [...metadata].flat()) assertUnicode(target, text);
  const ordered = [...infos].sort(
    (a, b) => alignmentRank(b.dtype) - alignmentRank(a.dtype) || compareNames(a.name, b.name),
  );
  let offset = 0;
  const placed = ordered.map(({ name, dtype, shape }) => {
    const from = offset;
    offset += byteLength(target, { name, dtype, shape });
    return { name, dtype, shape, from, to: offset };
  });
  const head = encodeHead(placed, metadata);
  const tensors = placed.map((t) => ({ ...t, from: head.length + t.from, to: head.length + t.to }));
  return { head, tensors };
}

function assertNames(target: { readonly name: string }, infos: readonly TensorInfo[]): void {
  const names = new Set<string>();
  for (const { name } of infos) {
    if (name === '__metadata__') throw malformed(target, 'the name "__metadata__" is reserved');
    assertUnicode(target, name);
    if (names.has(name)) throw malformed(target, `two tensors named ${quote(name)}`);
    names.add(name);
  }
}

function assertUnicode(target: { readonly name: string }, text: string): void {
  if (/\p{Surrogate}/u.test(text)) throw malformed(target, `${quote(text)} is not Unicode text`);
}

function encodeHead(
  placed: readonly TensorEntry[],
  metadata: ReadonlyMap<string, string>,
): Uint8Array {
  // Written member by member: an object literal would reorder some names and lose `__proto__`.
  const members = placed.map(({ name, dtype, shape, from, to }) => {
    const info = JSON.stringify({ dtype, shape, data_offsets: [from, to] });
    return `${JSON.stringify(name)}:${info}`;
  });
  if (metadata.size > 0) {
    const texts = [...metadata].map(
      ([key, text]) => `${JSON.stringify(key)}:${JSON.stringify(text)}`,
    );
    members.unshift(`"__metadata__":{${texts.join(',')}}`);
  }
  const json = new TextEncoder().encode(`{${members.join(',')}}`);
  const length = Math.ceil(json.length / 8) * 8;
  if (length > MAX_HEADER_BYTES) {
    throw new FormatError(
      'too-large',
      `safetensors: header of ${length} bytes, limit is ${MAX_HEADER_BYTES}`,
    );
  }
  const head = new Uint8Array(LENGTH_BYTES + length).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(length), true);
  head.set(json, LENGTH_BYTES);
  return head;
}

/**
 * Order of names by code point, which is also the order of their UTF-8 bytes. The `<` of strings
 * differs from it above U+FFFF.
 */
export function compareNames(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    // A surrogate stands for a code point above all others of one unit.
    if (x !== y) return isSurrogate(x) === isSurrogate(y) ? x - y : isSurrogate(x) ? 1 : -1;
  }
  return a.length - b.length;
}

function isSurrogate(unit: number): boolean {
  return (unit & 0xf800) === 0xd800;
}

/** A tensor and its bytes, in pieces of any size. */
export interface TensorData extends TensorInfo {
  readonly data: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/**
 * Writes a whole file as a stream. Each tensor's data is asked for when its turn comes, so that at
 * most one piece is in memory.
 *
 * @throws {FormatError} as `planSafetensors`, and `mismatch` if a tensor's data is longer or
 *   shorter than its shape says.
 */
export async function writeSafetensors(
  append: Append,
  tensors: readonly TensorData[],
  options: { readonly metadata?: ReadonlyMap<string, string> } = {},
): Promise<void> {
  const plan = planSafetensors(tensors, options.metadata);
  const data = new Map(tensors.map((tensor) => [tensor.name, tensor.data]));
  await append(plan.head);
  for (const entry of plan.tensors) await appendTensor(append, entry, data.get(entry.name) ?? []);
}

/**
 * Appends the bytes of one planned tensor and holds them to its size.
 *
 * @throws {FormatError} `mismatch` if they are more or fewer.
 */
export async function appendTensor(
  append: Append,
  entry: TensorEntry,
  data: TensorData['data'],
): Promise<void> {
  const needed = entry.to - entry.from;
  let length = 0;
  for await (const bytes of data) {
    length += bytes.length;
    if (length > needed) break;
    await append(bytes);
  }
  if (length === needed) return;
  const came = length > needed ? 'more came' : `${length} came`;
  const message = `tensor ${quote(entry.name)} needs ${needed} bytes of data, ${came}`;
  throw new FormatError('mismatch', message);
}
