/**
 * The wasm backend: every operation on one tile, by SIMD kernels on this thread or on a team.
 *
 * A tile is a list of rows where they lie: rows in memory are used in place, and so are rows in files
 * that are read once, outputs lie in arrays that are used again. Kernels never see a whole tile; see runner.ts.
 *
 * @module
 */

import { BackendError } from '../../core/errors.ts';
import type {
  BackendInfo,
  ExtraOperation,
  FileRange,
  HostRow,
  LatticeNoise,
  PairBlock,
  Place,
  Regime,
  RowScreen,
  RowSource,
  ScreenAlong,
  Tile,
  TileKernels,
  Weights,
  Work,
} from '../kernels.ts';
import { noiseProgram } from '../noise-program.ts';
import { rowSumProgram } from '../row-sums.ts';
import { isDeviceRow } from '../rows.ts';
import {
  type DistanceBlock,
  type FileRow,
  isInFile,
  type Job,
  type JobRow,
  type Network,
  type Team,
  type UnitResult,
  type WasmRegime,
  wordsOf,
} from './job.ts';
import { kernelModule } from './module.ts';
import { networkProgram } from './network-program.ts';
import { Runner, SUM_COLS } from './runner.ts';
import { type Slab, Slabs } from './slabs.ts';
import { isShared } from './staging.ts';

/** Settings of the body. */
export interface WasmOptions {
  /** Forces how order statistics are computed, wherever that way can do the work. */
  readonly regime?: Regime;
  /** Threads for large jobs; closed with the body. */
  readonly team?: Team;
}

/** Where a column costs less by searching for its keys than by sorting them. */
const MAX_NETWORK_ROWS = 1024;
/** Jobs with fewer entries are done here: waking a team takes longer. */
const MIN_TEAM_ENTRIES = 2 ** 18;
/** Entries of a unit of a column operation: about a millisecond of work, many to a tile … */
const UNIT_ENTRIES = 2 ** 19;
/** … in whole pieces, if that is not much more. */
const PIECE_COLS = 4096;
const MIN_UNIT_COLS = 64;
/** Units that each thread should find, so that it matters little who gets the last. */
const MIN_UNITS_EACH = 2;

/** Bytes of rows in place for each thread of a team: some 50 ms of sorting. */
const IN_PLACE_BYTES_EACH = 2 ** 27;

/** Units of a screen that each thread should find, so that none waits long for the last. */
const MIN_SCREENS_EACH = 8;

/** A draw of noise takes about as long as so many entries of other operations. */
const NOISE_EFFORT = 16;
/** Rows of words that are added in the time that an entry of other operations takes. */
const ADDS_PER_ENTRY = 16;

/** What a column operation is besides its work and its rows. */
interface Extent {
  /** Columns, if not those of the tile. */
  readonly cols?: number;
  /** What is computed on; of the tile, if nothing else is said, all rows. */
  readonly rows?: readonly JobRow[];
  /** Rows of the result. Default 1. */
  readonly outputs?: number;
  readonly firstCol?: number;
  /** What an entry takes, where others take 1. */
  readonly effort?: number;
  /** Where the result is wanted. */
  readonly home?: Float32Array | undefined;
}

/** Rows in memory, and the slabs that some of them lie in. */
interface RowTile extends Tile {
  readonly values: readonly JobRow[];
  /** What the operation that reads it will do besides. */
  screening?: Screening;
  readonly slabs: readonly Slab[];
  /** Whether it lies where the caller wants it. */
  readonly isHome?: boolean;
}

/** A screen of a tile that is wanted. */
interface Screening {
  readonly firstCol: number;
  readonly blockCols: number;
  done?: RowScreen[];
}

/** SIMD kernels on the CPU. Results do not depend on the number of threads. */
export class WasmKernels implements TileKernels {
  readonly maxTileBytes: number = 2 ** 32;
  readonly shardBytes: number;
  readonly inPlaceShardBytes: number;
  readonly readsFiles: boolean;
  readonly #runner: Runner;
  readonly #team: Team | undefined;
  readonly #regime: Regime | undefined;
  readonly #slabs: Slabs;
  /** The rows that tiles left in files, and their first columns. */
  readonly #left = new WeakMap<FileRange, { row: HostRow; firstCol: number }>();
  /** What the last two `read`s gave away. */
  readonly #homes: Slab[] = [];

