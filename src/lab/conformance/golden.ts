/**
 * Golden vectors: an `index.json` of cases, and beside it the inputs and packs of numbers that the
 * cases refer to. Inputs are f32, expected values f64, little-endian.
 *
 * The index is untrusted: every field is checked, files are read only from the folder of the index,
 * and their sizes and SHA-256 must be what the index says.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { show } from '../../core/assert.ts';
import { FormatError } from '../../core/errors.ts';
import { Fields } from './fields.ts';

/** A case whose fields beyond the names are not yet read. */
export interface GoldenEntry {
  readonly id: string;
  readonly rule: string;
  readonly class: string;
  readonly fields: Fields;
}

/** Updates of n clients, row-major. */
export interface GoldenInput {
  readonly rows: number;
  readonly cols: number;
  readonly values: Float32Array;
}

/** What a case asks, and which answers are right. */
export interface GoldenCase extends GoldenEntry {
  readonly params: Fields;
  readonly input: string;
  readonly rows: number;
  readonly cols: number;
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

/** Where the numbers of an answer come from. */
export type Reference =
  | {
      readonly kind: 'pack';
      readonly file: string;
      readonly offset: number;
      readonly count: number;
    }
  | { readonly kind: 'values'; readonly values: readonly number[] }
  /** The mean of rows of the input. */
  | {
      readonly kind: 'rows';
      readonly rows: readonly number[];
      readonly weights?: readonly number[];
    }
  /** Bulyan's second stage over rows of the input: `keep` values of each column are averaged. */
  | { readonly kind: 'picks'; readonly rows: readonly number[]; readonly keep: number };

const LARGEST_INDEX = 2 ** 28;
const LARGEST_FILE = 2 ** 32;
const LARGEST_VECTOR = 2 ** 28;

/** An index and the packs beside it, opened by {@link openGolden}. */
export class Golden {
  readonly file: string;
  readonly entries: readonly GoldenEntry[];
  readonly #inputs: Fields;
  readonly #packs: ReadonlyMap<string, Float64Array | Float32Array>;
  #lastInput: { name: string; input: Promise<GoldenInput> } | undefined;

  constructor(
    file: string,
    parts: {
      entries: GoldenEntry[];
      inputs: Fields;
      packs: Map<string, Float64Array | Float32Array>;
    },
  ) {
    this.file = file;
    this.entries = parts.entries;
    this.#inputs = parts.inputs;
    this.#packs = parts.packs;
  }

  /**
   * Everything that an entry says, checked.
   *
   * @throws {FormatError} `malformed`; the message names the case and the field.
   */
  read(entry: GoldenEntry): GoldenCase {
    const { fields } = entry;
    const input = fields.string('input');
    const shape = this.#inputs.object(input).integers('shape', 1, LARGEST_VECTOR);
    if (shape.length !== 2) {
      throw new FormatError(
        'malformed',
        `${fields.where}.input must be a matrix, got ${show(input)}`,
      );
    }
    const [rows, cols] = shape as [number, number];
    const answer = shapeOf(fields);
    const params = fields.object('params');
    const context = { rows, cols, entries: answer[0] * answer[1], params };
    const accepted = [fields.object('expected'), ...fields.objects('alternatives', OPTIONAL)];
    return {
      ...entry,
      params,
      input,
      rows,
      cols,
      shape: answer,
      accepted: accepted.map((reference) => this.#reference(reference, context)),
      tolerance: this.#tolerance(fields.object('tol'), context),
      ignoredCols: places(fields, 'ignore', answer[1]),
      ignoredRows: places(fields, 'ignore_rows', answer[0]),
    };
  }

  /** Numbers of a pack. */
  pack({ file, offset, count }: Reference & { kind: 'pack' }): Float64Array | Float32Array {
    const pack = this.#packs.get(file)!;
    const from = offset / pack.BYTES_PER_ELEMENT;
    return pack.subarray(from, from + count);
  }

  /**
   * The updates of an input, the last of which is kept: cases of one input stand together.
   *
   * @throws {FormatError} if the file is missing, or not what the index says.
   */
  input(name: string): Promise<GoldenInput> {
    if (this.#lastInput?.name !== name) {
      this.#lastInput = { name, input: this.#readInput(this.#inputs.object(name)) };
    }
    return this.#lastInput.input;
  }

  async #readInput(fields: Fields): Promise<GoldenInput> {
    const [rows, cols] = fields.integers('shape', 1, LARGEST_VECTOR) as [number, number];
    const bytes = await readVerified(this.file, fields.string('file'), {
      bytes: 4 * rows * cols,
      sha256: fields.string('sha256'),
      where: fields.where,
    });
    return { rows, cols, values: new Float32Array(bytes) };
  }

