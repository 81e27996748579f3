/** Numbers of things, in words. */

import { expect, test } from 'vitest';
import { counted } from '../../src/core/counted.ts';

test.each([
  [0, '0 rounds'],
  [1, '1 round'],
  [2, '2 rounds'],
])('%j of a thing reads %j', (count, text) => {
  expect(counted(count, 'round')).toBe(text);
});
