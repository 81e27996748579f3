/**
 * The engine: evaluates matrix expressions shard by shard on one backend body, under a budget.
 *
 * A shard is a range of columns (how they are cut: pass.ts). While one shard is computed with, the
 * next one is read and uploaded. Blocks of row operations give their own partials, which are added in
 * f64 in block order, so that neither the budget nor a retry after a lost device changes a bit of a
 * result.
 *
 * @module
 */

import { assertInteger } from '../core/assert.ts';
import { BackendError } from '../core/errors.ts';
import { eventLoopTurn, TURN_MS } from '../core/turn.ts';
import type {
  Backend,
  BackendInfo,
  Coding,
  HostRow,
  Matrix,
  Pairs,
  RowScreen,
  ScreenAlong,
  Tile,
  TileKernels,
  Words,
} from './kernels.ts';
import * as matrix from './matrix.ts';
import { packedWords } from './packing.ts';
import { blockColumns, type Cut, narrowed, type Pass, passOf, widestRows } from './pass.ts';
import { checkBuffer, checkLength } from './rows.ts';
import * as words from './words.ts';

/** Settings of an engine. */
export interface EngineOptions {
  /** Bytes that tiles may take at once, on the device or in memory. Default 1 GiB. */
  readonly memory?: number;
}

const DEFAULT_MEMORY = 2 ** 30;
/** How often one shard is tried anew after a lost device. */
const MAX_REBUILDS = 2;
/** Columns of which shards are whole numbers, as pass.ts has it by itself: packed, they are whole words. */
const PACKED_UNIT = 64;

/** A range of columns. */
interface Range {
  readonly from: number;
  readonly to: number;
}

/** The rows of a source that a pass reads, as a tile of one shard. */
interface Upload {
  readonly tile: Tile;
  /** The rows of the source that the tile holds, in order. */
  readonly rows: readonly number[];
  /** Whether it stays after the shard. */
  readonly kept: boolean;
}

type Uploads = ReadonlyMap<matrix.AnySource, Upload>;

/** What is known while expressions are evaluated on a shard. */
interface Evaluation extends Range {
  readonly uploads: Uploads;
  readonly tiles: Map<matrix.Node, Tile>;
}

/** The uploads of a shard, under way. */
interface Ahead extends Range {
  readonly uploads: Promise<Uploads>;
}

/** What a shard does once its work has succeeded, and need not be done again. */
type Finish = () => void | Promise<void>;

/** Tiles of a source that stay uploaded, by first column, each as wide as its shard was. */
type Kept = Map<number, Tile>;

/** A backend over one body of kernels. Calls may overlap in time; evaluations take turns. */
export class Engine implements Backend {
  readonly #kernels: TileKernels;
  readonly #memory: number;
  /** Sources that stay uploaded, the least lately used first. */
  readonly #kept = new Map<matrix.AnySource, Kept>();
  /** Sources to be screened by the next pass over them. */
  readonly #toScreen = new Set<matrix.AnySource>();
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

  readonly matrix: Backend['matrix'] = matrix.source;
  readonly select: Backend['select'] = matrix.select;
  readonly combine: Backend['combine'] = matrix.combine;
  readonly rankMean: Backend['rankMean'] = matrix.rankMean;
  readonly nearestMean: Backend['nearestMean'] = matrix.nearestMean;
  readonly signSum: Backend['signSum'] = matrix.signSum;
  readonly deviation: Backend['deviation'] = matrix.deviation;
  readonly stack: Backend['stack'] = matrix.stack;
  readonly words: Backend['words'] = words.words;
  readonly addLatticeNoise: Backend['addLatticeNoise'] = words.addLatticeNoise;
  readonly rankSum: Backend['rankSum'] = words.rankSum;
  readonly sumRows: Backend['sumRows'] = words.sumRows;

  // Results

  async read(x: Matrix, into?: Float32Array): Promise<Float32Array> {
    const node = matrix.asNode('x', x);
    const values = into === undefined ? blank(node) : into;
    checkLength(values, node, Float32Array);
    await this.#readInto([node], [values]);
    return values;
  }

