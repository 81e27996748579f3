/**
 * Runs units of jobs on one thread: one instance of the kernels and its memory. What a unit needs is
 * copied in a piece at a time, small enough for the second-level cache; never the whole tile. Rows in
 * files are read to the same place, some pieces at a time.
 *
 * @module
 */

import { BackendError } from '../../core/errors.ts';
import type { PairBlock, RowScreen } from '../kernels.ts';
import {
  type CombinePlan,
  combinePlan,
  EIGHT,
  ENTRY_BYTES,
  type SumPlan,
  sumPlan,
} from './combine-plan.ts';
import {
  type ColumnWork,
  type DistanceBlock,
  isInFile,
  type Job,
  type JobRow,
  type Range,
  type ReadRow,
  rangeOf,
  type UnitResult,
  wordsOf,
} from './job.ts';
import type { ExtraKernel, Kernels } from './kernels.ts';
import { blockColsFor, MIN_BLOCK_COLS, STEP_WORDS } from './network-block.ts';

/** Bytes of all rows of a piece, unless it would be narrower than `MIN_COLS`: half a usual cache. */
const PIECE_BYTES = 2 ** 19;
const MAX_COLS = 4096;
const MIN_COLS = 64;
/** Bytes that one call reads of a file, since fewer take longer by the byte: of half as many, by half … */
const READ_BYTES = 2 ** 15;
/** … or as many as this leaves each row: they are not to leave the last cache before they are used. */
const STAGE_BYTES = 2 ** 22;
/** Columns that a sum with one output takes in at once: copies of 256 KB run faster than shorter ones. */
export const SUM_COLS = 65_536;
/** Rows start this much later than their width asks for: at one stride they would share cache sets. */
const GAP_BYTES = 64;
/** Of a row in a block that is searched: see assembly/search.ts. */
const LINE_BYTES = 64;
/** Blocks of so few columns have their pairs in f64: errors then have little to average out over. */
const EXACT_COLS = 4096;
/** Pairs whose sums are held at once: of more, some rows with all others are done after the rest. */
const MAX_PAIRS = 2 ** 20;
/** Of the sums of a pair, and columns of a chunk: see assembly/pairs.ts and squared-distances.ts. */
const PAIR_BYTES = 16;
const PAIR_COLS = 256;
const DISTANCE_BYTES = 8;
/** Of a row that is screened: see assembly/screen.ts. */
const SCREEN_STATE_BYTES = 24;
const PAGE_BYTES = 2 ** 16;

/** Ranks, and the program of a network that sorts for them. */
interface Ranks {
  readonly from: number;
  readonly to: number;
  readonly table: Uint32Array;
}

type Combination = Extract<ColumnWork, { op: 'combine' }>;
type Extra = Extract<ColumnWork, { op: 'extra' }>;

/** A piece in the instance's memory, as kernels are told of it. */
interface Piece {
  /** Its first column, in the tile. */
  readonly from: number;
  /** Where the rows are, a stride apart. */
  readonly x: number;
  readonly stride: number;
  readonly rows: number;
  /** Columns to compute, at least as many as were copied in. */
  readonly cols: number;
  /** Where the output rows go, a stride apart. */
  readonly out: number;
}

/** Screens that are summed up in the instance's memory. */
interface Screening {
  /** Rows that are screened; without any, the addresses mean nothing. */
  readonly rows: number;
  readonly states: number;
  /** Of a piece's columns. */
  readonly numbers: number;
}

/** Where columns of rows are brought in. */
interface Staging {
  /** What says how wide they are. */
  readonly work: Job['work'];
  readonly x: number;
  readonly stride: number;
  /** Columns are filled up with zeros to a multiple of this. */
  readonly unit: number;
  /** Columns that are brought in at once, and those of a piece of them. */
  readonly stage: number;
  readonly widest: number;
}

