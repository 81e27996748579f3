/**
 * The reference backend: what every operation means, in f64 and without tricks. Each result is
 * rounded to f32 once, when it is stored.
 *
 * @module
 */

import type {
  BackendInfo,
  ExtraOperation,
  LatticeNoise,
  PairBlock,
  Place,
  RowScreen,
  RowSource,
  Tile,
  TileKernels,
  Weights,
} from '../kernels.ts';
import { fingerprintWords } from './fingerprint.ts';
import { addLatticeNoise } from './lattice-noise.ts';

/** A tile in memory: row i starts at `starts[i]`. */
interface MemoryTile extends Tile {
  readonly data: Float32Array;
  readonly starts: readonly number[];
}

/** The meaning of every kernel. */
export class ReferenceKernels implements TileKernels {
  readonly info: BackendInfo = {
    name: 'reference',
    adapter: 'CPU, JavaScript f64',
    software: true,
  };
  readonly maxTileBytes: number = 2 ** 32;
  readonly shardBytes: number = 2 ** 28;

  async upload(rows: readonly RowSource[], from: number, to: number): Promise<Tile> {
    const tile = allocate(rows.length, to - from);
    for (const [i, row] of rows.entries()) {
      if (!('read' in row)) {
        throw new TypeError(`row ${i} lies on a GPU; the reference backend reads memory`);
      }
      await row.read(from, to, rowOf(tile, i));
    }
    return tile;
  }

  select(x: Tile, rows: readonly number[]): Tile {
    const { data, starts, cols } = own(x);
    const view: MemoryTile = { rows: rows.length, cols, data, starts: rows.map((i) => starts[i]!) };
    return view;
  }

  async combine(weights: Weights, x: Tile): Promise<Tile> {
    const tile = own(x);
    const out = allocate(weights.length, x.cols);
    for (const [k, row] of weights.entries()) {
      const sum = new Float64Array(x.cols);
      const unit = unitOf(row);
      for (let i = 0; i < x.rows; i++) {
        const weight = row[i]! / unit;
        // A row of weight 0 is not read: 0 · Infinity must not become NaN.
        if (weight === 0) continue;
        const values = rowOf(tile, i);
        for (let j = 0; j < x.cols; j++) sum[j]! += weight * values[j]!;
      }
      rowOf(out, k).set(unit === 1 ? sum : sum.map((value) => value * unit));
    }
    return out;
  }

  async rankMean(x: Tile, from: number, to: number): Promise<Tile> {
    return byColumn(x, (column) => meanOf(column.sort().subarray(from, to)));
  }

  async nearestMean(x: Tile, center: Tile, count: number): Promise<Tile> {
    const centers = rowOf(own(center), 0);
    return byColumn(x, (column, j) => {
      const c = centers[j]!;
      const near = Array.from(column.sort(), (value) => ({ value, away: distance(value, c) }));
      // The sort is stable and the column ascending: equal distances go to the lower value.
      near.sort((a, b) => (a.away === b.away ? 0 : a.away - b.away));
      return meanOf(near.slice(0, count).map(({ value }) => value));
    });
  }

  async signSum(x: Tile): Promise<Tile> {
    return byColumn(x, (column) => column.reduce((sum, value) => sum + (Math.sign(value) || 0), 0));
  }

  async deviation(x: Tile): Promise<Tile> {
    return byColumn(x, (column) => {
      const mean = meanOf(column);
      let squares = 0;
      for (const value of column) squares += (value - mean) ** 2;
      return Math.sqrt(squares / (x.rows - 1));
    });
  }

  async stack(x: Tile, y: Tile): Promise<Tile> {
    const out = allocate(x.rows + y.rows, x.cols);
    for (let i = 0; i < x.rows; i++) rowOf(out, i).set(rowOf(own(x), i));
    for (let i = 0; i < y.rows; i++) rowOf(out, x.rows + i).set(rowOf(own(y), i));
    return out;
  }

