/**
 * Squared distances between rows of integers: what the kernel adds up, brought home as numbers.
 *
 * @module
 */

import type { Tile } from '../kernels.ts';
import type { KernelSource, Session } from './device.ts';
import { type Dispatcher, MAX_GROUPS } from './dispatch.ts';
import {
  type PairGrid,
  type PairPass,
  pairGrid,
  pairPasses,
  slicesOf,
  tilesOf,
  workgroupsOf,
} from './pair-blocks.ts';
import { own, type Tiles } from './tiles.ts';

const KERNEL: KernelSource = {
  name: 'squared_distances',
  bindings: ['read', 'read', 'write', 'uniform'],
};
/** Words of a pair: a sum of 64 bits, and what is wrong with it. */
const PAIR_WORDS = 3;
/** As in squared_distances.wgsl: a row has an entry that is too large. */
const WIDE = 2;
/** What a sum that left 64 bits was at least. */
const OVER = 2 ** 64;
/** Bytes of sums that one pass brings home. */
const MAX_HOME_BYTES = 2 ** 26;
/** About what the kernel takes for an entry of each pair of rows. */
const OPERATIONS = 8;

/** Where the kernel works. */
interface Place {
  readonly session: Session;
  readonly tiles: Tiles;
  readonly dispatcher: Dispatcher;
}

/**
 * For each block of columns the squared distances of all pairs, n×n.
 *
 * @param maxBytes - Largest buffer of the device.
 */
export async function squaredDistances(
  x: Tile,
  { blockCols, maxBytes, at }: { blockCols: number; maxBytes: number; at: Place },
): Promise<Float64Array[]> {
  const grid = pairGrid(x, blockCols);
  const blocks = Array.from({ length: grid.blocks }, () => new Float64Array(x.rows ** 2));
  const operations = OPERATIONS * grid.side ** 2 * grid.sliceCols;
  const room = Math.min(MAX_HOME_BYTES, maxBytes) / (4 * PAIR_WORDS * grid.side ** 2);
  // Of sums there are as many as workgroups at most.
  const most = Math.min(room, at.dispatcher.pace.most(KERNEL.name) / operations);
  const passes = pairPasses(grid, { workgroups: Math.floor(most), perDimension: MAX_GROUPS });
  for (const pass of passes) {
    const home = await run(x, { grid, pass, at, operations });
    fill(blocks, home, { grid, pass });
  }
  return blocks;
}

async function run(
  x: Tile,
  {
    grid,
    pass,
    at: { tiles, dispatcher },
    operations,
  }: { grid: PairGrid; pass: PairPass; at: Place; operations: number },
): Promise<Uint32Array> {
  const words = PAIR_WORDS * pass.blocks * pass.tiles * grid.side ** 2;
  // A new buffer is all zeros.
  const [sums] = (await tiles.scratch({ 'squared distances': 4 * words })) as [GPUBuffer];
  try {
    const buffers = [own(x).slab.buffer, await tiles.table(x), sums];
    const { first, count } = slicesOf(pass, grid);
    const { onDiagonal: on, offDiagonal: off } = grid;
    const shape = [grid.rows, grid.cols, grid.blockCols, grid.sliceCols, grid.slicesPerBlock];
    const tile = [grid.tilesPerSide, grid.side, grid.groups];
    const shares = [on.lanes, off.lanes, on.chunk, off.chunk];
    const params = [...shape, ...tile, ...shares, first, pass.firstTile];
    const launch = { kernel: KERNEL, buffers, params, groups: [pass.tiles, count] as const };
    await dispatcher.run([launch], operations * workgroupsOf(pass, grid));
    return await tiles.readback.bring([{ buffer: sums, bytes: 4 * words }], new Uint32Array(words));
  } finally {
    sums.destroy();
  }
}

/** Fills in the pairs of a pass. */
function fill(
  blocks: readonly Float64Array[],
  home: Uint32Array,
  { grid, pass }: { grid: PairGrid; pass: PairPass },
): void {
  const { rows, side } = grid;
  let tileAt = 0;
  for (let block = pass.firstBlock; block < pass.firstBlock + pass.blocks; block++) {
    const distances = blocks[block]!;
    for (const { a, b } of tilesOf(grid, pass)) {
      for (let i = a * side; i < Math.min(rows, (a + 1) * side); i++) {
        for (let j = Math.max(i + 1, b * side); j < Math.min(rows, (b + 1) * side); j++) {
          const at = tileAt + PAIR_WORDS * ((i - a * side) * side + (j - b * side));
          const sum = numberOf(home[at]!, home[at + 1]!, home[at + 2]!);
          distances[i * rows + j] = distances[j * rows + i] = sum;
        }
      }
      tileAt += PAIR_WORDS * side ** 2;
    }
  }
}

/** Exact below 2⁵³, and not below it where the sum is not. */
function numberOf(low: number, high: number, fault: number): number {
  if ((fault & WIDE) !== 0) return Number.POSITIVE_INFINITY;
  return fault === 0 ? high * 2 ** 32 + low : OVER;
}
