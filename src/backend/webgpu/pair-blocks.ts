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

/** A pair of rows in one block of columns. */
export interface BlockPair {
  readonly block: number;
  readonly i: number;
  readonly j: number;
}

/** Bytes that the kernel writes for each pair. */
export const PAIR_BYTES = 16;

/**
 * Below this scaled squared distance, what the kernel flushed may matter: entries lose differences
 * below 2⁻¹²⁶ of the larger row, and squares below 2⁻¹²⁶, together at most 65,536 · 2⁻¹²⁶ = 2⁻¹¹⁰.
 */
const SUSPECT = 2 ** -80;

/** The sums of every block, from the words of the screen followed by those of the pairs. */
export function pairBlocks(words: Uint32Array, grid: PairGrid): PairBlock[] {
  const { rows } = grid;
  const blocks = Array.from({ length: grid.blocks }, () => ({
    products: new Float64Array(rows * rows),
    squaredDistances: new Float64Array(rows * rows),
  }));
  forEachPair(words, grid, ({ block, i, j }, sums) => {
    const { products, squaredDistances } = blocks[block]!;
    const a = rowOf(words, grid, block, i);
    const b = rowOf(words, grid, block, j);
    if (a.nonFinite || b.nonFinite) {
      sums.product = i === j ? Number.POSITIVE_INFINITY : Number.NaN;
      sums.distance = Number.POSITIVE_INFINITY;
    } else {
      // A row of zeros has no exponent; its sums are 0.
      sums.product = sums.product === 0 ? 0 : sums.product * 2 ** (a.exponent + b.exponent);
      const exponent = Math.max(a.exponent, b.exponent);
      sums.distance = sums.distance === 0 ? 0 : sums.distance * 4 ** exponent;
    }
    products[i * rows + j] = products[j * rows + i] = sums.product;
    squaredDistances[i * rows + j] = squaredDistances[j * rows + i] = i === j ? 0 : sums.distance;
  });
  return blocks;
}

/**
 * Pairs that are equal, or differ by so little of their size that the kernel may have lost it. Which
 * of the two, their content must tell.
 */
export function suspectPairs(words: Uint32Array, grid: PairGrid): BlockPair[] {
  const suspects: BlockPair[] = [];
  forEachPair(words, grid, (pair, sums) => {
    const { block, i, j } = pair;
    if (i === j || sums.distance >= SUSPECT) return;
    const finite = [i, j].every((row) => !rowOf(words, grid, block, row).nonFinite);
    if (finite) suspects.push(pair);
  });
  return suspects;
}

interface Sums {
  product: number;
  distance: number;
}

/** Calls `body` for each pair i ≤ j of each block with its scaled sums over the block's slices. */
function forEachPair(
  words: Uint32Array,
  grid: PairGrid,
  body: (pair: BlockPair, sums: Sums) => void,
): void {
  const floats = new Float32Array(words.buffer, words.byteOffset, words.length);
  const base = 2 * grid.blocks * grid.rows;
  const cellsPerSlice = grid.tiles * PAIR_TILE * PAIR_TILE;
  for (let block = 0; block < grid.blocks; block++) {
    for (const { i, j, cell } of cellsOf(grid)) {
      const sums: Sums = { product: 0, distance: 0 };
      const end = Math.min(grid.slices, (block + 1) * grid.slicesPerBlock);
      for (let slice = block * grid.slicesPerBlock; slice < end; slice++) {
        const at = base + (PAIR_BYTES / 4) * (slice * cellsPerSlice + cell);
        sums.product += floats[at]! + floats[at + 1]!;
        sums.distance += floats[at + 2]! + floats[at + 3]!;
      }
      body({ block, i, j }, sums);
    }
  }
}

/** Pairs i ≤ j and where they stand among the cells of a slice. */
function* cellsOf({
  rows,
  tilesPerSide,
}: PairGrid): Generator<{ i: number; j: number; cell: number }> {
  let tile = 0;
  for (let a = 0; a < tilesPerSide; a++) {
    for (let b = a; b < tilesPerSide; b++, tile++) {
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
