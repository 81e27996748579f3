/**
 * The engine: evaluates matrix expressions shard by shard on one backend body, under a budget.
 *
 * A shard is a range of columns. Results that stay wide (columns) may be cut anywhere; results that
 * are summed over columns (rows) are made of blocks whose width depends on the number of rows alone,
 * each block gives its own partial, and partials are added in f64 in block order. So neither the
 * budget nor a retry after a lost device changes a bit of a result.
 *
 * @module
 */

import { assertInteger } from '../core/assert.ts';
import { BackendError } from '../core/errors.ts';
import { eventLoopTurn, TURN_MS } from '../core/turn.ts';
import type {
  Backend,
  BackendInfo,
  Matrix,
  Pairs,
  RowScreen,
  RowSource,
  Tile,
  TileKernels,
  Weights,
} from './kernels.ts';
import * as matrix from './matrix.ts';
import { checkBuffer, isDeviceRow } from './rows.ts';

/** Settings of an engine. */
export interface EngineOptions {
  /** Bytes that tiles may take at once, on the device or in memory. Default 1 GiB. */
  readonly memory?: number;
}

const DEFAULT_MEMORY = 2 ** 30;
/** Row operations reduce in blocks of this many columns … */
const MAX_BLOCK_COLS = 65_536;
/** … or of fewer, if so many rows would make a block larger than this. */
const MAX_BLOCK_BYTES = 2 ** 26;
/** Shards of column operations are multiples of this many columns. */
const COLUMN_UNIT = 64;
/** How often one shard is tried anew after a lost device. */
const MAX_REBUILDS = 2;

/** Columns in a block of row operations over expressions whose widest node has `rows` rows. */
export function blockColumns(rows: number): number {
  const fitting = 2 ** Math.floor(Math.log2(MAX_BLOCK_BYTES / (4 * rows)));
  return Math.max(COLUMN_UNIT, Math.min(MAX_BLOCK_COLS, fitting));
}

/** How the columns of a result may be cut. */
interface Cut {
  /** Columns of a shard are a multiple of this. */
  readonly unit: number;
  /** Bytes of what each unit gives, where that is not small: all of a shard's are held at once. */
  readonly partialBytes?: number;
}

/** How the columns of an expression are cut. */
interface Plan extends Cut {
  /** Bytes of all tiles that one column needs at once. */
  readonly bytesPerCol: number;
  /** Bytes of the largest single tile per column. */
  readonly widestPerCol: number;
}

/** A backend over one body of kernels. Calls may overlap in time; evaluations take turns. */
export class Engine implements Backend {
  readonly #kernels: TileKernels;
  readonly #memory: number;
  /** Uploaded sources that fit whole, oldest first. */
  readonly #resident = new Map<matrix.Node, Tile>();
  readonly #screens = new WeakMap<matrix.Node, Promise<RowScreen>>();
  readonly #pairs = new WeakMap<matrix.Node, Promise<Pairs>>();
  #turn: Promise<unknown> = Promise.resolve();
  #closed = false;
  #tileBytes = 0;
  #peakTileBytes = 0;

  constructor(kernels: TileKernels, options: EngineOptions = {}) {
    this.#kernels = kernels;
    this.#memory = assertInteger('memory', options.memory ?? DEFAULT_MEMORY, 1);
  }

  get info(): BackendInfo {
    return this.#kernels.info;
  }

  get peakTileBytes(): number {
    return this.#peakTileBytes;
  }

  // Expressions

  matrix(rows: readonly (RowSource | Float32Array)[]): Matrix {
    return matrix.source(rows);
  }
  select(x: Matrix, rows: readonly number[]): Matrix {
    return matrix.select(x, rows);
  }
  combine(weights: Weights, x: Matrix): Matrix {
    return matrix.combine(weights, x);
  }
  rankMean(x: Matrix, from: number, to: number): Matrix {
    return matrix.rankMean(x, from, to);
  }
  nearestMean(x: Matrix, center: Matrix, count: number): Matrix {
    return matrix.nearestMean(x, center, count);
  }
  signSum(x: Matrix): Matrix {
    return matrix.signSum(x);
  }
  deviation(x: Matrix): Matrix {
    return matrix.deviation(x);
  }
  stack(x: Matrix, y: Matrix): Matrix {
    return matrix.stack(x, y);
  }

  // Results