/** How an operation is done on one piece after another. */
interface Method {
  /** The rows it reads. */
  readonly rows: readonly JobRow[];
  /** Words that it wants in memory, and bytes of scratch after them. */
  readonly table?: Uint32Array;
  readonly scratchBytes?: number;
  /** What fills the scratch from its start, if not zeros. */
  readonly scratch?: Uint32Array;
  /** Columns of a piece are a multiple of this. Default 16. */
  readonly unit?: number;
  apply(piece: Piece, table: number, scratch: number): void;
  /** Whether the table must not stay in memory. */
  readonly isSecret?: boolean;
}

/** One instance of the kernels. Not to be shared between threads; the module may be. */
export class Runner {
  readonly #kernels: Kernels;
  readonly #readRow: ReadRow | undefined;
  /** Plans of combinations: a job has many units. */
  readonly #plans = new WeakMap<Combination, CombinePlan>();
  readonly #sumPlans = new WeakMap<Combination, SumPlan>();
  /** Of other modules, by the names of their libraries. */
  readonly #others = new Map<string, Runner>();

  /** `readRow`: for jobs of rows in files. */
  constructor(module: WebAssembly.Module, readRow?: ReadRow) {
    this.#readRow = readRow;
    // Kernels import nothing.
    this.#kernels = new WebAssembly.Instance(module).exports as unknown as Kernels;
  }

  /** Does one unit: writes the job's outputs, or returns what a row operation gives. */
  run(job: Job, unit: number): UnitResult | undefined {
    const range = rangeOf(job, unit);
    const { work } = job;
    if (work.op === 'screen') return this.#screen(job, range);
    if (work.op === 'pairs') return this.#pairs(job, range);
    if (work.op === 'squaredDistances') return this.#squaredDistances(job, range);
    if (work.op === 'combine' && work.weights.length === 1) {
      return this.#weightedSum(job, work, range);
    }
    const runner = work.op === 'extra' ? this.#otherFor(work) : this;
    return runner.#pieceByPiece(runner.#method(job), job, range);
  }

  // Column operations

  #method({ work, rows, firstCol = 0 }: Job): Method {
    const kernels = this.#kernels;
    switch (work.op) {
      case 'combine': {
        const { used, table, apply } = remember(this.#plans, work, () => combinePlan(work.weights));
        return {
          rows: used.map((i) => rows[i]!),
          table,
          scratchBytes: 8 * MAX_COLS,
          apply: (piece, at, sums) => apply(kernels, { ...piece, sums }, at),
        };
      }
      case 'rankMean':
        return work.program !== undefined
          ? this.#rankMeanNetwork(rows, { ...work, table: work.program })
          : this.#rankMeanSearch(rows, work.from, work.to);
      case 'nearestMean':
        return work.program !== undefined
          ? this.#nearestMeanNetwork(rows, { ...work, table: work.program })
          : this.#nearestMeanSearch(rows, work.count);
      case 'signSum':
        return {
          rows,
          apply: (p) => kernels.signSum(p.x, p.stride, p.rows, p.cols, p.out),
        };
      case 'deviation':
        return {
          rows,
          apply: (p) => kernels.deviation(p.x, p.stride, p.rows, p.cols, p.out),
        };
      case 'rankSum':
        return work.program !== undefined
          ? this.#rankSumNetwork(rows, { ...work, table: work.program })
          : this.#rankSumSearch(rows, work.from, work.to);
      case 'sumRows':
        return this.#sumRows(rows, work);
      case 'addLatticeNoise':
        return this.#addLatticeNoise(rows, work, firstCol);
      case 'extra':
        return this.#extra(rows, work, firstCol);
      default:
        throw new TypeError(`${work.op} is no operation on columns`);
    }
  }

