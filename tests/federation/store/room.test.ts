/** Room on the disk: what is granted is not granted twice. */

import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { Room } from '../../../src/federation/store/room.ts';

const full = {
  code: 'disk-full',
  message: expect.stringMatching(/no room for \d+ bytes: \d+ are free/),
};
const nothing = async (): Promise<void> => {};

/** Part of what is free. */
async function partOf(share: number): Promise<number> {
  const { bavail, bsize } = await statfs(tmpdir());
  return Math.floor(share * bavail * bsize);
}

test('room is granted as long as there is some beside what is on its way', async () => {
  const most = await partOf(0.7);
  let onItsWay = 0;
  const room = new Room(tmpdir(), () => onItsWay);
  await room.keep(most, async () => {
    onItsWay = most;
  });
  await expect(room.keep(most, nothing)).rejects.toMatchObject(full);
  await room.keep(1000, nothing);
  // It was given up: a refusal is never from an old look at the disk.
  onItsWay = 0;
  await room.keep(most, nothing);
});

test('of two who ask for the same room at once, one gets it', async () => {
  const most = await partOf(0.7);
  const room = new Room(tmpdir(), () => 0);
  const work = (): Promise<string> => new Promise((done) => setTimeout(done, 50, 'done'));
  const both = await Promise.allSettled([room.keep(most, work), room.keep(most, work)]);
  expect(both).toEqual([
    { status: 'fulfilled', value: 'done' },
    { status: 'rejected', reason: expect.objectContaining(full) },
  ]);
  // Work that fails leaves nothing behind.
  const failing = room.keep(most, () => Promise.reject(new Error('no')));
  await expect(failing).rejects.toThrow('no');
  await room.keep(most, nothing);
});

test('the disk is not looked at anew for each of many', async () => {
  let looks = 0;
  const room = new Room(tmpdir(), () => ++looks && 0);
  const part = await partOf(0.01);
  await Promise.all(Array.from({ length: 20 }, () => room.keep(part, nothing)));
  expect(looks).toBe(1);
});

test('some room is left for what is no update', async () => {
  const all = await partOf(1);
  await expect(new Room(tmpdir(), () => 0).keep(all, nothing)).rejects.toMatchObject(full);
});
