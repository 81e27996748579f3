/**
 * Golden vectors: an `index.json` of cases, and beside it the inputs and packs of numbers that the
 * cases refer to. Inputs are f32, expected values f64, little-endian.
 *
 * The index is untrusted: every field is checked, files are opened only below the folder of the
 * index, and their sizes and SHA-256 must be what the index says.
 *
 * @module
 */

import { show } from '../../core/assert.ts';
import { FormatError } from '../../core/errors.ts';
import type { ByteSource } from '../../formats/byte-source.ts';
import { Fields } from './fields.ts';
import {
  type GoldenInput,
  type Pack,
  type Reference,
  type ReferenceContext,
  readReference,
} from './reference.ts';

/** Opens a file by its path from the folder of the index, with `/` between names. */
export type OpenFile = (path: string) => Promise<ByteSource>;

/** A case of which only the names are read. */
export interface GoldenEntry {
  readonly id: string;
  readonly rule: string;
  readonly class: string;
  readonly fields: Fields;
}

/** What a case asks, and which answers are right. */
export interface GoldenCase extends GoldenEntry {
  readonly params: Fields;
  /** Name of the input, and how many rows it has. */
  readonly input: string;
  readonly rows: number;
  /** Shape of the answer. */
  readonly shape: readonly [rows: number, cols: number];
  /** The expected answer and its alternatives; one must fit. */
  readonly accepted: readonly Reference[];
  readonly tolerance: Tolerance;
  /** Columns that are not compared. */
  readonly ignoredCols: ReadonlySet<number>;
  /** Rows that are not compared. */
  readonly ignoredRows: ReadonlySet<number>;
}

/** A difference up to abs + rel · |expected| passes. */
export interface Tolerance {
  /** One for all entries, or one for each. */
  readonly abs: number | Reference;
  readonly rel: number;
}

/** What a case says of an answer that is several matrices of one shape. */
export interface Parts {
  readonly shape: readonly [rows: number, cols: number];
  readonly parts: readonly {
    readonly name: string;
    readonly expected: Fields;
    readonly tol: Fields;
  }[];
}

const LARGEST_INDEX = 2 ** 28;
const LARGEST_FILE = 2 ** 32;
const LARGEST_SIDE = 2 ** 28;

/** An index, its packs read, its inputs read when asked for. Made by {@link openGolden}. */
export class Golden {
  readonly entries: readonly GoldenEntry[];
  readonly #open: OpenFile;
  readonly #inputs: Fields;
  readonly #packs: ReadonlyMap<string, Pack>;

  constructor(open: OpenFile, index: Fields, packs: ReadonlyMap<string, Pack>) {
    this.entries = index.objects('cases').map(entryOf);
    this.#open = open;
    this.#inputs = index.object('inputs');
    this.#packs = packs;
  }