  async addLatticeNoise(x: Tile, noise: LatticeNoise, firstCol: number): Promise<Tile> {
    const out = allocate(1, x.cols);
    rowOf(out, 0).set(rowOf(own(x), 0));
    addLatticeNoise(new Uint32Array(out.data.buffer), noise, firstCol);
    return out;
  }

  async extra(operation: ExtraOperation, x: Tile, place: Place): Promise<Tile> {
    const out = allocate(x.rows, place.cols);
    operation.reference(rowsOf(own(x)), rowsOf(out), place);
    operation.onDispatch?.({ from: place.firstCol, to: place.firstCol + place.cols });
    return out;
  }

  async rankSum(x: Tile, from: number, to: number): Promise<Tile> {
    const out = allocate(1, x.cols);
    const sums = new Uint32Array(out.data.buffer);
    const rows = Array.from({ length: x.rows }, (_, i) => integersOf(own(x), i));
    const column = new Int32Array(x.rows);
    for (let j = 0; j < x.cols; j++) {
      for (const [i, row] of rows.entries()) column[i] = row[j]!;
      for (const value of column.sort().subarray(from, to)) sums[j]! += value;
    }
    return out;
  }

  async sumRows(x: Tile, groups: readonly (readonly number[])[]): Promise<Tile> {
    const out = allocate(groups.length, x.cols);
    for (const [k, group] of groups.entries()) {
      const sums = integersOf(out, k);
      for (const i of group) {
        const row = integersOf(own(x), i);
        for (let j = 0; j < x.cols; j++) sums[j]! += row[j]!;
      }
    }
    return out;
  }

  async squaredDistances(x: Tile, blockCols: number): Promise<Float64Array[]> {
    return blocksOf(x, blockCols, (block) => {
      const n = block.rows;
      const sums = new Float64Array(n * n);
      const narrow = block.starts.map((_, i) => integersOf(block, i).every(isNarrow));
      for (let i = 0; i < n; i++) {
        const a = integersOf(block, i);
        for (let j = i + 1; j < n; j++) {
          const b = integersOf(block, j);
          let sum = narrow[i] && narrow[j] ? 0 : Number.POSITIVE_INFINITY;
          for (let k = 0; k < block.cols; k++) sum += (a[k]! - b[k]!) ** 2;
          sums[i * n + j] = sums[j * n + i] = sum;
        }
      }
      return sums;
    });
  }

  async screen(x: Tile, firstCol: number, blockCols: number): Promise<RowScreen[]> {
    return blocksOf(x, blockCols, (block, from) => {
      const nonFinite = new Uint32Array(x.rows);
      const squaredNorms = new Float64Array(x.rows);
      const words = new Uint32Array(2 * x.rows);
      for (let i = 0; i < x.rows; i++) {
        const values = rowOf(block, i);
        words.set(fingerprintWords(values, firstCol + from), 2 * i);
        for (const value of values) {
          if (!Number.isFinite(value)) nonFinite[i]!++;
          squaredNorms[i]! += value * value;
        }
        if (nonFinite[i]! > 0) squaredNorms[i] = Number.POSITIVE_INFINITY;
      }
      return { nonFinite, squaredNorms, fingerprints: new BigUint64Array(words.buffer) };
    });
  }

  async pairs(x: Tile, blockCols: number): Promise<PairBlock[]> {
    return blocksOf(x, blockCols, (block) => {
      const n = block.rows;
      const products = new Float64Array(n * n);
      const squaredDistances = new Float64Array(n * n);
      for (let i = 0; i < n; i++) {
        for (let j = i; j < n; j++) {
          const { product, squaredDistance } = pairOf(rowOf(block, i), rowOf(block, j));
          // A row that is not finite has an infinite norm.
          const own = Number.isNaN(product) ? Number.POSITIVE_INFINITY : product;
          products[i * n + j] = products[j * n + i] = i === j ? own : product;
          squaredDistances[i * n + j] = squaredDistances[j * n + i] = i === j ? 0 : squaredDistance;
        }
      }
      return { products, squaredDistances };
    });
  }

