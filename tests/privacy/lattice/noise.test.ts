/**
 * Draws of the kernels against the laws they are drawn from, with fixed keys. What statistics can see
 * is gross: that a table is within 2^−97 of its law is shown by counting it out (alias-table.test.ts),
 * and that all backends draw alike by comparing words (tests/backend/lattice-noise.test.ts).
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createBackend } from '../../../src/backend/create-node.ts';
import type { Backend, LatticeNoise } from '../../../src/backend/kernels.ts';
import { BLOCK_WORDS, chacha20Block, chacha20State } from '../../../src/core/chacha20.ts';
import { aliasTable } from '../../../src/privacy/lattice/alias-table.ts';
import { ONE } from '../../../src/privacy/lattice/fixed-point.ts';
import { discreteGaussian, type Law, skellam } from '../../../src/privacy/lattice/laws.ts';
import { gaussianPlan, laplacePlan } from '../../../src/privacy/lattice/noise-plan.ts';
import {
  type NoiseAddress,
  noiseNonce,
  subkey,
} from '../../../src/privacy/lattice/noise-stream.ts';
import {
  expectChiSquare,
  expectKolmogorov,
  expectPoisson,
  expectUncorrelated,
  normalCdf,
} from './statistics.ts';

const N = 2 ** 22;
const MASTER = Uint8Array.from({ length: 32 }, (_, i) => 7 * i + 1);

let backend: Backend;
beforeAll(async () => {
  backend = await createBackend('wasm', { threads: 1 });
});
afterAll(() => backend?.close());

type Draws = LatticeNoise['draws'];

/** Noise alone: what is added to zeros. */
async function noise(
  draws: Draws,
  address: Partial<NoiseAddress> = {},
  count: number = N,
): Promise<Int32Array> {
  const nonce = noiseNonce({ round: 1, tensor: 0, purpose: 0, ...address });
  const zeros = backend.words([new Uint32Array(count)]);
  const key = subkey(MASTER, 1);
  const words = await backend.readWords(backend.addLatticeNoise(zeros, { key, nonce, draws }));
  return new Int32Array(words.buffer);
}

function massOf({ masses }: Law, k: number): number {
  return Number(masses[Math.abs(k)] ?? 0n) / Number(ONE);
}

/** All values of which at least 20 are expected, and the rest together. */
function expectLaw(sample: Int32Array, law: Law): void {
  const counts = new Map<number, number>();
  for (const value of sample) counts.set(value, (counts.get(value) ?? 0) + 1);
  const cells: { count: number; expected: number }[] = [];
  let rest = { count: sample.length, expected: sample.length };
  for (let k = -law.masses.length; k <= law.masses.length; k++) {
    const expected = sample.length * massOf(law, k);
    if (expected < 20) continue;
    const count = counts.get(k) ?? 0;
    cells.push({ count, expected });
    rest = { count: rest.count - count, expected: rest.expected - expected };
  }
  if (rest.expected >= 5) cells.push(rest);
  expectChiSquare(cells);
}

/** Mean, variance, skewness and kurtosis of a nearly normal sample, within five standard errors. */
function expectMoments(sample: Int32Array, variance: number): void {
  const n = sample.length;
  const sums = [0, 0, 0, 0];
  for (const value of sample) {
    const z = value / Math.sqrt(variance);
    sums[0]! += z;
    sums[1]! += z * z;
    sums[2]! += z ** 3;
    sums[3]! += z ** 4;
  }
  const [mean, second, third, fourth] = sums.map((sum) => sum / n) as [
    number,
    number,
    number,
    number,
  ];
  expect(Math.abs(mean) * Math.sqrt(n), 'mean').toBeLessThan(5);
  expect(Math.abs(second - 1) * Math.sqrt(n / 2), 'variance').toBeLessThan(5);
  expect(Math.abs(third) * Math.sqrt(n / 15), 'skewness').toBeLessThan(5);
  expect(Math.abs(fourth - 3) * Math.sqrt(n / 96), 'kurtosis').toBeLessThan(5);
}

describe('one draw from a table', () => {
  const law = discreteGaussian(64);
  const draws = [{ table: aliasTable(law), factor: 1 }];
  let sample: Int32Array;
  beforeAll(async () => {
    sample = await noise(draws);
  });

  test('has the masses of the discrete Gaussian', () => {
    expectLaw(sample, law);
  });

  test('has its moments', () => {
    expectMoments(sample, 64);
  });

  test.each([3, 4, 4.5, 5])('has its tails beyond %d σ', (deviations) => {
    const edge = 8 * deviations;
    let mass = 0;
    for (let k = Math.floor(edge) + 1; k < law.masses.length; k++) mass += 2 * massOf(law, k);
    let count = 0;
    for (const value of sample) if (Math.abs(value) > edge) count++;
    if (mass * N > 500) expect(Math.abs(count - mass * N)).toBeLessThan(5 * Math.sqrt(mass * N));
    else expectPoisson(count, mass * N);
  });

  test.each([1, 4, 16, 256])('tells nothing of the one %i columns away', (lag) => {
    expectUncorrelated(sample, sample.subarray(lag), `lag ${lag}`);
    const squares = sample.map((value) => value * value);
    expectUncorrelated(squares, squares.subarray(lag), `squares at lag ${lag}`);
  });

  test.each([
    ['a Skellam law', skellam(30)],
    ['a discrete Gaussian of σ = 0.7', discreteGaussian(0.49)],
    ['a discrete Gaussian of σ = 40', discreteGaussian(1600)],
  ])('has the masses of %s', async (_, other) => {
    expectLaw(await noise([{ table: aliasTable(other), factor: 1 }], { purpose: 1 }), other);
  });
});

