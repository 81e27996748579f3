import { describe, expect, test } from 'vitest';
import { createBackend } from '../../src/backend/create-node.ts';
import { createRandom } from '../../src/core/random.ts';
import { dnc } from '../../src/rules/dnc.ts';
import { applyTo } from '../support/apply.ts';

const INF = Number.POSITIVE_INFINITY;

describe('DnC', () => {
  test('leaves out the f rows that stand out most, or a multiple of f', async () => {
    // Around the mean 3.25 they lie at −3.25, −2.25, −1.25 and 6.75.
    const rows = [0, 1, 2, 10];
    const { value, evidence } = await applyTo(dnc({ f: 1 }), rows);
    expect(value).toEqual([1]);
    expect(evidence?.map(({ selected }) => selected)).toEqual([true, true, true, false]);
    expect(evidence?.[0]?.score).toBeCloseTo((3.25 / 6.75) ** 2, 8);
    expect((await applyTo(dnc({ f: 1, filter: 2 }), rows)).value).toEqual([1.5]);
  });

  test('looks along the direction of greatest spread alone', async () => {
    // The spread is along the first axis, where the fourth row is in the middle.
    const rows = [
      [-9, 0],
      [9, 0],
      [7, 0],
      [0, 5],
    ];
    const { weights } = await applyTo(dnc({ f: 1 }), rows);
    expect(weights).toEqual([[0, 1 / 3, 1 / 3, 1 / 3]]);
  });

  test('sees of many coordinates those that the seed draws', async () => {
    const random = createRandom(4);
    const rows = Array.from({ length: 7 }, () => Array.from({ length: 6 }, () => random.uniform()));
    rows[3]![2] = 50;
    const seen = async (seed: number, coordinates: number, iterations = 1): Promise<boolean> => {
      const { weights } = await applyTo(dnc({ f: 1, coordinates, iterations, seed }), rows);
      return weights![0]![3] === 0;
    };
    expect(await seen(0, 6)).toBe(true);
    let count = 0;
    for (let seed = 0; seed < 60; seed++) if (await seen(seed, 2)) count++;
    // Two of six columns are drawn: the odds are ⅓, or a little more where the row is left out by
    // chance. Of 60 fair draws at ⅓, below 8 or above 34 come up once in 10⁴.
    expect(count).toBeGreaterThan(8);
    expect(count).toBeLessThan(35);
    // Twenty draws miss the column with probability (2/3)²⁰, or 0.0003.
    expect(await seen(1, 2, 20)).toBe(true);
  });

  test('takes the rows that were left out least where each was once', async () => {
    // In each column another row stands out; one column is drawn at a time.
    const rows = [
      [9, 0, 0],
      [0, 9, 0],
      [0, 0, 9],
    ];
    const { value, weights } = await applyTo(dnc({ f: 1, coordinates: 1, iterations: 40 }), rows);
    const kept = weights![0]!.filter((weight) => weight > 0).length;
    expect(kept).toBeGreaterThan(0);
    expect(value.every(Number.isFinite)).toBe(true);
  });

  test('leaves rows with infinities out first', async () => {
    expect((await applyTo(dnc({ f: 1 }), [1, INF, 3])).value).toEqual([2]);
  });

  test('draws the same columns whatever the shard and the backend', async () => {
    // Two blocks of 65 536 columns and some; with 14 MB they are read one after the other.
    const rows = Array.from({ length: 5 }, (_, i) =>
      Float32Array.from({ length: 140_000 }, (_, j) => Math.sin(i * 7 + j * (1 + i))),
    );
    const rule = dnc({ f: 1, coordinates: 30, iterations: 3, seed: 5 });
    const outcomes = [];
    for (const [name, memory] of [
      ['reference', 2 ** 30],
      ['reference', 14_000_000],
      ['wasm', 2 ** 30],
    ] as const) {
      await using backend = await createBackend(name, { memory });
      const { evidence, weights } = await rule.apply(backend.matrix(rows), backend, {});
      outcomes.push({ scores: evidence!.map(({ score }) => score!), weights });
    }
    expect(outcomes[1]).toEqual(outcomes[0]);
    expect(outcomes[2]!.weights).toEqual(outcomes[0]!.weights);
    // Products of thirty values, in f32 on one and in f64 on the other.
    for (const [i, score] of outcomes[0]!.scores.entries()) {
      expect(outcomes[2]!.scores[i]).toBeCloseTo(score, 4);
    }
  });

  test('states its condition', async () => {
    await expect(applyTo(dnc({ f: 2, filter: 1.5 }), [1, 2, 3])).rejects.toThrow(
      'dnc needs n ≥ ⌈filter · f⌉ + 1 = 4 clients for f = 2 and filter = 1.5, got 3',
    );
    expect(() => dnc({ f: 1, coordinates: 0 })).toThrow(RangeError);
  });
});
