/** Bodies that move, stand still, creep, break off, or are wanted by nobody. */

import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { BATCH_BYTES, batches, Stalled, shortBody } from '../../../src/federation/http/body.ts';

/** A body of so many pieces, one every so many milliseconds. */
function bodyOf(count: number, { ms, bytes }: { ms: number; bytes: number }): Readable {
  return Readable.from(
    (async function* () {
      for (let i = 0; i < count; i++) {
        await new Promise((done) => setTimeout(done, ms));
        yield new Uint8Array(bytes).fill(i);
      }
    })(),
  );
}

async function sizes(body: AsyncIterable<readonly Uint8Array[]>): Promise<number[]> {
  const all: number[] = [];
  for await (const batch of body) all.push(batch.reduce((sum, piece) => sum + piece.length, 0));
  return all;
}

const pace = { stallMs: 100, leastRate: 1000 };
/** Where time is not the point: whatever else this machine does. */
const patient = { stallMs: 20_000, leastRate: 1 };

test('a body comes in batches, all of it and in order', async () => {
  const body = bodyOf(10, { ms: 1, bytes: 100 });
  expect(await sizes(batches(body, { pace: patient, bytes: 250 }))).toEqual([300, 300, 300, 100]);
  const seen: number[] = [];
  for await (const batch of batches(bodyOf(10, { ms: 0, bytes: 1 }), { pace: patient, bytes: 3 })) {
    seen.push(...batch.map((piece) => piece[0]!));
  }
  expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test('one that moves comes through; one that stands still, or creeps, is cut', async () => {
  const moving = batches(bodyOf(20, { ms: 10, bytes: 100 }), { pace });
  expect(await sizes(moving)).toEqual([2000]);
  const still = batches(bodyOf(2, { ms: 400, bytes: 100 }), { pace });
  await expect(sizes(still)).rejects.toThrow(Stalled);
  // 1 byte every 10 ms is 100 a second.
  const creeping = batches(bodyOf(50, { ms: 10, bytes: 1 }), { pace });
  await expect(sizes(creeping)).rejects.toThrow(Stalled);
});

test('what the receiver takes its time for is not held against the sender', async () => {
  const body = batches(bodyOf(4, { ms: 1, bytes: 300 }), { pace, bytes: 250 });
  for await (const _ of body) await new Promise((done) => setTimeout(done, 250));
});

test('a body that is not whole soon goes on in smaller batches, and says so once', async () => {
  let told = 0;
  const eager = { ms: 30, isSlow: () => true, onSlow: () => void told++ };
  const slow = { pace: { ...pace, stallMs: 1000 }, eager };
  const piece = BATCH_BYTES / 2;
  const large = batches(bodyOf(6, { ms: 20, bytes: piece }), { ...slow, bytes: 6 * piece });
  expect(Math.max(...(await sizes(large)))).toBeLessThan(6 * piece);
  expect(told).toBe(1);
  // One that is small may be slow too, and holds up nobody either.
  await sizes(batches(bodyOf(2, { ms: 50, bytes: 100 }), { ...slow, bytes: 200 }));
  expect(told).toBe(2);
  // One that comes at once is had whole.
  const quick = batches(bodyOf(6, { ms: 0, bytes: piece }), {
    ...slow,
    eager: { ...eager, ms: 5000 },
    bytes: 6 * piece,
  });
  expect(await sizes(quick)).toEqual([6 * piece]);
  expect(told).toBe(2);
});

test('a body that keeps up with the rate is had whole, however long it takes', async () => {
  let told = 0;
  const piece = BATCH_BYTES / 2;
  const eager = { ms: 50, isSlow: (rate: number) => rate < piece, onSlow: () => void told++ };
  const steady = { pace: { ...pace, stallMs: 1000 }, eager, bytes: 6 * piece };
  expect(await sizes(batches(bodyOf(6, { ms: 20, bytes: piece }), steady))).toEqual([6 * piece]);
  expect(told).toBe(0);
});

test('a body counts from its first byte, which has a time of its own', async () => {
  const piece = BATCH_BYTES / 2;
  const late = async (ms: number): Promise<number> => {
    let told = 0;
    const body = Readable.from(
      (async function* () {
        await new Promise((done) => setTimeout(done, ms));
        yield* bodyOf(4, { ms: 20, bytes: piece });
      })(),
    );
    const isSlow = (rate: number): boolean => rate < piece / 0.1;
    const eager = { ms: 20, firstMs: 200, isSlow, onSlow: () => void told++ };
    await sizes(batches(body, { pace: patient, bytes: 4 * piece, eager }));
    return told;
  };
  expect(await late(120)).toBe(0);
  expect(await late(400)).toBe(1);
});

/** Pieces that tell their place, some milliseconds apart. */
async function* counted(pieces: number, ms: number): AsyncGenerator<Uint8Array> {
  for (let k = 0; k < pieces; k++) {
    await new Promise((done) => setTimeout(done, ms));
    yield new Uint8Array(1000).fill(k + 1);
  }
}

const COUNTED = Buffer.concat(Array.from({ length: 6 }, (_, k) => Buffer.alloc(1000, k + 1)));

test('a batch is put together in memory that is lent for it, shared or not', async () => {
  for (const memory of [new ArrayBuffer(8192), new SharedArrayBuffer(8192)]) {
    const into = new Uint8Array(memory, 96, 6000);
    const found: (readonly Uint8Array[])[] = [];
    const body = Readable.from(counted(6, 1));
    for await (const batch of batches(body, { pace: patient, bytes: 6000, into })) {
      found.push(batch);
    }
    expect(found.map((batch) => batch.map((part) => part.buffer === memory))).toEqual([[true]]);
    expect(Buffer.from(into).equals(COUNTED)).toBe(true);
    expect([...new Uint8Array(memory, 0, 96), ...new Uint8Array(memory, 6096)]).not.toContain(1);
  }
});

test('a piece that memory has no room for is not cut', async () => {
  const found: Uint8Array[] = [];
  const into = new Uint8Array(2500);
  for await (const batch of batches(Readable.from(counted(6, 1)), {
    pace: patient,
    bytes: 2500,
    into,
  })) {
    found.push(...batch);
  }
  expect(Buffer.concat(found).equals(COUNTED)).toBe(true);
});

test('memory that is lent is left as it is once it was handed on, however late the end comes', async () => {
  const into = new Uint8Array(1000);
  let told = 0;
  const eager = { ms: 20, isSlow: () => true, onSlow: () => void told++ };
  const late = Readable.from(
    (async function* () {
      yield new Uint8Array(1000).fill(1);
      await new Promise((done) => setTimeout(done, 80));
    })(),
  );
  const found: (readonly Uint8Array[])[] = [];
  for await (const batch of batches(late, { pace: patient, bytes: 1000, into, eager })) {
    found.push(batch);
  }
  expect([found.length, found[0]?.length, told]).toEqual([1, 1, 0]);
});

test('memory that is lent is left as it is once its body is slow, and nothing is lost', async () => {
  const into = new Uint8Array(6000);
  const onSlow = (): void => void into.fill(255);
  const eager = { ms: 30, isSlow: () => true, onSlow };
  const found: Uint8Array[] = [];
  const body = Readable.from(counted(6, 20));
  for await (const batch of batches(body, { pace: patient, bytes: 6000, into, eager })) {
    found.push(...batch);
  }
  expect(Buffer.concat(found).equals(COUNTED)).toBe(true);
  expect(into.every((byte) => byte === 255)).toBe(true);
});

test('no more is gathered than the batch at work', async () => {
  let made = 0;
  const body = Readable.from(
    (function* () {
      for (; made < 100; made++) yield new Uint8Array(100);
    })(),
    { highWaterMark: 1 },
  );
  const reading = batches(body, { pace: patient, bytes: 200 });
  await reading.next();
  await new Promise((done) => setTimeout(done, 50));
  // A batch of two pieces, and what the stream itself holds.
  expect(made).toBeLessThanOrEqual(5);
  await reading.return();
  expect(body.destroyed).toBe(false);
});

test('a connection that breaks ends the body with its error', async () => {
  const body = new Readable({ read() {} });
  const reading = sizes(batches(body, { pace: patient }));
  body.push(new Uint8Array(10));
  body.destroy(new Error('reset'));
  await expect(reading).rejects.toThrow('reset');
});

test('a short body is read whole, or refused', async () => {
  const read = (most: number) =>
    shortBody(bodyOf(5, { ms: 1, bytes: 10 }), { most, pace: patient });
  expect(await read(50)).toHaveLength(50);
  await expect(read(49)).rejects.toMatchObject({ code: 'too-large' });
});