  private constructor(module: WebAssembly.Module, { regime, team }: WasmOptions) {
    this.#runner = new Runner(module, team?.readRow);
    this.#team = team;
    this.#regime = regime;
    // Alone, a shard holds up the thread; a team is set to work, and waited for, at every shard.
    this.shardBytes = team === undefined ? 2 ** 25 : 2 ** 26;
    this.inPlaceShardBytes = (team?.threads ?? 1) * IN_PLACE_BYTES_EACH;
    this.readsFiles = team?.readRow !== undefined;
    this.#slabs = new Slabs({ shared: team !== undefined, spareBytes: 2 * this.shardBytes });
  }

  /**
   * Compiles the kernels.
   *
   * @throws {WebAssembly.CompileError} where there is no SIMD.
   */
  static async create(options: WasmOptions = {}): Promise<WasmKernels> {
    return new WasmKernels(await kernelModule(), options);
  }

  /** Names the threads that there are: a platform may turn out to refuse them. */
  get info(): BackendInfo {
    const threads = this.#team?.threads ?? 1;
    const adapter = `CPU, WASM SIMD, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
    return { name: 'wasm', adapter, software: true };
  }

  regimeOf(work: Work): WasmRegime {
    if (work.rows > MAX_NETWORK_ROWS) return 'search';
    return this.#regime === 'search' ? 'search' : 'network';
  }

  // Tiles

  async upload(rows: readonly RowSource[], from: number, to: number): Promise<Tile> {
    const inPlace = rows.map((row, i) => {
      if (isDeviceRow(row)) {
        throw new TypeError(`row ${i} lies on a GPU; the wasm backend reads memory`);
      }
      return { row, values: row.values?.subarray(from, to) };
    });
    const elsewhere = inPlace.filter(({ values }) => values === undefined);
    if (elsewhere.length === 0) {
      return tileOf(
        inPlace.map(({ values }) => values!),
        [],
      );
    }
    const cols = to - from;
    const { slab, places } = await this.#copies(elsewhere.length, cols, (k, place) =>
      elsewhere[k]!.row.read(from, to, place),
    );
    return tileOf(
      inPlace.map(({ values }) => values ?? places.shift()!),
      [slab],
    );
  }

  leave(rows: readonly HostRow[], from: number, to: number): Tile {
    const values = rows.map((row) => {
      if (row.values !== undefined) return row.values.subarray(from, to);
      const file = row.inFile!(from, to);
      this.#left.set(file, { row, firstCol: from });
      return { file, first: 0 };
    });
    return tileOf(values, [], to - from);
  }

  /** A slab of rows, each written to its place. */
  async #copies(
    rows: number,
    cols: number,
    copy: (row: number, place: Float32Array) => void | Promise<void>,
  ): Promise<{ slab: Slab; places: Float32Array[] }> {
    const slab = this.#slabs.take(rows * cols, { kept: true });
    const places = rowsIn(slab, rows, cols);
    // All at once: files are read by several threads of the system. None reads on after a failure.
    const copied = await Promise.allSettled(places.map(async (place, k) => copy(k, place)));
    const failure = copied.find(({ status }) => status === 'rejected');
    if (failure === undefined) return { slab, places };
    this.#slabs.release(slab);
    throw (failure as PromiseRejectedResult).reason;
  }

  screenAlong(x: Tile, firstCol: number, blockCols: number): ScreenAlong | undefined {
    const tile = own(x);
    if (!tile.values.some(isInFile)) return undefined;
    const screening: Screening = { firstCol, blockCols };
    tile.screening = screening;
    return async () => screening.done ?? this.screen(x, firstCol, blockCols);
  }

  select(x: Tile, rows: readonly number[]): Tile {
    const { values, slabs } = own(x);
    return this.#view(
      rows.map((i) => values[i]!),
      slabs,
      x.cols,
    );
  }

  async stack(x: Tile, y: Tile): Promise<Tile> {
    const [above, below] = [own(x), own(y)];
    return this.#view([...above.values, ...below.values], [...above.slabs, ...below.slabs], x.cols);
  }

  /** A tile of rows that others hold, too; slabs stay until the last of them is freed. */
  #view(values: readonly JobRow[], slabs: readonly Slab[], cols: number): RowTile {
    for (const slab of slabs) this.#slabs.retain(slab);
    return { ...tileOf(values, slabs, cols), bytes: 0 };
  }

  async read(x: Tile): Promise<Float32Array> {
    const { values, slabs, rows, cols, isHome } = own(x);
    if (isHome) return values[0] as Float32Array;
    const [slab] = slabs;
    // One computed row is given away as it is. What is kept for later, or is the caller's, is copied:
    // whoever reads may write.
    const isOwn = rows === 1 && slab !== undefined && !slab.kept && slab.users === 1;
    const home = isOwn ? slab : this.#slabs.take(rows * cols);
    if (isOwn) this.#slabs.retain(home);
    this.#homes.push(home);
    if (this.#homes.length > 2) this.#slabs.release(this.#homes.shift()!);
    if (isOwn) return values[0] as Float32Array;
    for (const [i, row] of values.entries()) {
      const place = home.data.subarray(i * cols, (i + 1) * cols);
      if (isInFile(row)) await this.#readLeft(row, place);
      else place.set(row);
    }
    return home.data.subarray(0, rows * cols);
  }

  free(x: Tile): void {
    for (const slab of own(x).slabs) this.#slabs.release(slab);
  }

  async rebuild(): Promise<void> {}

  async close(): Promise<void> {
    for (const home of this.#homes.splice(0)) this.#slabs.release(home);
    this.#slabs.dropSpare();
    await this.#team?.close();
  }

  // Column operations

  async combine(weights: Weights, x: Tile, home?: Float32Array): Promise<Tile> {
    const rows = weights.map((row) => Float64Array.from(row));
    return this.#columns({ op: 'combine', weights: rows }, x, { outputs: weights.length, home });
  }

  async rankMean(x: Tile, from: number, to: number): Promise<Tile> {
    const program = this.#ranksProgram(x.rows, from, to);
    return this.#columns({ op: 'rankMean', from, to, program }, x);
  }

  async nearestMean(x: Tile, center: Tile, count: number): Promise<Tile> {
    const regime = this.regimeOf({ op: 'nearestMean', rows: x.rows, count });
    const program = regime === 'network' ? networkProgram(x.rows, 0, x.rows) : undefined;
    const rows = [...own(x).values, own(center).values[0]!];
    return this.#columns({ op: 'nearestMean', count, program }, x, { rows });
  }

  async signSum(x: Tile): Promise<Tile> {
    return this.#columns({ op: 'signSum' }, x);
  }

  async deviation(x: Tile): Promise<Tile> {
    return this.#columns({ op: 'deviation' }, x);
  }

  async rankSum(x: Tile, from: number, to: number): Promise<Tile> {
    const program = this.#ranksProgram(x.rows, from, to);
    return this.#columns({ op: 'rankSum', from, to, program }, x);
  }

  /** What sorts for these ranks, where a network does. */
  #ranksProgram(rows: number, from: number, to: number): Network {
    const regime = this.regimeOf({ op: 'rankMean', rows, from, to });
    return regime === 'network' ? networkProgram(rows, from, to) : undefined;
  }

  async sumRows(x: Tile, groups: readonly (readonly number[])[]): Promise<Tile> {
    const { used, needsTotal, program, reads } = rowSumProgram(groups);
    const rows = used.map((i) => own(x).values[i]!);
    const outputs = groups.length;
    const effort = 1 + reads / (ADDS_PER_ENTRY * (rows.length + outputs));
    const work = { op: 'sumRows', groups: outputs, needsTotal, program } as const;
    return this.#columns(work, x, { rows, outputs, effort });
  }

  async addLatticeNoise(x: Tile, noise: LatticeNoise, firstCol: number): Promise<Tile> {
    const { program: secret, tables } = noiseProgram(noise);
    const program = this.#secret(secret);
    const draws = noise.draws.length;
    const work = { op: 'addLatticeNoise', draws, program, tables } as const;
    try {
      return await this.#columns(work, x, { firstCol, effort: NOISE_EFFORT * draws });
    } finally {
      program.fill(0);
    }
  }

  async extra(operation: ExtraOperation, x: Tile, { cols, firstCol }: Place): Promise<Tile> {
    const { wasm } = operation;
    const { library, kernel, effort, density } = wasm;
    const module = await wasm.module();
    const table = this.#secret(wasm.table());
    const work = { op: 'extra', library, module, kernel, table, density } as const;
    // Whichever of rows and outputs is packed has no more words than columns.
    const extent = { cols: Math.max(x.cols, cols), outputs: x.rows, firstCol, effort };
    try {
      const out = await this.#columns(work, x, extent);
      operation.onDispatch?.({ from: firstCol, to: firstCol + extent.cols });
      return out;
    } finally {
      table.fill(0);
    }
  }

  /** In memory that the team shares, so that no thread has a copy which nobody overwrites. */
  #secret(words: Uint32Array): Uint32Array {
    if (this.#team === undefined) return words;
    const shared = new Uint32Array(new SharedArrayBuffer(words.byteLength));
    shared.set(words);
    words.fill(0);
    return shared;
  }

  async #columns(
    work: Job['work'],
    x: Tile,
    {
      rows = own(x).values,
      cols = x.cols,
      outputs = 1,
      firstCol = 0,
      effort = 1,
      home,
    }: Extent = {},
  ): Promise<RowTile> {
    const { to: width } = wordsOf('out', { from: 0, to: cols }, { work });
    const isHome = home !== undefined && (this.#team === undefined || isShared(home));
    const slabs = isHome ? [] : [this.#slabs.take(outputs * width)];
    const out = isHome ? [home] : rowsIn(slabs[0]!, outputs, width);
    const isSum = work.op === 'combine' && outputs === 1;
    const screening = this.#joinedScreening(own(x), work);
    const unitCols =
      screening?.blockCols ??
      (isSum ? this.#sumUnitCols(cols) : unitColsFor(effort * (rows.length + outputs)));
    const units = Math.ceil(cols / unitCols);
    const job = { work, rows, out, cols, firstCol, unitCols, units };
    try {
      if (screening === undefined) await this.#run(job, effort);
      else {
        const screens = { screens: x.rows, firstCol: screening.firstCol };
        screening.done = (await this.#run({ ...job, ...screens }, effort)) as RowScreen[];
      }
    } catch (error) {
      for (const slab of slabs) this.#slabs.release(slab);
      throw error;
    }
    return { ...tileOf(out, slabs), isHome };
  }

  /** The screen that an operation on the tile does besides: it reads all rows, block by block. */
  #joinedScreening({ screening, rows, cols }: RowTile, work: Job['work']): Screening | undefined {
    if (screening === undefined || screening.done !== undefined) return undefined;
    // What screens is in the other module.
    if (work.op === 'extra') return undefined;
    const blocks = Math.ceil(cols / screening.blockCols);
    if (blocks < MIN_UNITS_EACH * (this.#team?.threads ?? 1)) return undefined;
    if (work.op !== 'combine') return screening;
    const isUsed = (i: number): boolean => work.weights.some((row) => row[i] !== 0);
    return Array.from({ length: rows }, (_, i) => i).every(isUsed) ? screening : undefined;
  }

  /** Columns of a unit of one sum: as many as are taken in at once, where that leaves work for all. */
  #sumUnitCols(cols: number): number {
    const shares = MIN_UNITS_EACH * (this.#team?.threads ?? 1);
    const fair = Math.ceil(cols / shares / PIECE_COLS) * PIECE_COLS;
    return Math.min(SUM_COLS, fair);
  }

  // Row operations

  async screen(x: Tile, firstCol: number, blockCols: number): Promise<RowScreen[]> {
    const { values } = own(x);
    // Rows are screened one by one: where blocks are few, groups of rows make work for all threads.
    const blocks = Math.ceil(x.cols / blockCols);
    const wanted = (MIN_SCREENS_EACH * (this.#team?.threads ?? 0)) / blocks;
    const large = (x.rows * x.cols) / MIN_TEAM_ENTRIES;
    const height = Math.ceil(x.rows / Math.max(1, Math.min(x.rows, wanted, large)));
    const groups = Array.from({ length: Math.ceil(x.rows / height) }, (_, k) =>
      tileOf(values.slice(k * height, (k + 1) * height), [], x.cols),
    );
    const done = await Promise.all(
      groups.map((rows) => this.#blocks({ op: 'screen' }, rows, { blockCols, firstCol })),
    );
    return Array.from({ length: blocks }, (_, b) =>
      joinedScreens(done.map((group) => group[b] as RowScreen)),
    );
  }

  async pairs(x: Tile, blockCols: number): Promise<PairBlock[]> {
    const screening = this.#joinedScreening(own(x), { op: 'pairs' });
    if (screening?.blockCols !== blockCols) {
      return (await this.#blocks({ op: 'pairs' }, x, { blockCols })) as PairBlock[];
    }
    const { firstCol } = screening;
    const screens = { blockCols, firstCol, screens: x.rows };
    const blocks = await this.#blocks({ op: 'pairs' }, x, screens);
    screening.done = blocks as RowScreen[];
    return blocks as PairBlock[];
  }

  async squaredDistances(x: Tile, blockCols: number): Promise<Float64Array[]> {
    const blocks = await this.#blocks({ op: 'squaredDistances' }, x, { blockCols });
    return (blocks as DistanceBlock[]).map(({ squaredDistances }) => squaredDistances);
  }

  async #blocks(
    work: Job['work'],
    x: Tile,
    { blockCols, ...rest }: { blockCols: number; firstCol?: number; screens?: number },
  ): Promise<(UnitResult | undefined)[]> {
    const { values: rows, cols } = own(x);
    const units = Math.ceil(cols / blockCols);
    return this.#run({ work, rows, out: [], cols, unitCols: blockCols, units, ...rest });
  }

  async #run(job: Job, effort: number = 1): Promise<(UnitResult | undefined)[]> {
    const inFiles = job.rows.filter(isInFile);
    try {
      return await this.#units(job, effort);
    } catch (error) {
      const isOther = error instanceof BackendError && error.code !== 'failed';
      if (inFiles.length === 0 || isOther) throw error;
    }
    // Read as rows are elsewhere they tell why they cannot be, unless it was not for them.
    const { slab, places } = await this.#copies(inFiles.length, job.cols, (k, place) =>
      this.#readLeft(inFiles[k]!, place),
    );
    try {
      const rows = job.rows.map((row) => (isInFile(row) ? places.shift()! : row));
      return await this.#units({ ...job, rows }, effort);
    } finally {
      this.#slabs.release(slab);
    }
  }

  async #readLeft({ file }: FileRow, into: Float32Array): Promise<void> {
    const { row, firstCol } = this.#left.get(file)!;
    await row.read(firstCol, firstCol + into.length, into);
  }

  async #units(job: Job, effort: number): Promise<(UnitResult | undefined)[]> {
    const large = job.units > 1 && effort * job.rows.length * job.cols >= MIN_TEAM_ENTRIES;
    if (large && this.#team !== undefined) return this.#team.run(job);
    return Array.from({ length: job.units }, (_, unit) => this.#runner.run(job, unit));
  }
}

function own(x: Tile): RowTile {
  return x as RowTile;
}

function tileOf(
  values: readonly JobRow[],
  slabs: readonly Slab[],
  cols = (values[0]! as Float32Array).length,
): RowTile {
  const bytes = slabs.reduce((sum, { length }) => sum + 4 * length, 0);
  return { rows: values.length, cols, bytes, values, slabs };
}

/** What is known of groups of rows, of all of them. */
function joinedScreens(groups: readonly RowScreen[]): RowScreen {
  if (groups.length === 1) return groups[0]!;
  return {
    nonFinite: Uint32Array.from(groups.flatMap(({ nonFinite }) => [...nonFinite])),
    squaredNorms: Float64Array.from(groups.flatMap(({ squaredNorms }) => [...squaredNorms])),
    fingerprints: BigUint64Array.from(groups.flatMap(({ fingerprints }) => [...fingerprints])),
  };
}

/** Rows one after the other in a slab. */
function rowsIn({ data }: Slab, rows: number, cols: number): Float32Array[] {
  return Array.from({ length: rows }, (_, i) => data.subarray(i * cols, (i + 1) * cols));
}

function unitColsFor(rows: number): number {
  const cols = UNIT_ENTRIES / rows;
  const unit = cols < PIECE_COLS ? MIN_UNIT_COLS : PIECE_COLS;
  return Math.ceil(cols / unit) * unit;
}
