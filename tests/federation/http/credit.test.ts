/** Credit for bytes in flight: its bounds, and who waits for it. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Credit } from '../../../src/federation/http/credit.ts';

test('credit is bounded for each and for all, and comes back once', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 1, max: 60 })), {
        maxLength: 40,
      }),
      (wishes) => {
        const credit = new Credit({ each: 50, all: 100 });
        const held: { client: string; bytes: number; giveBack: () => void }[] = [];
        for (const [client, bytes] of wishes) {
          const giveBack = credit.take(client, bytes);
          if (giveBack !== undefined) held.push({ client, bytes, giveBack });
          else held.shift()?.giveBack();
          const own = held.filter((one) => one.client === client);
          expect(own.reduce((sum, one) => sum + one.bytes, 0)).toBeLessThanOrEqual(50);
          expect(credit.used).toBe(held.reduce((sum, one) => sum + one.bytes, 0));
          expect(credit.used).toBeLessThanOrEqual(100);
        }
        for (const { giveBack } of held) {
          giveBack();
          giveBack();
        }
        expect(credit.used).toBe(0);
      },
    ),
  );
});

test('whoever waits is served in order, updates that have begun before others', async () => {
  const credit = new Credit({ each: 100, all: 100 });
  const order: string[] = [];
  const all = credit.take('a', 100)!;
  const wait = async (client: string, isBegun: boolean): Promise<void> => {
    const giveBack = await credit.wait(client, 60, { waitMs: 60_000, isBegun });
    order.push(client);
    giveBack?.();
  };
  const waits = [wait('b', false), wait('c', false), wait('d', true), wait('e', true)];
  expect(credit.waiting).toBe(4);
  // Nobody goes past those who wait, even where there is room.
  all();
  const [, late] = [await waits[2], credit.take('f', 40)];
  await Promise.all(waits);
  late?.();
  expect(order).toEqual(['d', 'e', 'b', 'c']);
  expect(credit.used).toBe(0);
  expect(credit.waiting).toBe(0);
});

test('a wait ends with its time, with its signal, and does not begin beyond what a client may have', async () => {
  const credit = new Credit({ each: 50, all: 100 });
  const held = [credit.take('a', 50)!, credit.take('b', 50)!];
  expect(await credit.wait('c', 20, { waitMs: 20 })).toBeUndefined();
  const gone = new AbortController();
  const wait = credit.wait('c', 50, { waitMs: 60_000, signal: gone.signal });
  // What it waits for counts as its own.
  expect(await credit.wait('c', 1, { waitMs: 60_000 })).toBeUndefined();
  gone.abort();
  expect(await wait).toBeUndefined();
  expect(await credit.wait('c', 50, { waitMs: 1, signal: gone.signal })).toBeUndefined();
  for (const giveBack of held) giveBack();
  expect(credit.used).toBe(0);
  expect(credit.take('c', 50)).toBeDefined();
});

test('one that gives up lets smaller ones behind it through', async () => {
  const credit = new Credit({ each: 100, all: 100 });
  const held = credit.take('a', 70)!;
  const gone = new AbortController();
  const large = credit.wait('b', 60, { waitMs: 60_000, signal: gone.signal });
  const small = credit.wait('c', 30, { waitMs: 60_000 });
  gone.abort();
  expect(await large).toBeUndefined();
  expect(await small).toBeDefined();
  held();
});

test('a client has 64 requests at once, however short they are', () => {
  const credit = new Credit({ each: 6400, all: 64_000 });
  const taken = Array.from({ length: 65 }, () => credit.take('a', 1));
  expect(taken.map((one) => one !== undefined)).toEqual([...Array(64).fill(true), false]);
  // Of the window of all they take what they are.
  expect(credit.used).toBe(64);
  taken[0]!();
  expect(credit.take('a', 1)).toBeDefined();
});

test('whoever keeps a part leaves the rest to others, and has no more to itself', async () => {
  const credit = new Credit({ each: 60, all: 100 });
  const slow = [credit.take('a', 60)!, credit.take('b', 40)!];
  const waiting = credit.wait('c', 50, { waitMs: 60_000 });
  slow[0]!(10);
  const giveBack = await waiting;
  expect([credit.used, credit.take('a', 1)]).toEqual([100, undefined]);
  // It keeps no more than it had left, and gives that back once.
  slow[0]!(30);
  expect(credit.used).toBe(100);
  for (const end of [slow[0]!, slow[0]!, slow[1]!, giveBack!]) end();
  expect(credit.used).toBe(0);
  expect(credit.take('a', 60)).toBeDefined();
});
