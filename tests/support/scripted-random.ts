/**
 * A stream of chosen words: what a mechanism does with each, and from which word on it decides
 * otherwise.
 *
 * @module
 */

import { createRandom, type Random } from '../../src/core/random.ts';

/** The words of `script`, then those of seed 0. `below` takes its words from the same stream. */
export function scriptedRandom(script: readonly number[]): Random {
  const rest = createRandom(0);
  let next = 0;
  const uint32 = (): number => script[next++] ?? rest.uint32();
  return { ...rest, uint32, below: (n) => uint32() % n };
}

/**
 * How many of the 2^(32·words) numbers, fed after `before` words of no matter and followed by `after`, make `isSo` true; they
 * must be those below some threshold. What is fed is found by bisection, from outside.
 */
export function countOfWords(
  isSo: (random: Random) => boolean,
  {
    words = 2,
    before = 0,
    after = [],
  }: { readonly words?: number; readonly before?: number; readonly after?: readonly number[] } = {},
): bigint {
  const skipped = Array.from({ length: before }, () => 0x9e3779b9);
  const at = (value: bigint): boolean => {
    const fed = Array.from({ length: words }, (_, i) =>
      Number((value >> BigInt(32 * (words - 1 - i))) & 0xffffffffn),
    );
    return isSo(scriptedRandom([...skipped, ...fed, ...after]));
  };
  let low = -1n;
  let high = 1n << BigInt(32 * words);
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (at(middle)) low = middle;
    else high = middle;
  }
  return high;
}
