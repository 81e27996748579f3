/**
 * What the `pairs` kernel wrote, put together on the host: scales undone, slices added in f64.
 *
 * @module
 */

import type { PairBlock } from '../kernels.ts';

/** Rows along one side of the pairs that a workgroup owns. */
export const PAIR_TILE = 16;

/** How pairs, blocks and slices are laid out. */
export interface PairGrid {
  readonly rows: number;
  readonly blockCols: number;
  readonly blocks: number;
  readonly sliceCols: number;
  readonly slicesPerBlock: number;
  readonly slices: number;
  readonly tilesPerSide: number;
  readonly tiles: number;
}

/** What one launch of the kernel computes: some tiles of pairs, of some blocks. */
export interface PairPass {
  readonly firstBlock: number;
  readonly blocks: number;
  readonly firstTile: number;
  readonly tiles: number;
}

/** A pair of rows in one block of columns. */
export interface BlockPair {
  readonly block: number;
  readonly i: number;
  readonly j: number;
}

/** Bytes that the kernel writes for each pair. */
const PAIR_BYTES = 16;
/** The same for each tile of pairs. */
const TILE_BYTES = PAIR_BYTES * PAIR_TILE * PAIR_TILE;

/**
 * Below this scaled squared distance, what the kernel flushed may matter: entries lose differences
 * below 2⁻¹²⁶ of the larger row, and squares below 2⁻¹²⁶, together at most 65,536 · 2⁻¹²⁶ = 2⁻¹¹⁰.
 */
const SUSPECT = 2 ** -80;

/** The first slice of a pass, and how many it has. */
export function slicesOf(pass: PairPass, grid: PairGrid): { first: number; count: number } {
  const first = pass.firstBlock * grid.slicesPerBlock;
  const end = Math.min(grid.slices, (pass.firstBlock + pass.blocks) * grid.slicesPerBlock);
  return { first, count: end - first };
}

/** Bytes that the kernel writes in a pass. */
export function bytesOf(pass: PairPass, grid: PairGrid): number {
  return TILE_BYTES * pass.tiles * slicesOf(pass, grid).count;
}

/**
 * Passes that together compute every tile of every block, none with more than `bytes` bytes (but one
 * tile of one block at least) or `groups` workgroups along a dimension.
 */
export function pairPasses(
  grid: PairGrid,
  { bytes, groups }: { bytes: number; groups: number },
): PairPass[] {
  const slices = Math.min(grid.slices, grid.slicesPerBlock);
  const cells = Math.floor(bytes / (TILE_BYTES * slices));
  const tiles = Math.max(1, Math.min(grid.tiles, cells, groups));
  const blocks = Math.max(1, Math.min(Math.floor(cells / tiles), Math.floor(groups / slices)));
  const passes: PairPass[] = [];
  for (let firstBlock = 0; firstBlock < grid.blocks; firstBlock += blocks) {
    for (let firstTile = 0; firstTile < grid.tiles; firstTile += tiles) {
      passes.push({
        firstBlock,
        blocks: Math.min(blocks, grid.blocks - firstBlock),
        firstTile,
        tiles: Math.min(tiles, grid.tiles - firstTile),
      });
    }
  }
  return passes;
}

/** The pairs of a block, before any pass. */
export function emptyBlock({ rows }: PairGrid): PairBlock {
  return {
    products: new Float64Array(rows * rows),
    squaredDistances: new Float64Array(rows * rows),
  };
}

/**
 * Fills in the pairs of a pass, from the words of the screen followed by those of the pass.
 *
 * @returns pairs that are equal, or differ by so little of their size that the kernel may have lost
 *   it. Which of the two, their content must tell.
 */
export function* fillBlocks(
  words: Uint32Array,
  { grid, pass, blocks }: { grid: PairGrid; pass: PairPass; blocks: readonly PairBlock[] },
): Generator<BlockPair> {
  const { rows } = grid;
  for (const { block, i, j, product, distance } of pairSums(words, grid, pass)) {
    const { products, squaredDistances } = blocks[block]!;
    const a = rowOf(words, grid, block, i);
    const b = rowOf(words, grid, block, j);
    const finite = !a.nonFinite && !b.nonFinite;
    // A row of zeros has no exponent; its sums are 0.
    const exponent = Math.max(a.exponent, b.exponent);
    const scaled = {
      product: product === 0 ? 0 : product * 2 ** (a.exponent + b.exponent),
      distance: distance === 0 ? 0 : distance * 4 ** exponent,
    };
    const infinite = i === j ? Number.POSITIVE_INFINITY : Number.NaN;
    const away = finite ? scaled.distance : Number.POSITIVE_INFINITY;
    products[i * rows + j] = products[j * rows + i] = finite ? scaled.product : infinite;
    squaredDistances[i * rows + j] = squaredDistances[j * rows + i] = i === j ? 0 : away;
    if (finite && i !== j && distance < SUSPECT) yield { block, i, j };
  }
}

/** Each pair i ≤ j of each block of a pass with its scaled sums over the block's slices. */
function* pairSums(
  words: Uint32Array,
  grid: PairGrid,
  pass: PairPass,
): Generator<BlockPair & { product: number; distance: number }> {
  const floats = new Float32Array(words.buffer, words.byteOffset, words.length);
  const base = 2 * grid.blocks * grid.rows;
  const cellsPerSlice = pass.tiles * PAIR_TILE * PAIR_TILE;
  const { first } = slicesOf(pass, grid);
  for (let block = pass.firstBlock; block < pass.firstBlock + pass.blocks; block++) {
    const begin = block * grid.slicesPerBlock;
    const end = Math.min(grid.slices, begin + grid.slicesPerBlock);
    for (const { i, j, cell } of cellsOf(grid, pass)) {
      let product = 0;
      let distance = 0;
      for (let slice = begin; slice < end; slice++) {
        const at = base + (PAIR_BYTES / 4) * ((slice - first) * cellsPerSlice + cell);
        product += floats[at]! + floats[at + 1]!;
        distance += floats[at + 2]! + floats[at + 3]!;
      }
      yield { block, i, j, product, distance };
    }
  }
}

/** Pairs i ≤ j of a pass and where they stand among the cells of a slice. */
function* cellsOf(
  { rows, tilesPerSide }: PairGrid,
  { firstTile, tiles }: PairPass,
): Generator<{ i: number; j: number; cell: number }> {
  let tile = -firstTile;
  for (let a = 0; a < tilesPerSide; a++) {
    for (let b = a; b < tilesPerSide; b++, tile++) {
      if (tile < 0 || tile >= tiles) continue;
      for (let y = 0; y < PAIR_TILE; y++) {
        for (let x = 0; x < PAIR_TILE; x++) {
          const i = a * PAIR_TILE + y;
          const j = b * PAIR_TILE + x;
          if (i <= j && j < rows) yield { i, j, cell: (tile * PAIR_TILE + y) * PAIR_TILE + x };
        }
      }
    }
  }
}

/** A row's largest exponent in a block, and whether it has a non-finite entry there. */
function rowOf(
  words: Uint32Array,
  { rows }: PairGrid,
  block: number,
  row: number,
): { nonFinite: boolean; exponent: number } {
  const at = 2 * (block * rows + row);
  return { nonFinite: words[at] !== 0, exponent: words[at + 1]! | 0 };
}