  async read(x: Matrix): Promise<Float32Array> {
    const out = new Float32Array(x.rows * x.cols);
    await this.stream(x, (tile, from, to) => {
      const width = to - from;
      for (let row = 0; row < x.rows; row++) {
        out.set(tile.subarray(row * width, (row + 1) * width), row * x.cols + from);
      }
    });
    return out;
  }

  async stream(
    x: Matrix,
    sink: (tile: Float32Array, from: number, to: number) => void | Promise<void>,
  ): Promise<void> {
    const node = matrix.asNode('x', x);
    await this.#shards(node, { unit: COLUMN_UNIT }, async (tile, from, to) => {
      const home = await this.#kernels.read(tile);
      return () => sink(home, from, to);
    });
  }

  async copyTo(x: Matrix, buffer: GPUBuffer): Promise<void> {
    const node = matrix.asNode('x', x);
    const { copyTo, info } = this.#kernels;
    if (copyTo === undefined) {
      throw new BackendError('unavailable', `the ${info.name} backend has no device buffers`);
    }
    if (node.rows !== 1) throw new RangeError(`copyTo needs one row, got ${node.rows}`);
    checkBuffer('buffer', buffer, { bytes: 4 * node.cols, usage: 'COPY_DST' });
    await this.#shards(node, { unit: COLUMN_UNIT }, async (tile, from) => {
      await copyTo.call(this.#kernels, tile, buffer, 4 * from);
    });
  }

  async countNonFinite(x: Matrix): Promise<Uint32Array> {
    return (await this.screen(x)).nonFinite;
  }

  async squaredNorms(x: Matrix): Promise<Float64Array> {
    return (await this.screen(x)).squaredNorms;
  }

  async screen(x: Matrix): Promise<RowScreen> {
    this.#assertOpen();
    return remember(this.#screens, matrix.asNode('x', x), (node) => this.#screen(node));
  }

  async pairs(x: Matrix): Promise<Pairs> {
    this.#assertOpen();
    return remember(this.#pairs, matrix.asNode('x', x), (node) => this.#allPairs(node));
  }

  async #screen(node: matrix.Node): Promise<RowScreen> {
    const nonFinite = new Uint32Array(node.rows);
    const squaredNorms = new Float64Array(node.rows);
    const words = new Uint32Array(2 * node.rows);
    const blockCols = blockColumns(widestRows(node));
    await this.#shards(node, { unit: blockCols }, async (tile, from) => {
      const blocks = await this.#kernels.screen(tile, from, blockCols);
      return () => {
        for (const block of blocks) {
          addInto(nonFinite, block.nonFinite);
          addInto(squaredNorms, block.squaredNorms);
          // The two words of a fingerprint are sums modulo 2³² of their own.
          const { buffer, byteOffset } = block.fingerprints;
          addInto(words, new Uint32Array(buffer, byteOffset, words.length));
        }
      };
    });
    return { nonFinite, squaredNorms, fingerprints: new BigUint64Array(words.buffer) };
  }

  async #allPairs(node: matrix.Node): Promise<Pairs> {
    const products = new Float64Array(node.rows * node.rows);
    const squaredDistances = new Float64Array(node.rows * node.rows);
    const blockCols = blockColumns(widestRows(node));
    const cut = { unit: blockCols, partialBytes: 16 * node.rows ** 2 };
    await this.#shards(node, cut, async (tile) => {
      const blocks = await this.#kernels.pairs(tile, blockCols);
      return () => {
        for (const block of blocks) {
          addInto(products, block.products);
          addInto(squaredDistances, block.squaredDistances);
        }
      };
    });
    return { products, squaredDistances };
  }

  screenAlong(x: Matrix): void {
    matrix.asNode('x', x);
  }

  explain(x: Matrix): readonly string[] {
    return [
      ...new Set(matrix.nodesOf(matrix.asNode('x', x)).flatMap((node) => this.#nameOf(node))),
    ];
  }

  /** What runs for a node: nothing for sources and views. */
  #nameOf(node: matrix.Node): string[] {
    if (node.op === 'source' || node.op === 'select') return [];
    if (node.op !== 'rankMean' && node.op !== 'nearestMean') return [node.op];
    const regime = this.#kernels.regimeOf?.({ ...node, rows: node.x.rows });
    return [regime === undefined ? node.op : `${node.op} (${regime})`];
  }

  // Lifetime

  release(x: Matrix): void {
    const node = matrix.asNode('x', x);
    void this.#exclusively(async () => {
      for (const part of matrix.nodesOf(node)) this.#evict(part);
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    await this.#exclusively(async () => {
      this.#closed = true;
      for (const node of [...this.#resident.keys()]) this.#evict(node);
      await this.#kernels.close();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #assertOpen(): void {
    if (this.#closed) throw new BackendError('closed', 'the backend was closed');
  }

  // Shards

  /**
   * Evaluates `node` on every shard in column order. `body` does the work that may have to be done
   * again (out of memory, lost device) and returns what is done once with its outcome.
   */
  async #shards(
    node: matrix.Node,
    cut: Cut,
    body: (tile: Tile, from: number, to: number) => Promise<(() => void | Promise<void>) | void>,
  ): Promise<void> {
    await this.#exclusively(async () => {
      this.#assertOpen();
      const plan = planOf(node, cut);
      let width = this.#shardWidth(plan, node.cols);
      let rebuilds = 0;
      let lastTurn = performance.now();
      for (let from = 0; from < node.cols; ) {
        const to = Math.min(node.cols, from + width);
        let finish: (() => void | Promise<void>) | void;
        try {
          this.#makeRoomFor(node, { from, to, bytes: plan.bytesPerCol * (to - from) });
          finish = await this.#onShard(node, from, to, body);
        } catch (error) {
          if (!(error instanceof BackendError)) throw error;
          if (error.code === 'out-of-memory' && this.#makeRoom(node)) continue;
          if (error.code === 'out-of-memory' && width > plan.unit) {
            width = Math.max(plan.unit, roundDown(Math.min(width, node.cols) / 2, plan.unit));
          } else if (error.code === 'device-lost' && rebuilds < MAX_REBUILDS) {
            rebuilds++;
            this.#forgetTiles();
            await this.#kernels.rebuild();
          } else {
            throw error;
          }
          continue;
        }
        // What it throws is the caller's own, and no reason to do the shard again.
        await finish?.();
        from = to;
        rebuilds = 0;
        if (performance.now() - lastTurn < TURN_MS) continue;
        await eventLoopTurn();
        lastTurn = performance.now();
      }
    });
  }

  async #onShard<T>(
    node: matrix.Node,
    from: number,
    to: number,
    body: (tile: Tile, from: number, to: number) => Promise<T>,
  ): Promise<T> {
    const tiles = new Map<matrix.Node, Tile>();
    try {
      return await body(await this.#evaluate(node, { from, to, tiles }), from, to);
    } finally {
      // In reverse: a view goes before what it looks at.
      for (const [made, tile] of [...tiles].reverse()) {
        if (this.#resident.get(made) !== tile) this.#free(made, tile);
      }
    }
  }

  async #evaluate(
    node: matrix.Node,
    shard: { from: number; to: number; tiles: Map<matrix.Node, Tile> },
  ): Promise<Tile> {
    const known = shard.tiles.get(node) ?? this.#residentTile(node, shard);
    if (known !== undefined) return known;
    const of = (input: matrix.Node): Promise<Tile> => this.#evaluate(input, shard);
    const tile = await this.#apply(node, of, shard);
    shard.tiles.set(node, tile);
    this.#account(node, tile, 1);
    if (node.op === 'source' && isWhole(node, shard) && this.#mayKeep(node)) {
      this.#resident.set(node, tile);
    }
    return tile;
  }

  async #apply(
    node: matrix.Node,
    of: (input: matrix.Node) => Promise<Tile>,
    { from, to }: { from: number; to: number },
  ): Promise<Tile> {
    const kernels = this.#kernels;
    switch (node.op) {
      case 'source':
        return kernels.upload(node.sources, from, to);
      case 'select':
        return kernels.select(await of(node.x), node.indices);
      case 'combine':
        return kernels.combine(node.weights, await of(node.x));
      case 'stack':
        return kernels.stack(await of(node.x), await of(node.y));
      case 'rankMean':
        return kernels.rankMean(await of(node.x), node.from, node.to);
      case 'nearestMean':
        return kernels.nearestMean(await of(node.x), await of(node.center), node.count);
      case 'signSum':
        return kernels.signSum(await of(node.x));
      case 'deviation':
        return kernels.deviation(await of(node.x));
      default:
        return node satisfies never;
    }
  }

  #shardWidth(plan: Plan, cols: number): number {
    const withPartials = plan.bytesPerCol + (plan.partialBytes ?? 0) / plan.unit;
    const limit = Math.min(
      this.#memory / plan.bytesPerCol,
      // One unit may always be tried: its partial is all the result there is.
      Math.max(plan.unit, this.#memory / withPartials),
      // A body may pad rows to whole units.
      roundDown(this.#kernels.maxTileBytes / plan.widestPerCol, COLUMN_UNIT),
    );
    if (limit >= cols) return cols;
    const width = roundDown(limit, plan.unit);
    if (width >= plan.unit) return width;
    const least = Math.min(plan.unit, cols);
    throw new BackendError(
      'limit',
      `memory must be at least ${least * plan.bytesPerCol} bytes for ${plan.bytesPerCol / 4} rows of ` +
        `${least} columns, got ${this.#memory} (largest buffer: ${this.#kernels.maxTileBytes})`,
    );
  }

  // Tiles and their bytes

  #residentTile(node: matrix.Node, shard: { from: number; to: number }): Tile | undefined {
    if (!isWhole(node, shard)) return undefined;
    const tile = this.#resident.get(node);
    if (tile === undefined) return undefined;
    this.#resident.delete(node);
    this.#resident.set(node, tile);
    return tile;
  }

  #mayKeep(node: matrix.Source): boolean {
    return !node.sources.some(isDeviceRow) && 8 * node.rows * node.cols <= this.#memory;
  }

  /** Evicts kept sources, oldest first, until all tiles of a shard of `node` fit beside the rest. */
  #makeRoomFor(node: matrix.Node, shard: { from: number; to: number; bytes: number }): void {
    const used = new Set(isWhole(node, shard) ? matrix.nodesOf(node) : []);
    const others = [...this.#resident].filter(([kept]) => !used.has(kept));
    let bytes = others.reduce((sum, [, tile]) => sum + bytesOf(tile), shard.bytes);
    for (const [kept, tile] of others) {
      if (bytes <= this.#memory) return;
      this.#evict(kept);
      bytes -= bytesOf(tile);
    }
  }

  /** Evicts every kept source. Whether that leaves more room for `node` than it had before. */
  #makeRoom(node: matrix.Node): boolean {
    const kept = [...this.#resident.keys()];
    for (const source of kept) this.#evict(source);
    // Its own sources will be uploaded again, and take the same room.
    const used = new Set(matrix.nodesOf(node));
    return kept.some((source) => !used.has(source));
  }

  #evict(node: matrix.Node): void {
    const tile = this.#resident.get(node);
    if (tile === undefined) return;
    this.#resident.delete(node);
    this.#free(node, tile);
  }

  #forgetTiles(): void {
    this.#resident.clear();
    this.#tileBytes = 0;
  }

  #free(node: matrix.Node, tile: Tile): void {
    this.#kernels.free(tile);
    this.#account(node, tile, -1);
  }

  #account(node: matrix.Node, tile: Tile, sign: 1 | -1): void {
    if (node.op === 'select') return;
    this.#tileBytes += sign * bytesOf(tile);
    this.#peakTileBytes = Math.max(this.#peakTileBytes, this.#tileBytes);
  }

  #exclusively<T>(body: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(body);
    this.#turn = mine.catch(() => {});
    return mine;
  }
}

