import { expect, test } from 'vitest';
import {
  bytesOf,
  type PairGrid,
  pairPasses,
  slicesOf,
} from '../../../src/backend/webgpu/pair-blocks.ts';

/** 16 bytes for each of 16 × 16 pairs. */
const TILE = 4096;

/** 3 sides, so 6 tiles; 5 blocks of 4 slices, the last with 2. */
const grid: PairGrid = {
  rows: 40,
  blockCols: 256,
  blocks: 5,
  sliceCols: 64,
  slicesPerBlock: 4,
  slices: 18,
  tilesPerSide: 3,
  tiles: 6,
};

test.each([
  ['all at once where there is room', { bytes: 18 * 6 * TILE + 6 * 2 * TILE, groups: 99 }, 1],
  ['two blocks at a time', { bytes: 2 * 24 * TILE, groups: 99 }, 3],
  ['two blocks at a time for want of workgroups', { bytes: 1e9, groups: 8 }, 3],
  ['some tiles of a block where a block is too much', { bytes: 20 * TILE, groups: 99 }, 10],
  ['a tile at least', { bytes: 1, groups: 99 }, 30],
])('passes cover every tile of every block once: %s', (_, limits, count) => {
  const passes = pairPasses(grid, limits);
  expect(passes.length).toBe(count);
  const seen = passes.flatMap(({ firstBlock, blocks, firstTile, tiles }) =>
    Array.from({ length: blocks * tiles }, (_, k) => {
      return 6 * (firstBlock + Math.floor(k / tiles)) + firstTile + (k % tiles);
    }),
  );
  expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, k) => k));
  for (const pass of passes) {
    expect(bytesOf(pass, grid)).toBeLessThanOrEqual(Math.max(limits.bytes, 4 * TILE));
    expect(slicesOf(pass, grid).count).toBeLessThanOrEqual(limits.groups);
  }
});

test('16,384 MiB of sums for 4,096 rows go in passes that default limits admit', () => {
  const wide: PairGrid = {
    rows: 4096,
    blockCols: 4096,
    blocks: 128,
    sliceCols: 4096,
    slicesPerBlock: 1,
    slices: 128,
    tilesPerSide: 256,
    tiles: 32_896,
  };
  const passes = pairPasses(wide, { bytes: 2 ** 26, groups: 65_535 });
  expect(Math.max(...passes.map((pass) => bytesOf(pass, wide)))).toBe(2 ** 26);
  // A block has 32,896 tiles of 4 KiB, 2 · 16,384 + 128.
  expect(passes.length).toBe(3 * 128);
});
