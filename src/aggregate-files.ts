/**
 * The road for files: model files in, one model file out. Under Node alone.
 *
 * What a client can get wrong is a verdict on its file; what the server got wrong (a path that does
 * not exist, a broken base) is an error. No file is held in memory: rows are read by range, and the
 * result is written as it comes.
 *
 * @module
 */

import { dirname, relative, resolve, sep } from 'node:path';
import type { Aggregate, AggregateOptions, AggregateReport, ScreenReport } from './aggregate.ts';
import type { HostRow } from './backend/kernels.ts';
import { show } from './core/assert.ts';
import { FormatError } from './core/errors.ts';
import type { Append } from './formats/byte-source.ts';
import {
  compare,
  type Layout,
  layoutOf,
  type TensorPolicies,
  vectorLayout,
} from './formats/layout.ts';
import { type FileSource, fileSource, replacedBy, writeFileAtomic } from './formats/node-files.ts';
import { npyResult, type ResultWriter, resultFormat, safetensorsResult } from './formats/result.ts';
import { differenceRow, npyRows, tensorRow } from './formats/rows.ts';
import { readSafetensorsHeader, type TensorFile } from './formats/safetensors.ts';
import type { Rule } from './rules/rule.ts';
import type { Update } from './screen.ts';

/** What an aggregation of files may be told. */
export interface AggregateFilesOptions
  extends Omit<AggregateOptions, 'cols' | 'reference' | 'onScreened'> {
  /** Where the result goes; its ending, `.safetensors` or `.npy`, decides the format. */
  readonly output: string;
  /**
   * The model that the updates are full models of: rows are then differences to it, and the result
   * is it plus the aggregate. Without it, updates are differences already.
   */
  readonly base?: string;
  /** A trusted model (with `base`) or update of the server's own, for rules that ask for it. */
  readonly reference?: string;
  /** What becomes of tensors that are not aggregated. */
  readonly policies?: TensorPolicies;
  /** Called often while rows are read and the result is written. */
  readonly onProgress?: (progress: Progress) => void;
}

/** How far an aggregation is. */
export interface Progress {
  /** `screen`: the first pass; `rule`: further passes; `write`: the last, which gives the result. */
  readonly step: 'screen' | 'rule' | 'write';
  /** Share of this pass that is done, in [0, 1]. */
  readonly done: number;
}

/**
 * Aggregates safetensors or npy files into one. A client is named by its file's path below the
 * deepest folder that all share, so by its file name where they lie in one. An npy array that is the
 * only file may have several rows, each a client's: row i is `name[i]`. A file that is malformed, has
 * not the tensors that most others (or the base) have, or is beside others and has not one row, is
 * excluded with the reason `malformed`, `tensors` or `mismatch`. With `weights: 'examples'`, counts
 * are taken from the metadata `num_examples` or `examples` of safetensors files. The result appears
 * whole or not at all.
 *
 * @throws {AggregationError} as `aggregate`.
 * @throws {FormatError} if the base or reference is malformed, the output has no known ending, or a
 *   tensor that is to be copied is the same in no majority of the clients.
 * @throws the system's own error for a file that cannot be opened or written.
 */
export type AggregateFiles = (
  paths: readonly string[],
  rule: Rule,
  options: AggregateFilesOptions,
) => Promise<AggregateReport>;

/** The function `aggregateFiles` of a platform, over its `aggregate`. */
export function aggregateFilesWith(aggregate: Aggregate): AggregateFiles {
  return async (paths, rule, options) => {
    const { output } = checked(paths, rule, options);
    resultFormat(output);
    await refuseToOverwrite(paths, options);
    const { reference } = options;
    return await withCohort(paths, { ...options, trusted: { reference } }, async (cohort) => {
      let report: AggregateReport | undefined;
      await writeFileAtomic(output, async (append, restart) => {
        report = await aggregateCohort(cohort, { aggregate, rule, append, restart, options });
      });
      return report!;
    });
  };
}

/** Files beside those of the clients. */
export interface OwnFiles {
  /** The model that the others are full models of. */
  readonly base?: string;
  /** Models (with `base`) or updates of the server's own, by what messages call them. */
  readonly trusted: Readonly<Record<string, string | undefined>>;
  /** What becomes of tensors that are not aggregated. */
  readonly policies?: TensorPolicies;
}

/** Opens the files of a round, for as long as `body` works with them. */
export async function withCohort<T>(
  paths: readonly string[],
  own: OwnFiles,
  body: (cohort: Cohort) => Promise<T>,
): Promise<T> {
  const opened: FileSource[] = [];
  const open = async (path: string): Promise<FileSource> => {
    const file = await fileSource(path);
    opened.push(file);
    return file;
  };
  try {
    const cohort = await cohortOf(paths, { ...own, open });
    if (cohort.base) await assertFinite(cohort.base);
    return await body(cohort);
  } finally {
    await Promise.all(opened.map((file) => file.close()));
  }
}

