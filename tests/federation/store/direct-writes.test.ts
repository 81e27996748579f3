/** Direct writes: the same bytes as any other write, or none at all. */

import { type FileHandle, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ChunkMemory } from '../../../src/federation/store/chunk-memory.ts';
import { DirectWrites } from '../../../src/federation/store/direct-writes.ts';

const BLOCK = 4096;
const MIB = 2 ** 20;

let folder = '';
let path = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aggregis-direct-'));
  path = join(folder, 'data');
  await (await open(path, 'wx')).close();
});
afterEach(() => rm(folder, { recursive: true }));

/** Bytes that tell their place. */
const bytesOf = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) % 251);

/** The same where direct writes can take them. */
function inMemory(memory: ChunkMemory, bytes: Uint8Array): Uint8Array {
  const own = memory.take()!.bytes.subarray(0, bytes.length);
  own.set(bytes);
  return own;
}

test('what can be taken: much of the memory, from and to the beginning of a block', () => {
  const memory = new ChunkMemory();
  const direct = new DirectWrites(memory);
  const { bytes } = memory.take()!;
  expect(direct.canTake(bytes, 0)).toBe(true);
  expect(direct.canTake(bytes.subarray(0, MIB + 7), 3 * BLOCK)).toBe(true);
  expect(direct.canTake(bytes, 1)).toBe(false);
  expect(direct.canTake(bytes.subarray(1), 0)).toBe(false);
  expect(direct.canTake(bytes.subarray(0, BLOCK), 0)).toBe(false);
  expect(direct.canTake(new Uint8Array(MIB), 0)).toBe(false);
  expect(direct.canTake(new ChunkMemory().take()!.bytes, 0)).toBe(false);
});

describe.runIf(process.platform === 'linux')('on Linux (no direct writes elsewhere)', () => {
  test.each([
    ['whole blocks', MIB, MIB],
    ['the last chunk of an update, up to its last block', 854_272 + 7, 208 * BLOCK],
    ['a whole place', 4 * MIB, 4 * MIB],
  ])('%s are written at their place', async (_, length, wanted) => {
    const memory = new ChunkMemory();
    const direct = new DirectWrites(memory);
    const bytes = bytesOf(length);
    const handle = await direct.open(path);
    if (handle === undefined) return;
    const done = await direct.write(handle, inMemory(memory, bytes), 2 * BLOCK);
    await handle.close();
    // 0 where the file system takes none.
    expect([wanted, 0]).toContain(done);
    if (done === 0) return;
    const file = await readFile(path);
    expect(file.length).toBe(2 * BLOCK + wanted);
    expect(file.subarray(2 * BLOCK).equals(bytes.subarray(0, wanted))).toBe(true);
  });
});

/** A file that answers each write in its own way. */
const failing = (answer: () => { bytesWritten: number }): FileHandle =>
  ({ write: async () => answer() }) as unknown as FileHandle;
const problem = (code: string): never => {
  throw Object.assign(new Error(code), { code });
};

test('a file system that takes none is asked once', async () => {
  const direct = new DirectWrites(new ChunkMemory());
  const bytes = new Uint8Array(MIB);
  const refusing = failing(() => problem('EINVAL'));
  expect(await direct.write(refusing, bytes, 0)).toBe(0);
  expect(await direct.open(path)).toBeUndefined();
  let asked = 0;
  const counting = failing(() => ({ bytesWritten: asked++ }));
  expect(await direct.write(counting, bytes, 0)).toBe(0);
  expect(asked).toBe(0);
});

test('a file that cannot be opened for them is left to the cache, and others are not', async () => {
  const direct = new DirectWrites(new ChunkMemory());
  expect(await direct.open(join(folder, 'nowhere'))).toBeUndefined();
  const other = await direct.open(path);
  const another = await new DirectWrites(new ChunkMemory()).open(path);
  expect(other === undefined).toBe(another === undefined);
  await Promise.all([other?.close(), another?.close()]);
});

describe.runIf(process.platform === 'linux')('a write that fails (on Linux)', () => {
  test('for want of room says so', async () => {
    const direct = new DirectWrites(new ChunkMemory());
    const full = failing(() => problem('ENOSPC'));
    await expect(direct.write(full, new Uint8Array(MIB), 0)).rejects.toThrow('ENOSPC');
  });

  test('within a block is begun anew there; one that gets nowhere is left to the cache', async () => {
    const places: number[] = [];
    const short = {
      write: async (_: Uint8Array, done: number, length: number, at: number) => {
        places.push(at);
        return { bytesWritten: done < 8 * BLOCK ? 3 * BLOCK + 100 : Math.min(100, length) };
      },
    } as unknown as FileHandle;
    const done = await new DirectWrites(new ChunkMemory()).write(short, new Uint8Array(MIB), 0);
    expect(places).toEqual([0, 3 * BLOCK, 6 * BLOCK, 9 * BLOCK]);
    expect(done).toBe(9 * BLOCK);
  });
});
