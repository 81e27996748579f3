/**
 * Noise and sums of words on a backend against their meaning, the reference: the same bits. Runs
 * under Node and in Chromium.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Backend, LatticeNoise } from '../../src/backend/kernels.ts';
import { chacha20Block, chacha20State } from '../../src/core/chacha20.ts';
import { aliasTable } from '../../src/privacy/lattice/alias-table.ts';
import { discreteGaussian, discreteLaplace } from '../../src/privacy/lattice/laws.ts';

type MakeBackend = (memory?: number) => Promise<Backend>;

const narrow = aliasTable(discreteGaussian(64));
const wide = aliasTable(discreteGaussian(144 ** 2));
const laplace = aliasTable(discreteLaplace(10));

/** What noise is made of in these tests; three draws, as sigmas of the size of 2²⁰ take. */
export function noiseOf({
  seed = 7,
  draws = [
    { table: wide, factor: 1 },
    { table: wide, factor: 64 },
    { table: narrow, factor: 4096 },
  ],
}: {
  seed?: number;
  draws?: LatticeNoise['draws'];
} = {}): LatticeNoise {
  const key = Uint8Array.from({ length: 32 }, (_, i) => (i * 31 + seed) % 256);
  return { key, nonce: [seed, 1, 0x02_00], draws };
}

function wordsOf(length: number, seed = 1): Uint32Array {
  let state = seed * 2654435761;
  return Uint32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state ^ (state >>> 13);
  });
}

/** Noise and sums by rank. */
export function latticeSuite(name: string, make: MakeBackend, reference: MakeBackend): void {
  noiseSuite(name, make, reference);
  rankSumSuite(name, make, reference);
}

function noiseSuite(name: string, make: MakeBackend, reference: MakeBackend): void {
  describe(`noise on ${name}`, () => {
    let backend: Backend;
    let meaning: Backend;
    beforeAll(async () => {
      backend = await make();
      meaning = await reference();
    });
    afterAll(async () => {
      await backend?.close();
      await meaning?.close();
    });

    async function expectSameNoise(x: Uint32Array, noise: LatticeNoise): Promise<void> {
      const got = await backend.readWords(backend.addLatticeNoise(backend.words([x]), noise));
      const want = await meaning.readWords(meaning.addLatticeNoise(meaning.words([x]), noise));
      expectSameWords(got, want);
    }

    test.each([1, 2, 3, 4, 5, 15, 16, 17, 63, 64, 65, 255, 256, 257, 1000, 4099])(
      'is the same in %i columns',
      async (cols) => {
        await expectSameNoise(wordsOf(cols), noiseOf());
      },
    );

    test('is the same in 2^20 draws', async () => {
      await expectSameNoise(wordsOf(2 ** 18), noiseOf({ seed: 9 }));
      await expectSameNoise(
        new Uint32Array(2 ** 18),
        noiseOf({ draws: [{ table: narrow, factor: 1 }] }),
      );
    });

    test('is the same for every table, factor and number of draws', async () => {
      const draws = [
        [{ table: laplace, factor: -1 }],
        [{ table: narrow, factor: 2 ** 31 - 1 }],
        [
          { table: narrow, factor: -(2 ** 31) },
          { table: laplace, factor: 0 },
        ],
        Array.from({ length: 9 }, (_, i) => ({
          table: [narrow, wide, laplace][i % 3]!,
          factor: 3 ** i,
        })),
      ];
      for (const some of draws) await expectSameNoise(wordsOf(301), noiseOf({ draws: some }));
    });

    test('is the same however columns are cut', async () => {
      const x = wordsOf(131_149);
      const noise = noiseOf({ seed: 3 });
      const want = await meaning.readWords(meaning.addLatticeNoise(meaning.words([x]), noise));
      for (const memory of [2 ** 12, 100_000, 2 ** 20]) {
        const small = await make(memory);
        try {
          expectSameWords(
            await small.readWords(small.addLatticeNoise(small.words([x]), noise)),
            want,
          );
        } finally {
          await small.close();
        }
      }
    });

    test('compares all 96 bits, each word by itself', async () => {
      // Thresholds that differ from the words drawn by one, in one word: found from the stream itself.
      const cols = 64;
      const table = oneColumn([0, 0, 0]);
      const noise = noiseOf({ draws: [{ table, factor: 1 }] });
      const random = drawnWords(noise, cols);
      for (let j = 0; j < cols; j += 7) {
        const words = random.slice(4 * j + 1, 4 * j + 4);
        for (let k = 0; k < 3; k++) {
          for (const change of [-1, 0, 1]) {
            const threshold = words.slice();
            threshold[k]! += change;
            const draws = [{ table: oneColumn([...threshold]), factor: 1 }];
            const x = new Uint32Array(cols);
            const got = await backend.readWords(
              backend.addLatticeNoise(backend.words([x]), noiseOf({ draws })),
            );
            expect(got[j], `word ${k} ${change}`).toBe(change === 1 ? 0 : 1);
          }
        }
      }
    });
  });
}

