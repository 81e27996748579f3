import { describe, expect, test } from 'vitest';
import { createBackend } from '../../src/backend/create-node.ts';
import { readPacked, unpackWords } from '../../src/backend/secure/pack.ts';
import { packingSuite } from './packing.ts';

for (const name of ['reference', 'wasm', 'webgpu'] as const) {
  packingSuite(name, (memory) => createBackend(name, memory === undefined ? {} : { memory }));
}

packingSuite('wasm on two threads', (memory) =>
  createBackend('wasm', { threads: 2, ...(memory !== undefined && { memory }) }),
);

describe('packed words', () => {
  test.each<[string, unknown, { bits: number; cols: number }, string]>([
    ['no list', null, { bits: 8, cols: 1 }, 'rows must be an array, got null'],
    ['no rows', [], { bits: 8, cols: 1 }, 'number of rows must be at least 1, got 0'],
    ['words', [new Uint32Array(1)], { bits: 8, cols: 4 }, 'row 0 must be a Uint8Array'],
    ['few bits', [new Uint8Array(7)], { bits: 7, cols: 8 }, 'bits must be in [8, 32], got 7'],
    ['many bits', [new Uint8Array(33)], { bits: 33, cols: 8 }, 'bits must be in [8, 32], got 33'],
    ['no columns', [new Uint8Array(0)], { bits: 8, cols: 0 }, 'cols must be at least 1, got 0'],
    [
      'a byte too few',
      [new Uint8Array(3), new Uint8Array(2)],
      { bits: 12, cols: 2 },
      'row 1 must have 3 bytes, got 2',
    ],
    [
      'a byte too many',
      [new Uint8Array(4)],
      { bits: 12, cols: 2 },
      'row 0 must have 3 bytes, got 4',
    ],
  ])('of %s are refused', (_, rows, shape, message) => {
    expect(() => unpackWords(rows as Uint8Array[], shape)).toThrow(message);
  });

  test('are read from one row, into bytes of the right number', async () => {
    await using backend = await createBackend('reference');
    const x = backend.words([new Uint32Array(3)]);
    await expect(readPacked(backend, x, { bits: 12, into: new Uint8Array(4) })).rejects.toThrow(
      'into must have 5 entries, got 4',
    );
    await expect(readPacked(backend, x, { bits: 40 })).rejects.toThrow(
      'bits must be in [8, 32], got 40',
    );
    const two = backend.words([new Uint32Array(3), new Uint32Array(3)]);
    await expect(readPacked(backend, two, { bits: 8 })).rejects.toThrow(
      'readPacked needs one row, got 2',
    );
  });
});
