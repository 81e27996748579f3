/** How passes are cut: hand-worked budgets, in rows of 4 bytes. */

import { describe, expect, test } from 'vitest';
import * as matrix from '../../src/backend/matrix.ts';
import { type Limits, narrowed, type Pass, passOf } from '../../src/backend/pass.ts';

const MIB = 2 ** 20;
const roomy: Limits = { memory: 2 ** 40, maxTileBytes: 2 ** 40, shardBytes: 64 * MIB };

/** n rows of 10⁶ entries that nobody reads here. */
function rowsOf(n: number): matrix.Source {
  const row = { cols: 1_000_000, read: () => {} };
  return matrix.source(Array.from({ length: n }, () => row)) as matrix.Source;
}

/** The same in a file. */
function rowsInFilesOf(n: number): matrix.Source {
  const inFile = () => ({ descriptor: 0, runs: [] });
  const row = { cols: 1_000_000, read: () => {}, inFile };
  return matrix.source(Array.from({ length: n }, () => row)) as matrix.Source;
}

function plan(node: unknown, limits: Partial<Limits> = {}, unit?: number): Pass {
  const cut = unit === undefined ? {} : { unit };
  const given = { limits: { ...roomy, ...limits }, kept: new Map() };
  return passOf([node as matrix.Node], cut, given);
}

describe('shards', () => {
  test('are whole blocks of the size that the body likes', () => {
    // 64 MiB over 4 · 16 bytes are 2²⁰ columns; over 4 · 100 bytes 167,772, two blocks of 65,536.
    expect(plan(rowsOf(16)).width).toBe(1_000_000);
    expect(plan(rowsOf(100)).width).toBe(131_072);
    // Below one block, a power of two.
    expect(plan(rowsOf(300)).width).toBe(32_768);
  });

  test('are cut alike whatever is computed, so that kept tiles are found again', () => {
    const x = rowsOf(100);
    const mixed = matrix.combine(
      Array.from({ length: 100 }, () => Array<number>(100).fill(1)),
      x,
    );
    const widths = [x, matrix.rankMean(x, 0, 9), mixed].map((node) => plan(node).width);
    expect(widths).toEqual([131_072, 131_072, 131_072]);
  });

  test('of rows in place are larger, as far as what is computed is no more than usual', () => {
    const values = new Float32Array(1_000_000);
    const row = { cols: 1_000_000, values, read: () => {} };
    const x = matrix.source(Array.from({ length: 100 }, () => row)) as matrix.Source;
    const limits = { inPlaceShardBytes: 256 * MIB };
    // 256 MiB over 4 · 100 bytes are 671,088 columns, ten blocks of 65,536.
    expect(plan(matrix.rankMean(x, 0, 9), limits).width).toBe(655_360);
    const weights = (n: number): number[][] => Array.from({ length: n }, () => Array(100).fill(1));
    // 64 MiB over 4 · 40 rows that are computed: six blocks.
    expect(plan(matrix.combine(weights(40), x), limits).width).toBe(393_216);
    expect(plan(matrix.combine(weights(100), x), limits).width).toBe(131_072);
    // One row elsewhere has to be read.
    const mixed = matrix.stack(x, rowsOf(1));
    expect(plan(mixed, limits).width).toBe(plan(mixed).width);
    expect(plan(matrix.rankMean(x, 0, 9)).width).toBe(131_072);
  });

  test('of rows in files are cut as those in place where one operation reads them', () => {
    // Too little to keep the rows, and enough for two shards.
    const memory = 8 * 100 * 1_000_000 - 1;
    const limits = { inPlaceShardBytes: 256 * MIB, readsFiles: true, memory };
    const x = rowsInFilesOf(100);
    const low = matrix.rankMean(x, 0, 9);
    expect(plan(low, limits)).toMatchObject({ width: 655_360, left: new Set([x]) });
    // Whatever views it goes through: the rows that are read are those of the view.
    const some = matrix.signSum(matrix.select(x, [3, 5]));
    expect(plan(some, limits).left).toEqual(new Set([x]));
    expect(plan(x, limits).left).toEqual(new Set([x]));
    // Two readers, a body that reads no files, rows that are kept or will be.
    const uploaded = { width: 131_072, left: new Set() };
    expect(plan(matrix.nearestMean(x, low, 9), limits)).toMatchObject(uploaded);
    expect(plan(matrix.stack(x, matrix.combine([Array(100).fill(1)], x)), limits).left.size).toBe(
      0,
    );
    expect(plan(low, { ...limits, readsFiles: false })).toMatchObject(uploaded);
    expect(plan(low, { ...limits, memory: memory + 1 })).toMatchObject(uploaded);
    const given = { limits: { ...roomy, ...limits }, kept: new Map([[x, 0]]) };
    expect(passOf([low as matrix.Node], {}, given)).toMatchObject(uploaded);
  });

  test('narrow where a tile would exceed the largest buffer', () => {
    const limits = { maxTileBytes: 4 * 100 * 1000 };
    // 1,000 columns, in whole 64s.
    expect(plan(rowsOf(100), limits).width).toBe(960);
  });
});

