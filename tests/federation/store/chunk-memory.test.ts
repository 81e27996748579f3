/** Memory for chunks: each place is one caller's at a time. */

import { expect, test, vi } from 'vitest';
import { ChunkMemory } from '../../../src/federation/store/chunk-memory.ts';

test('there are as many places as it says; none overlaps another, each begins at a page', () => {
  const memory = new ChunkMemory();
  const places = Array.from({ length: ChunkMemory.PLACES }, () => memory.take()!);
  expect(memory.take()).toBeUndefined();
  for (const [i, { bytes }] of places.entries()) bytes.fill(i + 1);
  for (const [i, { bytes }] of places.entries()) {
    expect([bytes.length, bytes.byteOffset % 4096]).toEqual([4 * 2 ** 20, 0]);
    expect(bytes.indexOf(i + 1) === 0 && bytes.lastIndexOf(i + 1) === bytes.length - 1).toBe(true);
  }
});

test('a place that is given back is taken again, once', () => {
  const memory = new ChunkMemory();
  const places = Array.from({ length: ChunkMemory.PLACES }, () => memory.take()!);
  places[3]!.giveBack();
  places[3]!.giveBack();
  expect(memory.take()!.bytes.byteOffset).toBe(places[3]!.bytes.byteOffset);
  expect(memory.take()).toBeUndefined();
});

test('where the system gives no memory there is no place, and there is one once it does', () => {
  const memory = new ChunkMemory();
  vi.spyOn(WebAssembly, 'Memory').mockImplementation(() => {
    throw new RangeError('could not allocate memory');
  });
  try {
    for (let k = 0; k < 2 * ChunkMemory.PLACES; k++) expect(memory.take()).toBeUndefined();
  } finally {
    vi.restoreAllMocks();
  }
  for (let k = 0; k < ChunkMemory.PLACES; k++) expect(memory.take()).toBeDefined();
});

test('it knows its own bytes', () => {
  const memory = new ChunkMemory();
  expect(memory.has(new Uint8Array(8))).toBe(false);
  expect(memory.has(memory.take()!.bytes.subarray(5, 9))).toBe(true);
  expect(memory.has(new ChunkMemory().take()!.bytes)).toBe(false);
});
