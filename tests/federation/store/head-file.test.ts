/** The second witness of where a log ended: one of its slots is whole whatever happens. */

import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HeadFile } from '../../../src/federation/store/head-file.ts';
import { sha256 } from '../../../src/federation/store/sha256.ts';

let folder = '';
let path = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aggregis-head-'));
  path = join(folder, 'head');
});
afterEach(() => rm(folder, { recursive: true }));

const headAt = (seq: number) => ({ seq, hash: sha256(Uint8Array.of(seq)) });

async function reread(): Promise<number | undefined> {
  const file = await HeadFile.open(path);
  const found = await file.read();
  await file.close();
  return found?.seq;
}

async function tear(slot: number): Promise<void> {
  const handle = await open(path, 'r+');
  await handle.write(Uint8Array.of(0xff), 0, 1, slot * 512 + 20);
  await handle.close();
}

test('it says nothing before it was written, then the last that was', async () => {
  const file = await HeadFile.open(path);
  expect(await file.read()).toBeUndefined();
  for (const seq of [1, 2, 3]) {
    await file.write(headAt(seq));
    expect(await file.read()).toEqual(headAt(seq));
  }
  await file.close();
  expect(await reread()).toBe(3);
});

test('a slot that is torn leaves the one before, and is the next to be written', async () => {
  for (const seq of [1, 2]) {
    const file = await HeadFile.open(path);
    await file.read();
    await file.write(headAt(seq));
    await file.close();
  }
  const before: (number | undefined)[] = [];
  for (const slot of [0, 1]) {
    await tear(slot);
    before.push(await reread());
    const file = await HeadFile.open(path);
    await file.read();
    await file.write(headAt(3 + slot));
    await file.close();
    expect(await reread()).toBe(3 + slot);
  }
  expect(before.every((seq) => seq !== undefined && seq >= 1)).toBe(true);
  await tear(0);
  await tear(1);
  expect(await reread()).toBeUndefined();
});
