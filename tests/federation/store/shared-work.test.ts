/** Work that is shared: nobody gets a run that began before they asked. */

import { expect, test } from 'vitest';
import { shared } from '../../../src/federation/store/shared-work.ts';

test('who asks while it runs shares the next run, which begins after this one', async () => {
  const ends: (() => void)[] = [];
  const work = shared(() => new Promise<void>((resolve) => ends.push(resolve)));
  const done: string[] = [];
  const ask = (name: string): Promise<number> => work().then(() => done.push(name));
  const first = [ask('a'), ask('b')];
  await Promise.resolve();
  expect(ends).toHaveLength(1);
  const second = [ask('c'), ask('d'), ask('e')];
  await Promise.resolve();
  expect(ends).toHaveLength(1);
  ends[0]!();
  await Promise.all(first);
  expect(done).toEqual(['a', 'b']);
  await new Promise((resolve) => setTimeout(resolve, 0));
  expect(ends).toHaveLength(2);
  ends[1]!();
  await Promise.all(second);
  expect(done).toEqual(['a', 'b', 'c', 'd', 'e']);
});

test('a run that fails fails for those who share it, and for nobody after', async () => {
  let runs = 0;
  const work = shared(async () => {
    runs += 1;
    if (runs === 1) throw new Error('EIO');
  });
  const both = await Promise.allSettled([work(), work()]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await work();
  expect(runs).toBe(2);
});
