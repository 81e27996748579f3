/**
 * Jobs: one operation on one tile, in a form that can be sent to another thread, and cut into units
 * that are done in any order.
 *
 * @module
 */

import type { Density, FileRange, PairBlock, RowScreen } from '../kernels.ts';

/** What sorts, see network-program.ts; `undefined` where ranks are searched for. */
export type Network = Uint32Array | undefined;

/** Results that stay wide: every column of the output comes from the same column of the rows. */
export type ColumnWork =
  | { readonly op: 'combine'; readonly weights: readonly Float64Array[] }
  | {
      readonly op: 'rankMean';
      readonly from: number;
      readonly to: number;
      readonly program: Network;
    }
  /** The center is the last of the job's rows. */
  | { readonly op: 'nearestMean'; readonly count: number; readonly program: Network }
  | { readonly op: 'signSum' }
  | { readonly op: 'deviation' }
  | {
      readonly op: 'rankSum';
      readonly from: number;
      readonly to: number;
      readonly program: Network;
    }
  /** See row-sums.ts; the job's rows are those that are used. */
  | {
      readonly op: 'sumRows';
      readonly groups: number;
      readonly needsTotal: boolean;
      readonly program: Uint32Array;
    }
  /** See noise-program.ts; the program is a secret. */
  | {
      readonly op: 'addLatticeNoise';
      readonly draws: number;
      readonly program: Uint32Array;
      readonly tables: Uint32Array;
    }
  /** By a kernel of another module: see `WasmColumns` of kernels.ts. The table is a secret. */
  | {
      readonly op: 'extra';
      readonly library: string;
      readonly module: WebAssembly.Module;
      readonly kernel: string;
      readonly table: Uint32Array;
      readonly density?: Density | undefined;
    };

/** Results that are sums over the columns of a block: one {@link UnitResult} for each unit. */
export type RowWork =
  | { readonly op: 'screen' }
  | { readonly op: 'pairs' }
  | { readonly op: 'squaredDistances' };

/** Columns [from, to) of some rows. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Columns of a unit. */
export function rangeOf({ unitCols, cols }: Job, unit: number): Range {
  const from = unit * unitCols;
  return { from, to: Math.min(cols, from + unitCols) };
}

/** Where columns lie in the rows of a job, or in its outputs: they are as wide, unless packed. */
export function wordsOf(
  side: keyof Density,
  { from, to }: Range,
  { work }: Pick<Job, 'work'>,
): Range {
  const density = (work.op === 'extra' && work.density?.[side]) || 1;
  return { from: Math.ceil(from * density), to: Math.ceil(to * density) };
}

/** The ways in which this body computes order statistics. */
export type WasmRegime = 'network' | 'search';

/** A row in a file, whose column 0 is column `first` of what the file holds of it. */
export interface FileRow {
  readonly file: FileRange;
  readonly first: number;
}

/** Where a row lies. */
export type JobRow = Float32Array | FileRow;

/** Whether a row is read from its file. */
export function isInFile(row: JobRow): row is FileRow {
  return !(row instanceof Float32Array);
}

/** Reads columns [from, to) of a row into `memory`, from `address` on. Throws where a file gives less. */
export type ReadRow = (
  row: FileRow,
  range: { readonly from: number; readonly to: number },
  memory: Uint8Array,
  address: number,
) => void;

/**
 * One operation on one tile. Survives a structured clone; where rows and outputs lie in shared
 * memory, the clone sees the same entries. A team copies what does not.
 */
export interface Job {
  readonly work: ColumnWork | RowWork;
  /** The tile's rows, each `cols` long. */
  readonly rows: readonly JobRow[];
  /** So many of the rows, from the first, are screened as well: a unit is a block of their screen. */
  readonly screens?: number;
  /** Rows of the output, each `cols` long; none for row operations. They overlap none of `rows`. */
  readonly out: readonly Float32Array[];
  readonly cols: number;
  /** Which column of the matrix column 0 is, where that shows in the result. Default 0. */
  readonly firstCol?: number;
  /** Columns of a unit, but for the last: unit u covers columns from `u · unitCols`. */
  readonly unitCols: number;
  /** Number of units. Each is done once, in any order, on any thread. */
  readonly units: number;
}

/**
 * What a unit of a row operation gives, its screen or both; the arrays are its own and may be
 * transferred.
 */
export type UnitResult = RowScreen | PairBlock | DistanceBlock | (PairBlock & RowScreen);

/** Sums over one block of columns; Infinity where a row has an entry that is not below 2²⁵. */
export type DistanceBlock = Pick<PairBlock, 'squaredDistances'>;

/** Threads that do jobs. */
export interface Team {
  /** Threads that work at once. */
  readonly threads: number;
  /** How rows in files are read; without it, no job has any. */
  readonly readRow?: ReadRow | undefined;
  /**
   * All units of the job, in order: results of row operations, `undefined` for column operations,
   * whose outputs are written when the promise is fulfilled. One job at a time.
   */
  run(job: Job): Promise<(UnitResult | undefined)[]>;
  /** Ends the threads; a job under way is rejected. */
  close(): Promise<void>;
}