export function rankSumSuite(name: string, make: MakeBackend, reference: MakeBackend): void {
  describe(`sums by rank of words on ${name}`, () => {
    let backend: Backend;
    let meaning: Backend;
    beforeAll(async () => {
      backend = await make();
      meaning = await reference();
    });
    afterAll(async () => {
      await backend?.close();
      await meaning?.close();
    });

    test('are those of a column worked by hand', async () => {
      const rows = [5, -3, 5, 2 ** 31 - 1, -(2 ** 31)].map((value) => Int32Array.of(value));
      const sum = async (from: number, to: number): Promise<number> => {
        const [word] = await backend.readWords(backend.rankSum(backend.words(rows), from, to));
        return word! | 0;
      };
      expect(await sum(1, 4)).toBe(-3 + 5 + 5);
      expect(await sum(0, 5)).toBe(-3 + 5 + 5 - 1);
      expect(await sum(4, 5)).toBe(2 ** 31 - 1);
      // 5 + 5 + 2³¹ − 1 wraps.
      expect(await sum(2, 5)).toBe(9 - 2 ** 31);
    });

    test.each([
      [1, 5],
      [2, 64],
      [9, 300],
      [33, 129],
      [65, 129],
      [300, 70],
      [1100, 20],
    ])('are the same for %i rows of %i columns', async (n, cols) => {
      const rows = Array.from({ length: n }, (_, i) => {
        const row = wordsOf(cols, i + 1);
        // Ties in every other column.
        return row.map((word, j) => (j % 2 === 0 ? word : (word % 5) - 2));
      });
      const cuts = [
        [0, n],
        [n >> 2, n - (n >> 2)],
        [n >> 1, (n >> 1) + 1],
      ] as const;
      for (const [from, to] of cuts) {
        const got = await backend.readWords(backend.rankSum(backend.words(rows), from, to));
        const want = await meaning.readWords(meaning.rankSum(meaning.words(rows), from, to));
        expectSameWords(got, want);
      }
    });

    test('are what noise is added to', async () => {
      const rows = Array.from({ length: 6 }, (_, i) => wordsOf(333, i + 1));
      const run = (b: Backend): Promise<Uint32Array> =>
        b.readWords(b.addLatticeNoise(b.rankSum(b.words(rows), 1, 5), noiseOf()));
      expectSameWords(await run(backend), await run(meaning));
    });
  });
}

/** A table whose one column has this threshold, its own value 0 and the alias 1. */
function oneColumn(threshold: readonly number[]): LatticeNoise['draws'][number]['table'] {
  return { log2Columns: 0, offset: 0, words: Uint32Array.of(...threshold, 1) };
}

/** The words that the first draw is made of, four for each column. */
function drawnWords(noise: LatticeNoise, cols: number): Uint32Array {
  const state = chacha20State(noise.key, noise.nonce);
  const words = new Uint32Array(4 * cols);
  for (let block = 0; block < words.length / 16; block++) {
    state[12] = block;
    chacha20Block(state, words.subarray(16 * block, 16 * block + 16));
  }
  return words;
}

export function expectSameWords(
  got: Uint32Array | Int32Array,
  want: Uint32Array | Int32Array,
): void {
  expect(got.length).toBe(want.length);
  const at = got.findIndex((word, i) => word !== want[i]);
  if (at >= 0) expect.fail(`word ${at} must be ${want[at]}, got ${got[at]}`);
}
