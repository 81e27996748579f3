/**
 * Operations across all columns: what the row kernels write, brought home and put together.
 *
 * @module
 */

import type { PairBlock, RowScreen, Tile } from '../kernels.ts';
import { dataBuffer } from './buffers.ts';
import type { KernelSource, Session } from './device.ts';
import { type Dispatcher, type Launch, MAX_GROUPS } from './dispatch.ts';
import {
  type BlockPair,
  emptyBlock,
  fillBlocks,
  homeBytes,
  LOOK_WORDS,
  PART_BYTES,
  type PairGrid,
  type PairPass,
  type PairScales,
  pairGrid,
  pairPasses,
  pairScales,
  slicesOf,
  workgroupsOf,
} from './pair-blocks.ts';
import { type Looks, own, type Tiles } from './tiles.ts';

/** Rows that a workgroup of `screen` owns. */
const SCREEN_ROWS = 4;
/** As in screen.wgsl: squares are those of values times 2^min(HEADROOM − exponent, MAX_SHIFT). */
const HEADROOM = 30;
const MAX_SHIFT = 126;
/** Bytes of sums that one pass of `pairs` may write: enough workgroups to fill a large GPU. */
const MAX_PART_BYTES = 2 ** 26;
const SCREEN: KernelSource = { name: 'screen', bindings: ['read', 'read', 'write', 'uniform'] };
/** About what the kernels take for an entry, and for an entry of each pair of rows. */
const SCREEN_OPERATIONS = 32;
const PAIR_OPERATIONS = 4;

/** Passes of `pairs` that the device has at once: one it computes, one that waits or comes home. */
const PASSES_AHEAD = 2;

/** What all passes of a call of `pairs` share. */
interface PairCall {
  readonly grid: PairGrid;
  readonly scales: PairScales;
  /** Rows, their starts and their units. */
  readonly inputs: readonly GPUBuffer[];
  /** What slices and lanes found, pass by pass. */
  readonly parts: GPUBuffer;
}

/** Row operations on one device. */
export class RowKernels {
  readonly #session: Session;
  readonly #tiles: Tiles;
  readonly #dispatcher: Dispatcher;

  constructor(session: Session, { tiles, dispatcher }: { tiles: Tiles; dispatcher: Dispatcher }) {
    this.#session = session;
    this.#tiles = tiles;
    this.#dispatcher = dispatcher;
  }

  /** Finiteness, norms and content of each row in each block of columns. */
  async screen(x: Tile, firstCol: number, blockCols: number): Promise<RowScreen[]> {
    const looks = await this.#looks(x, { firstCol, blockCols });
    const blocks = Math.ceil(x.cols / blockCols);
    return Array.from({ length: blocks }, (_, block) => screenOf(looks, block));
  }