/** What is wrong with a call, before any file is opened. */
function checked(
  paths: readonly string[],
  rule: Rule,
  options: AggregateFilesOptions,
): AggregateFilesOptions {
  if (!Array.isArray(paths)) throw new TypeError(`paths must be an array, got ${show(paths)}`);
  if (typeof rule?.apply !== 'function') {
    throw new TypeError(`rule must be a rule, such as mean(), got ${show(rule)}`);
  }
  if (typeof options?.output !== 'string') {
    throw new TypeError(`options.output must be a path, got ${show(options?.output)}`);
  }
  return options;
}

/** A file as it was found. */
type Content =
  | { readonly kind: 'safetensors'; readonly file: TensorFile }
  | { readonly kind: 'npy'; readonly rows: readonly HostRow[] };

/** A client's file, which may be anything. */
interface Input {
  readonly client: string;
  readonly content: Content | { readonly kind: 'refused'; readonly refused: string };
}

/** The server's own files. */
interface Own {
  readonly base?: Content;
  readonly trusted: ReadonlyMap<string, Content>;
}

/** The updates of a round as rows, and what the result needs to become a file. */
export interface Cohort {
  readonly updates: readonly Update[];
  /** The server's own rows, by the names of {@link OwnFiles.trusted}. */
  readonly trusted: ReadonlyMap<string, HostRow>;
  /** Known if there is a layout or a base. */
  readonly cols?: number;
  /** What the result takes from the base. */
  readonly base?: HostRow;
  /** For safetensors. */
  readonly tensors?: {
    readonly layout: Layout;
    readonly baseFile?: TensorFile;
    readonly files: ReadonlyMap<string, TensorFile>;
  };
}

/** Entries of the base that are looked at at once. */
const CHECKED_AT_ONCE = 2 ** 18;

async function refuseToOverwrite(
  paths: readonly string[],
  { output, base, reference }: AggregateFilesOptions,
): Promise<void> {
  const inputs = [...paths, base, reference].filter((path) => path !== undefined);
  if ((await replacedBy(output, inputs)) !== undefined) {
    throw new RangeError(`output must not be one of the files read, got ${show(output)}`);
  }
}

/** Else every difference to the base would not be finite, and the clients would be blamed. */
async function assertFinite(base: HostRow): Promise<void> {
  const values = new Float32Array(Math.min(base.cols, CHECKED_AT_ONCE));
  for (let from = 0; from < base.cols; from += CHECKED_AT_ONCE) {
    const part = values.subarray(0, Math.min(CHECKED_AT_ONCE, base.cols - from));
    await base.read(from, from + part.length, part);
    const at = part.findIndex((value) => !Number.isFinite(value));
    if (at >= 0) {
      throw new FormatError('mismatch', `base must be finite, entry ${from + at} is ${part[at]}`);
    }
  }
}

// Files

type Opener = (path: string) => Promise<FileSource>;

async function cohortOf(
  paths: readonly string[],
  { base, trusted, policies, open }: OwnFiles & { readonly open: Opener },
): Promise<Cohort> {
  const contents = new Map<string, Content>();
  for (const [name, path] of Object.entries(trusted)) {
    if (path !== undefined) contents.set(name, await contentOf(await open(path)));
  }
  const own: Own = {
    ...(base !== undefined && { base: await contentOf(await open(base)) }),
    trusted: contents,
  };
  const clients = clientNames(paths);
  const inputs: Input[] = [];
  for (const [i, path] of paths.entries()) {
    const source = await open(path);
    inputs.push({ client: clients[i]!, content: await foreignContentOf(source) });
  }
  return kindOf(inputs, own) === 'npy'
    ? vectorCohort(inputs, own)
    : tensorCohort(inputs, { ...own, policies });
}

/** Each path below the deepest folder that all share, with slashes. */
function clientNames(paths: readonly string[]): string[] {
  const full = paths.map((path) => resolve(path));
  let folder = dirname(full[0] ?? '');
  const holds = (path: string): boolean =>
    path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
  while (!full.every(holds) && dirname(folder) !== folder) folder = dirname(folder);
  return full.map((path) => relative(folder, path).split(sep).join('/'));
}

async function contentOf(source: FileSource): Promise<Content> {
  if (await isNpy(source)) return { kind: 'npy', rows: await npyRows(source) };
  return { kind: 'safetensors', file: { source, header: await readSafetensorsHeader(source) } };
}

const NPY_MAGIC = '\x93NUMPY';

