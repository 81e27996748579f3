/**
 * Numbers as integers and back on a backend against their meaning, the reference: the same bits. Runs
 * under Node and in Chromium.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Backend, QuantizeOptions } from '../../src/backend/kernels.ts';
import { dequantize, quantize } from '../../src/backend/secure/quantize.ts';
import { chacha20Block, chacha20State } from '../../src/core/chacha20.ts';
import { quantized } from '../../src/core/stochastic-rounding.ts';
import { expectSameWords, wordsOf } from '../support/words.ts';

type MakeBackend = (memory?: number) => Promise<Backend>;

const KEY = Uint8Array.from({ length: 32 }, (_, i) => 3 * i + 1);
const CHANCES = 2 ** 24;

/** A step is 1 and as much is admitted as can be. */
export const PLAIN: QuantizeOptions = { clip: 2 ** 23, scale: 1, limit: 2 ** 23, key: KEY };

const GRIDS: readonly QuantizeOptions[] = [
  PLAIN,
  { ...PLAIN, clip: 8, scale: (2 ** 20 - 1) / 8, limit: 2 ** 20 - 1 },
  { ...PLAIN, clip: 1, scale: Math.fround(123_456.789), limit: 123_456, nonce: [1, 2, 0xffffffff] },
  { ...PLAIN, clip: Math.fround(1e-24), scale: 2 ** 100 },
  { ...PLAIN, clip: Math.fround(1e30), scale: 2 ** -100, limit: 5 },
  { ...PLAIN, clip: Math.fround(0.1), scale: 3, limit: 1 },
  // A clip below the normal range, which brings all to 0.
  { ...PLAIN, clip: 2 ** -130 },
];

/** Every kind of f32: all bits are random, so that exponents are, too, and NaN is among them. */
function anything(length: number, seed = 1): Float32Array {
  return new Float32Array(wordsOf(length, seed).buffer);
}

/** Numbers whose steps are some few, or parts of one. */
function somewhere(length: number, scale: number): Float32Array {
  return Float32Array.from(wordsOf(length, 5), (word, j) => {
    return ((word / 2 ** 31 - 1) * 2 ** ((j % 48) - 40)) / scale;
  });
}

/** Words of the keystream that columns are rounded by. */
function wordsUnder(key: Uint8Array, cols: number): Uint32Array {
  const state = chacha20State(key, [0, 0, 0]);
  const words = new Uint32Array(16 * Math.ceil(cols / 16));
  for (let block = 0; block < words.length / 16; block++) {
    state[12] = block;
    chacha20Block(state, words.subarray(16 * block, 16 * (block + 1)));
  }
  return words.subarray(0, cols);
}