  #rankMeanNetwork(rows: readonly JobRow[], { from, to, table }: Ranks): Method {
    const blockCols = blockColsFor(rows.length);
    const steps = table.length / STEP_WORDS;
    return {
      rows,
      table,
      scratchBytes: 4 * rows.length * blockCols,
      apply: (p, program, block) => {
        const place = [p.x, p.stride, p.rows, p.cols] as const;
        const network = [program, steps, block, blockCols] as const;
        this.#kernels.rankMeanNetwork(...place, from, to, ...network, p.out);
      },
    };
  }

  #rankMeanSearch(rows: readonly JobRow[], from: number, to: number): Method {
    return {
      rows,
      scratchBytes: LINE_BYTES * (rows.length + 4),
      apply: (p, _, block) =>
        this.#kernels.rankMeanSearch(p.x, p.stride, p.rows, p.cols, from, to, block, p.out),
    };
  }

  /** The center is copied in as one more row. */
  #nearestMeanNetwork(
    rows: readonly JobRow[],
    { count, table }: { readonly count: number; readonly table: Uint32Array },
  ): Method {
    const n = rows.length - 1;
    const blockCols = blockColsFor(n);
    const steps = table.length / STEP_WORDS;
    return {
      rows,
      table,
      scratchBytes: 4 * n * blockCols,
      apply: (p, program, block) => {
        const centers = p.x + n * p.stride;
        const place = [p.x, p.stride, n, p.cols] as const;
        const network = [program, steps, block, blockCols] as const;
        this.#kernels.nearestMeanNetwork(...place, centers, count, ...network, p.out);
      },
    };
  }

  #nearestMeanSearch(rows: readonly JobRow[], count: number): Method {
    const n = rows.length - 1;
    return {
      rows,
      scratchBytes: LINE_BYTES * (3 * n + 3),
      apply: (p, _, block) => {
        const centers = p.x + n * p.stride;
        const place = [p.x, p.stride, n, p.cols] as const;
        this.#kernels.nearestMeanSearch(...place, centers, count, block, p.out);
      },
    };
  }

  #rankSumNetwork(rows: readonly JobRow[], { from, to, table }: Ranks): Method {
    const blockCols = blockColsFor(rows.length);
    const steps = table.length / STEP_WORDS;
    return {
      rows,
      table,
      scratchBytes: 4 * rows.length * blockCols,
      apply: (p, program, block) => {
        const place = [p.x, p.stride, p.rows, p.cols] as const;
        const network = [program, steps, block, blockCols] as const;
        this.#kernels.rankSumNetwork(...place, from, to, ...network, p.out);
      },
    };
  }

  #rankSumSearch(rows: readonly JobRow[], from: number, to: number): Method {
    return {
      rows,
      scratchBytes: LINE_BYTES * (rows.length + 4),
      apply: (p, _, block) =>
        this.#kernels.rankSumSearch(p.x, p.stride, p.rows, p.cols, from, to, block, p.out),
    };
  }

  #sumRows(
    rows: readonly JobRow[],
    { groups, needsTotal, program }: Extract<ColumnWork, { op: 'sumRows' }>,
  ): Method {
    return {
      rows,
      table: program,
      apply: (p, at) => {
        const place = [p.x, p.stride, p.rows, p.cols] as const;
        this.#kernels.sumRows(...place, at, groups, Number(needsTotal), p.out);
      },
    };
  }

  #addLatticeNoise(
    rows: readonly JobRow[],
    { draws, program, tables }: Extract<ColumnWork, { op: 'addLatticeNoise' }>,
    firstCol: number,
  ): Method {
    return {
      rows,
      table: program,
      isSecret: true,
      scratchBytes: tables.byteLength,
      scratch: tables,
      apply: (p, at, tablesAt) => {
        const firstBlock = (firstCol + p.from) / 4;
        const noise = [at, draws, tablesAt, firstBlock] as const;
        this.#kernels.addLatticeNoise(p.x, p.cols, ...noise, p.out);
      },
    };
  }

  #otherFor({ library, module }: Extra): Runner {
    const other = this.#others.get(library) ?? new Runner(module, this.#readRow);
    this.#others.set(library, other);
    return other;
  }

  /** A kernel of this module, which makes a row at a time. */
  #extra(rows: readonly JobRow[], { kernel, table }: Extra, firstCol: number): Method {
    const make = (this.#kernels as unknown as Record<string, ExtraKernel>)[kernel]!;
    return {
      rows,
      table,
      isSecret: true,
      unit: MIN_COLS,
      apply: (p, at) => {
        for (let below = 0; below < p.rows * p.stride; below += p.stride) {
          make(p.x + below, p.cols, at, (firstCol + p.from) / 16, p.out + below);
        }
      },
    };
  }

  /** Applies a method to a range, a piece after the other, and screens each, if the job wants that. */
  #pieceByPiece(method: Method, job: Job, range: Range): RowScreen | undefined {
    const { work, out, screens = 0, firstCol = 0 } = job;
    const { rows, table = new Uint32Array(0), scratchBytes = 0 } = method;
    const unit = Math.max(method.unit ?? MIN_BLOCK_COLS, screens > 0 ? MIN_COLS : 0);
    // Whole units also so that what is summed up in each is the same whatever the width of the range.
    const widest = roundUp(pieceCols(rows.length + out.length, range.to - range.from), unit);
    const stage = stageCols(rows, widest);
    const stride = 4 * stage + GAP_BYTES;
    const [tableAt, scratch, states, numbers, x, outAt] = this.#place([
      table.byteLength,
      scratchBytes,
      SCREEN_STATE_BYTES * screens,
      screens > 0 ? 8 * widest : 0,
      stride * rows.length,
      stride * out.length,
    ]) as [number, number, number, number, number, number];
    const words = new Uint32Array(this.#kernels.memory.buffer);
    words.set(table, tableAt / 4);
    this.#kernels.clear(scratch, scratchBytes);
    if (method.scratch !== undefined) words.set(method.scratch, scratch / 4);
    const screening = this.#startScreen({ rows: screens, states, numbers });
    for (const piece of this.#pieces(rows, range, { work, x, stride, unit, stage, widest })) {
      this.#screenPiece(screening, piece, firstCol);
      method.apply({ ...piece, rows: rows.length, out: outAt }, tableAt, scratch);
      const floats = this.#floats();
      const there = wordsOf('out', piece, job);
      for (const [k, row] of out.entries()) {
        const start = (outAt + k * stride) / 4;
        row.set(floats.subarray(start, start + there.to - there.from), there.from);
      }
    }
    if (method.isSecret) this.#kernels.clear(tableAt, table.byteLength);
    return this.#screenOf(screening);
  }

  /**
   * One output: rows come some at a time, in longer pieces than others, and their sums stay. Memory is
   * the bound, and long copies are faster.
   */
  #weightedSum(
    { rows, out, screens = 0, firstCol = 0 }: Job,
    work: Combination,
    range: Range,
  ): RowScreen | undefined {
    const kernels = this.#kernels;
    const plan = remember(this.#sumPlans, work, () => sumPlan(work.weights[0]!));
    const { used, table, floatUnit } = plan;
    const widest = Math.min(SUM_COLS, roundUp(range.to - range.from, MIN_COLS));
    const stride = kernels.eightStride();
    const [list, sums, states, numbers, x, outAt] = this.#place([
      table.byteLength,
      8 * widest,
      SCREEN_STATE_BYTES * screens,
      screens > 0 ? 8 * widest : 0,
      stride * EIGHT,
      4 * widest,
    ]) as [number, number, number, number, number, number];
    const screening = this.#startScreen({ rows: screens, states, numbers });
    const unit = screens > 0 ? MIN_COLS : MIN_BLOCK_COLS;
    new Uint32Array(kernels.memory.buffer).set(table, list / 4);
    const floats = this.#floats();
    const floatWeights = list + ENTRY_BYTES * used.length;
    for (const piece of cut(range, widest)) {
      const width = piece.to - piece.from;
      const cols = roundUp(width, unit);
      let unscreened = screens;
      /** Sums of all rows, of which `add` takes in eight, the first of them the used row `first`. */
      const sumUp = (add: (first: number, count: number) => void): void => {
        kernels.clear(sums, 8 * cols);
        for (let first = 0; first < used.length; first += EIGHT) {
          const some = used.slice(first, first + EIGHT).map((i) => rows[i]!);
          this.#bringIn(some, piece, { x, stride, unit });
          // Whose rows are all screened uses all of them.
          const eight = {
            rows: Math.min(unscreened, some.length),
            states: states + SCREEN_STATE_BYTES * first,
            numbers,
          };
          this.#screenPiece(eight, { x, stride, cols, from: piece.from }, firstCol);
          unscreened -= eight.rows;
          add(first, some.length);
        }
      };
      const inF64 = (first: number, count: number): void =>
        kernels.addRows(x, stride, cols, list + ENTRY_BYTES * first, count, sums);
      const inF32 = (first: number, count: number): void => {
        // Times a weight of 0, but NaN in what was there would cost a second pass in f64.
        for (let i = count; i < EIGHT; i++) kernels.clear(x + i * stride, 4 * cols);
        kernels.addEight(x, cols, floatWeights + 4 * first, sums);
      };
      if (floatUnit === undefined) {
        sumUp(inF64);
        kernels.roundSums(sums, cols, plan.unit, outAt);
      } else {
        sumUp(inF32);
        if (kernels.roundSums(sums, cols, floatUnit, outAt) === 0) {
          sumUp(inF64);
          kernels.replaceSums(sums, cols, plan.unit, outAt);
        }
      }
      out[0]!.set(floats.subarray(outAt / 4, outAt / 4 + width), piece.from);
    }
    return this.#screenOf(screening);
  }

  // Row operations

  #screen(job: Job, range: Range): RowScreen {
    const { rows } = job;
    return this.#pieceByPiece({ rows, apply() {} }, { ...job, screens: rows.length }, range)!;
  }

  #startScreen(screening: Screening): Screening {
    const { rows, states } = screening;
    this.#kernels.clear(states, SCREEN_STATE_BYTES * rows);
    return screening;
  }

  /** Screens the first rows of a piece whose columns are a multiple of 64. */
  #screenPiece(
    { rows, states, numbers }: Screening,
    { x, stride, cols, from }: Pick<Piece, 'x' | 'stride' | 'cols' | 'from'>,
    firstCol: number,
  ): void {
    if (rows === 0) return;
    // Columns count modulo 2³².
    this.#kernels.columnNumbers((firstCol + from) | 0, cols, numbers);
    this.#kernels.screen(x, stride, rows, cols, numbers, states);
  }

  #screenOf({ rows: n, states }: Screening): RowScreen | undefined {
    if (n === 0) return undefined;
    const state = new DataView(this.#kernels.memory.buffer, states, SCREEN_STATE_BYTES * n);
    const nonFinite = new Uint32Array(n);
    const squaredNorms = new Float64Array(n);
    const words = new Uint32Array(2 * n);
    for (let i = 0; i < n; i++) {
      const at = SCREEN_STATE_BYTES * i;
      nonFinite[i] = state.getUint32(at + 8, true);
      squaredNorms[i] = nonFinite[i] === 0 ? state.getFloat64(at, true) : Infinity;
      words[2 * i] = state.getUint32(at + 12, true);
      words[2 * i + 1] = state.getUint32(at + 16, true);
    }
    return { nonFinite, squaredNorms, fingerprints: new BigUint64Array(words.buffer) };
  }

  #pairs(job: Job, range: Range): PairBlock | (PairBlock & RowScreen) {
    const n = job.rows.length;
    let screen: RowScreen | undefined;
    const products = new Float64Array(n * n);
    const squaredDistances = new Float64Array(n * n);
    const height = Math.max(1, Math.min(n, Math.floor(MAX_PAIRS / n)));
    for (let first = 0; first < n; first += height) {
      const last = Math.min(n, first + height);
      // Where rows are brought in several times, they are screened at the first.
      const part = first === 0 ? job : { ...job, screens: 0 };
      const done = this.#pairSums(part, range, { from: first, to: last });
      const { sums } = done;
      screen ??= done.screen;
      for (let i = first; i < last; i++) {
        for (let j = i; j < n; j++) {
          const at = 2 * ((i - first) * n + j);
          const { product, squaredDistance } = pairOf(sums[at]!, sums[at + 1]!, i === j);
          products[i * n + j] = products[j * n + i] = product;
          squaredDistances[i * n + j] = squaredDistances[j * n + i] = squaredDistance;
        }
      }
    }
    return { products, squaredDistances, ...screen };
  }

  /**
   * Squared distance and product of rows [from, to) with all later rows, n pairs for each row; the
   * screen, if the job wants one.
   */
  #pairSums(
    job: Job,
    range: Range,
    { from, to }: Range,
  ): { sums: Float64Array; screen: RowScreen | undefined } {
    const { rows } = job;
    const exact = Number(range.to - range.from <= EXACT_COLS);
    return this.#sums(
      {
        rows,
        unit: PAIR_COLS,
        scratchBytes: PAIR_BYTES * rows.length * (to - from),
        apply: (p, _, sums) =>
          this.#kernels.pairs(p.x, p.stride, p.rows, p.cols, from, to, exact, sums),
      },
      job,
      range,
    );
  }

  /** What a method adds up in its scratch, from zeros on; the next job may take its place. */
  #sums(
    method: Method & { readonly scratchBytes: number },
    job: Job,
    range: Range,
  ): { sums: Float64Array; screen: RowScreen | undefined } {
    const { scratchBytes, apply } = method;
    let at = 0;
    const noting: Method['apply'] = (piece, table, sums) => {
      at = sums;
      apply(piece, table, sums);
    };
    const screen = this.#pieceByPiece({ ...method, apply: noting }, job, range);
    return { sums: new Float64Array(this.#kernels.memory.buffer, at, scratchBytes / 8), screen };
  }

  #squaredDistances(job: Job, range: Range): DistanceBlock {
    const n = job.rows.length;
    const squaredDistances = new Float64Array(n * n);
    const isWide = new Uint8Array(n);
    const height = Math.max(1, Math.min(n, Math.floor(MAX_PAIRS / n)));
    for (let first = 0; first < n; first += height) {
      const last = Math.min(n, first + height);
      const sums = this.#distanceSums(job, range, { from: first, to: last }, isWide);
      for (let i = first; i < last; i++) {
        for (let j = i + 1; j < n; j++) {
          const sum = isWide[i] || isWide[j] ? Infinity : sums[(i - first) * n + j]!;
          squaredDistances[i * n + j] = squaredDistances[j * n + i] = sum;
        }
      }
    }
    return { squaredDistances };
  }

  /**
   * Squared distances of rows [from, to) to all later rows, n for each row; notes the rows that have an
   * entry that is too large for it.
   */
  #distanceSums(job: Job, range: Range, { from, to }: Range, isWide: Uint8Array): Float64Array {
    const kernels = this.#kernels;
    const { rows } = job;
    const method: Method & { readonly scratchBytes: number } = {
      rows,
      unit: PAIR_COLS,
      scratchBytes: DISTANCE_BYTES * rows.length * (to - from),
      apply: (p, _, sums) => {
        for (let i = 0; i < p.rows; i++) {
          if (kernels.splitRow(p.x + i * p.stride, p.cols) === 0) isWide[i] = 1;
        }
        kernels.squaredDistances(p.x, p.stride, p.rows, p.cols, from, to, sums);
      },
    };
    return this.#sums(method, job, range).sums;
  }

  // Memory

  /**
   * Addresses of regions of these sizes, each the start of a cache line.
   *
   * @throws {BackendError} `out-of-memory`.
   */
  #place(sizes: readonly number[]): number[] {
    const { memory } = this.#kernels;
    let end = roundUp(this.#kernels.heapBase(), GAP_BYTES);
    const starts = sizes.map((bytes) => {
      const start = end;
      end = roundUp(start + bytes, GAP_BYTES);
      return start;
    });
    const missing = end - memory.buffer.byteLength;
    if (missing <= 0) return starts;
    try {
      memory.grow(Math.ceil(missing / PAGE_BYTES));
    } catch (cause) {
      throw new BackendError('out-of-memory', `no room for a piece of ${end} bytes`, { cause });
    }
    return starts;
  }

  /** Growing memory detaches views of it, so each is made when it is needed. */
  #floats(): Float32Array {
    return new Float32Array(this.#kernels.memory.buffer);
  }

  /** Brings rows in, a stage of columns at a time, and gives each in pieces. */
  *#pieces(
    rows: readonly JobRow[],
    range: Range,
    { work, stage, widest, ...place }: Staging,
  ): Generator<Range & Pick<Piece, 'x' | 'stride' | 'cols'>> {
    const { stride, unit } = place;
    for (const there of cut(range, stage)) {
      this.#bringIn(rows, wordsOf('rows', there, { work }), place);
      for (const { from, to } of cut(there, widest)) {
        const x = place.x + 4 * (from - there.from);
        yield { from, to, x, stride, cols: roundUp(to - from, unit) };
      }
    }
  }

  /** Copies or reads a range of the rows and fills whole units up with zeros. Returns the columns there. */
  #bringIn(
    rows: readonly JobRow[],
    { from, to }: Range,
    { x, stride, unit }: Pick<Staging, 'x' | 'stride' | 'unit'>,
  ): number {
    const floats = this.#floats();
    const bytes = new Uint8Array(floats.buffer);
    const cols = roundUp(to - from, unit);
    for (const [i, row] of rows.entries()) {
      const start = (x + i * stride) / 4;
      if (isInFile(row)) this.#readRow!(row, { from, to }, bytes, 4 * start);
      else floats.set(row.subarray(from, to), start);
      if (to - from < cols) floats.fill(0, start + to - from, start + cols);
    }
    return cols;
  }
}

