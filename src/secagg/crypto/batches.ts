/**
 * Long lists of small work: the event loop has its turns meanwhile, and results keep the order.
 *
 * @module
 */

import { Turns } from '../../core/turn.ts';

/** What is given away at one time. */
const AT_ONCE = 256;

/** Work that is done here, one after the other. */
export async function inTurns<T, U>(items: readonly T[], map: (item: T) => U): Promise<U[]> {
  const turns = new Turns();
  const results: U[] = [];
  for (const item of items) {
    if (turns.due) await turns.take();
    results.push(map(item));
  }
  return results;
}

/** Work that is done elsewhere, some at a time. */
export async function inBatches<T, U>(
  items: readonly T[],
  map: (item: T) => Promise<U>,
): Promise<U[]> {
  const results: U[] = [];
  for (let at = 0; at < items.length; at += AT_ONCE) {
    results.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map(map))));
  }
  return results;
}
