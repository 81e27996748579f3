/**
 * Draws of the kernels against further laws, with fixed keys; battery.test.ts tries the discrete
 * Gaussian. What statistics can see is gross: that a table is within 2^−97 of its law is shown by
 * counting it out (alias-table.test.ts), and that all backends draw alike by comparing words
 * (tests/backend/lattice-noise.test.ts).
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createBackend } from '../../../src/backend/create-node.ts';
import type { Backend, LatticeNoise } from '../../../src/backend/kernels.ts';
import { BLOCK_WORDS, chacha20Block, chacha20State } from '../../../src/core/chacha20.ts';
import { aliasTable } from '../../../src/privacy/lattice/alias-table.ts';
import { discreteGaussian, skellam } from '../../../src/privacy/lattice/laws.ts';
import { laplacePlan } from '../../../src/privacy/lattice/noise-plan.ts';
import {
  type NoiseAddress,
  noiseNonce,
  subkey,
} from '../../../src/privacy/lattice/noise-stream.ts';
import { expectLaw } from './battery.ts';
import { expectChiSquare } from './statistics.ts';

const N = 2 ** 22;
const MASTER = Uint8Array.from({ length: 32 }, (_, i) => 7 * i + 1);

let backend: Backend;
beforeAll(async () => {
  backend = await createBackend('wasm', { threads: 1 });
});
afterAll(() => backend?.close());

type Draws = LatticeNoise['draws'];

/** Noise alone: what is added to zeros. */
async function noise(draws: Draws, address: Partial<NoiseAddress> = {}): Promise<Int32Array> {
  const nonce = noiseNonce({ round: 1, tensor: 0, purpose: 0, ...address });
  const zeros = backend.words([new Uint32Array(N)]);
  const key = subkey(MASTER, 1);
  const words = await backend.readWords(backend.addLatticeNoise(zeros, { key, nonce, draws }));
  return new Int32Array(words.buffer);
}

describe('one draw from a table', () => {
  test.each([
    ['a Skellam law', skellam(30)],
    ['a discrete Gaussian of σ = 0.7', discreteGaussian(0.49)],
    ['a discrete Gaussian of σ = 40', discreteGaussian(1600)],
  ])('has the masses of %s', async (_, other) => {
    expectLaw(await noise([{ table: aliasTable(other), factor: 1 }], { purpose: 1 }), other);
  });
});

describe('a sum of draws', () => {
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