/** Columns of a piece of so many rows, in and out together; hardly more than there are. */
function pieceCols(rows: number, cols: number): number {
  const fitting = Math.floor(PIECE_BYTES / (4 * rows) / MIN_COLS) * MIN_COLS;
  const widest = Math.max(MIN_COLS, Math.min(MAX_COLS, fitting));
  return Math.min(widest, roundUp(cols, MIN_COLS));
}

/** Columns of a stage, in whole pieces: of files, more than are computed on at once. */
function stageCols(rows: readonly JobRow[], widest: number): number {
  if (!rows.some(isInFile)) return widest;
  const wanted = Math.min(READ_BYTES, STAGE_BYTES / rows.length) / 4;
  return widest * Math.max(1, Math.floor(wanted / widest));
}

/** What was made for a key before, or is now. */
function remember<K extends WeakKey, V>(known: WeakMap<K, V>, key: K, make: () => V): V {
  const value = known.get(key) ?? make();
  known.set(key, value);
  return value;
}

function* cut({ from, to }: Range, widest: number): Generator<Range> {
  for (let at = from; at < to; at += widest) yield { from: at, to: Math.min(to, at + widest) };
}

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

/** What sums over a block say of two rows, or of one with itself. */
function pairOf(
  squaredDistance: number,
  product: number,
  same: boolean,
): { product: number; squaredDistance: number } {
  // Only an infinite (or NaN) entry makes an f64 sum of f32 squares non-finite.
  if (Number.isFinite(product) && Number.isFinite(squaredDistance)) {
    return { product, squaredDistance };
  }
  return same
    ? { product: Number.POSITIVE_INFINITY, squaredDistance: 0 }
    : { product: Number.NaN, squaredDistance: Number.POSITIVE_INFINITY };
}
