/** Direct writes: the same bytes as any other write, or none at all. */

import { type FileHandle, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
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

/** The same in pieces of odd lengths. */
function pieces(bytes: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += 65_531) parts.push(bytes.subarray(at, at + 65_531));
  return parts;
}

async function withFile<T>(
  work: (handle: FileHandle, direct: DirectWrites) => Promise<T>,
): Promise<T | undefined> {
  const direct = new DirectWrites();
  const handle = await direct.open(path);
  try {
    return handle && (await work(handle, direct));
  } finally {
    await handle?.close();
  }
}

test('what is worth it: much, and at the beginning of a block', () => {
  const much = [new Uint8Array(MIB)];
  expect(DirectWrites.isWorthIt(much, 0)).toBe(true);
  expect(DirectWrites.isWorthIt(pieces(much[0]!), 3 * BLOCK)).toBe(true);
  expect(DirectWrites.isWorthIt(much, 1)).toBe(false);
  expect(DirectWrites.isWorthIt([new Uint8Array(BLOCK)], 0)).toBe(false);
  expect(DirectWrites.isWorthIt([new Uint8Array(4 * MIB + BLOCK - 1)], 0)).toBe(true);
  expect(DirectWrites.isWorthIt([new Uint8Array(4 * MIB + BLOCK)], 0)).toBe(false);
});

describe.runIf(process.platform === 'linux')('on Linux (no direct writes elsewhere)', () => {
  test.each([
    ['whole blocks', MIB, MIB],
    ['the last chunk of an update, up to its last block', 854_272 + 7, 208 * BLOCK],
    ['as much as there is room for', 4 * MIB + 5, 4 * MIB],
  ])('%s are written at their place', async (_, length, wanted) => {
    const bytes = bytesOf(length);
    const done = await withFile((handle, direct) => direct.write(handle, pieces(bytes), 2 * BLOCK));
    expect([wanted, undefined]).toContain(done);
    if (done === undefined) return;
    const file = await readFile(path);
    expect(file.length).toBe(2 * BLOCK + wanted);
    expect(file.subarray(2 * BLOCK).equals(bytes.subarray(0, wanted))).toBe(true);
  });

  test('more at once than there is memory for: some are left to the cache, none is another’s', async () => {
    const all = Array.from({ length: 20 }, (_, i) => new Uint8Array(MIB).fill(i + 1));
    const done = await withFile((handle, direct) =>
      Promise.all(all.map((bytes, i) => direct.write(handle, [bytes], i * MIB))),
    );
    if (done === undefined) return;
    expect(done.filter((bytes) => bytes === MIB)).toHaveLength(16);
    expect(done.filter((bytes) => bytes === 0)).toHaveLength(4);
    const file = await readFile(path);
    for (const [i, bytes] of done.entries()) {
      const found = file.subarray(i * MIB, i * MIB + bytes);
      expect(found.every((byte) => byte === i + 1)).toBe(true);
    }
  });
});

/** A file that answers each write in its own way. */
const failing = (answer: () => { bytesWritten: number }): FileHandle =>
  ({ write: async () => answer() }) as unknown as FileHandle;
const problem = (code: string): never => {
  throw Object.assign(new Error(code), { code });
};

test('a file system that takes none is asked once', async () => {
  const direct = new DirectWrites();
  const parts = [new Uint8Array(MIB)];
  const refusing = failing(() => problem('EINVAL'));
  expect(await direct.write(refusing, parts, 0)).toBe(0);
  expect(await direct.open(path)).toBeUndefined();
  let asked = 0;
  const counting = failing(() => ({ bytesWritten: asked++ }));
  expect(await direct.write(counting, parts, 0)).toBe(0);
  expect(asked).toBe(0);
});

test('a file that cannot be opened for them is left to the cache, and others are not', async () => {
  const direct = new DirectWrites();
  expect(await direct.open(join(folder, 'nowhere'))).toBeUndefined();
  const other = await direct.open(path);
  expect(other === undefined).toBe((await new DirectWrites().open(path)) === undefined);
  await other?.close();
});

describe.runIf(process.platform === 'linux')('a write that fails (on Linux)', () => {
  test('for want of room says so, and gives its memory back', async () => {
    const direct = new DirectWrites();
    const full = failing(() => problem('ENOSPC'));
    for (let k = 0; k < 20; k++) {
      await expect(direct.write(full, [new Uint8Array(MIB)], 0)).rejects.toThrow('ENOSPC');
    }
  });

  test('within a block is begun anew there; one that gets nowhere is left to the cache', async () => {
    const places: number[] = [];
    const short = {
      write: async (_: Uint8Array, done: number, length: number, at: number) => {
        places.push(at);
        return { bytesWritten: done < 8 * BLOCK ? 3 * BLOCK + 100 : Math.min(100, length) };
      },
    } as unknown as FileHandle;
    const done = await new DirectWrites().write(short, [new Uint8Array(MIB)], 0);
    expect(places).toEqual([0, 3 * BLOCK, 6 * BLOCK, 9 * BLOCK]);
    expect(done).toBe(9 * BLOCK);
  });
});
