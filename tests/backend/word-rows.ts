/**
 * Sums of groups of rows of words, and distances between them, on a backend against their meaning,
 * the reference: the same bits. Runs under Node and in Chromium.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Backend } from '../../src/backend/kernels.ts';
import { expectSameWords, wordsOf } from '../support/words.ts';

type MakeBackend = (memory?: number) => Promise<Backend>;
type Groups = readonly (readonly number[])[];

/** The largest entry that distances admit. */
const TOP = 2 ** 25 - 1;

/** Integers of magnitude `top` at most, of both signs. */
function integersOf(length: number, seed: number, top: number): Int32Array {
  return Int32Array.from(wordsOf(length, seed), (word) => (word % (2 * top + 1)) - top);
}

/** Runs `body` on both backends. */
function onBoth(make: MakeBackend, reference: MakeBackend, body: (both: Both) => void): void {
  const both: { backend?: Backend; meaning?: Backend } = {};
  beforeAll(async () => {
    both.backend = await make();
    both.meaning = await reference();
  });
  afterAll(async () => {
    await both.backend?.close();
    await both.meaning?.close();
  });
  body(both as Both);
}

interface Both {
  readonly backend: Backend;
  readonly meaning: Backend;
}

export function sumRowsSuite(name: string, make: MakeBackend, reference: MakeBackend): void {
  describe(`sums of groups of rows of words on ${name}`, () => {
    onBoth(make, reference, (both) => {
      const sumsOn = (b: Backend, rows: readonly Int32Array[], groups: Groups) =>
        b.readWords(b.sumRows(b.words(rows), groups));

      async function expectSame(rows: readonly Int32Array[], groups: Groups): Promise<void> {
        const got = await sumsOn(both.backend, rows, groups);
        expectSameWords(got, await sumsOn(both.meaning, rows, groups));
      }

      test('are those worked by hand', async () => {
        const rows = [
          [1, 2],
          [10, -20],
          [100, 200],
        ].map((row) => Int32Array.from(row));
        const groups = [[0], [2, 1], [0, 1, 2], [1, 1, 1]];
        expect([...new Int32Array((await sumsOn(both.backend, rows, groups)).buffer)]).toEqual([
          1, 2, 110, 180, 111, 182, 30, -60,
        ]);
      });

      test('wrap at 2^32', async () => {
        const [least, most] = [-(2 ** 31), 2 ** 31 - 1];
        const rows = [least, least, most, 1].map((value) => Int32Array.of(value));
        const groups = [
          [0, 1],
          [2, 3],
          [0, 3],
          [0, 1, 2],
        ];
        expect([...(await sumsOn(both.backend, rows, groups))]).toEqual([
          0,
          2 ** 31,
          2 ** 31 + 1,
          2 ** 31 - 1,
        ]);
      });

      test.each([
        [1, 1],
        [3, 15],
        [4, 16],
        [5, 17],
        [9, 64],
        [20, 257],
        [65, 333],
        [200, 1003],
      ])('leave out a few of %i rows of %i columns', async (n, cols) => {
        const rows = Array.from({ length: n }, (_, i) => integersOf(cols, i + 1, 2 ** 31 - 1));
        const f = Math.floor(n / 5);
        // As nearest-neighbour mixing does it: n groups of n − f rows.
        const groups = Array.from({ length: n }, (_, k) =>
          Array.from({ length: n - f }, (_, i) => (7 * k + i) % n),
        );
        await expectSame(rows, groups);
      });

      test('are the same for groups of all sizes, some rows twice, some in none', async () => {
        const rows = Array.from({ length: 40 }, (_, i) => integersOf(130, i + 1, 2 ** 31 - 1));
        const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);
        const groups = [
          ...Array.from({ length: 37 }, (_, k) => upTo(k + 1)),
          [...upTo(36), 3, 3, 17],
          [35, 35],
          [36],
        ];
        await expectSame(rows, groups);
        await expectSame(rows, groups.slice(0, 3));
      });

      test('are the same however columns are cut', async () => {
        const [n, cols] = [6, 5001];
        const rows = Array.from({ length: n }, (_, i) => integersOf(cols, i + 1, 2 ** 31 - 1));
        const groups = Array.from({ length: n }, (_, k) => rows.map((_, i) => i).toSpliced(k, 1));
        const want = await sumsOn(both.meaning, rows, groups);
        expectSameWords(await sumsOn(both.backend, rows, groups), want);
        for (const memory of [2 ** 13, 2 ** 16]) {
          const small = await make(memory);
          try {
            expectSameWords(await sumsOn(small, rows, groups), want);
          } finally {
            await small.close();
          }
        }
      });

      test('are what sums by rank are taken of', async () => {
        const rows = Array.from({ length: 7 }, (_, i) => integersOf(333, i + 1, 2 ** 28));
        const groups = rows.map((_, k) => [k, (k + 1) % 7, (k + 3) % 7]);
        const run = (b: Backend) => b.readWords(b.rankSum(b.sumRows(b.words(rows), groups), 2, 5));
        expectSameWords(await run(both.backend), await run(both.meaning));
      });
    });
  });
}

