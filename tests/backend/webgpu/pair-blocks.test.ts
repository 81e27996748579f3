import { describe, expect, test } from 'vitest';
import {
  fillBlocks,
  homeBytes,
  LOOK_WORDS,
  type PairPass,
  pairGrid,
  pairPasses,
  pairScales,
  slicesOf,
  workgroupsOf,
} from '../../../src/backend/webgpu/pair-blocks.ts';

describe('the layout of pairs', () => {
  test.each([1, 2, 4, 5, 8, 15, 16, 17, 32, 60, 64, 65, 100, 128, 129, 300, 4096])(
    'of %i rows gives every pair an invocation, and every lane whole runs of columns',
    (rows) => {
      const grid = pairGrid({ rows, cols: 200_000 }, 65_536);
      const { side, groups, tilesPerSide, onDiagonal, offDiagonal } = grid;
      expect(side).toBe(4 * groups);
      expect(side * tilesPerSide).toBeGreaterThanOrEqual(rows);
      // No row of tiles is empty.
      expect(side * (tilesPerSide - 1)).toBeLessThan(rows);
      expect(grid.sliceCols * grid.slicesPerBlock).toBe(65_536);
      for (const [shape, vectors] of [
        [onDiagonal, 1024],
        [offDiagonal, 512],
      ] as const) {
        expect(shape.blocks * shape.lanes).toBeLessThanOrEqual(256);
        expect(shape.chunk * groups).toBeLessThanOrEqual(vectors);
        expect(shape.chunk % (8 * shape.lanes)).toBe(0);
        expect(grid.sliceCols % shape.chunk).toBe(0);
      }
    },
  );

  test('of rows that fill their tiles keeps at least half of the invocations at work', () => {
    for (const rows of [8, 16, 24, 32, 48, 64]) {
      const { blocks, lanes } = pairGrid({ rows, cols: 1e6 }, 65_536).onDiagonal;
      // Of 8 and 24 rows the chunk ends first: a lane has a run of 8 columns at least.
      expect(blocks * lanes, `${rows}`).toBeGreaterThanOrEqual(96);
    }
    for (const rows of [128, 256, 512]) {
      const { blocks, lanes } = pairGrid({ rows, cols: 1e6 }, 65_536).offDiagonal;
      expect(blocks * lanes).toBe(256);
    }
  });
});

/** 70 rows: 2 tiles along a side, so 3; 5 blocks of 4 slices, the last with 2. */
const grid = {
  ...pairGrid({ rows: 70, cols: 4 * 65_536 + 2 * 16_384 }, 65_536),
  sliceCols: 16_384,
};
const sliced = { ...grid, slicesPerBlock: 4, slices: 18 };

test.each([
  ['all at once where there is room', { workgroups: 18 * 3 + 6, perDimension: 99 }, 1],
  ['two blocks at a time', { workgroups: 2 * 12, perDimension: 99 }, 3],
  ['two blocks at a time for want of a dimension', { workgroups: 1e9, perDimension: 8 }, 3],
  ['some tiles of a block where a block is too much', { workgroups: 8, perDimension: 99 }, 10],
  ['a tile at least', { workgroups: 0, perDimension: 99 }, 15],
])('passes cover every tile of every block once: %s', (_, limits, count) => {
  const passes = pairPasses(sliced, limits);
  expect(passes.length).toBe(count);
  const seen = passes.flatMap(({ firstBlock, blocks, firstTile, tiles }) =>
    Array.from({ length: blocks * tiles }, (_, k) => {
      return 3 * (firstBlock + Math.floor(k / tiles)) + firstTile + (k % tiles);
    }),
  );
  expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 15 }, (_, k) => k));
  for (const pass of passes) {
    expect(workgroupsOf(pass, sliced)).toBeLessThanOrEqual(Math.max(limits.workgroups, 4));
    expect(slicesOf(pass, sliced).count).toBeLessThanOrEqual(limits.perDimension);
  }
});

test('4,096 rows go in passes that default limits admit', () => {
  const wide = pairGrid({ rows: 4096, cols: 524_288 }, 4096);
  expect(wide.tiles).toBe(2080);
  const passes = pairPasses(wide, { workgroups: 1024, perDimension: 65_535 });
  // A block has 2,080 tiles of one slice each: 2 · 1,024 + 32.
  expect(passes.length).toBe(3 * 128);
  expect(Math.max(...passes.map((pass) => homeBytes(pass, wide)))).toBe(2 ** 26);
});

describe('what came home of pairs', () => {
  /** Screens of rows with these exponents in one block; content differs from row to row. */
  const looks = (exponents: readonly number[]): Uint32Array[] =>
    exponents.map((exponent, i) => {
      const words = new Uint32Array(LOOK_WORDS);
      words.set([0, exponent, 0, 0, i, i]);
      return words;
    });
  const small = pairGrid({ rows: 2, cols: 64 }, 64);
  const pass: PairPass = { firstBlock: 0, blocks: 1, firstTile: 0, tiles: 1 };
  /** The cells of pairs (0, 0), (0, 1), (1, 1) with a product and a distance each. */
  const home = (sums: readonly [number, number][]): Float32Array => {
    const words = new Float32Array(4 * small.cells);
    for (const [k, [product, distance]] of sums.entries()) {
      const cell = [0, 1, 5][k]! * small.onDiagonal.blocks;
      words.set([product, 0, distance, 0], 4 * cell);
    }
    return words;
  };
  const filled = (exponents: readonly number[], sums: readonly [number, number][]) => {
    const scales = pairScales(small, looks(exponents));
    const blocks = [{ products: new Float64Array(4), squaredDistances: new Float64Array(4) }];
    const filling = { grid: small, pass, scales, looks: looks(exponents), blocks };
    return { scales, lost: fillBlocks(home(sums), filling), ...blocks[0]! };
  };

  test.each([
    // Divided by 2^(5 − 48), both.
    ['one scale for rows of similar size', [5, 3], false, [2 ** -86, 2 ** -86, 2 ** -86]],
    // Divided by 2^(70 − 48) and by 2^(0 − 48): the distance by the larger.
    ['a scale for each where they differ', [70, 0], true, [2 ** 44, 2 ** -26, 2 ** -96]],
    // The factor ends at 2¹²⁶.
    [
      'the largest factor for the smallest rows',
      [-149, -140],
      false,
      [4 ** -126, 4 ** -126, 4 ** -126],
    ],
  ] as const)('has %s', (_, exponents, general, units) => {
    const { scales, products, squaredDistances, lost } = filled(exponents, [
      [3, 0],
      [5, 7],
      [2, 0],
    ]);
    expect(scales.general).toBe(general);
    expect([...products]).toEqual([3 * units[0], 5 * units[1], 5 * units[1], 2 * units[2]]);
    const unit = Math.max(units[0], units[2]);
    expect([...squaredDistances]).toEqual([0, 7 * unit, 7 * unit, 0]);
    expect(lost).toEqual([]);
  });

  test('is suspect where it is tiny and the rows are not the same', () => {
    const { lost } = filled(
      [0, 0],
      [
        [1, 0],
        [1, 2 ** -81],
        [1, 0],
      ],
    );
    expect(lost).toEqual([{ block: 0, i: 0, j: 1 }]);
  });
});
