import { chacha20 } from '@noble/ciphers/chacha.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRandom } from '../../src/core/random.ts';

function keyFromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

function streamHex(key: Uint8Array, skipWords: number, words: number): string {
  const random = createRandom(key);
  for (let i = 0; i < skipWords; i++) random.uint32();
  const bytes = Buffer.alloc(4 * words);
  for (let i = 0; i < words; i++) bytes.writeUInt32LE(random.uint32(), 4 * i);
  return bytes.toString('hex');
}

describe('the keystream', () => {
  test('is that of RFC 8439 appendix A.1, vectors 1 and 2: key 0, blocks 0 and 1', () => {
    expect(streamHex(new Uint8Array(32), 0, 32)).toBe(
      '76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7' +
        'da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586' +
        '9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed' +
        '29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f',
    );
  });

  test('is that of RFC 8439 appendix A.1, vector 4: key 00 ff 00 …, block 2', () => {
    const key = keyFromHex(`00ff${'00'.repeat(30)}`);
    expect(streamHex(key, 32, 16)).toBe(
      '72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca' +
        '13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096',
    );
  });

  test('goes on unbroken past a batch of blocks', () => {
    const key = keyFromHex('07'.repeat(32));
    expect(streamHex(key, 0, 600).slice(8 * 500)).toBe(streamHex(key, 500, 100));
  });
});

test("the keystream is the library's, for any key", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.nat({ max: 80 }), (key, at) => {
      const want = chacha20(key, new Uint8Array(12), new Uint8Array(4 * (at + 20)));
      expect(streamHex(key, at, 20)).toBe(Buffer.from(want.subarray(4 * at)).toString('hex'));
    }),
    { seed: 1 },
  );
});

describe('seeds', () => {
  test('an integer is the little-endian start of the key', () => {
    const key = new Uint8Array(32);
    key.set([0x39, 0x30]);
    expect(createRandom(12345).uint32()).toBe(createRandom(key).uint32());
  });

  test('changing the bytes afterwards does not change the stream', () => {
    const key = new Uint8Array(32);
    const random = createRandom(key);
    key.fill(9);
    expect(random.uint32()).toBe(createRandom(new Uint8Array(32)).uint32());
  });

  test('other kinds and lengths are refused by name', () => {
    expect(() => createRandom(-1)).toThrow('seed must be at least 0, got -1');
    expect(() => createRandom(0.5)).toThrow('seed must be an integer, got 0.5');
    expect(() => createRandom(new Uint8Array(16))).toThrow('seed must be 32 bytes, got');
  });
});

describe('numbers', () => {
  test('uniform is in [0, 1) with 53 bits', () => {
    const random = createRandom(1);
    const values = Array.from({ length: 10_000 }, () => random.uniform());
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
    expect(values.every((value) => Number.isInteger(value * 2 ** 53))).toBe(true);
    expect(values.some((value) => !Number.isInteger(value * 2 ** 52))).toBe(true);
    // Standard deviation of the mean is 1/√(12·10⁴) ≈ 0.0029; five of them.
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.0145);
  });

  test('normal has mean 0, variance 1 and the right share beyond two deviations', () => {
    const random = createRandom(2);
    const values = Array.from({ length: 20_000 }, () => random.normal());
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + value ** 2, 0) / values.length;
    const beyond = values.filter((value) => Math.abs(value) > 2).length / values.length;
    // Five standard deviations each: 1/√n, √(2/n), √(p(1 − p)/n) with p = 0.0455.
    expect(Math.abs(mean)).toBeLessThan(0.036);
    expect(Math.abs(variance - 1)).toBeLessThan(0.05);
    expect(Math.abs(beyond - 0.0455)).toBeLessThan(0.0074);
  });

  test('below is in range, reaches every value and shows no bias', () => {
    const random = createRandom(3);
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < 70_000; i++) counts[random.below(7)]!++;
    // χ² with 6 degrees of freedom exceeds 35 once in 200,000 seeds.
    const chiSquare = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
    expect(chiSquare).toBeLessThan(35);
    expect(createRandom(3).below(1)).toBe(0);
    expect(() => random.below(0)).toThrow('n must be in [1, 4294967296], got 0');
  });

  test('below passes over words in the incomplete last run', () => {
    // 2³² mod (2³¹ + 1) is 2³¹ − 1: nearly half of all words are passed over.
    const n = 2 ** 31 + 1;
    const words = createRandom(4);
    const accepted: number[] = [];
    while (accepted.length < 20) {
      const word = words.uint32();
      if (word < n) accepted.push(word);
    }
    const random = createRandom(4);
    expect(Array.from({ length: 20 }, () => random.below(n))).toEqual(accepted);
  });

  test('permutation holds each number once', () => {
    fc.assert(
      fc.property(fc.nat({ max: 60 }), fc.nat(), (n, seed) => {
        const order = createRandom(seed).permutation(n);
        expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
      }),
      { seed: 1 },
    );
  });

  test('all orders of three come up alike', () => {
    const random = createRandom(5);
    const counts = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const order = random.permutation(3).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    // χ² with 5 degrees of freedom exceeds 32 once in 160,000 seeds.
    const chiSquare = [...counts.values()].reduce((sum, c) => sum + (c - 1000) ** 2 / 1000, 0);
    expect(chiSquare).toBeLessThan(32);
  });
});
