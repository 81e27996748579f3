/**
 * Masks on a backend against their meaning, the reference: the same bits. Runs under Node and in
 * Chromium.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Backend, ColumnRange, MaskKeys } from '../../src/backend/kernels.ts';
import { addMasks } from '../../src/backend/secure/masks.ts';
import { expectSameWords, wordsOf } from '../support/words.ts';

type MakeBackend = (memory?: number) => Promise<Backend>;

/** Keys 00, 01, … 1f, as test vectors have them. */
export const PLAIN_KEY: Uint8Array = Uint8Array.from({ length: 32 }, (_, i) => i);

/** `count` keys and signs of both kinds that look random, the same for the same seed. */
export function masksOf(count: number, seed = 1): MaskKeys {
  const keys = new Uint8Array(wordsOf(8 * count, seed + 1000).buffer);
  const signs = Int8Array.from(wordsOf(count, seed + 2000), (word) => ((word & 64) === 0 ? 1 : -1));
  return { keys, signs };
}

export function maskSuite(name: string, make: MakeBackend, reference: MakeBackend): void {
  describe(`masks on ${name}`, () => {
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

    const masked = (b: Backend, x: Uint32Array, masks: MaskKeys): Promise<Uint32Array> =>
      b.readWords(addMasks(b.words([x]), masks));

    async function expectSame(x: Uint32Array, masks: MaskKeys): Promise<void> {
      expectSameWords(await masked(backend, x, masks), await masked(meaning, x, masks));
    }

    test('are the keystream of RFC 8439 under a nonce of zeros, from block 0 on', async () => {
      const signs = Int8Array.of(1);
      const words = await masked(backend, new Uint32Array(20), { keys: PLAIN_KEY, signs });
      expect([...words.subarray(0, 4)]).toEqual([0x7d2bfd39, 0x6a19c5d9, 0x7703bd8d, 0x494adcb8]);
      expect([...words.subarray(16)]).toEqual([0x3142b818, 0xd1a6e6ad, 0x615c6113, 0x274e43af]);
    });

    test.each([1, 2, 15, 16, 17, 63, 64, 65, 1023, 1024, 1025, 4099])(
      'are the same in %i columns',
      async (cols) => {
        await expectSame(wordsOf(cols), masksOf(5, cols));
      },
    );

    // Around the numbers of keys that one invocation sums up: 4 to 64.
    test.each([1, 2, 3, 4, 5, 31, 63, 64, 65, 128, 129, 200])(
      'are the same of %i keys',
      async (count) => {
        await expectSame(wordsOf(333), masksOf(count, count));
      },
    );

    test('are added, or subtracted, or some of both', async () => {
      const { keys } = masksOf(7);
      const x = wordsOf(100);
      for (const signs of [new Int8Array(7).fill(1), new Int8Array(7).fill(-1)]) {
        await expectSame(x, { keys, signs });
      }
      const there = await masked(backend, x, { keys, signs: new Int8Array(7).fill(1) });
      const back = await masked(backend, there, { keys, signs: new Int8Array(7).fill(-1) });
      expectSameWords(back, x);
    });

    test('of all pairs of clients cancel in the sum', async () => {
      const [n, cols] = [6, 77];
      const inputs = Array.from({ length: n }, (_, i) => wordsOf(cols, i + 1));
      const keyOf = (u: number, v: number): Uint8Array =>
        masksOf(1, 100 * Math.min(u, v) + Math.max(u, v)).keys;
      const sum = new Uint32Array(cols);
      const plain = new Uint32Array(cols);
      for (const [u, x] of inputs.entries()) {
        const others = inputs.map((_, v) => v).filter((v) => v !== u);
        const keys = Uint8Array.from(others.flatMap((v) => [...keyOf(u, v)]));
        const signs = Int8Array.from(others, (v) => (u < v ? 1 : -1));
        const y = await masked(backend, x, { keys, signs });
        expect(y).not.toEqual(x);
        for (let j = 0; j < cols; j++) {
          sum[j]! += y[j]!;
          plain[j]! += x[j]!;
        }
      }
      expectSameWords(sum, plain);
    });

    test('are the same however keys are dealt to calls', async () => {
      const { keys, signs } = masksOf(40, 3);
      const x = wordsOf(1500);
      const want = await masked(meaning, x, { keys, signs });
      for (const each of [1, 7, 39]) {
        let words = backend.words([x]);
        for (let i = 0; i < 40; i += each) {
          const part = {
            keys: keys.subarray(32 * i, 32 * (i + each)),
            signs: signs.subarray(i, i + each),
          };
          words = addMasks(words, part);
        }
        expectSameWords(await backend.readWords(words), want);
      }
    });

    test('are the same however columns are cut', async () => {
      const x = wordsOf(70_013);
      const masks = masksOf(3, 9);
      const want = await masked(meaning, x, masks);
      expectSameWords(await masked(backend, x, masks), want);
      for (const memory of [2 ** 12, 100_000, 2 ** 18]) {
        const small = await make(memory);
        try {
          expectSameWords(await masked(small, x, masks), want);
        } finally {
          await small.close();
        }
      }
    });

    test('are the same beyond 2^16 blocks, where a wrong counter would start again', async () => {
      const cols = 2 ** 20 + 37;
      const masks = masksOf(1, 4);
      await expectSame(new Uint32Array(cols), masks);
      const words = await masked(backend, new Uint32Array(cols), masks);
      expect(words.subarray(2 ** 20, 2 ** 20 + 16)).not.toEqual(words.subarray(0, 16));
    });

    test('of more keys than a dispatch has are the same', async () => {
      await expectSame(wordsOf(40), masksOf(6000));
    });

    test.each([
      [20, 3, undefined],
      [70_013, 3, undefined],
      [70_013, 2, 100_000],
      [40, 6000, undefined],
    ])(
      'in %i columns of %i keys tell of dispatches that are all columns',
      async (cols, count, memory) => {
        const cut = await make(memory);
        try {
          const ranges: ColumnRange[] = [];
          const masks = {
            ...masksOf(count),
            onDispatch: (range: ColumnRange) => ranges.push(range),
          };
          await cut.readWords(addMasks(cut.words([wordsOf(cols)]), masks));
          const seen = new Uint8Array(cols);
          for (const { from, to } of ranges) {
            expect(from % 16).toBe(0);
            expect(to === cols || to % 16 === 0).toBe(true);
            seen.fill(1, from, to);
          }
          expect(seen.every((one) => one === 1)).toBe(true);
          expect(ranges.length).toBeLessThan(cols);
        } finally {
          await cut.close();
        }
      },
    );

    test('change with every bit of a key', async () => {
      const signs = Int8Array.of(1);
      const seen = new Set<string>();
      for (let bit = -1; bit < 256; bit++) {
        const keys = Uint8Array.from(PLAIN_KEY);
        if (bit >= 0) keys[bit >> 3]! ^= 1 << (bit & 7);
        seen.add((await masked(backend, new Uint32Array(4), { keys, signs })).join());
      }
      expect(seen.size).toBe(257);
    });

    test('cannot be added once they are released', async () => {
      const x = addMasks(backend.words([wordsOf(20)]), masksOf(2));
      await backend.readWords(x);
      backend.release(x);
      await expect(backend.readWords(x)).rejects.toThrow('the words were released');
    });
  });
}