  /**
   * What the screen finds of each row: at once where it, or `pairs`, has looked at the row before in
   * blocks of this width. Without `firstCol`, fingerprints of any place will do.
   */
  async #looks(
    x: Tile,
    { firstCol, blockCols }: { firstCol?: number; blockCols: number },
  ): Promise<Uint32Array[]> {
    const { slab, starts } = own(x);
    const known = slab.looks;
    const fits =
      known?.blockCols === blockCols && (firstCol === undefined || known.firstCol === firstCol);
    const looks: Looks = fits
      ? known
      : { firstCol: firstCol ?? 0, blockCols, byStart: new Map<number, Uint32Array>() };
    const news = starts.flatMap((start, row) => (looks.byStart.has(start) ? [] : [row]));
    if (news.length > 0) {
      const view = news.length < x.rows ? this.#tiles.select(x, news) : x;
      try {
        const found = await this.#lookAt(view, looks);
        for (const [k, row] of news.entries()) looks.byStart.set(starts[row]!, found[k]!);
      } finally {
        if (view !== x) this.#tiles.free(view);
      }
      slab.looks = looks;
    }
    return starts.map((start) => looks.byStart.get(start)!);
  }

  async #lookAt(
    x: Tile,
    { firstCol, blockCols }: { firstCol: number; blockCols: number },
  ): Promise<Uint32Array[]> {
    const blocks = Math.ceil(x.cols / blockCols);
    const words = LOOK_WORDS * blocks * x.rows;
    const [screen] = (await this.#tiles.scratch({ screen: 4 * words })) as [GPUBuffer];
    try {
      const table = await this.#tiles.table(x);
      const operations = SCREEN_OPERATIONS * x.rows * Math.min(x.cols, blockCols);
      const work = { kernel: SCREEN, units: blocks, operations };
      await this.#dispatcher.runInParts(work, (first, count) => ({
        buffers: [own(x).slab.buffer, table, screen],
        params: [x.rows, x.cols, blockCols, firstCol, first, 0],
        groups: [Math.ceil(x.rows / SCREEN_ROWS), count],
      }));
      const home = new Uint32Array(words);
      await this.#tiles.readback.bring([{ buffer: screen, bytes: 4 * words }], home);
      return byRow(home, x.rows, blocks);
    } finally {
      screen.destroy();
    }
  }

  /**
   * Products and squared distances of all pairs in each block of columns.
   *
   * @param maxBytes - Largest buffer of the device.
   */
  async pairs(
    x: Tile,
    { blockCols, maxBytes }: { blockCols: number; maxBytes: number },
  ): Promise<PairBlock[]> {
    const grid = pairGrid(x, blockCols);
    const looks = await this.#looks(x, { blockCols });
    const scales = pairScales(grid, looks);
    const blocks = Array.from({ length: grid.blocks }, () => emptyBlock(grid));
    const passes = pairPasses(grid, {
      workgroups: this.#workgroups(grid, maxBytes),
      perDimension: MAX_GROUPS,
    });
    const lost: BlockPair[] = [];
    for await (const { pass, home } of this.#homeOf(x, { grid, scales, passes })) {
      // One by one: as arguments of one call they could be too many.
      for (const pair of fillBlocks(home, { grid, pass, scales, looks, blocks })) lost.push(pair);
    }
    await this.#repair(x, { blocks, lost, blockCols });
    return blocks;
  }

  /** As many workgroups as write no more than they may, and take no longer. */
  #workgroups(grid: PairGrid, maxBytes: number): number {
    const room = Math.min(MAX_PART_BYTES, maxBytes);
    const pace = this.#dispatcher.pace.most('pairs');
    return Math.floor(Math.min(room / PART_BYTES, pace / operationsOf(grid)));
  }

  /** The sums of each pass, in order. While one is looked at, the device computes the next. */
  async *#homeOf(
    x: Tile,
    { grid, scales, passes }: { grid: PairGrid; scales: PairScales; passes: readonly PairPass[] },
  ): AsyncGenerator<{ pass: PairPass; home: Float32Array }> {
    const most = (size: (pass: PairPass, grid: PairGrid) => number): number =>
      Math.max(...passes.map((pass) => size(pass, grid)));
    const words = new Uint32Array(scales.units.buffer);
    const units = await dataBuffer(this.#session, 'units', words);
    const scratch: GPUBuffer[] = [];
    const coming: Promise<Float32Array>[] = [];
    try {
      scratch.push(...(await this.#tiles.scratch({ pairs: PART_BYTES * most(workgroupsOf) })));
      const inputs = [own(x).slab.buffer, await this.#tiles.table(x), units];
      const call = { grid, scales, inputs, parts: scratch[0]! };
      const homes = Array.from(
        { length: Math.min(PASSES_AHEAD, passes.length) },
        () => new Uint32Array(most(homeBytes) / 4),
      );
      let begun = 0;
      for (const pass of passes) {
        while (begun < passes.length && coming.length < PASSES_AHEAD) {
          const next = this.#pass(passes[begun]!, call, homes[begun % PASSES_AHEAD]!);
          // It is awaited below; until then its failure shall not count as unhandled.
          next.catch(() => {});
          coming.push(next);
          begun++;
        }
        yield { pass, home: await coming.shift()! };
      }
    } finally {
      await Promise.allSettled(coming);
      units.destroy();
      for (const buffer of scratch) buffer.destroy();
    }
  }

  /** Fills `home` with the sums of a pass. They are in a buffer of their own, the parts are not. */
  async #pass(
    pass: PairPass,
    { grid, scales, inputs, parts }: PairCall,
    home: Uint32Array<ArrayBuffer>,
  ): Promise<Float32Array> {
    const bytes = homeBytes(pass, grid);
    const [sums] = (await this.#tiles.scratch({ 'pair sums': bytes })) as [GPUBuffer];
    try {
      const buffers = [...inputs, parts];
      const launches = [pairsLaunch({ grid, pass, buffers, general: false })];
      if (scales.general) launches.push(pairsLaunch({ grid, pass, buffers, general: true }));
      launches.push(sumsLaunch({ grid, pass, buffers: [parts, sums] }));
      await this.#dispatcher.run(launches, workgroupsOf(pass, grid) * operationsOf(grid));
      await this.#tiles.readback.bring([{ buffer: sums, bytes }], home);
      return new Float32Array(home.buffer);
    } finally {
      sums.destroy();
    }
  }

  /** Computes on the CPU, in f64, the distances that may have vanished between scaled rows. */
  async #repair(
    x: Tile,
    { blocks, lost, blockCols }: { blocks: PairBlock[]; lost: BlockPair[]; blockCols: number },
  ): Promise<void> {
    const { slab, starts } = own(x);
    for (const [block, { squaredDistances }] of blocks.entries()) {
      const pairs = lost.filter((pair) => pair.block === block);
      if (pairs.length === 0) continue;
      const from = block * blockCols;
      const cols = Math.min(blockCols, x.cols - from);
      const rows = [...new Set(pairs.flatMap(({ i, j }) => [i, j]))];
      const ranges = rows.map((row) => {
        return { buffer: slab.buffer, from: 4 * (starts[row]! + from), bytes: 4 * cols };
      });
      const words = new Uint32Array(rows.length * cols);
      const { buffer } = await this.#tiles.readback.bring(ranges, words);
      const home = new Map(
        rows.map((row, k) => [row, new Float32Array(buffer, 4 * k * cols, cols)]),
      );
      for (const { i, j } of pairs) {
        const distance = squaredDistance(home.get(i)!, home.get(j)!);
        squaredDistances[i * x.rows + j] = squaredDistances[j * x.rows + i] = distance;
      }
    }
  }
}

/** For each row its words of all blocks. */
function byRow(words: Uint32Array, rows: number, blocks: number): Uint32Array[] {
  return Array.from({ length: rows }, (_, row) => {
    const mine = new Uint32Array(LOOK_WORDS * blocks);
    for (let block = 0; block < blocks; block++) {
      const at = LOOK_WORDS * (block * rows + row);
      mine.set(words.subarray(at, at + LOOK_WORDS), LOOK_WORDS * block);
    }
    return mine;
  });
}

/** The order of words is that of `Look` in screen.wgsl. */
function screenOf(looks: readonly Uint32Array[], block: number): RowScreen {
  const nonFinite = new Uint32Array(looks.length);
  const squaredNorms = new Float64Array(looks.length);
  const prints = new Uint32Array(2 * looks.length);
  for (const [i, words] of looks.entries()) {
    const at = LOOK_WORDS * block;
    const floats = new Float32Array(words.buffer, 4 * at, LOOK_WORDS);
    nonFinite[i] = words[at]!;
    const shift = Math.min(HEADROOM - (words[at + 1]! | 0), MAX_SHIFT);
    const squares = (floats[2]! + floats[3]!) / 4 ** shift;
    squaredNorms[i] = nonFinite[i]! > 0 ? Number.POSITIVE_INFINITY : squares;
    prints.set(words.subarray(at + 4, at + 6), 2 * i);
  }
  return { nonFinite, squaredNorms, fingerprints: new BigUint64Array(prints.buffer) };
}

function squaredDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += (a[j]! - b[j]!) ** 2;
  return sum;
}

/** About what a workgroup of `pairs` has to do. */
function operationsOf({ cells, sliceCols }: PairGrid): number {
  return PAIR_OPERATIONS * cells * sliceCols;
}

interface PairLaunch {
  readonly grid: PairGrid;
  readonly pass: PairPass;
  readonly buffers: readonly GPUBuffer[];
}

function pairsLaunch({
  grid,
  pass,
  buffers,
  general,
}: PairLaunch & { readonly general: boolean }): Launch {
  const { onDiagonal: on, offDiagonal: off } = grid;
  const slices = slicesOf(pass, grid);
  const kernel: KernelSource = {
    name: 'pairs',
    bindings: ['read', 'read', 'read', 'write', 'uniform'],
    ...(general && { constants: { general: 1 } }),
  };
  const shape = [grid.rows, grid.cols, grid.blockCols, grid.sliceCols, grid.slicesPerBlock];
  const tile = [
    grid.tilesPerSide,
    grid.side,
    grid.groups,
    on.lanes,
    off.lanes,
    on.chunk,
    off.chunk,
  ];
  const params = [...shape, ...tile, slices.first, pass.firstTile, 0];
  return { kernel, buffers, params, groups: [pass.tiles, slices.count] };
}

function sumsLaunch({ grid, pass, buffers }: PairLaunch): Launch {
  const { onDiagonal: on, offDiagonal: off } = grid;
  const { count } = slicesOf(pass, grid);
  const kernel: KernelSource = { name: 'pair_sums', bindings: ['read', 'write', 'uniform'] };
  const tile = [grid.cells, pass.firstTile, grid.tilesPerSide];
  const shapes = [on.blocks, off.blocks, on.lanes, off.lanes];
  const params = [pass.tiles, ...tile, ...shapes, count, grid.slicesPerBlock, 0];
  return { kernel, buffers, params, groups: [pass.tiles, Math.ceil(grid.cells / 64), pass.blocks] };
}
