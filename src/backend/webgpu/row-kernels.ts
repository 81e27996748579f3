/**
 * Operations across all columns: what the row kernels write, brought home and put together.
 *
 * @module
 */

import type { PairBlock, RowScreen, Tile } from '../kernels.ts';
import { type Dispatcher, type Launch, MAX_GROUPS } from './dispatch.ts';
import {
  type BlockPair,
  bytesOf,
  emptyBlock,
  fillBlocks,
  PAIR_TILE,
  type PairGrid,
  type PairPass,
  pairPasses,
  slicesOf,
} from './pair-blocks.ts';
import { own, type Tiles } from './tiles.ts';

/** Columns that one workgroup of `pairs` adds up. */
const SLICE_COLS = 4096;
/** Bytes that one pass of `pairs` may write; they are read back before the next. */
const MAX_PAIR_BYTES = 2 ** 26;

/** Row operations on one device. */
export class RowKernels {
  readonly #tiles: Tiles;
  readonly #dispatcher: Dispatcher;

  constructor(tiles: Tiles, dispatcher: Dispatcher) {
    this.#tiles = tiles;
    this.#dispatcher = dispatcher;
  }

  /** Finiteness, norms and content of each row in each block of columns. */
  async screen(x: Tile, firstCol: number, blockCols: number): Promise<RowScreen[]> {
    const blocks = Math.ceil(x.cols / blockCols);
    const bytes = 8 * blocks * x.rows;
    const scratch = await this.#tiles.scratch({ screen: bytes, norms: bytes, fingerprints: bytes });
    const [screen, norms, prints] = scratch as [GPUBuffer, GPUBuffer, GPUBuffer];
    try {
      const rows = [own(x).slab.buffer, await this.#tiles.table(x)];
      const groups = [x.rows, blocks] as const;
      await this.#dispatcher.run([
        await this.#screenLaunch(x, blockCols, screen),
        {
          kernel: { name: 'squared_norms', bindings: ['read', 'read', 'read', 'write', 'uniform'] },
          buffers: [...rows, screen, norms],
          params: [x.rows, x.cols, blockCols, 0],
          groups,
        },
        {
          kernel: { name: 'fingerprint', bindings: ['read', 'read', 'write', 'uniform'] },
          buffers: [...rows, prints],
          params: [x.rows, x.cols, blockCols, firstCol],
          groups,
        },
      ]);
      const words = await this.#tiles.readback.words(scratch.map((buffer) => ({ buffer, bytes })));
      return Array.from({ length: blocks }, (_, block) => screenOf(words, x.rows, block, blocks));
    } finally {
      for (const buffer of scratch) buffer.destroy();
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
    const blocks = Array.from({ length: grid.blocks }, () => emptyBlock(grid));
    const lost: BlockPair[] = [];
    let prints: BigUint64Array[] | undefined;
    const [screen] = (await this.#tiles.scratch({ screen: screenBytes(grid) })) as [GPUBuffer];
    try {
      const bytes = Math.min(MAX_PAIR_BYTES, maxBytes);
      await this.#dispatcher.run([await this.#screenLaunch(x, blockCols, screen)]);
      for (const pass of pairPasses(grid, { bytes, groups: MAX_GROUPS })) {
        const words = await this.#pairSums(x, screen, { grid, pass });
        for (const pair of fillBlocks(words, { grid, pass, blocks })) {
          // Colluders who send equal rows are told from near ones by content, and cost no more.
          prints ??= (await this.screen(x, 0, blockCols)).map(({ fingerprints }) => fingerprints);
          const { block, i, j } = pair;
          if (prints[block]![i] !== prints[block]![j]) lost.push(pair);
        }
      }
    } finally {
      screen.destroy();
    }
    await this.#repair(x, { blocks, lost, blockCols });
    return blocks;
  }

  /** The words of the screen followed by those of the pass. */
  async #pairSums(
    x: Tile,
    screen: GPUBuffer,
    { grid, pass }: { grid: PairGrid; pass: PairPass },
  ): Promise<Uint32Array> {
    const bytes = bytesOf(pass, grid);
    const [sums] = (await this.#tiles.scratch({ pairs: bytes })) as [GPUBuffer];
    try {
      const { blockCols, sliceCols, slicesPerBlock, tilesPerSide } = grid;
      const slices = slicesOf(pass, grid);
      const shape = [x.rows, x.cols, blockCols, sliceCols, slicesPerBlock, tilesPerSide];
      await this.#dispatcher.run([
        {
          kernel: { name: 'pairs', bindings: ['read', 'read', 'read', 'write', 'uniform'] },
          buffers: [own(x).slab.buffer, await this.#tiles.table(x), screen, sums],
          params: [...shape, slices.first, pass.firstTile, 0],
          groups: [pass.tiles, slices.count],
        },
      ]);
      return await this.#tiles.readback.words([
        { buffer: screen, bytes: screenBytes(grid) },
        { buffer: sums, bytes },
      ]);
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
      const bytes = 4 * Math.min(blockCols, x.cols - from);
      const rows = [...new Set(pairs.flatMap(({ i, j }) => [i, j]))];
      const parts = rows.map((row) => {
        return { buffer: slab.buffer, from: 4 * (starts[row]! + from), bytes };
      });
      const { buffer } = await this.#tiles.readback.words(parts);
      const home = new Map(
        rows.map((row, k) => [row, new Float32Array(buffer, k * bytes, bytes / 4)]),
      );
      for (const { i, j } of pairs) {
        const distance = squaredDistance(home.get(i)!, home.get(j)!);
        squaredDistances[i * x.rows + j] = squaredDistances[j * x.rows + i] = distance;
      }
    }
  }

  async #screenLaunch(x: Tile, blockCols: number, screen: GPUBuffer): Promise<Launch> {
    return {
      kernel: { name: 'count_non_finite', bindings: ['read', 'read', 'write', 'uniform'] },
      buffers: [own(x).slab.buffer, await this.#tiles.table(x), screen],
      params: [x.rows, x.cols, blockCols],
      groups: [x.rows, Math.ceil(x.cols / blockCols)],
    };
  }
}