  async readWords(x: Words, into?: Uint32Array): Promise<Uint32Array> {
    const node = matrix.asWords('x', x);
    const values = into === undefined ? new Uint32Array(node.rows * node.cols) : into;
    checkLength(values, node, Uint32Array);
    const { buffer, byteOffset, length } = values;
    await this.#readInto([node], [new Float32Array(buffer, byteOffset, length)]);
    return values;
  }

  async readCoded(x: Words, { operation, bits }: Coding, into: Uint8Array): Promise<void> {
    const node = matrix.asWords('x', x);
    const cut = { unit: PACKED_UNIT, partialBytes: (PACKED_UNIT / 8) * bits };
    await this.#pass([node], cut, async ([tile], { from, to }) => {
      const place = { cols: packedWords(to - from, bits), firstCol: from };
      const coded = await this.#kernels.extra(operation, tile!, place);
      this.#account(coded, 1);
      try {
        const { buffer, byteOffset, byteLength } = await this.#kernels.read(coded);
        const start = (from / 8) * bits;
        const there = new Uint8Array(buffer, byteOffset, Math.min(byteLength, into.length - start));
        into.set(there, start);
      } finally {
        this.#free(coded);
      }
      return undefined;
    });
  }

  async readAll(xs: readonly Matrix[]): Promise<Float32Array[]> {
    const nodes = xs.map((x, k) => matrix.asNode(`matrix ${k}`, x));
    const cols = nodes[0]?.cols;
    if (nodes.some((node) => node.cols !== cols)) {
      throw new RangeError(`matrices must be equally wide, got ${nodes.map(({ cols }) => cols)}`);
    }
    const outs = nodes.map(blank);
    if (nodes.length > 0) await this.#readInto(nodes, outs);
    return outs;
  }

  async #readInto(nodes: readonly matrix.Node[], outs: readonly Float32Array[]): Promise<void> {
    // Several may be computed from one another.
    const home = nodes.length === 1 && nodes[0]!.rows === 1 ? outs[0]! : undefined;
    await this.#pass(nodes, { home }, async (tiles, { from, to }) => {
      for (const [k, tile] of tiles.entries()) {
        const values = await this.#kernels.read(tile);
        if (values.buffer === home?.buffer) continue;
        for (let row = 0; row < tile.rows; row++) {
          const part = values.subarray(row * (to - from), (row + 1) * (to - from));
          outs[k]!.set(part, row * nodes[k]!.cols + from);
        }
      }
      return undefined;
    });
  }

  async stream(
    x: Matrix,
    sink: (tile: Float32Array, from: number, to: number) => void | Promise<void>,
  ): Promise<void> {
    const node = matrix.asNode('x', x);
    await this.#pass([node], {}, async ([tile], { from, to }) => {
      const home = await this.#kernels.read(tile!);
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
    await this.#pass([node], {}, async ([tile], { from }) => {
      await copyTo.call(this.#kernels, tile!, buffer, 4 * from);
      return undefined;
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

  async squaredDistances(x: Words): Promise<Float64Array> {
    const node = matrix.asWords('x', x);
    const sums = new Float64Array(node.rows * node.rows);
    const blockCols = blockColumns(widestRows(node));
    const cut = { unit: blockCols, partialBytes: 8 * node.rows ** 2 };
    await this.#pass([node], cut, async ([tile]) => {
      const blocks = await this.#kernels.squaredDistances(tile!, blockCols);
      return () => {
        for (const block of blocks) addInto(sums, block);
      };
    });
    const inexact = sums.findIndex((sum) => sum >= 2 ** 53);
    if (inexact < 0) return sums;
    const pair = `rows ${Math.floor(inexact / node.rows)} and ${inexact % node.rows}`;
    throw new RangeError(
      sums[inexact] === Number.POSITIVE_INFINITY
        ? `squared distances need entries below 2^25 in magnitude, and one of ${pair} is not`
        : `squared distances must be below 2^53, got ${sums[inexact]} of ${pair}`,
    );
  }

  async #screen(node: matrix.Node): Promise<RowScreen> {
    const sum = new ScreenSum(node.rows);
    const blockCols = blockColumns(widestRows(node));
    await this.#pass([node], { unit: blockCols }, async ([tile], { from }) => {
      const blocks = await this.#kernels.screen(tile!, from, blockCols);
      return () => sum.add(blocks);
    });
    return sum.value();
  }

  async #allPairs(node: matrix.Node): Promise<Pairs> {
    const products = new Float64Array(node.rows * node.rows);
    const squaredDistances = new Float64Array(node.rows * node.rows);
    const blockCols = blockColumns(widestRows(node));
    const cut = { unit: blockCols, partialBytes: 16 * node.rows ** 2 };
    await this.#pass([node], cut, async ([tile]) => {
      const blocks = await this.#kernels.pairs(tile!, blockCols);
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
    const node = matrix.asNode('x', x);
    if (node.op !== 'source') throw new TypeError('x must come from matrix()');
    if (!this.#screens.has(node)) this.#toScreen.add(node);
  }

  explain(x: Matrix | Words): readonly string[] {
    return [...new Set(matrix.nodesOf(asAnyNode('x', x)).flatMap((node) => this.#nameOf(node)))];
  }

  /** What runs for a node: nothing for sources and views. */
  #nameOf(node: matrix.Node): string[] {
    if (node.op === 'source' || node.op === 'select') return [];
    if (node.op === 'extra') return [node.operation.name];
    if (node.op !== 'rankMean' && node.op !== 'nearestMean') return [node.op];
    const regime = this.#kernels.regimeOf?.({ ...node, rows: node.x.rows });
    return [regime === undefined ? node.op : `${node.op} (${regime})`];
  }

  // Lifetime

  release(x: Matrix | Words): void {
    const node = asAnyNode('x', x);
    void this.#exclusively(async () => {
      for (const part of matrix.nodesOf(node)) {
        if (part.op === 'extra') part.operation.release?.();
        if (part.op !== 'source') continue;
        this.#toScreen.delete(part);
        this.#evict(part);
      }
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    await this.#exclusively(async () => {
      this.#closed = true;
      for (const source of [...this.#kept.keys()]) this.#evict(source);
      await this.#kernels.close();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #assertOpen(): void {
    if (this.#closed) throw new BackendError('closed', 'the backend was closed');
  }

  // Passes

  /**
   * Evaluates `targets` on every shard in column order. `body` does the work that may have to be done
   * again (out of memory, lost device) and returns what is done once with its outcome. Sources that
   * wait to be screened are screened on the way. `home`: where a single row will be brought.
   */
  async #pass(
    targets: readonly matrix.Node[],
    { home, ...cut }: Cut & { readonly home?: Float32Array | undefined },
    body: (tiles: readonly Tile[], shard: Range) => Promise<Finish | undefined>,
  ): Promise<void> {
    await this.#exclusively(async () => {
      this.#assertOpen();
      const { pass, screens } = this.#planned(targets, cut);
      await this.#shards(pass, async (uploads, shard) => {
        const tiles = new Map<matrix.Node, Tile>();
        try {
          const finishes: (Finish | undefined)[] = [];
          const along = await this.#startScreens(screens, uploads, shard);
          const place = home?.subarray(shard.from, shard.to);
          for (const target of targets) {
            await this.#evaluate(target, { ...shard, uploads, tiles }, place);
          }
          const results = targets.map((target) => tiles.get(target)!);
          finishes.push(await body(results, shard));
          for (const { sum, screen } of along) {
            const blocks = await screen();
            finishes.push(() => sum.add(blocks));
          }
          return async () => {
            for (const finish of finishes) await finish?.();
          };
        } finally {
          this.#freeAll(tiles, uploads);
        }
      });
      for (const [source, sum] of screens) {
        this.#toScreen.delete(source);
        this.#screens.set(source, Promise.resolve(sum.value()));
      }
    });
  }

  /** The pass for `targets`, and the sources that it screens on the way, where that leaves room. */
  #planned(
    targets: readonly matrix.Node[],
    cut: Cut,
  ): { pass: Pass; screens: ReadonlyMap<matrix.AnySource, ScreenSum> } {
    const { maxTileBytes, shardBytes, inPlaceShardBytes, readsFiles } = this.#kernels;
    const memory = this.#memory;
    const limits = { memory, maxTileBytes, shardBytes, inPlaceShardBytes, readsFiles };
    const plan = (asked: Cut): Pass => passOf(targets, asked, { limits, kept: this.#kept });
    const pass = plan(cut);
    const waiting = [...pass.rowsOf].filter(
      ([source, rows]) => this.#toScreen.has(source) && rows.length === source.rows,
    );
    const screens = new Map(waiting.map(([source]) => [source, new ScreenSum(source.rows)]));
    if (screens.size === 0) return { pass, screens };
    try {
      return { pass: plan(withBlocks(cut, screens)), screens };
    } catch {
      return { pass, screens: new Map() };
    }
  }

  /** Screens of sources, each done by now or on the way of what reads its tile. */
  async #startScreens(
    screens: ReadonlyMap<matrix.AnySource, ScreenSum>,
    uploads: Uploads,
    { from }: Range,
  ): Promise<{ sum: ScreenSum; screen: ScreenAlong }[]> {
    const kernels = this.#kernels;
    const along: { sum: ScreenSum; screen: ScreenAlong }[] = [];
    for (const [source, sum] of screens) {
      const { tile } = uploads.get(source)!;
      const blockCols = blockColumns(source.rows);
      let screen = kernels.screenAlong?.(tile, from, blockCols);
      if (screen === undefined) {
        const blocks = await kernels.screen(tile, from, blockCols);
        screen = async () => blocks;
      }
      along.push({ sum, screen });
    }
    return along;
  }

  async #shards(
    planned: Pass,
    body: (uploads: Uploads, shard: Range) => Promise<Finish>,
  ): Promise<void> {
    let pass = planned;
    let rebuilds = 0;
    let lastTurn = performance.now();
    let ahead: Ahead | undefined;
    /** What the last shard does with its outcome, beside the work on the next one. */
    let finishing: Promise<void> = Promise.resolve();
    this.#makeRoomFor(pass);
    try {
      for (let from = 0; from < pass.cols; ) {
        const shard = rangeAt(from, pass);
        let finish: Finish;
        try {
          ahead ??= this.#startUploads(pass, shard);
          const uploads = await ahead.uploads;
          const next = rangeAt(shard.to, pass);
          ahead = pass.ahead && next.from < pass.cols ? this.#startUploads(pass, next) : undefined;
          finish = await body(uploads, shard);
        } catch (error) {
          // A sink that is still at work has an array that the next attempt may be given, and if it
          // fails as well, it failed first.
          await finishing;
          const lost = error instanceof BackendError && error.code === 'device-lost';
          await this.#abandon(ahead, { lost });
          ahead = undefined;
          if (lost && rebuilds < MAX_REBUILDS) {
            rebuilds++;
            this.#forgetTiles();
            await this.#kernels.rebuild();
          } else {
            pass = this.#afterFailure(pass, error);
          }
          continue;
        }
        // What they throw is the caller's own, and no reason to do a shard again.
        await finishing;
        finishing = (async () => finish())();
        finishing.catch(() => {});
        from = shard.to;
        rebuilds = 0;
        if (performance.now() - lastTurn < TURN_MS) continue;
        await eventLoopTurn();
        lastTurn = performance.now();
      }
      await finishing;
    } finally {
      await this.#abandon(ahead);
      await finishing.catch(() => {});
    }
  }

  /** The pass to go on with after out of memory. @throws `error` if it is another, or nothing helps. */
  #afterFailure(pass: Pass, error: unknown): Pass {
    if (!(error instanceof BackendError) || error.code !== 'out-of-memory') throw error;
    // Its own sources would be uploaded again, and take the same room.
    const others = [...this.#kept.keys()].some((source) => !pass.rowsOf.has(source));
    for (const source of [...this.#kept.keys()]) this.#evict(source);
    if (others) return pass;
    const narrower = pass.ahead ? { ...pass, ahead: false, keeps: false } : narrowed(pass);
    if (narrower === undefined) throw error;
    return narrower;
  }

  // Uploads

  #startUploads(pass: Pass, shard: Range): Ahead {
    const uploads = this.#upload(pass, shard);
    // It is awaited in its turn; until then its failure shall not count as unhandled.
    uploads.catch(() => {});
    return { ...shard, uploads };
  }

  async #upload({ rowsOf, keeps, left }: Pass, { from, to }: Range): Promise<Uploads> {
    const uploads = new Map<matrix.AnySource, Upload>();
    try {
      for (const [source, needed] of rowsOf) {
        const known = this.#kept.get(source)?.get(from);
        const place = placeIn(source, { from, to });
        if (known !== undefined && known.cols === place.to - place.from) {
          uploads.set(source, { tile: known, rows: [...source.sources.keys()], kept: true });
          continue;
        }
        const rows = needed.map((row) => source.sources[row]!);
        const tile = left.has(source)
          ? this.#kernels.leave!(rows as HostRow[], place.from, place.to)
          : await this.#kernels.upload(rows, place.from, place.to);
        uploads.set(source, { tile, rows: needed, kept: keeps });
        this.#account(tile, 1);
        if (keeps) this.#keep(source, from, tile);
      }
      return uploads;
    } catch (error) {
      const lost = error instanceof BackendError && error.code === 'device-lost';
      if (!lost) this.#freeUploads(uploads);
      throw error;
    }
  }

  /** Waits for uploads that nobody will use, and frees them. */
  async #abandon(ahead: Ahead | undefined, { lost = false } = {}): Promise<void> {
    const uploads = await ahead?.uploads.catch(() => undefined);
    if (uploads !== undefined && !lost) this.#freeUploads(uploads);
  }

  #freeUploads(uploads: Uploads): void {
    for (const { tile, kept } of uploads.values()) {
      if (!kept) this.#free(tile);
    }
  }

  // Expressions on a shard

  async #evaluate(node: matrix.Node, shard: Evaluation, home?: Float32Array): Promise<Tile> {
    const known = shard.tiles.get(node);
    if (known !== undefined) return known;
    const tile = await this.#apply(node, shard, home);
    shard.tiles.set(node, tile);
    if (node.op !== 'source' && node.op !== 'select') this.#account(tile, 1);
    return tile;
  }

  async #apply(node: matrix.Node, shard: Evaluation, home?: Float32Array): Promise<Tile> {
    const kernels = this.#kernels;
    const of = (input: matrix.Node): Promise<Tile> => this.#evaluate(input, shard);
    switch (node.op) {
      case 'source':
        return shard.uploads.get(node)!.tile;
      case 'select': {
        const x = await of(node.x);
        if (node.x.op !== 'source') return kernels.select(x, node.indices);
        // Of a source, perhaps only some rows were uploaded.
        const { rows } = shard.uploads.get(node.x)!;
        if (rows.length === node.x.rows) return kernels.select(x, node.indices);
        const places = new Map(rows.map((row, place) => [row, place]));
        return kernels.select(
          x,
          node.indices.map((index) => places.get(index)!),
        );
      }
      case 'combine':
        return kernels.combine(node.weights, await of(node.x), home);
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
      case 'addLatticeNoise':
        return kernels.addLatticeNoise(await of(node.x), node.noise, shard.from);
      case 'extra': {
        const { operation } = node;
        operation.check?.();
        const place = { cols: shard.to - shard.from, firstCol: shard.from };
        return kernels.extra(operation, await of(node.x), place);
      }
      case 'rankSum':
        return kernels.rankSum(await of(node.x), node.from, node.to);
      case 'sumRows':
        return kernels.sumRows(await of(node.x), node.groups);
      default:
        return node satisfies never;
    }
  }

  /** Frees what was made on a shard, a view before what it looks at, then what was uploaded for it. */
  #freeAll(tiles: ReadonlyMap<matrix.Node, Tile>, uploads: Uploads): void {
    for (const [node, tile] of [...tiles].reverse()) {
      if (node.op === 'source') continue;
      if (node.op === 'select') this.#kernels.free(tile);
      else this.#free(tile);
    }
    this.#freeUploads(uploads);
  }

  // Tiles that stay, and the bytes of all

  #keep(source: matrix.AnySource, from: number, tile: Tile): void {
    const kept = this.#kept.get(source) ?? new Map<number, Tile>();
    this.#kept.set(source, kept.set(from, tile));
  }

  /**
   * Evicts kept sources, the least lately used first, until the pass fits beside the rest. Those of
   * the pass itself stay where they were cut as it cuts them.
   */
  #makeRoomFor(pass: Pass): void {
    for (const source of pass.rowsOf.keys()) {
      const kept = this.#kept.get(source);
      if (kept === undefined) continue;
      this.#kept.delete(source);
      this.#kept.set(source, kept);
      const isAsCut = [...kept].every(([from, tile]) => isCut(pass, source, { from, tile }));
      if (!isAsCut) this.#evict(source);
    }
    const others = [...this.#kept].filter(([source]) => !pass.rowsOf.has(source));
    // A pass that reads some rows alone may find all of them kept, and those count besides.
    const own = [...this.#kept].filter(([source]) => !pass.keeps && pass.rowsOf.has(source));
    let bytes = [...others, ...own].reduce((sum, [, kept]) => sum + bytesOfAll(kept), pass.bytes);
    for (const [source, kept] of [...others, ...own]) {
      if (bytes <= this.#memory) return;
      this.#evict(source);
      bytes -= bytesOfAll(kept);
    }
  }

  #evict(source: matrix.AnySource): void {
    const kept = this.#kept.get(source);
    if (kept === undefined) return;
    this.#kept.delete(source);
    for (const tile of kept.values()) this.#free(tile);
  }

  #forgetTiles(): void {
    this.#kept.clear();
    this.#tileBytes = 0;
  }

  #free(tile: Tile): void {
    this.#kernels.free(tile);
    this.#account(tile, -1);
  }

  #account(tile: Tile, sign: 1 | -1): void {
    this.#tileBytes += sign * bytesOf(tile);
    this.#peakTileBytes = Math.max(this.#peakTileBytes, this.#tileBytes);
  }

  #exclusively<T>(body: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(body);
    this.#turn = mine.catch(() => {});
    return mine;
  }
}

