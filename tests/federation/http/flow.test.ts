/** Limits by hand: buckets, credit, and bodies that stand still or creep. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Credit, paced, Stalled, TokenBuckets } from '../../../src/federation/http/flow.ts';

test('a bucket holds two seconds of requests, and fills evenly', () => {
  const buckets = new TokenBuckets(4);
  const taken = Array.from({ length: 9 }, () => buckets.take('a', 0));
  expect(taken).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 250]);
  // Waiting for half of it leaves the other half; asking in vain costs nothing.
  expect(buckets.take('a', 125)).toBe(125);
  expect(buckets.take('a', 250)).toBe(0);
  expect(buckets.take('b', 250)).toBe(0);
});

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

async function* pieces(
  count: number,
  options: { ms: number; bytes: number },
): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) {
    await new Promise((done) => setTimeout(done, options.ms));
    yield new Uint8Array(options.bytes);
  }
}

async function read(body: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const piece of body) bytes += piece.length;
  return bytes;
}

test('a body that moves comes through; one that stands still, or creeps, is cut', async () => {
  const pace = { stallMs: 100, leastRate: 1000 };
  expect(await read(paced(pieces(20, { ms: 10, bytes: 100 }), pace))).toBe(2000);
  await expect(read(paced(pieces(2, { ms: 300, bytes: 100 }), pace))).rejects.toThrow(Stalled);
  // 1 byte every 10 ms is 100 a second.
  await expect(read(paced(pieces(50, { ms: 10, bytes: 1 }), pace))).rejects.toThrow(Stalled);
});
