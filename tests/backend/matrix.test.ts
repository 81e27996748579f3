import { describe, expect, test } from 'vitest';
import type { Combine } from '../../src/backend/matrix.ts';
import * as matrix from '../../src/backend/matrix.ts';

const x = matrix.source([Float32Array.of(1, 2), Float32Array.of(3, 4), Float32Array.of(5, 6)]);

describe('expressions', () => {
  test('a combination of a combination is one, its weights multiplied', () => {
    const inner = matrix.combine(
      [
        [1, 2, 0],
        [0, 1, -1],
      ],
      x,
    );
    const outer = matrix.combine([[3, 10]], inner) as Combine;
    expect(outer.x).toBe(x);
    expect([...(outer.weights[0] as Float64Array)]).toEqual([3, 16, -10]);
  });

  test('selected rows of a combination are a combination of fewer rows', () => {
    const inner = matrix.combine(
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      x,
    );
    const picked = matrix.select(inner, [1]) as Combine;
    expect(picked.op).toBe('combine');
    expect([...(picked.weights[0] as Float64Array)]).toEqual([4, 5, 6]);
  });

  test('rows without a weight are not part of a combination, however it came about', () => {
    const direct = matrix.combine([[0, 2, 0]], x) as Combine;
    expect(direct.weights).toEqual([Float64Array.of(2)]);
    expect(direct.x).toMatchObject({ op: 'select', x, indices: [1] });
    const mixed = matrix.combine(
      [
        [1, 0, 3],
        [0, 1, 0],
      ],
      x,
    );
    const selected = matrix.select(mixed, [0]) as Combine;
    expect(selected.weights).toEqual([Float64Array.of(1, 3)]);
    expect(selected.x).toMatchObject({ op: 'select', x, indices: [0, 2] });
    const folded = matrix.combine([[0, 7]], mixed) as Combine;
    expect(folded.weights).toEqual([Float64Array.of(7)]);
    expect(folded.x).toMatchObject({ op: 'select', x, indices: [1] });
  });

  test('a combination of weights that are all 0 keeps its rows', () => {
    expect(matrix.combine([[0, 0, 0]], x)).toMatchObject({ op: 'combine', x });
  });

  test('selected rows of selected rows look at the first matrix', () => {
    expect(matrix.select(matrix.select(x, [2, 0]), [1])).toMatchObject({ x, indices: [0] });
  });

  test('weights are copied: changing them later changes nothing', () => {
    const weights = [[1, 1, 1]];
    const node = matrix.combine(weights, x) as Combine;
    weights[0]![0] = 99;
    expect(node.weights[0]![0]).toBe(1);
  });

  test('selected rows may be given as a typed array', () => {
    const inner = matrix.combine(
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      x,
    );
    const rows = Uint32Array.of(1) as unknown as number[];
    const picked = matrix.select(inner, rows) as Combine;
    expect([...(picked.weights[0] as Float64Array)]).toEqual([4, 5, 6]);
  });

  test('nodes are listed once, inputs first', () => {
    const center = matrix.rankMean(x, 1, 2);
    const node = matrix.nearestMean(x, center, 2);
    expect(matrix.nodesOf(matrix.asNode('x', node))).toEqual([x, center, node]);
  });
});

/** A buffer as far as it can be looked at. */
function buffer(size: number, usage = 0x04): GPUBuffer {
  return { size, usage } as GPUBuffer;
}

/** What `matrix.source` is given in programs that no compiler checks. */
function sourceOf(...rows: unknown[]): unknown {
  return matrix.source(rows as Float32Array[]);
}

describe('bad expressions name the argument', () => {
  const cases: [string, () => unknown, string][] = [
    ['no rows', () => matrix.source([]), 'number of rows must be at least 1, got 0'],
    [
      'an empty row',
      () => matrix.source([new Float32Array(0)]),
      'length of row 0 must be at least 1',
    ],
    [
      'unequal rows',
      () => matrix.source([Float32Array.of(1), Float32Array.of(1, 2)]),
      'row 0 has 1, row 1 2',
    ],
    [
      'rows that are no list',
      () => matrix.source('ab' as never),
      'rows must be an array, got "ab"',
    ],
    [
      'a missing row',
      () => sourceOf(Float32Array.of(1), undefined),
      'row 1 must be a Float32Array',
    ],
    ['a row of doubles', () => sourceOf(new Float64Array(2)), 'row 0 must be a Float32Array or a'],
    ['a row of numbers', () => sourceOf([1, 2]), 'row source, got an array of 2'],
    ['a row from nowhere', () => sourceOf({ cols: 2 }), 'row 0 must be a Float32Array or a row'],
    ['a row of no length', () => sourceOf({ read: () => {} }), 'cols of row 0 must be an integer'],
    [
      'a row beyond its buffer',
      () => sourceOf({ cols: 2, buffer: buffer(16), byteOffset: 12 }),
      'buffer of row 0 must hold at least 20 bytes, got 16',
    ],
    [
      'a row between words',
      () => sourceOf({ cols: 2, buffer: buffer(16), byteOffset: 2 }),
      'byteOffset of row 0 must be a multiple of 4, got 2',
    ],
    [
      'a row before its buffer',
      () => sourceOf({ cols: 2, buffer: buffer(16), byteOffset: -4 }),
      'byteOffset of row 0 must be at least 0, got -4',
    ],
    [
      'a row that cannot be copied',
      () => sourceOf({ cols: 2, buffer: buffer(16, 0x80) }),
      'buffer of row 0 must have the usage COPY_SRC, got usage 128',
    ],
    [
      'a row in no buffer',
      () => sourceOf({ cols: 2, buffer: {} }),
      'buffer of row 0 must be a GPUB',
    ],
    ['a foreign matrix', () => matrix.select({ rows: 1, cols: 1 }, [0]), 'x must be a matrix expr'],
    ['a row outside', () => matrix.select(x, [3]), 'selected row must be in [0, 2], got 3'],
    [
      'weights too short',
      () => matrix.combine([[1]], x),
      'weight row 0 must have 3 entries, got 1',
    ],
    [
      'a NaN weight',
      () => matrix.combine([[1, Number.NaN, 0]], x),
      'weight (0, 1) must be a finite',
    ],
    ['an empty window', () => matrix.rankMean(x, 1, 1), 'to must be in [2, 3], got 1'],
    ['a wide center', () => matrix.nearestMean(x, x, 1), 'center must be 1×2, got 3×2'],
    [
      'count 0',
      () => matrix.nearestMean(x, matrix.rankMean(x, 0, 1), 0),
      'count must be in [1, 3]',
    ],
    ['one row', () => matrix.deviation(matrix.select(x, [0])), 'at least 2 rows, got 1'],
    [
      'unequal widths',
      () => matrix.stack(x, matrix.source([Float32Array.of(1)])),
      'equally long, got 2 and 1',
    ],
  ];
  test.each(cases)('%s', (_, build, message) => {
    expect(build).toThrow(message);
  });
});