/** By content, or by name for a file too short to tell. */
async function isNpy(source: FileSource): Promise<boolean> {
  if (source.name.toLowerCase().endsWith('.npy')) return true;
  if (source.size < NPY_MAGIC.length) return false;
  return String.fromCharCode(...(await source.read(0, NPY_MAGIC.length))) === NPY_MAGIC;
}

/** A file of a client's: what is wrong with it is a finding. */
async function foreignContentOf(source: FileSource): Promise<Input['content']> {
  try {
    return await contentOf(source);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const what = error.message.replace(`${source.name}: `, '');
    return { kind: 'refused', refused: `${error.code}: ${what}` };
  }
}

/** The format of the round: the base's, else that of most files, so that no client chooses it. */
function kindOf(inputs: readonly Input[], { base }: Own): Content['kind'] {
  if (base !== undefined) return base.kind;
  const count = (kind: string): number =>
    inputs.filter(({ content }) => content.kind === kind).length;
  const [tensors, vectors] = [count('safetensors'), count('npy')];
  if (tensors > 0 && tensors === vectors) {
    const message = `${tensors} updates are safetensors and as many npy; a base can settle it`;
    throw new FormatError('mismatch', message);
  }
  return vectors > tensors ? 'npy' : 'safetensors';
}

function refusal(content: Content | { kind: 'refused'; refused: string }): string {
  return content.kind === 'refused'
    ? content.refused
    : `mismatch: is ${content.kind}, unlike the base or most updates`;
}

// Safetensors

function tensorCohort(
  inputs: readonly Input[],
  { base, trusted, policies }: Own & { readonly policies: TensorPolicies | undefined },
): Cohort {
  const files = new Map<string, TensorFile>();
  for (const { client, content } of inputs) {
    if (content.kind === 'safetensors' && !files.has(client)) files.set(client, content.file);
  }
  if (files.size === 0 && base === undefined) {
    // Nothing to read, and the screen will say why.
    return {
      updates: inputs.map(({ client, content }) => ({ client, refused: refusal(content) })),
      trusted: new Map(),
    };
  }
  const baseFile = base && tensorsOf('base', base);
  const layout = layoutOf(
    [...files.values()].map(({ header }) => header),
    { ...(baseFile && { base: baseFile.header }), ...(policies && { policies }) },
  );
  if (layout.cols === 0) throw new FormatError('mismatch', 'no tensor is left to be aggregated');
  const rowOf = ({ source, header }: TensorFile, origin?: HostRow): HostRow =>
    tensorRow(source, header, layout, origin ? { base: origin } : {});
  const baseRow = baseFile && rowOf(baseFile);
  return {
    updates: inputs.map(({ client, content }) => {
      if (content.kind !== 'safetensors') return { client, refused: refusal(content) };
      const mismatches = compare(layout, content.file.header);
      if (mismatches.length > 0) return { client, refused: `tensors: ${mismatches.join('; ')}` };
      return { client, row: rowOf(content.file, baseRow), ...examplesOf(content.file) };
    }),
    cols: layout.cols,
    ...(baseRow && { base: baseRow }),
    trusted: mapped(trusted, (name, content) => rowOf(tensorsOf(name, content), baseRow)),
    tensors: { layout, ...(baseFile && { baseFile }), files },
  };
}

function tensorsOf(what: string, content: Content): TensorFile {
  if (content.kind === 'safetensors') return content.file;
  throw new FormatError('mismatch', `${what} is npy, the updates are safetensors`);
}

/** The count that a client states in its metadata; NaN for one that is no number. */
function examplesOf({ header: { metadata } }: TensorFile): { examples?: number } {
  const text = metadata.get('num_examples') ?? metadata.get('examples');
  if (text === undefined) return {};
  return { examples: /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN };
}

// Npy

function vectorCohort(inputs: readonly Input[], { base, trusted }: Own): Cohort {
  const baseRow = base && vectorOf('base', base);
  const rowOf = (row: HostRow): HostRow =>
    // A row of another length is the screen's to judge.
    baseRow && row.cols === baseRow.cols ? differenceRow(row, baseRow) : row;
  return {
    updates: inputs.flatMap(({ client, content }): Update[] => {
      if (content.kind !== 'npy') return [{ client, refused: refusal(content) }];
      const { rows } = content;
      if (rows.length === 1) return [{ client, row: rowOf(rows[0]!) }];
      // Beside others, a file is one client's, who would have as many votes as rows.
      if (inputs.length > 1 || rows.length === 0) {
        return [{ client, refused: `mismatch: has ${rows.length} rows, needs 1` }];
      }
      const width = String(rows.length - 1).length;
      return rows.map((row, i) => {
        return { client: `${client}[${String(i).padStart(width, '0')}]`, row: rowOf(row) };
      });
    }),
    ...(baseRow && { base: baseRow, cols: baseRow.cols }),
    trusted: mapped(trusted, (name, content) => rowOf(vectorOf(name, content))),
  };
}

