/** Words to test operations on them with, and how results are compared. */

import { expect } from 'vitest';

/** Words that look random, the same for the same seed. */
export function wordsOf(length: number, seed = 1): Uint32Array {
  let state = seed * 2654435761;
  return Uint32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state ^ (state >>> 13);
  });
}

type SomeWords = Uint32Array | Int32Array;

export function expectSameWords(got: SomeWords, want: SomeWords): void {
  expect(got.length).toBe(want.length);
  const at = got.findIndex((word, i) => word !== want[i]);
  if (at >= 0) expect.fail(`word ${at} must be ${want[at]}, got ${got[at]}`);
}
