/** Lanes: so many at a time, in the order of their coming. */

import { expect, test } from 'vitest';
import { Lanes, tooSlow } from '../../../src/federation/http/lanes.ts';

/** Enters, and says so. */
function entering(lanes: Lanes, name: string, order: string[]): Promise<() => void> {
  return lanes.enter().then((leave) => {
    order.push(name);
    return leave;
  });
}

test('so many have a lane at a time, and whoever waits longest is next', async () => {
  const lanes = new Lanes(2);
  const order: string[] = [];
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => entering(lanes, name, order));
  const leaves = await Promise.all([a!, b!]);
  expect([order, lanes.waiting]).toEqual([['a', 'b'], 2]);
  leaves[1]!();
  const third = await c!;
  expect([order, lanes.waiting]).toEqual([['a', 'b', 'c'], 1]);
  third();
  await d!;
  expect(order).toEqual(['a', 'b', 'c', 'd']);
});

test('a lane is left once, however often that is said', async () => {
  const lanes = new Lanes(1);
  const leave = await lanes.enter();
  const waiting = [lanes.enter(), lanes.enter()];
  leave();
  leave();
  await waiting[0];
  expect(lanes.waiting).toBe(1);
});

test('there is one lane at least', () => {
  expect(() => new Lanes(0)).toThrow(/lanes must be/);
});

const MIB = 2 ** 20;
const rates = [MIB / 2, 2 * MIB, 9 * MIB];

test('a body has to keep up with 8 MiB/s, or with 1 where the server is busy itself', () => {
  expect(rates.map(tooSlow(() => 0.4))).toEqual([true, true, false]);
  expect(rates.map(tooSlow(() => 0.6))).toEqual([true, false, false]);
  const isSlow = tooSlow();
  for (const end = performance.now() + 100; performance.now() < end; );
  expect(rates.map(isSlow)).toEqual([true, false, false]);
});
