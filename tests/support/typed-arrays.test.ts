import { expect, test } from 'vitest';

test('typed arrays are equal to those of the same kind and entries, no number among them or not', () => {
  expect(Float32Array.of(1, Number.NaN)).toEqual(Float32Array.of(1, Number.NaN));
  expect({ bits: Uint32Array.of(1, 2, 3).subarray(1) }).toEqual({ bits: Uint32Array.of(2, 3) });
  expect(Float32Array.of(1)).not.toEqual(Float64Array.of(1));
  expect(Uint8Array.of(1)).not.toEqual(Uint8Array.of(1, 2));
  expect(Uint8Array.of(1, 2)).not.toEqual(Uint8Array.of(1, 3));
  expect(Float32Array.of(0)).not.toEqual(Float32Array.of(-0));
});

test('a million entries are told to be equal at once', () => {
  const [a, b] = [new Float32Array(2 ** 20).fill(7), new Float32Array(2 ** 20).fill(7)];
  const before = process.cpuUsage();
  expect(a).toEqual(b);
  // Entry by entry it is some 2 s, and 20 ms this way.
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1e6).toBeLessThan(0.5);
});