function screenOf(words: Uint32Array, rows: number, block: number, blocks: number): RowScreen {
  const floats = new Float32Array(words.buffer);
  const nonFinite = new Uint32Array(rows);
  const squaredNorms = new Float64Array(rows);
  const prints = new Uint32Array(2 * rows);
  for (let i = 0; i < rows; i++) {
    const cell = 2 * (block * rows + i);
    const norm = 2 * blocks * rows + cell;
    const print = 4 * blocks * rows + cell;
    nonFinite[i] = words[cell]!;
    const exponent = words[cell + 1]! | 0;
    const sum = floats[norm]! + floats[norm + 1]!;
    const squares = sum === 0 ? 0 : sum * 4 ** exponent;
    squaredNorms[i] = nonFinite[i]! > 0 ? Number.POSITIVE_INFINITY : squares;
    prints.set([words[print]!, words[print + 1]!], 2 * i);
  }
  return { nonFinite, squaredNorms, fingerprints: new BigUint64Array(prints.buffer) };
}

function squaredDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += (a[j]! - b[j]!) ** 2;
  return sum;
}

/** Bytes of the count and the exponent of each row in each block. */
function screenBytes({ blocks, rows }: PairGrid): number {
  return 8 * blocks * rows;
}

function pairGrid(x: Tile, blockCols: number): PairGrid {
  const sliceCols = Math.min(SLICE_COLS, blockCols);
  const slicesPerBlock = Math.ceil(blockCols / sliceCols);
  const tilesPerSide = Math.ceil(x.rows / PAIR_TILE);
  // Blocks are whole numbers of slices, and only the last block is cut short.
  const slices = Math.ceil(x.cols / sliceCols);
  return {
    rows: x.rows,
    blockCols,
    blocks: Math.ceil(x.cols / blockCols),
    sliceCols,
    slicesPerBlock,
    slices,
    tilesPerSide,
    tiles: (tilesPerSide * (tilesPerSide + 1)) / 2,
  };
}
