/**
 * How pairs of rows are shared out over workgroups, and what the `pairs` kernels wrote put together
 * on the host: scales undone, in f64.
 *
 * @module
 */

import type { PairBlock } from '../kernels.ts';

/** Rows along one side of the largest tile of pairs: 16 × 16 invocations have 4 × 4 pairs each. */
const MAX_SIDE = 64;
/** Invocations of a workgroup, and vectors of four rows that its memory holds: 16 KiB. */
const INVOCATIONS = 256;
const VECTORS = 1024;
/** Columns that an invocation adds plainly before it compensates. */
const RUN = 8;
/** Entries of a slice, about: 1 MiB of rows for 64 KiB of sums. */
const SLICE_ENTRIES = 2 ** 18;
const MIN_SLICE_COLS = 4096;

/** Bytes that the kernel writes for each pair, as f32: product and distance, high and low part. */
const PAIR_BYTES = 16;
/** Bytes that a workgroup writes: 16 pairs of each invocation. */
export const PART_BYTES: number = PAIR_BYTES * 16 * INVOCATIONS;

/** Words of the screen of a row and a block, and which of them are what. */
export const LOOK_WORDS = 6;
const NON_FINITE = 0;
const EXPONENT = 1;
const PRINT = 4;

/** As in bits.wgsl: the exponent of a row of zeros. */
const NO_EXPONENT = -100_000;
/** As in pairs.wgsl: the rows of this tile are scaled one by one. */
const GENERAL = 100_000;

/**
 * Rows are scaled to below 2⁴⁹: 65,536 squares of differences end below 2¹¹⁶. The factor goes up to
 * 2¹²⁶, by which no difference of the smallest rows is lost: subnormal numbers are 2⁻²³ apart then.
 */
const HEADROOM = 48;
const LEAST_UNIT = -126;
/**
 * Rows up to 2⁶⁴ smaller than the largest of a tile share its scale: they are then scaled to 2⁻¹⁶,
 * and one of their largest entries that differs in its last bit gives a square of 2⁻⁷⁸, which is not
 * suspect.
 */
const MAX_SPREAD = 64;

/**
 * Below this scaled squared distance, what the kernel flushed may matter: entries lose differences
 * below 2⁻¹²⁶ of the larger row, and squares below 2⁻¹²⁶, together at most 65,536 · 2⁻¹²⁶ = 2⁻¹¹⁰.
 */
const SUSPECT = 2 ** -80;

/** How a workgroup shares out the pairs of a tile that lies on the diagonal, or beside it. */
export interface TileShape {
  /** Blocks of 4 × 4 pairs, one for each invocation; on the diagonal those of the upper triangle. */
  readonly blocks: number;
  /** Invocations that share a block, each with every so-manyth column. A power of two. */
  readonly lanes: number;
  /** Columns that are in workgroup memory at once. A power of two, at least RUN for each lane. */
  readonly chunk: number;
}

