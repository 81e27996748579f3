import { describe, expect, test } from 'vitest';
import { sortingNetwork } from '../../../src/backend/network.ts';
import { networkSteps, STEP_KINDS } from '../../../src/backend/wasm/network-steps.ts';

/** The comparators of a step, on rows. */
function comparatorsOf({
  kind,
  rows,
}: {
  kind: number;
  rows: readonly number[];
}): [number, number][] {
  return STEP_KINDS[kind]!.split(' ').map((pair) => [
    rows[Number(pair[0])]!,
    rows[Number(pair[1])]!,
  ]);
}

/** For each row, its comparators in order: what an order of comparators must keep. */
function byRow(n: number, comparators: readonly (readonly [number, number])[]): string[][] {
  return Array.from({ length: n }, (_, row) =>
    comparators.filter((pair) => pair.includes(row)).map(String),
  );
}

const windows: [n: number, from: number, to: number][] = [
  [1, 0, 1],
  [2, 0, 2],
  [3, 1, 2],
  [7, 2, 5],
  [32, 3, 29],
  [33, 16, 17],
  [64, 31, 33],
  [100, 8, 92],
  [129, 0, 129],
  [257, 128, 129],
];

describe('steps of a sorting network', () => {
  test.each(windows)(
    'of %i rows for ranks [%i, %i) are its comparators, in order on each row',
    (n, from, to) => {
      const steps = networkSteps(n, from, to).flatMap(comparatorsOf);
      const network = sortingNetwork(n, from, to).map(({ low, high }) => [low, high] as const);
      expect(byRow(n, steps)).toEqual(byRow(n, network));
    },
  );

  test('touch a row less than two thirds as often as comparators do', () => {
    for (const [n, from, to] of windows.filter(([size]) => size >= 32)) {
      const touched = networkSteps(n, from, to).reduce((sum, { rows }) => sum + rows.length, 0);
      expect(touched, `${n} rows`).toBeLessThan((2 / 3) * 2 * sortingNetwork(n, from, to).length);
    }
  });

  test('have rows of their own in each place', () => {
    for (const { kind, rows } of networkSteps(40, 0, 40)) {
      expect(rows.length).toBe(new Set(STEP_KINDS[kind]!.replaceAll(' ', '')).size);
      expect(new Set(rows).size).toBe(rows.length);
    }
  });

  test('are the same every time', () => {
    expect(networkSteps(50, 5, 45)).toEqual(networkSteps(50, 5, 45));
  });
});
