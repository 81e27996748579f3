import { describe, expect, test } from 'vitest';
import { createReader, measureBandwidth } from '../../../src/lab/bench/bandwidth.ts';
import { fillNormal, isWindowed, normalRows, windowedRows } from '../../../src/lab/bench/data.ts';

describe('rows to be timed on', () => {
  test('are standard normal, in their moments and tails', () => {
    const n = 200_000;
    const values = fillNormal(new Float32Array(n), 7);
    const moment = (power: number): number => values.reduce((sum, x) => sum + x ** power, 0) / n;
    // Five standard errors: 1/√n for the mean, √2/√n for the square, √96/√n for the fourth power.
    expect(Math.abs(moment(1))).toBeLessThan(5 / Math.sqrt(n));
    expect(Math.abs(moment(2) - 1)).toBeLessThan((5 * Math.SQRT2) / Math.sqrt(n));
    expect(Math.abs(moment(4) - 3)).toBeLessThan((5 * Math.sqrt(96)) / Math.sqrt(n));
    // P(|x| > 3) = 0.0027; five standard errors of 0.0027 · n hits.
    const far = values.filter((x) => Math.abs(x) > 3).length / n;
    expect(Math.abs(far - 0.0027)).toBeLessThan(5 * Math.sqrt(0.0027 / n));
  });

  test('are the same for the same seed, and differ from row to row and seed to seed', () => {
    const [a, b] = normalRows({ n: 2, d: 100 }, 5);
    const [c] = normalRows({ n: 1, d: 100 }, 5);
    expect(c).toEqual(a);
    expect(b).not.toEqual(a);
    expect(normalRows({ n: 1, d: 100 }, 6)[0]).not.toEqual(a);
  });

  test('lie in memory of their own until there are too many', () => {
    const rows = windowedRows({ n: 3, d: 10 }, 1);
    expect(new Set(rows.map(({ buffer }) => buffer)).size).toBe(3);
    expect(isWindowed({ n: 64, d: 2 ** 23 })).toBe(false);
    expect(isWindowed({ n: 64, d: 25_000_000 })).toBe(true);
  });

  test('lie where threads can read them if asked, with the same entries', () => {
    const [row] = normalRows({ n: 1, d: 9 }, 2, { shared: true });
    expect(row!.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect([...row!]).toEqual([...normalRows({ n: 1, d: 9 }, 2)[0]!]);
  });

  test.each([
    [{ n: 0, d: 1 }, RangeError],
    [{ n: 1, d: 1.5 }, TypeError],
  ])('refuse a shape of %j', (shape, error) => {
    expect(() => normalRows(shape, 1)).toThrow(error);
  });
});

describe('bandwidth', () => {
  test('the reader reads every word: sums of known words, modulo 2³²', async () => {
    const reader = (await createReader(1024))!;
    const words = new Uint32Array(reader.memory.buffer).subarray(0, 256);
    for (let k = 0; k < 256; k++) words[k] = k * 0x01010101;
    // 0 + … + 255 = 32640; each byte of the factor counts.
    expect(reader.sum(0, 1024) >>> 0).toBe(Number((32_640n * 0x01010101n) % 2n ** 32n));
    expect(reader.sum(64, 128) >>> 0).toBe(((16 + 31) * 8 * 0x01010101) % 2 ** 32);
  });

  test('is measured in bytes per second, more than a slow disk and less than a dream', async () => {
    const { copy, read } = await measureBandwidth({ rounds: 2, seconds: 2 }, 2 ** 20);
    for (const rate of [copy, read!]) {
      expect(rate).toBeGreaterThan(1e7);
      expect(rate).toBeLessThan(1e13);
    }
  });
});
