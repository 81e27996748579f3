/**
 * What the compiled module exports: the functions of assembly/, whose comments say what they do.
 * Addresses and strides are bytes.
 *
 * @module
 */

/** What any module exports. */
export interface Library {
  readonly memory: WebAssembly.Memory;
  heapBase(): number;
  clear(at: number, bytes: number): void;
}

/** A kernel of an operation that brings its bodies: see `WasmColumns` of ../kernels.ts. */
export type ExtraKernel = (
  x: number,
  cols: number,
  table: number,
  block: number,
  out: number,
) => void;

/** The exports of one instance. */
export interface Kernels extends Library {
  eightStride(): number;
  addRows(
    x: number,
    stride: number,
    cols: number,
    list: number,
    entries: number,
    sums: number,
  ): void;
  addEight(x: number, cols: number, weights: number, sums: number): void;
  roundSums(sums: number, cols: number, unit: number, out: number): number;
  replaceSums(sums: number, cols: number, unit: number, out: number): void;
  combineFour(
    x: number,
    stride: number,
    cols: number,
    list: number,
    entries: number,
    units: number,
    out: number,
  ): number;
  rankMeanNetwork(
    x: number,
    stride: number,
    rows: number,
    cols: number,
    from: number,
    to: number,
    program: number,
    steps: number,
    block: number,
    blockCols: number,
    out: number,
  ): void;
  rankMeanSearch(
    x: number,
    stride: number,
    rows: number,
    cols: number,
    from: number,
    to: number,
    block: number,
    out: number,
  ): void;
  nearestMeanNetwork(
    x: number,
    stride: number,
    rows: number,
    cols: number,
    centers: number,
    count: number,
    program: number,
    steps: number,
    block: number,
    blockCols: number,
    out: number,
  ): void;
  nearestMeanSearch(
    x: number,
    stride: number,
    rows: number,
    cols: number,
    centers: number,
    count: number,
    block: number,
    out: number,
  ): void;
  rankSumNetwork(
    x: number,
    stride: number,
    rows: number,
    cols: number,
    from: number,
    to: number,
    program: number,
    steps: number,
    block: number,
    blockCols: number,
    out: number,
  ): void;
  rankSumSearch(
    x: number,
    stride: number,
    rows: number,
    cols: number,
    from: number,
    to: number,
    block: number,
    out: number,
  ): void;
  addLatticeNoise(
    x: number,
    cols: number,
    program: number,
    draws: number,
    tables: number,
    firstBlock: number,
    out: number,
  ): void;
  sumRows(
    x: number,
    stride: number,
    rows: number,
    cols: number,
    program: number,
    groups: number,
    needsTotal: number,
    out: number,
  ): void;
  signSum(x: number, stride: number, rows: number, cols: number, out: number): void;
  deviation(x: number, stride: number, rows: number, cols: number, out: number): void;
  columnNumbers(firstCol: number, cols: number, numbers: number): void;
  screen(
    x: number,
    stride: number,
    rows: number,
    cols: number,
    numbers: number,
    states: number,
  ): void;
  pairs(
    x: number,
    stride: number,
    rows: number,
    cols: number,
    first: number,
    last: number,
    exact: number,
    sums: number,
  ): void;
  splitRow(row: number, cols: number): number;
  squaredDistances(
    x: number,
    stride: number,
    rows: number,
    cols: number,
    first: number,
    last: number,
    sums: number,
  ): void;
}
