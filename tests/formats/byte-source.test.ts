import { describe, expect, it } from 'vitest';
import {
  type ByteSource,
  blobSource,
  bytesSource,
  readInto,
} from '../../src/formats/byte-source.ts';
import { expectRefusal } from './support.ts';

const bytes = Uint8Array.of(10, 11, 12, 13, 14);

describe.each<[string, ByteSource]>([
  ['bytesSource', bytesSource('five', bytes)],
  ['blobSource', blobSource('five', new Blob([bytes]))],
])('%s', (_, source) => {
  it('reads ranges, empty ones included', async () => {
    expect([source.name, source.size]).toEqual(['five', 5]);
    expect([...(await source.read(1, 4))]).toEqual([11, 12, 13]);
    expect([...(await source.read(5, 5))]).toEqual([]);
  });

  it('fills memory of the caller', async () => {
    const into = new Uint8Array(2);
    await readInto(source, 3, into);
    expect([...into]).toEqual([13, 14]);
  });

  it.each([
    [-1, 2],
    [0, 6],
    [3, 2],
    [0.5, 2],
    [Number.NaN, 2],
  ])('refuses the range [%s, %s)', async (from, to) => {
    await expect(source.read(from, to)).rejects.toThrow(/(from|to) must be/);
  });
});

it('a source that gives less than it promised is malformed', async () => {
  const short: ByteSource = { name: 'short', size: 9, read: async () => bytes };
  await expectRefusal(readInto(short, 0, new Uint8Array(9)), 'malformed', 'ended at byte 5');
});
