import { describe, expect, test } from 'vitest';
import { createBackend } from '../../src/backend/create-node.ts';
import { signGuard } from '../../src/rules/sign-guard.ts';
import { signCluster, signStatistics } from '../../src/rules/signs.ts';
import { applyTo, reference } from '../support/apply.ts';

const INF = Number.POSITIVE_INFINITY;

describe('SignGuard', () => {
  test('averages what has the norm and the signs of most, clipped to the median norm', async () => {
    // Norms 2, 4, 2, 2 and 200; three of four entries positive, but for the fourth row.
    const rows = [
      [1, 1, 1, -1],
      [2, 2, 2, -2],
      [1, 1, -1, 1],
      [-1, -1, -1, 1],
      [100, 100, 100, -100],
    ];
    const { value, evidence } = await applyTo(signGuard(), rows);
    expect(value).toEqual([1, 1, Math.fround(1 / 3), -Math.fround(1 / 3)]);
    expect(evidence?.map(({ reason }) => reason)).toEqual([
      undefined,
      undefined,
      undefined,
      'signs are unlike those of most',
      'norm is unlike the median norm',
    ]);
    expect(evidence?.map(({ score }) => score)).toEqual([1, 2, 1, 1, 100]);
  });

  test('gives zero where the cluster has the wrong norms and the others the wrong signs', async () => {
    // The median norm is 1.5; the two that agree in signs are 0.1 long, below a tenth of it.
    const rows = [
      [0.1, 0.1],
      [0.1, 0.1],
      [2, -2],
      [0, -3],
    ];
    const { value, weights } = await applyTo(signGuard(), rows);
    expect(value).toEqual([0, 0]);
    expect(weights).toEqual([[0, 0, 0, 0]]);
  });

  test('leaves rows with infinities out, which are the longest of all', async () => {
    // The median of 1, 1, 3, ∞ and ∞ is 3.
    const { value } = await applyTo(signGuard(), [1, INF, 3, -INF, 1]);
    expect(value[0]).toBeCloseTo(5 / 3, 6);
    expect((await applyTo(signGuard(), [1, INF, 6, 2])).weights![0]![1]).toBe(0);
  });
});

describe('signs', () => {
  test('are counted exactly, zeros of both signs and subnormals too, on both CPUs', async () => {
    const cols = 70_001;
    const row = Float32Array.from({ length: cols }, (_, j) => [1e-45, -0, 0, -7, 3][j % 5]!);
    const other = row.map((value) => -value);
    await using wasm = await createBackend('wasm');
    const [down, zeros, up] = [14_000, 28_000, 28_001].map((count) => count / cols);
    for (const backend of [reference, wasm]) {
      const { shares } = await signStatistics(backend.matrix([row, other]), backend);
      expect(shares).toEqual([
        [up, zeros, down],
        [down, zeros, up],
      ]);
    }
  });

  test('cluster by mean shift: ties go to more positive entries, not to the first row', () => {
    const [up, down] = [
      [0.9, 0, 0.1],
      [0.1, 0, 0.9],
    ] as [[number, number, number], [number, number, number]];
    expect(signCluster([down, up, up, down]).members).toEqual([1, 2]);
    expect(signCluster([down, up, down]).members).toEqual([0, 2]);
    expect(signCluster([]).members).toEqual([]);
  });
});