describe('memory', () => {
  const x = rowsOf(100);
  const median = matrix.rankMean(x, 50, 51);

  test('keeps sources that take no more than half of it', () => {
    const whole = 4 * 100 * 1_000_000;
    expect(plan(median, { memory: 2 * whole })).toMatchObject({ keeps: true, ahead: true });
    expect(plan(median, { memory: 2 * whole - 1 })).toMatchObject({ keeps: false, ahead: true });
  });

  test('holds two shards and the result of one while it streams', () => {
    const pass = plan(median, { memory: 4 * 201 * 65_536 });
    expect(pass).toMatchObject({ keeps: false, ahead: true, width: 65_536 });
    expect(pass.bytes).toBe(4 * 201 * 65_536);
  });

  test('holds one shard where two whole blocks do not fit', () => {
    const memory = 4 * 201 * 65_536 - 1;
    expect(plan(x, { memory }, 65_536)).toMatchObject({ ahead: true });
    expect(plan(median, { memory }, 65_536)).toMatchObject({ ahead: false, width: 65_536 });
  });

  test('is too small where one unit does not fit', () => {
    expect(() => plan(median, { memory: 4 * 101 * 64 - 1 })).toThrow(
      `memory must be at least ${4 * 101 * 64} bytes for 101 rows of 64 columns`,
    );
    expect(plan(median, { memory: 4 * 101 * 64 }).width).toBe(64);
  });
});

describe('rows that are read', () => {
  const x = rowsOf(5);
  const rows = (...nodes: matrix.Node[]): (readonly number[])[] => {
    const { rowsOf: needed } = passOf(nodes, {}, { limits: roomy, kept: new Map() });
    return [...needed.values()];
  };
  const node = (made: unknown): matrix.Node => made as matrix.Node;

  test('are those that any selection asks for, each once', () => {
    expect(rows(node(matrix.select(x, [4, 1, 4])))).toEqual([[1, 4]]);
    expect(rows(node(matrix.select(x, [4])), node(matrix.combine([[0, 3, 0, 0, 0]], x)))).toEqual([
      [1, 4],
    ]);
  });

  test('are all where one operation looks at the source itself', () => {
    const centred = matrix.nearestMean(x, matrix.select(x, [2]), 3);
    expect(rows(node(centred))).toEqual([[0, 1, 2, 3, 4]]);
  });

  test('are all where the source is kept already: a view of it costs nothing', () => {
    const target = node(matrix.select(x, [2]));
    const { rowsOf: needed } = passOf([target], {}, { limits: roomy, kept: new Map([[x, true]]) });
    expect(needed.get(x)).toEqual([0, 1, 2, 3, 4]);
  });
});

test('a pass that runs out of memory narrows by halves, down to one unit', () => {
  let pass: Pass | undefined = plan(rowsOf(100), {}, 16_384);
  const widths: number[] = [];
  for (; pass; pass = narrowed(pass)) widths.push(pass.width);
  expect(widths).toEqual([131_072, 65_536, 32_768, 16_384]);
});