export function distancesSuite(name: string, make: MakeBackend, reference: MakeBackend): void {
  describe(`squared distances between rows of words on ${name}`, () => {
    onBoth(make, reference, (both) => {
      const distancesOn = (b: Backend, rows: readonly (Int32Array | Uint32Array)[]) =>
        b.squaredDistances(b.words(rows));

      async function expectSame(rows: readonly Int32Array[]): Promise<void> {
        const got = await distancesOn(both.backend, rows);
        expectSameDistances(got, await distancesOn(both.meaning, rows));
      }

      test('are those worked by hand', async () => {
        const rows = [
          [1, 2, 3],
          [1, -2, 0],
          [-9, 2, 3],
        ].map((row) => Int32Array.from(row));
        // 4² + 3², 10², 10² + 4² + 3².
        expect([...(await distancesOn(both.backend, rows))]).toEqual([
          0, 25, 100, 25, 0, 125, 100, 125, 0,
        ]);
      });

      test('are exact where entries differ most, and in their last bit', async () => {
        const [a, b, c] = [TOP, -TOP, TOP - 1].map((value) => Int32Array.of(value, value));
        const far = 2 * (2 * TOP) ** 2;
        const less = 2 * (2 * TOP - 1) ** 2;
        expect(far).toBeLessThan(2 ** 53);
        expect([...(await distancesOn(both.backend, [a!, b!, c!]))]).toEqual([
          0,
          far,
          2,
          far,
          0,
          less,
          2,
          less,
          0,
        ]);
      });

      test('keep the last of 53 bits, where halves of entries cancel', async () => {
        // 4095 and −4097 beside multiples of 2¹³ differ by 1 as entries and by most of 2¹³ as halves.
        const columns = 4001;
        const x = Int32Array.from({ length: columns }, (_, j) => 8192 * (j % 4000) + 4095);
        const y = x.map((value) => value + 1);
        const z = x.map((value, j) => (j === 7 ? value - 2 ** 25 : value));
        y[0] = x[0]!;
        const distances = await distancesOn(both.backend, [x, y, z]);
        expect(distances[1]).toBe(columns - 1);
        expect(distances[2]).toBe(2 ** 50);
        expect(distances[5]).toBe(2 ** 50 + 2 * 2 ** 25 + columns - 1);
      });

      test.each([
        [1, 5],
        [2, 1],
        [2, 127],
        [3, 128],
        [5, 129],
        [9, 256],
        [17, 1000],
        [64, 300],
        [65, 257],
        [130, 100],
      ])('are the same for %i rows of %i columns', async (n, cols) => {
        // d·(2·top)² stays below 2⁵³.
        const top = Math.min(TOP, Math.floor(2 ** 25.5 / Math.sqrt(cols)));
        await expectSame(Array.from({ length: n }, (_, i) => integersOf(cols, i + 1, top)));
      });

      test('between rows that differ as much as they may, over many columns', async () => {
        // Sums of 16 squares of the upper halves reach 2³¹ where entries differ by 2²⁶ − 2.
        const rows = [1, -1, 0].map((sign) => {
          return Int32Array.from({ length: 700 }, (_, j) => (j < 2 ? sign * TOP : sign));
        });
        await expectSame(rows);
      });

      test('are the same however columns are cut', async () => {
        const rows = Array.from({ length: 3 }, (_, i) => integersOf(150_001, i + 1, 2 ** 16));
        const want = await distancesOn(both.meaning, rows);
        expectSameDistances(await distancesOn(both.backend, rows), want);
        // Room for one block of 65,536 columns.
        const small = await make(2 ** 20);
        try {
          expectSameDistances(await distancesOn(small, rows), want);
        } finally {
          await small.close();
        }
      });

      test('are of sums that were computed', async () => {
        const rows = Array.from({ length: 6 }, (_, i) => integersOf(500, i + 1, 2 ** 15));
        const groups = rows.map((_, k) => [k, (k + 1) % 6]);
        const run = (b: Backend) => b.squaredDistances(b.sumRows(b.words(rows), groups));
        expectSameDistances(await run(both.backend), await run(both.meaning));
      });

      test('of 2^53 and more are refused, and told from those below', async () => {
        const zeros = new Int32Array(9);
        // 8 · 2⁵⁰ = 2⁵³, and one column less by one.
        const row = new Int32Array(9).fill(2 ** 25 - 2 ** 22);
        const steep = Int32Array.from({ length: 9 }, (_, j) => (j === 8 ? 0 : -(2 ** 22)));
        expect((2 ** 25) ** 2 * 8).toBe(2 ** 53);
        await expect(distancesOn(both.backend, [zeros, row, steep])).rejects.toThrow(
          /^squared distances must be below 2\^53, got \d+ of rows 1 and 2$/,
        );
        row[0]!--;
        row[8] = 0;
        const [, , , , , found] = await distancesOn(both.backend, [zeros, row, steep]);
        expect(found).toBe(2 ** 53 - 2 ** 26 + 1);
      });

      test('are refused where 2^64 and more would wrap to little', async () => {
        // 2¹⁴ · 2⁵⁰ is 2⁶⁴.
        const rows = [2 ** 24, -(2 ** 24)].map((value) => new Int32Array(2 ** 14).fill(value));
        await expect(distancesOn(both.backend, rows)).rejects.toThrow(
          /^squared distances must be below 2\^53, got \d+ of rows 0 and 1$/,
        );
      });

      test.each([
        ['2^25', 2 ** 25],
        ['-2^25', -(2 ** 25)],
        ['the least of i32', -(2 ** 31)],
        ['the largest of i32', 2 ** 31 - 1],
      ])('of rows with %s are refused, and rows are named', async (_, value) => {
        const rows = Array.from({ length: 70 }, () => new Int32Array(300));
        rows[66]![299] = value;
        await expect(distancesOn(both.backend, rows)).rejects.toThrow(
          'squared distances need entries below 2^25 in magnitude, and one of rows 0 and 66 is not',
        );
        // As near to each other as may be.
        const near = [0, 1].map(() => Int32Array.of(value));
        await expect(distancesOn(both.backend, near)).rejects.toThrow(RangeError);
      });
    });
  });
}

function expectSameDistances(got: Float64Array, want: Float64Array): void {
  expect(got.length).toBe(want.length);
  const at = got.findIndex((distance, k) => distance !== want[k]);
  if (at >= 0) expect.fail(`distance ${at} must be ${want[at]}, got ${got[at]}`);
}
