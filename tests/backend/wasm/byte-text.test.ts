import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesOf, commonBytes, textOf } from '../../../src/backend/wasm/byte-text.ts';

test('text gives back the bytes that it was made of, and holds no quote or backslash', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
      const common = commonBytes(bytes);
      expect(new Set(common).size).toBe(86);
      const text = textOf(bytes, common);
      expect(text).toMatch(/^[%-&(-[\]-~]*$/);
      expect(bytesOf(text, common)).toEqual(bytes);
    }),
    { seed: 1 },
  );
});

test('all bytes have a text of their own, the common ones a character', () => {
  const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  const common = [200, 7, 255];
  expect(bytesOf(textOf(all, common), common)).toEqual(all);
  expect(textOf(Uint8Array.from(common), common)).toBe('()*');
  // Of 86 places a page, 254 has the last of all, number 255: page 2, place 83. 0 comes after the
  // three, and 52 is number 54, since 7 is not before it: from the backslash on, one further.
  expect(textOf(Uint8Array.of(254, 0, 52), common)).toBe('&|+_');
});
