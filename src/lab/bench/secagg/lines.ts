/**
 * What the lines of secure aggregation are called, and what they are held against.
 *
 * @module
 */

import { BOX_RECORD_BYTES } from '../../../secagg/messages.ts';
import { SLOTS } from '../../../secagg/suite.ts';
import type { Shape } from '../bench.ts';

/** Names of lines. */
export const LINES = {
  masks: 'masks',
  server: 'server',
  unmasking: 'unmasking',
  client: 'client',
  roundServer: 'whole round, server',
  roundUnmasking: 'whole round, unmasking',
  roundClient: 'whole round, a client',
  held: 'server memory',
} as const;

/** What a server needs until the inputs are in: one sum, and a box for each of n·(n − 1) pairs. */
export function expectedBytes({ n, d }: Shape): number {
  return 4 * (SLOTS + d) + BOX_RECORD_BYTES * n * (n - 1);
}
