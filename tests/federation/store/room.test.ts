/** Room on the disk: what is granted is not granted twice. */

import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { Room } from '../../../src/federation/store/room.ts';

const full = {
  code: 'disk-full',
  message: expect.stringMatching(/no room for \d+ bytes: \d+ are free/),
};

test('room is granted as long as there is some beside what is on its way', async () => {
  const { bavail, bsize } = await statfs(tmpdir());
  const most = Math.floor(0.7 * bavail * bsize);
  let onItsWay = 0;
  const room = new Room(tmpdir(), () => onItsWay);
  await room.take(most);
  onItsWay = most;
  await expect(room.take(most)).rejects.toMatchObject(full);
  await room.take(1000);
  // It was given up: a refusal is never from an old look at the disk.
  onItsWay = 0;
  await room.take(most);
});

test('the disk is not looked at anew for each of many', async () => {
  const { bavail, bsize } = await statfs(tmpdir());
  let looks = 0;
  const room = new Room(tmpdir(), () => ++looks && 0);
  const part = Math.floor(0.01 * bavail * bsize);
  for (let i = 0; i < 20; i++) await room.take(part);
  expect(looks).toBeLessThan(20);
});

test('some room is left for what is no update', async () => {
  const { bavail, bsize } = await statfs(tmpdir());
  await expect(new Room(tmpdir(), () => 0).take(bavail * bsize)).rejects.toMatchObject(full);
});