  #tolerance(fields: Fields, context: ReferenceContext): Tolerance {
    const rel = fields.has('rel') ? fields.number('rel') : 0;
    const abs = fields.has('abs_per_element')
      ? this.#reference(fields.object('abs_per_element'), context)
      : fields.number('abs');
    if (rel < 0 || (typeof abs === 'number' && abs < 0)) {
      throw new FormatError('malformed', `${fields.where} must not be negative`);
    }
    return { abs, rel };
  }

  #reference(fields: Fields, context: ReferenceContext): Reference {
    if (fields.has('file')) return this.#packReference(fields, context);
    if (fields.has('values')) {
      const values = fields.looseNumbers('values');
      requireCount(fields, values.length, context.entries);
      return { kind: 'values', values };
    }
    if (fields.has('rows')) {
      const rows = nonEmpty(fields, 'rows', context.rows);
      requireCount(fields, context.cols, context.entries);
      if (!fields.has('row_weights')) return { kind: 'rows', rows };
      return { kind: 'rows', rows, weights: rowWeights(fields, rows, context.rows) };
    }
    if (fields.has('picks')) {
      const rows = nonEmpty(fields, 'picks', context.rows);
      requireCount(fields, context.cols, context.entries);
      const keep = context.rows - 4 * context.params.integer('f', 0, context.rows);
      if (keep >= 1 && keep <= rows.length) return { kind: 'picks', rows, keep };
      throw new FormatError('malformed', `${fields.where}.picks must be at least n − 4f ≥ 1 rows`);
    }
    const known = 'file, values, rows or picks';
    throw new FormatError('malformed', `${fields.where} must have one of ${known}`);
  }

  #packReference(fields: Fields, { entries }: ReferenceContext): Reference {
    const file = fields.string('file');
    const pack = this.#packs.get(file);
    if (pack === undefined) {
      throw new FormatError('malformed', `${fields.where}.file is no pack: ${show(file)}`);
    }
    fields.word('dtype', [pack instanceof Float64Array ? 'f64' : 'f32']);
    const offset = fields.integer('offset', 0, pack.byteLength);
    const count = fields.integer('count', 1, LARGEST_VECTOR);
    const size = pack.BYTES_PER_ELEMENT;
    if (offset % size !== 0 || offset + count * size > pack.byteLength) {
      throw new FormatError('malformed', `${fields.where} must lie inside ${file}, on a number`);
    }
    requireCount(fields, count, entries);
    return { kind: 'pack', file, offset, count };
  }
}

/** What a reference is checked against. */
interface ReferenceContext {
  readonly rows: number;
  readonly cols: number;
  /** Entries in the answer. */
  readonly entries: number;
  readonly params: Fields;
}

const OPTIONAL = { optional: true };

/** Opens an index and reads its packs. Entries are read one by one, with {@link Golden.read}. */
export async function openGolden(file: string): Promise<Golden> {
  const root = new Fields(parseJson(await readIndex(file), file), basename(file));
  root.integer('format', 1, 1);
  const entries = root.objects('cases').map(entryOf);
  const packs = new Map<string, Float64Array | Float32Array>();
  const listed = root.object('packs');
  for (const pack of listed.keys())
    packs.set(pack, await readPack(file, pack, listed.object(pack)));
  return new Golden(file, { entries, inputs: root.object('inputs'), packs });
}

