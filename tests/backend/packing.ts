/**
 * Words of fewer bits on a backend: packed and unpacked as the portable code of the protocol does it.
 * Runs under Node and in Chromium.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Backend } from '../../src/backend/kernels.ts';
import { readPacked, unpackWords } from '../../src/backend/secure/pack.ts';
import { pack } from '../../src/secagg/packing.ts';
import { expectSameWords, wordsOf } from '../support/words.ts';

type MakeBackend = (memory?: number) => Promise<Backend>;

const WIDTHS = Array.from({ length: 25 }, (_, i) => 8 + i);

/** The low bits of words. */
function low(words: Uint32Array, bits: number): Uint32Array {
  return words.map((word) => word & (bits === 32 ? -1 : 2 ** bits - 1));
}

function expectSameBytes(got: Uint8Array, want: Uint8Array): void {
  expectSameWords(new Uint32Array(got), new Uint32Array(want));
}

export function packingSuite(name: string, make: MakeBackend): void {
  describe(`packed words on ${name}`, () => {
    let backend: Backend;
    beforeAll(async () => {
      backend = await make();
    });
    afterAll(() => backend?.close());

    test('are those worked by hand', async () => {
      const x = backend.words([Uint32Array.of(0xabc, 0x123, 0xfedcba98, 0x7)]);
      const packed = await readPacked(backend, x, { bits: 12 });
      expect([...packed]).toEqual([0xbc, 0x3a, 0x12, 0x98, 0x7a, 0x00]);
      const back = unpackWords([packed], { bits: 12, cols: 4 });
      expect([...(await backend.readWords(back))]).toEqual([0xabc, 0x123, 0xa98, 0x7]);
    });

    test.each(WIDTHS)('of %i bits are bytes that words come back from', async (bits) => {
      for (const cols of [1, 2, 31, 32, 33, 67, 1025, 4099]) {
        const x = wordsOf(cols, bits);
        const packed = await readPacked(backend, backend.words([x]), { bits });
        expectSameBytes(packed, pack(x, bits));
        const words = await backend.readWords(unpackWords([packed], { bits, cols }));
        expectSameWords(words, low(x, bits));
      }
    });

    test('are the same however columns are cut', async () => {
      const cols = 70_013;
      const x = wordsOf(cols, 2);
      for (const memory of [undefined, 2 ** 15, 200_000]) {
        const cut = await make(memory);
        try {
          for (const bits of [13, 24]) {
            const packed = await readPacked(cut, cut.words([x]), { bits });
            expectSameBytes(packed, pack(x, bits));
            const words = unpackWords([packed], { bits, cols });
            expectSameWords(await cut.readWords(words), low(x, bits));
            // What was kept of them is found again.
            expectSameWords(await cut.readWords(words), low(x, bits));
          }
        } finally {
          await cut.close();
        }
      }
    });

    test.each([11, 24, 32])('of %i bits are the same where they are many', async (bits) => {
      const cols = 2 ** 19 + 77;
      const rows = [wordsOf(cols, 3), wordsOf(cols, 4)];
      const packed: Uint8Array[] = [];
      for (const row of rows) {
        packed.push(await readPacked(backend, backend.words([row]), { bits }));
        expectSameBytes(packed.at(-1)!, pack(row, bits));
      }
      const found = await backend.readWords(unpackWords(packed, { bits, cols }));
      expectSameWords(found.subarray(0, cols), low(rows[0]!, bits));
      expectSameWords(found.subarray(cols), low(rows[1]!, bits));
    });

    test('of several clients are added up, wherever their bytes lie', async () => {
      const [n, cols, bits] = [7, 1003, 20];
      const rows = Array.from({ length: n }, (_, i) => wordsOf(cols, i + 1));
      const packed = rows.map((row, i) => {
        const bytes = pack(row, bits);
        const message = new Uint8Array(bytes.length + 2 * i);
        message.set(bytes, i);
        return message.subarray(i, i + bytes.length);
      });
      const words = unpackWords(packed, { bits, cols });
      const all = rows.map((_, i) => i);
      const sums = await backend.readWords(backend.sumRows(words, [all, [2, 5]]));
      const plain = backend.words(rows.map((row) => low(row, bits)));
      expectSameWords(sums, await backend.readWords(backend.sumRows(plain, [all, [2, 5]])));
      expect(backend.explain(words)).toEqual(['unpack']);
      backend.release(words);
    });

    test('are what is left of what was computed', async () => {
      const rows = [wordsOf(999, 1), wordsOf(999, 2)];
      const sum = backend.sumRows(backend.words(rows), [[0, 1]]);
      const want = pack(await backend.readWords(sum), 17);
      const into = new Uint8Array(want.length).fill(0xff);
      expect(await readPacked(backend, sum, { bits: 17, into })).toBe(into);
      expect(into).toEqual(want);
    });

    test('end with bits that nobody looks at', async () => {
      const bytes = Uint8Array.of(0x34, 0xf2);
      const words = unpackWords([bytes], { bits: 12, cols: 1 });
      expect([...(await backend.readWords(words))]).toEqual([0x234]);
    });
  });
}