describe('a sum of draws', () => {
  const sigma = 2 ** 20;
  const plan = gaussianPlan(sigma);
  let sample: Int32Array;
  beforeAll(async () => {
    sample = await noise(plan.draws, { purpose: 2 });
  });

  test('has the moments of one Gaussian', () => {
    expectMoments(sample, sigma ** 2);
  });

  test('has its distribution', () => {
    expectKolmogorov(sample.slice(), (x) => normalCdf((x + 0.5) / sigma));
  });

  test('has low bits that are uniform', () => {
    const counts = Array.from({ length: 64 }, () => ({ count: 0, expected: N / 64 }));
    for (const value of sample) counts[value & 63]!.count++;
    expectChiSquare(counts);
  });

  test('of a smaller σ has the masses of one table', async () => {
    // σ² = 18² + 8²·10²: small enough to be counted value by value.
    const [first, second] = [18, 10].map((s) => aliasTable(discreteGaussian(s * s)));
    const draws = [
      { table: first!, factor: 1 },
      { table: second!, factor: 8 },
    ];
    expectLaw(await noise(draws, { purpose: 3 }), discreteGaussian(6724));
  });

  test('of digits has the masses of a discrete Laplace law', async () => {
    const scale = 300;
    const ratio = Math.exp(-1 / scale);
    const draws = await noise(laplacePlan(scale).draws, { purpose: 4 });
    // Runs of 16 values: more would be too few for a cell, or cells too many.
    const cells = Array.from({ length: 2 * 120 }, () => ({ count: 0, expected: 0 }));
    let rest = { count: N, expected: N };
    for (const value of draws) {
      const cell = cells[Math.floor(value / 16) + 120];
      if (cell !== undefined) cell.count++;
    }
    const unit = (N * (1 - ratio)) / (1 + ratio);
    for (let k = -16 * 120; k < 16 * 120; k++) {
      cells[Math.floor(k / 16) + 120]!.expected += unit * ratio ** Math.abs(k);
    }
    for (const { count, expected } of cells) {
      rest = { count: rest.count - count, expected: rest.expected - expected };
    }
    expectChiSquare([...cells, rest]);
  });
});

describe('streams', () => {
  const draws = [{ table: aliasTable(discreteGaussian(64)), factor: 1 }];
  const count = 2 ** 20;

  test('of other rounds, tensors and purposes are other noise', async () => {
    const addresses = [{}, { round: 2 }, { tensor: 1 }, { purpose: 5 }, { round: 2, tensor: 1 }];
    const samples: Int32Array[] = [];
    for (const address of addresses) samples.push(await noise(draws, address, count));
    for (const [i, a] of samples.entries()) {
      for (const [j, b] of samples.entries()) {
        if (j < i) expectUncorrelated(a, b, `addresses ${i} and ${j}`);
      }
    }
  });

  test('of the levels of a draw are other noise', async () => {
    const levels = [0, 1, 2].map((level) =>
      [0, 1, 2].map((l) => ({ table: draws[0]!.table, factor: l === level ? 1 : 0 })),
    );
    const [a, b, c] = await Promise.all(levels.map((some) => noise(some, {}, count)));
    expectUncorrelated(a!, b!, 'levels 0 and 1');
    expectUncorrelated(a!, c!, 'levels 0 and 2');
    expectUncorrelated(b!, c!, 'levels 1 and 2');
  });

  test('of all addresses of a run share no block', () => {
    const seen = new Set<string>();
    let blocks = 0;
    const block = new Uint32Array(BLOCK_WORDS);
    for (let round = 0; round < 8; round++) {
      for (let tensor = 0; tensor < 4; tensor++) {
        for (let purpose = 0; purpose < 4; purpose++) {
          for (let level = 0; level < 3; level++) {
            const [a, b, c] = noiseNonce({ round, tensor, purpose });
            const state = chacha20State(MASTER, [a, b, c + level]);
            for (let counter = 0; counter < 64; counter++) {
              state[12] = counter;
              chacha20Block(state, block);
              seen.add(`${block[0]} ${block[1]} ${block[2]}`);
              blocks++;
            }
          }
        }
      }
    }
    expect(seen.size).toBe(blocks);
  });

  test('of other keys, and subkeys of other purposes, are other noise', () => {
    const keys = [1, 2, 3].map((purpose) => subkey(MASTER, purpose).join());
    expect(new Set([...keys, MASTER.join()]).size).toBe(4);
    expect(() => subkey(MASTER.subarray(1), 0)).toThrow(/key must be a Uint8Array of 32 bytes/);
  });

  test('have addresses in range', () => {
    expect(noiseNonce({ round: 3, tensor: 2, purpose: 1 })).toEqual([3, 2, 256]);
    const bad: [Partial<NoiseAddress>, RegExp][] = [
      [{ round: 2 ** 32 }, /round must be in/],
      [{ tensor: -1 }, /tensor must be in/],
      [{ purpose: 2 ** 24 }, /purpose must be in/],
    ];
    for (const [address, message] of bad) {
      expect(() => noiseNonce({ round: 0, tensor: 0, purpose: 0, ...address })).toThrow(message);
    }
  });
});
