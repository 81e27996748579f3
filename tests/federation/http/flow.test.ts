/** Buckets of requests, by hand. */

import { expect, test } from 'vitest';
import { TokenBuckets } from '../../../src/federation/http/flow.ts';

test('a bucket holds two seconds of requests, and fills evenly', () => {
  const buckets = new TokenBuckets(4);
  const taken = Array.from({ length: 9 }, () => buckets.take('a', 0));
  expect(taken).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 250]);
  // Waiting for half of it leaves the other half; asking in vain costs nothing.
  expect(buckets.take('a', 125)).toBe(125);
  expect(buckets.take('a', 250)).toBe(0);
  expect(buckets.take('b', 250)).toBe(0);
});