function planOf(node: matrix.Node, cut: Cut): Plan {
  const owned = matrix.nodesOf(node).filter((part) => part.op !== 'select');
  const rows = owned.reduce((sum, part) => sum + part.rows, 0);
  return { ...cut, bytesPerCol: 4 * rows, widestPerCol: 4 * widestRows(node) };
}

function widestRows(node: matrix.Node): number {
  return Math.max(...matrix.nodesOf(node).map((part) => part.rows));
}

function bytesOf(tile: Tile): number {
  return 4 * tile.rows * tile.cols;
}

function isWhole(node: matrix.Node, shard: { from: number; to: number }): boolean {
  return shard.from === 0 && shard.to === node.cols;
}

function roundDown(value: number, unit: number): number {
  return Math.floor(value / unit) * unit;
}

function addInto<T extends Float64Array | Uint32Array>(sum: T, part: T): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += part[i]!;
}

/** A result that is computed once for each node; a failure is not remembered. */
function remember<T>(
  memory: WeakMap<matrix.Node, Promise<T>>,
  node: matrix.Node,
  compute: (node: matrix.Node) => Promise<T>,
): Promise<T> {
  const known = memory.get(node);
  if (known !== undefined) return known;
  const result = compute(node);
  memory.set(node, result);
  result.catch(() => memory.delete(node));
  return result;
}