export function quantizeSuite(name: string, make: MakeBackend, reference: MakeBackend): void {
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

  async function integers(
    x: Float32Array | number[],
    change: Partial<QuantizeOptions> = {},
    on = backend,
  ): Promise<Int32Array> {
    const row = Float32Array.from(x);
    // A copy by value would quiet some NaN.
    if (x instanceof Float32Array) new Uint32Array(row.buffer).set(new Uint32Array(x.buffer));
    const words = await on.readWords(quantize(on.matrix([row]), { ...PLAIN, ...change }));
    return new Int32Array(words.buffer);
  }

  async function numbers(
    words: Uint32Array | number[],
    scale: number,
    on = backend,
  ): Promise<Float32Array> {
    return on.read(dequantize(on.words([Int32Array.from(words)]), { scale }));
  }

  const bitsOf = (row: Float32Array): Uint32Array =>
    new Uint32Array(row.buffer, row.byteOffset, row.length);

  describe(`numbers as integers on ${name}`, () => {
    test('are themselves where they are integers', async () => {
      const x = [0, -0, 1, -1, 2, -3, 1000, 2 ** 23 - 1, 2 ** 23, -(2 ** 23)];
      expect([...(await integers(x))]).toEqual(x.map((value) => value + 0));
    });

    test('are clipped first and limited last', async () => {
      const { POSITIVE_INFINITY: infinity } = Number;
      const x = [infinity, -infinity, 3e38, -3e38, 5.5, -5.5, 2];
      expect([...(await integers(x, { clip: 4 }))]).toEqual([4, -4, 4, -4, 4, -4, 2]);
      expect([...(await integers(x, { clip: 4, limit: 3 }))]).toEqual([3, -3, 3, -3, 3, -3, 2]);
    });

    test('are 0 for NaN of every kind, and for what is too small to tell', async () => {
      const words = [0x7fc00000, 0xffc00000, 0x7f800001, 0xff812345, 0x7fffffff, 0xffffffff];
      const least = new Uint32Array(Float32Array.of(2 ** -24).buffer)[0]!;
      words.push(1, 0x80000001, 0x007fffff, 0x807fffff, 0x00800000, least - 1, 0x80000000);
      const x = new Float32Array(Uint32Array.from(words).buffer);
      expect([...(await integers(x))]).toEqual(words.map(() => 0));
    });

    test('go up where the random word says so, to the last of its 24 bits', async () => {
      const cols = 320;
      const r = wordsUnder(KEY, cols).map((word) => word >>> 8);
      const at = (count: (r: number) => number, sign = 1) =>
        Float32Array.from(r, (word) => (sign * count(word)) / CHANCES);
      const all = (value: number) => Array(cols).fill(value);
      // The fraction is r, and that and one more.
      expect([...(await integers(at((word) => word)))]).toEqual(all(0));
      expect([...(await integers(at((word) => word + 1)))]).toEqual(all(1));
      // Below 0 it is counted from the integer below.
      expect([...(await integers(at((word) => CHANCES - word, -1)))]).toEqual(all(-1));
      expect([...(await integers(at((word) => CHANCES - word - 1, -1)))]).toEqual(all(0));
    });

    test('are what the definition gives where fractions have more bits than chances', async () => {
      const cols = 640;
      const words = wordsUnder(KEY, cols);
      const x = Float32Array.from(words, (word, j) => {
        // A part of a chance above or below where it turns, on either side of 0.
        const r = (word >>> 8) + ((j % 8) - 4) / 4;
        return (j & 8) === 0 ? r / CHANCES : (r - CHANCES) / CHANCES;
      });
      const want = Int32Array.from(x, (value, j) => quantized(value, words[j]!, PLAIN));
      expectSameWords(await integers(x), want);
      expectSameWords(
        await integers(
          x.map((value) => value / 1024),
          { scale: 1024, clip: 4 },
        ),
        want,
      );
    });

    test('are within a step of what they are of, and right in the mean', async () => {
      const cols = 2 ** 16;
      for (const value of [0.3, -0.3, 0.999, -0.001, 7.5, -7.25]) {
        const x = new Float32Array(cols).fill(value);
        const found = await integers(x);
        expect(found.every((n) => Math.abs(n - value) < 1)).toBe(true);
        const mean = found.reduce((sum, n) => sum + n, 0) / cols;
        // A coin of probability p has the variance p(1 − p); six standard errors.
        const p = value - Math.floor(value);
        const error = 6 * Math.sqrt((p * (1 - p)) / cols) + 1 / CHANCES;
        expect(Math.abs(mean - value)).toBeLessThan(error);
      }
    });

    test.each(GRIDS.map((one, i) => [i, one] as const))(
      'are the same for whatever comes, on grid %i',
      async (_, one) => {
        for (const x of [anything(3001), somewhere(3001, one.scale)]) {
          expectSameWords(await integers(x, one), await integers(x, one, meaning));
        }
      },
    );

    test.each([1, 3, 15, 16, 17, 63, 64, 65, 1024, 1025])('are the same in %i', async (cols) => {
      const x = somewhere(cols, 1);
      expectSameWords(await integers(x), await integers(x, {}, meaning));
    });

    test('are the same however columns are cut', async () => {
      const x = somewhere(70_013, 1);
      const want = await integers(x, {}, meaning);
      for (const memory of [undefined, 2 ** 12, 2 ** 17]) {
        const cut = await make(memory);
        try {
          expectSameWords(await integers(x, {}, cut), want);
        } finally {
          await cut.close();
        }
      }
    });

    test('cannot be made once they are released', async () => {
      const x = quantize(backend.matrix([Float32Array.of(0.5)]), PLAIN);
      await backend.readWords(x);
      backend.release(x);
      await expect(backend.readWords(x)).rejects.toThrow('the words were released');
    });
  });

  describe(`integers as numbers on ${name}`, () => {
    test('are rounded to the nearest f32, halves to even', async () => {
      const x = [0, 1, -1, 2 ** 24 + 1, 2 ** 24 + 3, -(2 ** 24) - 1, 2 ** 25 + 3, 2 ** 31 - 1];
      const rounded = [0, 1, -1, 2 ** 24, 2 ** 24 + 4, -(2 ** 24), 2 ** 25 + 4, 2 ** 31];
      expect([...(await numbers(x, 1))]).toEqual(rounded);
      expect([...(await numbers(x, 0.25))]).toEqual(rounded.map((value) => value / 4));
      expect([...(await numbers([-(2 ** 31)], 2 ** 96))]).toEqual([-(2 ** 127)]);
      // 3 · 0x1.555556p-2 is 1 + 2⁻²⁵·…, between 1 and its neighbour, nearer to 1.
      expect([...(await numbers([3], Math.fround(1 / 3)))]).toEqual([1]);
    });

    test('are multiplied before they are rounded', async () => {
      // 3·(2²⁴ + 1) = 2²⁵ + 2²⁴ + 3, where steps are of 4; from 2²⁴, what it is near to, it would be 3 less.
      expect([...(await numbers([2 ** 24 + 1], 3))]).toEqual([3 * 2 ** 24 + 4]);
      // A factor has 53 bits, of which 2⁻²⁴ is half a step of the result's, and 2⁻⁵² is more than none.
      expect([...(await numbers([1], 1 + 2 ** -24))]).toEqual([1]);
      expect([...(await numbers([-1, 2], 1 + 2 ** -24 + 2 ** -52))]).toEqual([
        -1 - 2 ** -23,
        2 + 2 ** -22,
      ]);
      // Of 55 bits; as an f64 it is half a step above 1.5, and goes to the even one, which that is.
      const scale = (1.5 + 2 ** -24) / 3;
      expect(3 * scale).toBe(1.5 + 2 ** -24);
      expect([...(await numbers([3, -3], scale))]).toEqual([1.5, -1.5]);
    });

    test('are products in f64 rounded to f32, around where those turn', async () => {
      for (const n of [1, 3, -5, 7, 1_000_003, -(2 ** 30) - 1, 2 ** 31 - 1, -(2 ** 31)]) {
        const halves = [1, 3, 0xffffff, 0xabcdef].map((odd) => 1 + odd * 2 ** -24);
        for (const near of halves.map((half) => half / Math.abs(n))) {
          for (const ulps of [-2, -1, 0, 1, 2]) {
            const words = new BigUint64Array(Float64Array.of(near).buffer);
            words[0]! += BigInt(ulps);
            const [scale] = new Float64Array(words.buffer) as unknown as [number];
            const got = await numbers([n], scale);
            expectSameWords(bitsOf(got), bitsOf(Float32Array.of(n * scale)));
          }
        }
      }
    });

    test.each([8, 9, 17, 24, 31, 32])('are the low %i bits of words', async (bits) => {
      const x = wordsOf(1003, bits);
      const scale = Math.PI * 1e-9;
      const row = dequantize(backend.words([x]), { scale, bits });
      const above = 32 - bits;
      const want = Float32Array.from(x, (word) => ((word << above) >> above) * scale);
      expectSameWords(bitsOf(await backend.read(row)), bitsOf(want));
    });

    test.each([
      1,
      2 ** -100,
      2 ** 96,
      1 / 3,
      0.1,
      7.7e-5,
      1 + 2 ** -23,
      2 - 2 ** -23,
      2 - 2 ** -52,
      1 + 2 ** -52,
    ])('are the same for a scale of %f', async (scale) => {
      const words = wordsOf(4001, 8).map((word, j) => (word | 0) >> (j % 32));
      const got = await numbers(words, scale);
      expectSameWords(bitsOf(got), bitsOf(await numbers(words, scale, meaning)));
      expectSameWords(bitsOf(got), bitsOf(Float32Array.from(words, (word) => (word | 0) * scale)));
    });

    test('are within a step of the numbers that the integers are of', async () => {
      const [clip, steps] = [4, 2 ** 19 - 1];
      const x = Float32Array.from(wordsOf(2000), (word) => ((word / 2 ** 31 - 1) * clip) / 1.01);
      const words = quantize(backend.matrix([x]), {
        clip,
        scale: steps / clip,
        limit: steps,
        key: KEY,
      });
      const y = await backend.read(dequantize(words, { scale: clip / steps }));
      // A step, and roundings of factors and products, some 2⁻²⁴ of 4 each.
      const bound = clip / steps + 4 * clip * 2 ** -24;
      expect(y.every((value, j) => Math.abs(value - x[j]!) <= bound)).toBe(true);
    });

    test('are a matrix like others', async () => {
      const row = dequantize(backend.words([Int32Array.of(4, -6)]), { scale: 0.5 });
      const both = backend.stack(row, backend.matrix([Float32Array.of(0, 1)]));
      expect([...(await backend.read(backend.combine([[1, 1]], both)))]).toEqual([2, -2]);
    });
  });
}