function entryOf(fields: Fields): GoldenEntry {
  return {
    id: name(fields, 'id'),
    rule: name(fields, 'rule'),
    class: name(fields, 'class'),
    fields,
  };
}

/** A name that a terminal can print. */
function name(fields: Fields, key: string): string {
  const text = fields.string(key);
  if (/^[\x20-\x7e]{1,200}$/.test(text)) return text;
  throw new FormatError(
    'malformed',
    `${fields.where}.${key} must be 1 to 200 printable characters`,
  );
}

async function readIndex(file: string): Promise<string> {
  try {
    const { size } = await stat(file);
    if (size <= LARGEST_INDEX) return await readFile(file, 'utf8');
  } catch (cause) {
    throw new FormatError('malformed', `${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
  throw new FormatError('too-large', `${file} must have at most ${LARGEST_INDEX} bytes`);
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FormatError('malformed', `${file} is not JSON`, { cause });
  }
}

async function readPack(
  index: string,
  name: string,
  fields: Fields,
): Promise<Float64Array | Float32Array> {
  const Numbers = name.endsWith('.f64') ? Float64Array : Float32Array;
  const bytes = fields.integer('bytes', 0, LARGEST_FILE);
  if (bytes % Numbers.BYTES_PER_ELEMENT !== 0) {
    throw new FormatError('malformed', `${fields.where}.bytes must be whole numbers of ${name}`);
  }
  const sha256 = fields.string('sha256');
  return new Numbers(await readVerified(index, name, { bytes, sha256, where: fields.where }));
}

/** The bytes of a file beside the index, in a buffer of their own. */
async function readVerified(
  index: string,
  name: string,
  { bytes, sha256, where }: { bytes: number; sha256: string; where: string },
): Promise<ArrayBuffer> {
  if (!/^\w[\w.-]*(\/\w[\w.-]*)*$/.test(name)) {
    throw new FormatError(
      'malformed',
      `${where} must name a file beside its index, got ${show(name)}`,
    );
  }
  const path = join(dirname(index), name);
  try {
    const { size } = await stat(path);
    if (size !== bytes) {
      throw new FormatError('mismatch', `${where}: ${name} must have ${bytes} bytes, got ${size}`);
    }
    const content = await readFile(path);
    const digest = createHash('sha256').update(content).digest('hex');
    if (digest === sha256) return new Uint8Array(content).buffer;
  } catch (cause) {
    if (cause instanceof FormatError) throw cause;
    throw new FormatError('malformed', `${where}: ${name} cannot be read`, { cause });
  }
  throw new FormatError('mismatch', `${where}: the SHA-256 of ${name} is not the one listed`);
}

function shapeOf(fields: Fields): [number, number] {
  const shape = fields.integers('shape', 1, LARGEST_VECTOR);
  if (shape.length === 1) return [1, shape[0]!];
  if (shape.length === 2) return [shape[0]!, shape[1]!];
  throw new FormatError('malformed', `${fields.where}.shape must have 1 or 2 numbers`);
}

function places(fields: Fields, key: string, length: number): Set<number> {
  return new Set(fields.has(key) ? fields.integers(key, 0, length - 1) : []);
}

function nonEmpty(fields: Fields, key: string, rows: number): number[] {
  const chosen = fields.integers(key, 0, rows - 1);
  if (chosen.length > 0) return chosen;
  throw new FormatError('malformed', `${fields.where}.${key} must name at least one row`);
}

/** One weight for each named row, or one for each row of the input. */
function rowWeights(fields: Fields, rows: readonly number[], n: number): number[] {
  const weights = fields.numbers('row_weights');
  const named = weights.length === n ? rows.map((row) => weights[row]!) : weights;
  const total = named.reduce((sum, weight) => sum + weight, 0);
  if (named.length === rows.length && total > 0) return named;
  throw new FormatError(
    'malformed',
    `${fields.where}.row_weights must be ${rows.length} or ${n} numbers with a positive sum`,
  );
}

function requireCount(fields: Fields, count: number, entries: number): void {
  if (count === entries) return;
  throw new FormatError('malformed', `${fields.where} must give ${entries} numbers, got ${count}`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