/** What blocks of columns tell of rows, added up. */
class ScreenSum {
  readonly #nonFinite: Uint32Array;
  readonly #squaredNorms: Float64Array;
  readonly #words: Uint32Array;

  constructor(rows: number) {
    this.#nonFinite = new Uint32Array(rows);
    this.#squaredNorms = new Float64Array(rows);
    this.#words = new Uint32Array(2 * rows);
  }

  add(blocks: readonly RowScreen[]): void {
    for (const block of blocks) {
      addInto(this.#nonFinite, block.nonFinite);
      addInto(this.#squaredNorms, block.squaredNorms);
      // The two words of a fingerprint are sums modulo 2³² of their own.
      const { buffer, byteOffset } = block.fingerprints;
      addInto(this.#words, new Uint32Array(buffer, byteOffset, this.#words.length));
    }
  }

  value(): RowScreen {
    return {
      nonFinite: this.#nonFinite,
      squaredNorms: this.#squaredNorms,
      fingerprints: new BigUint64Array(this.#words.buffer),
    };
  }
}

/** A cut whose shards are whole blocks of the sources that are screened on the way, too. */
function withBlocks(cut: Cut, screens: ReadonlyMap<matrix.AnySource, unknown>): Cut {
  const blocks = [...screens.keys()].map((source) => blockColumns(source.rows));
  const unit = Math.max(cut.unit ?? 0, ...blocks);
  return unit === 0 ? cut : { ...cut, unit };
}

function rangeAt(from: number, { cols, width }: Pass): Range {
  return { from, to: Math.min(cols, from + width) };
}

/** Whether a pass has a shard where a tile was kept. */
function isCut(
  pass: Pass,
  source: matrix.AnySource,
  { from, tile }: { from: number; tile: Tile },
): boolean {
  const place = placeIn(source, rangeAt(from, pass));
  return from % pass.width === 0 && tile.cols === place.to - place.from;
}

/** Columns as they lie in the rows of a source: 32 packed ones are as many words as each has bits. */
function placeIn(source: matrix.AnySource, { from, to }: Range): Range {
  const bits = source.element === 'u32' ? source.bits : undefined;
  if (bits === undefined) return { from, to };
  return { from: packedWords(from, bits), to: packedWords(to, bits) };
}

function asAnyNode(name: string, x: Matrix | Words): matrix.Node {
  return x?.element === 'u32' ? matrix.asWords(name, x) : matrix.asNode(name, x);
}

function blank({ rows, cols }: Matrix): Float32Array {
  return new Float32Array(rows * cols);
}

function bytesOf(tile: Tile): number {
  return tile.bytes ?? 4 * tile.rows * tile.cols;
}

function bytesOfAll(kept: Kept): number {
  return [...kept.values()].reduce((sum, tile) => sum + bytesOf(tile), 0);
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
