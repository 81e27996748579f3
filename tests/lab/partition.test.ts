import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { dirichletPartition } from '../../src/lab/partition.ts';

const cohort = fc.record({
  labels: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 40, maxLength: 300 }),
  clients: fc.integer({ min: 1, max: 20 }),
  seed: fc.integer({ min: 0, max: 2 ** 31 }),
});

/** Disjoint, none empty, and together all examples. */
function expectPartition(parts: readonly number[][], size: number): void {
  expect(parts.every((part) => part.length > 0)).toBe(true);
  expect(parts.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: size }, (_, i) => i));
}

/** Mean over clients of the share that a client's most frequent label has in its examples. */
function concentration(parts: readonly number[][], labels: readonly number[]): number {
  const tops = parts.map((part) => {
    const counts = new Array<number>(10).fill(0);
    for (const i of part) counts[labels[i]!]!++;
    return Math.max(...counts) / part.length;
  });
  return tops.reduce((a, b) => a + b, 0) / tops.length;
}

const balanced = Array.from({ length: 2000 }, (_, i) => i % 10);

describe('the Dirichlet partition', () => {
  test('gives every example to exactly one client and leaves none empty, for any alpha', () => {
    fc.assert(
      fc.property(cohort, fc.constantFrom(1e-6, 0.01, 0.3, 1, 100), (c, alpha) => {
        const random = createRandom(c.seed);
        const parts = dirichletPartition(c.labels, { clients: c.clients, alpha, random });
        expect(parts).toHaveLength(c.clients);
        expectPartition(parts, c.labels.length);
      }),
    );
  });

  test('is the same for the same seed', () => {
    const draw = (seed: number) =>
      dirichletPartition(balanced, { clients: 20, alpha: 1, random: createRandom(seed) });
    expect(draw(5)).toEqual(draw(5));
    expect(draw(5)).not.toEqual(draw(6));
  });

  test('makes clients alike for a large alpha and one-sided for a small one', () => {
    const at = (alpha: number) => {
      const random = createRandom(1);
      return concentration(dirichletPartition(balanced, { clients: 20, alpha, random }), balanced);
    };
    // 20 clients × 10 equal labels: 0.1 where clients are alike, 1 where each has one label.
    expect(at(1000)).toBeLessThan(0.15);
    expect(at(1)).toBeGreaterThan(0.2);
    expect(at(1)).toBeLessThan(0.5);
    expect(at(0.05)).toBeGreaterThan(0.6);
  });

  test('refuses an alpha of 0 and more clients than examples', () => {
    const random = createRandom(1);
    expect(() => dirichletPartition([0, 1], { clients: 2, alpha: 0, random })).toThrow(
      'alpha must be above 0, got 0',
    );
    expect(() => dirichletPartition([0, 1], { clients: 3, alpha: 1, random })).toThrow(
      'clients must be in [1, 2], got 3',
    );
  });
});