function vectorOf(what: string, content: Content): HostRow {
  if (content.kind !== 'npy') {
    throw new FormatError('mismatch', `${what} is safetensors, the updates are npy`);
  }
  if (content.rows.length !== 1) {
    throw new FormatError(
      'mismatch',
      `${what} must be one vector, has ${content.rows.length} rows`,
    );
  }
  return content.rows[0]!;
}

function mapped(
  contents: ReadonlyMap<string, Content>,
  rowOf: (name: string, content: Content) => HostRow,
): Map<string, HostRow> {
  return new Map([...contents].map(([name, content]) => [name, rowOf(name, content)]));
}

// The round

async function aggregateCohort(
  cohort: Cohort,
  call: {
    aggregate: Aggregate;
    rule: Rule;
    append: Append;
    restart: () => Promise<void>;
    options: AggregateFilesOptions;
  },
): Promise<AggregateReport> {
  const { output, base: _, reference: __, policies: ___, onProgress, ...options } = call.options;
  const { cols } = cohort;
  const reference = cohort.trusted.get('reference');
  const meter = new Meter(onProgress);
  let screened: ScreenReport | undefined;
  let writer: ResultWriter | undefined;
  const report = await call.aggregate(
    cohort.updates.map((update) => meter.watch(update)),
    call.rule,
    {
      ...options,
      ...(cols !== undefined && { cols }),
      ...(reference && { reference }),
      onScreened(found) {
        screened = found;
        if (found.complete && writer === undefined) meter.enter('rule');
      },
      async restart() {
        writer = undefined;
        meter.enter('rule');
        await call.restart();
      },
      async sink(values, from, to) {
        if (from === 0) meter.enter('write');
        // Not before: tensors that are carried over come from the admitted updates.
        writer ??= await writerOf(cohort, { append: call.append, output, screened: screened! });
        await writer.append(values);
        meter.wrote(to / screened!.cols);
      },
    },
  );
  await writer!.finish();
  return report;
}

async function writerOf(
  { base, tensors }: Cohort,
  result: { append: Append; output: string; screened: ScreenReport },
): Promise<ResultWriter> {
  const { append, output, screened } = result;
  const { cols, screenings } = screened;
  if (resultFormat(output) === 'npy') return npyResult(append, { cols, base });
  const admitted = screenings.filter(({ verdict }) => verdict !== 'excluded');
  const updates = tensors ? admitted.map(({ client }) => tensors.files.get(client)!) : [];
  return safetensorsResult(append, {
    layout: tensors?.layout ?? vectorLayout(cols),
    updates,
    ...(base && { base }),
    ...(tensors?.baseFile && { baseFile: tensors.baseFile }),
  });
}

/** Tells how far a pass over the rows is, from what is read of them. */
export class Meter {
  readonly #tell: ((progress: Progress) => void) | undefined;
  #step: Progress['step'] = 'screen';
  #passEntries = 0;
  #read = 0;

  constructor(tell: ((progress: Progress) => void) | undefined) {
    this.#tell = tell;
  }

  enter(step: Progress['step']): void {
    this.#step = step;
    this.#read = 0;
    this.#tell?.({ step, done: 0 });
  }

  wrote(done: number): void {
    this.#tell?.({ step: 'write', done });
  }

  watch(update: Update): Update {
    const tell = this.#tell;
    if (tell === undefined || !('row' in update) || !('read' in update.row)) return update;
    const { row } = update;
    this.#passEntries += row.cols;
    const count = (from: number, to: number): void => {
      this.#read += to - from;
      // While the result is written, it tells better than the reading ahead of it.
      if (this.#step === 'write') return;
      const done = this.#read / this.#passEntries;
      tell({ step: this.#step, done: done - Math.ceil(done) + 1 });
    };
    const counted =
      <T>(read: (from: number, to: number, into: T) => void | Promise<void>) =>
      async (from: number, to: number, into: T): Promise<void> => {
        await read(from, to, into);
        count(from, to);
      };
    const { cols, half, inFile } = row;
    return {
      ...update,
      row: {
        cols,
        ...(half && {
          half: { format: half.format, read: counted<Uint16Array>((...at) => half.read(...at)) },
        }),
        ...(inFile && {
          inFile: (from, to) => {
            count(from, to);
            return inFile(from, to);
          },
        }),
        read: counted<Float32Array>((...at) => row.read(...at)),
      },
    };
  }
}