  /**
   * Everything that an entry says, checked.
   *
   * @throws {FormatError} `malformed`; the message names the case and the field.
   */
  read(entry: GoldenEntry): GoldenCase {
    const { fields } = entry;
    const params = fields.object('params');
    const input = fields.string('input');
    const [rows, cols] = matrixShape(this.#inputs.object(input));
    const shape = answerShape(fields);
    const context = { packs: this.#packs, rows, cols, count: shape[0] * shape[1], params };
    const accepted = [fields.object('expected')];
    if (fields.has('alternatives')) accepted.push(...fields.objects('alternatives'));
    return {
      ...entry,
      params,
      input,
      rows,
      shape,
      accepted: accepted.map((reference) => readReference(reference, context)),
      tolerance: toleranceOf(fields.object('tol'), context),
      ignoredCols: placesOf(fields, 'ignore', shape[1]),
      ignoredRows: placesOf(fields, 'ignore_rows', shape[0]),
    };
  }

  /**
   * A case whose answer is several matrices of one shape, by name: one case for each of them. `rows` is
   * the case's n, the number of clients in a round; rows of the input have `cols` entries.
   *
   * @throws {FormatError} `malformed`; the message names the case and the field.
   */
  readParts(
    entry: GoldenEntry,
    { shape, cols, parts }: Parts & { readonly cols: number },
  ): Map<string, GoldenCase> {
    const { fields } = entry;
    const params = fields.object('params');
    const rows = fields.integer('n', 1, LARGEST_SIDE);
    const context = { packs: this.#packs, rows, cols, count: shape[0] * shape[1], params };
    const common = { ...entry, params, input: fields.string('input'), rows, shape };
    const none = { ignoredCols: new Set<number>(), ignoredRows: new Set<number>() };
    return new Map(
      parts.map(({ name, expected, tol }) => {
        const accepted = [readReference(expected, context)];
        return [name, { ...common, ...none, accepted, tolerance: toleranceOf(tol, context) }];
      }),
    );
  }

  /**
   * Reads the updates of an input.
   *
   * @throws {FormatError} if the file cannot be read, or is not what the index says.
   */
  async input(name: string): Promise<GoldenInput> {
    const fields = this.#inputs.object(name);
    const [rows, cols] = answerShape(fields);
    const file = fields.string('file');
    const bytes = await readVerified(this.#open, file, { fields, size: 4 * rows * cols });
    return { rows, cols, values: new Float32Array(bytes) };
  }
}

/**
 * Opens an index and reads its packs.
 *
 * @param name - The file name of the index; with where it lies, as messages should give it.
 * @throws {FormatError} if a file cannot be read or is not what the index says.
 */
export async function openGolden(
  { file, name = file }: { file: string; name?: string },
  open: OpenFile,
): Promise<Golden> {
  const bytes = await readWhole(open, file, { what: name, largest: LARGEST_INDEX });
  const index = new Fields(parseJson(bytes, name), `${name}:`);
  index.integer('format', 1, 1);
  const listed = index.object('packs');
  const packs = new Map<string, Pack>();
  for (const pack of listed.keys())
    packs.set(pack, await readPack(open, pack, listed.object(pack)));
  return new Golden(open, index, packs);
}

function parseJson(bytes: Uint8Array, name: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new FormatError('malformed', `${name} is not JSON`, { cause });
  }
}

async function readPack(open: OpenFile, file: string, fields: Fields): Promise<Pack> {
  const Numbers = file.endsWith('.f64') ? Float64Array : Float32Array;
  const count = fields.integer('bytes', 0, LARGEST_FILE) / Numbers.BYTES_PER_ELEMENT;
  if (!Number.isInteger(count)) {
    throw new FormatError('malformed', `${fields.where}.bytes must hold whole numbers`);
  }
  const size = count * Numbers.BYTES_PER_ELEMENT;
  return new Numbers(await readVerified(open, file, { fields, size }));
}

/** A file of the given size and of the SHA-256 that stands in `fields`. */
async function readVerified(
  open: OpenFile,
  file: string,
  { fields, size }: { fields: Fields; size: number },
): Promise<ArrayBuffer> {
  const { where } = fields;
  const listed = fields.string('sha256');
  if (!/^\w[\w.-]*(\/\w[\w.-]*)*$/.test(file)) {
    throw new FormatError('malformed', `${where} must name a file below it, got ${show(file)}`);
  }
  const what = `${where}: ${file}`;
  const { buffer } = await readWhole(open, file, { what, size, largest: LARGEST_FILE });
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', buffer));
  const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  if (sha256 === listed) return buffer;
  throw new FormatError('mismatch', `${what} must have the SHA-256 that is listed`);
}

/** A whole file in an array of its own. */
async function readWhole(
  open: OpenFile,
  file: string,
  { what, size, largest }: { what: string; size?: number; largest: number },
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const source = await open(file);
    try {
      if (size !== undefined && source.size !== size) {
        throw new FormatError('mismatch', `${what} must have ${size} bytes, got ${source.size}`);
      }
      if (source.size > largest) {
        throw new FormatError('too-large', `${what} must have at most ${largest} bytes`);
      }
      return Uint8Array.from(await source.read(0, source.size));
    } finally {
      await source.close?.();
    }
  } catch (cause) {
    if (cause instanceof FormatError && cause.message.startsWith(what)) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FormatError('malformed', `${what} cannot be read: ${reason}`, { cause });
  }
}

function entryOf(fields: Fields): GoldenEntry {
  const [id, rule, kind] = ['id', 'rule', 'class'].map((key) => printable(fields, key));
  return { id: id!, rule: rule!, class: kind!, fields };
}

/** A name that does a terminal no harm. */
function printable(fields: Fields, key: string): string {
  const text = fields.string(key);
  if (/^[\x20-\x7e]{1,200}$/.test(text)) return text;
  const needed = '1 to 200 printable characters';
  throw new FormatError('malformed', `${fields.where}.${key} must be ${needed}`);
}

/** The shape that stands in `fields`. */
export function matrixShape(fields: Fields): [number, number] {
  const shape = fields.integers('shape', 1, LARGEST_SIDE);
  if (shape.length === 2) return shape as [number, number];
  throw new FormatError('malformed', `${fields.where}.shape must be that of a matrix`);
}

/** A vector is a matrix of one row. */
function answerShape(fields: Fields): [number, number] {
  const shape = fields.integers('shape', 1, LARGEST_SIDE);
  if (shape.length === 1) return [1, shape[0]!];
  return matrixShape(fields);
}

function toleranceOf(fields: Fields, context: ReferenceContext): Tolerance {
  const rel = fields.has('rel') ? fields.number('rel') : 0;
  const abs = fields.has('abs_per_element')
    ? readReference(fields.object('abs_per_element'), context)
    : fields.number('abs');
  if (rel >= 0 && (typeof abs !== 'number' || abs >= 0)) return { abs, rel };
  throw new FormatError('malformed', `${fields.where} must not be negative`);
}

function placesOf(fields: Fields, key: string, length: number): Set<number> {
  return new Set(fields.has(key) ? fields.integers(key, 0, length - 1) : []);
}