/** How pairs, blocks and slices are laid out. */
export interface PairGrid {
  readonly rows: number;
  readonly cols: number;
  readonly blockCols: number;
  readonly blocks: number;
  readonly sliceCols: number;
  readonly slicesPerBlock: number;
  readonly slices: number;
  /** Tiles along a side of all pairs, and how many of them touch the upper triangle. */
  readonly tilesPerSide: number;
  readonly tiles: number;
  /** Rows, and groups of four rows, along a side of a tile. */
  readonly side: number;
  readonly groups: number;
  readonly onDiagonal: TileShape;
  readonly offDiagonal: TileShape;
  /** Pairs that come home of a tile. */
  readonly cells: number;
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

/**
 * Lays out the pairs of a tile of rows. All that shapes a sum depends on the numbers of rows and of
 * columns in a block alone, so that a shard's width changes no bit.
 */
export function pairGrid(
  { rows, cols }: { rows: number; cols: number },
  blockCols: number,
): PairGrid {
  const tilesPerSide = Math.ceil(rows / MAX_SIDE);
  // Tiles of equal size: 65 rows are two of 36, not one of 64 and one that is nearly empty.
  const groups = Math.ceil(Math.ceil(rows / tilesPerSide) / 4);
  const side = 4 * groups;
  const wide = powerBelow(SLICE_ENTRIES / side);
  const sliceCols = Math.min(blockCols, Math.max(MIN_SLICE_COLS, wide));
  const onDiagonal = tileShape((groups * (groups + 1)) / 2, VECTORS / groups);
  const offDiagonal = tileShape(groups * groups, VECTORS / 2 / groups);
  return {
    rows,
    cols,
    blockCols,
    blocks: Math.ceil(cols / blockCols),
    sliceCols,
    slicesPerBlock: Math.ceil(blockCols / sliceCols),
    // Blocks are whole numbers of slices, and only the last block is cut short.
    slices: Math.ceil(cols / sliceCols),
    tilesPerSide,
    tiles: (tilesPerSide * (tilesPerSide + 1)) / 2,
    side,
    groups,
    onDiagonal,
    offDiagonal,
    cells: 16 * (tilesPerSide === 1 ? onDiagonal : offDiagonal).blocks,
  };
}

/** @param room - Columns of the tile's rows that fit workgroup memory. */
function tileShape(blocks: number, room: number): TileShape {
  const chunk = powerBelow(room);
  return { blocks, chunk, lanes: Math.min(powerBelow(INVOCATIONS / blocks), chunk / RUN) };
}

function powerBelow(value: number): number {
  return 2 ** Math.floor(Math.log2(value));
}

/** The first slice of a pass, and how many it has. */
export function slicesOf(pass: PairPass, grid: PairGrid): { first: number; count: number } {
  const first = pass.firstBlock * grid.slicesPerBlock;
  const end = Math.min(grid.slices, (pass.firstBlock + pass.blocks) * grid.slicesPerBlock);
  return { first, count: end - first };
}

/** Workgroups of a pass. */
export function workgroupsOf(pass: PairPass, grid: PairGrid): number {
  return pass.tiles * slicesOf(pass, grid).count;
}

/** Bytes of what a pass brings home. */
export function homeBytes({ blocks, tiles }: PairPass, { cells }: PairGrid): number {
  return PAIR_BYTES * blocks * tiles * cells;
}

/**
 * Passes that together compute every tile of every block, none with more than so many workgroups
 * (but one tile of one block at least), nor more than `perDimension` along a dimension.
 */
export function pairPasses(
  grid: PairGrid,
  { workgroups, perDimension }: { workgroups: number; perDimension: number },
): PairPass[] {
  const slices = Math.min(grid.slices, grid.slicesPerBlock);
  const cells = Math.floor(workgroups / slices);
  const tiles = Math.max(1, Math.min(grid.tiles, cells, perDimension));
  const fitting = Math.min(Math.floor(cells / tiles), Math.floor(perDimension / slices));
  const blocks = Math.max(1, fitting);
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

/** How the rows of each block and tile are scaled. */
export interface PairScales {
  /**
   * What the kernel reads: for each block the power of two that each row's entries are divided by,
   * then the one that all rows of each tile are divided by, or GENERAL.
   */
  readonly units: Int32Array;
  /** Whether some tile of some block has rows that go each by their own. */
  readonly general: boolean;
  /** 1 where a row has a non-finite entry, for each block and row. */
  readonly nonFinite: Uint8Array;
}

/** What the screens of the rows say of the scales of their pairs. */
export function pairScales(grid: PairGrid, looks: readonly Uint32Array[]): PairScales {
  const { rows, blocks, tiles } = grid;
  const units = new Int32Array(blocks * (rows + tiles));
  const nonFinite = new Uint8Array(blocks * rows);
  let general = false;
  for (let block = 0; block < blocks; block++) {
    const exponents = looks.map((words) => words[LOOK_WORDS * block + EXPONENT]! | 0);
    const first = block * (rows + tiles);
    for (const [i, words] of looks.entries()) {
      units[first + i] = unitOf(exponents[i]!);
      nonFinite[block * rows + i] = Number(words[LOOK_WORDS * block + NON_FINITE] !== 0);
    }
    const spans = spansOf(grid, exponents);
    for (const { tile, a, b } of tilesOf(grid)) {
      const top = Math.max(spans[a]!.top, spans[b]!.top);
      const bottom = Math.min(spans[a]!.bottom, spans[b]!.bottom);
      const alike = top - bottom <= MAX_SPREAD;
      units[first + rows + tile] = alike ? unitOf(top) : GENERAL;
      general ||= !alike;
    }
  }
  return { units, general, nonFinite };
}

/** For rows of zeros too, which fit any scale. */
function unitOf(exponent: number): number {
  return Math.max(exponent - HEADROOM, LEAST_UNIT);
}

/** Largest and smallest exponent along each side of a tile; rows of zeros fit any scale. */
function spansOf(
  { rows, side, tilesPerSide }: PairGrid,
  exponents: readonly number[],
): { top: number; bottom: number }[] {
  return Array.from({ length: tilesPerSide }, (_, a) => {
    let top = NO_EXPONENT;
    let bottom = -NO_EXPONENT;
    for (let i = a * side; i < Math.min(rows, (a + 1) * side); i++) {
      const exponent = exponents[i]!;
      if (exponent === NO_EXPONENT) continue;
      top = Math.max(top, exponent);
      bottom = Math.min(bottom, exponent);
    }
    return { top, bottom };
  });
}

/** The pairs of a block, before any pass. */
export function emptyBlock({ rows }: PairGrid): PairBlock {
  return {
    products: new Float64Array(rows * rows),
    squaredDistances: new Float64Array(rows * rows),
  };
}

/** What the pairs of a pass are filled in from, and where. */
export interface Filling {
  readonly grid: PairGrid;
  readonly pass: PairPass;
  readonly scales: PairScales;
  /** The screens of the rows. */
  readonly looks: readonly Uint32Array[];
  readonly blocks: readonly PairBlock[];
}

/**
 * Fills in the pairs of a pass from what came home of it.
 *
 * @returns pairs that differ, but by so little of their size that the kernel may have lost it.
 */
export function fillBlocks(home: Float32Array, filling: Filling): BlockPair[] {
  const { grid, pass } = filling;
  const lost: BlockPair[] = [];
  for (let block = 0; block < pass.blocks; block++) {
    for (const place of tilesOf(grid, pass)) {
      const at = 4 * grid.cells * (block * pass.tiles + place.tile - pass.firstTile);
      const sums = home.subarray(at, at + 4 * grid.cells);
      fillTile(sums, { ...filling, block: pass.firstBlock + block, ...place, lost });
    }
  }
  return lost;
}

interface TileFilling extends Filling, TilePlace {
  readonly block: number;
  readonly lost: BlockPair[];
}

/** Flat and without calls: it runs for every pair of every block, beside a device that is fast. */
function fillTile(
  sums: Float32Array,
  { grid, block, tile, a, b, scales, looks, blocks: all, lost }: TileFilling,
): void {
  const { rows, groups, side, tiles } = grid;
  const { products, squaredDistances } = all[block]!;
  const { blocks } = a === b ? grid.onDiagonal : grid.offDiagonal;
  const { nonFinite, units } = scales;
  const firstUnit = block * (rows + tiles);
  const firstRow = block * rows;
  const general = units[firstUnit + rows + tile] === GENERAL;
  const shared = general ? 1 : 2 ** units[firstUnit + rows + tile]!;
  const end = Math.min(rows, (b + 1) * side);
  for (let i = a * side; i < Math.min(rows, (a + 1) * side); i++) {
    const groupA = (i - a * side) >> 2;
    // What 1 stands for in the row; below, in the other one.
    const unitI = general ? 2 ** units[firstUnit + i]! : shared;
    const infiniteI = nonFinite[firstRow + i] !== 0;
    // Cells of this row of blocks, counted from the first column of the tile.
    const firstCell = a === b ? groupA * groups - (groupA * (groupA + 1)) / 2 : groupA * groups;
    const firstAt = 16 * ((i - a * side) & 3) * blocks + 4 * firstCell;
    for (let j = a === b ? i : b * side; j < end; j++) {
      const place = j - b * side;
      const at = firstAt + 4 * ((place & 3) * blocks + (place >> 2));
      const unitJ = general ? 2 ** units[firstUnit + j]! : shared;
      const larger = unitI < unitJ ? unitJ : unitI;
      const distance = sums[at + 2]! + sums[at + 3]!;
      let product = (sums[at]! + sums[at + 1]!) * (unitI * unitJ);
      let away = distance * (larger * larger);
      if (infiniteI || nonFinite[firstRow + j] !== 0) {
        product = i === j ? Number.POSITIVE_INFINITY : Number.NaN;
        away = Number.POSITIVE_INFINITY;
      } else if (distance < SUSPECT && !sameContent(looks[i]!, looks[j]!, block)) {
        lost.push({ block, i, j });
      }
      if (i === j) away = 0;
      products[i * rows + j] = products[j * rows + i] = product;
      squaredDistances[i * rows + j] = squaredDistances[j * rows + i] = away;
    }
  }
}

/** A tile by its number, and its row and column among tiles. */
export interface TilePlace {
  readonly tile: number;
  readonly a: number;
  readonly b: number;
}

/** The tiles of a pass, or all, along the rows of the upper triangle. */
export function* tilesOf(
  { tilesPerSide, tiles }: PairGrid,
  pass: Pick<PairPass, 'firstTile' | 'tiles'> = { firstTile: 0, tiles },
): Generator<TilePlace> {
  let tile = 0;
  for (let a = 0; a < tilesPerSide; a++) {
    for (let b = a; b < tilesPerSide; b++, tile++) {
      if (tile >= pass.firstTile && tile < pass.firstTile + pass.tiles) yield { tile, a, b };
    }
  }
}

/** Equal rows are told by their fingerprints: colluders who send them shall cost no repair. */
function sameContent(a: Uint32Array, b: Uint32Array, block: number): boolean {
  const at = LOOK_WORDS * block + PRINT;
  return a[at] === b[at] && a[at + 1] === b[at + 1];
}
