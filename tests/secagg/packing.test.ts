import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SecureError } from '../../src/core/errors.ts';
import { pack, packedBytes, unpack } from '../../src/secagg/packing.ts';
import { expectSameWords, wordsOf } from '../support/words.ts';

const WIDTHS = Array.from({ length: 25 }, (_, i) => i + 8);

/** The bytes as the definition has them: one big integer, Σ entry j · 2^(j·b). */
function packedByDefinition(words: Uint32Array, bits: number): Uint8Array {
  const all = words.reduce(
    (sum, word, j) => sum | (BigInt.asUintN(bits, BigInt(word)) << BigInt(j * bits)),
    0n,
  );
  const length = packedBytes(words.length, bits);
  return Uint8Array.from({ length }, (_, i) => Number((all >> BigInt(8 * i)) & 255n));
}

describe('packing', () => {
  test('puts the lowest bits first', () => {
    // 0xabc, 0x123 in 12 bits each: 0x123abc, its lowest byte first.
    expect([...pack(Uint32Array.of(0xabc, 0x123), 12)]).toEqual([0xbc, 0x3a, 0x12]);
    // 9 bits of 1, 9 bits of 2: 1 + 2·512 = 0x401, and 6 bits left over.
    expect([...pack(Uint32Array.of(1, 2), 9)]).toEqual([0x01, 0x04, 0x00]);
    expect([...pack(Uint32Array.of(0x1234_5678), 32)]).toEqual([0x78, 0x56, 0x34, 0x12]);
    expect([...pack(Uint32Array.of(0x1234_5678), 16)]).toEqual([0x78, 0x56]);
    expect([...pack(Uint32Array.of(0xffff_ffff), 8)]).toEqual([0xff]);
  });

  test('takes ⌈entries·b/8⌉ bytes', () => {
    expect(packedBytes(3, 9)).toBe(4);
    expect(packedBytes(8, 31)).toBe(31);
    expect(packedBytes(0, 31)).toBe(0);
    expect(pack(new Uint32Array(0), 20).length).toBe(0);
    expect(unpack(new Uint8Array(0), { bits: 20, entries: 0 }).length).toBe(0);
  });

  for (const bits of WIDTHS) {
    test(`is what it is defined as, there and back, for ${bits} bits`, () => {
      const sizes = fc.integer({ min: 1, max: 101 });
      fc.assert(
        fc.property(sizes, fc.integer({ min: 1, max: 1000 }), (entries, seed) => {
          const words = wordsOf(entries, seed);
          const bytes = pack(words, bits);
          expect(bytes).toEqual(packedByDefinition(words, bits));
          const low = words.map((word) => Number(BigInt.asUintN(bits, BigInt(word))));
          expectSameWords(unpack(bytes, { bits, entries }), low);
        }),
        { numRuns: 30 },
      );
    });
  }

  test('reads bytes that lie anywhere, and leaves them', () => {
    const words = wordsOf(33);
    for (const bits of [8, 13, 16, 32]) {
      const bytes = pack(words, bits);
      const message = new Uint8Array(bytes.length + 5).fill(0xff);
      message.set(bytes, 3);
      const inside = message.subarray(3, 3 + bytes.length);
      expectSameWords(unpack(inside, { bits, entries: 33 }), unpack(bytes, { bits, entries: 33 }));
      expect(pack(unpack(inside, { bits, entries: 33 }), bits)).toEqual(bytes);
    }
  });

  test('leaves the words, and shares no memory with them', () => {
    for (const bits of [8, 11, 16, 32]) {
      const words = wordsOf(5);
      pack(words, bits).fill(0);
      expectSameWords(words, wordsOf(5));
    }
  });
});

describe('bytes that are none', () => {
  const bytes = pack(wordsOf(5), 9);

  test('are too few or too many', () => {
    expect(bytes.length).toBe(6);
    for (const wrong of [bytes.subarray(1), new Uint8Array(7)]) {
      expect(() => unpack(wrong, { bits: 9, entries: 5 })).toThrow(
        new SecureError('malformed', `5 entries of 9 bits must be 6 bytes, got ${wrong.length}`),
      );
    }
  });

  test('have a bit set after the last entry', () => {
    // 45 bits: of the sixth byte the upper three are none.
    for (const bit of [5, 6, 7]) {
      const wrong = bytes.slice();
      wrong[5]! |= 1 << bit;
      expect(() => unpack(wrong, { bits: 9, entries: 5 })).toThrow('must be zero');
    }
    const other = bytes.slice();
    other[5]! ^= 1 << 4;
    expect(unpack(other, { bits: 9, entries: 5 }).length).toBe(5);
  });

  test('are never as wide as that', () => {
    expect(() => pack(wordsOf(1), 7)).toThrow('bits must be in [8, 32]');
    expect(() => pack(wordsOf(1), 33)).toThrow('bits must be in [8, 32]');
    expect(() => unpack(bytes, { bits: 9.5, entries: 5 })).toThrow(TypeError);
    expect(() => unpack(bytes, { bits: 9, entries: -1 })).toThrow('entries must be');
  });
});