  async read(x: Tile): Promise<Float32Array> {
    const tile = own(x);
    // Always a copy: the tile may be kept, and whoever reads may write.
    const home = allocate(x.rows, x.cols);
    for (let i = 0; i < x.rows; i++) rowOf(home, i).set(rowOf(tile, i));
    return home.data;
  }

  free(): void {}

  async rebuild(): Promise<void> {}

  async close(): Promise<void> {}
}

function allocate(rows: number, cols: number): MemoryTile {
  const starts = Array.from({ length: rows }, (_, i) => i * cols);
  return { rows, cols, data: new Float32Array(rows * cols), starts };
}

function own(x: Tile): MemoryTile {
  return x as MemoryTile;
}

function rowOf({ data, starts, cols }: MemoryTile, row: number): Float32Array {
  return data.subarray(starts[row]!, starts[row]! + cols);
}

function rowsOf(tile: MemoryTile): Float32Array[] {
  return Array.from({ length: tile.rows }, (_, i) => rowOf(tile, i));
}

/** Whether a difference to its like has an exact square. */
function isNarrow(entry: number): boolean {
  return Math.abs(entry) < 2 ** 25;
}

/** A row of words, as i32. */
function integersOf(tile: MemoryTile, row: number): Int32Array {
  const { buffer, byteOffset, length } = rowOf(tile, row);
  return new Int32Array(buffer, byteOffset, length);
}

/** A 1×d tile made one column at a time. `body` may reorder the column it is given. */
function byColumn(x: Tile, body: (column: Float32Array, j: number) => number): MemoryTile {
  const { data, starts, cols } = own(x);
  const out = allocate(1, cols);
  const column = new Float32Array(x.rows);
  for (let j = 0; j < cols; j++) {
    for (let i = 0; i < x.rows; i++) column[i] = data[starts[i]! + j]!;
    out.data[j] = body(column, j);
  }
  return out;
}

function blocksOf<T>(
  x: Tile,
  blockCols: number,
  body: (block: MemoryTile, from: number) => T,
): T[] {
  const { data, starts, rows, cols } = own(x);
  const results: T[] = [];
  for (let from = 0; from < cols; from += blockCols) {
    const width = Math.min(blockCols, cols - from);
    results.push(body({ rows, cols: width, data, starts: starts.map((s) => s + from) }, from));
  }
  return results;
}

/** 1, or where weights are so large that terms could leave f64, a power of two to divide them by. */
function unitOf(weights: ArrayLike<number>): number {
  for (let i = 0; i < weights.length; i++) {
    // Weights below 2⁻³⁰⁰ add nothing to an f32, so that the division loses nothing.
    if (Math.abs(weights[i]!) > 2 ** 800) return 2 ** 400;
  }
  return 1;
}

function meanOf(values: ArrayLike<number>): number {
  if (values.length === 1) return values[0]!;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

/** |value − center| rounded to 24 bits, without f32's upper limit. */
function distance(value: number, center: number): number {
  if (value === center) return 0;
  const away = Math.abs(value - center);
  if (Number.isNaN(away)) return Number.POSITIVE_INFINITY;
  return away < 2 ** 126 ? Math.fround(away) : 4 * Math.fround(away / 4);
}

function pairOf(a: Float32Array, b: Float32Array): { product: number; squaredDistance: number } {
  let product = 0;
  let squaredDistance = 0;
  for (let j = 0; j < a.length; j++) {
    const difference = a[j]! - b[j]!;
    product += a[j]! * b[j]!;
    squaredDistance += difference * difference;
  }
  // Only an infinite (or NaN) entry makes an f64 sum of f32 squares non-finite.
  if (Number.isFinite(product) && Number.isFinite(squaredDistance)) {
    return { product, squaredDistance };
  }
  return { product: Number.NaN, squaredDistance: Number.POSITIVE_INFINITY };
}
