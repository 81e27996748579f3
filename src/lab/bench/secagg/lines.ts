/**
 * What the lines of secure aggregation are called.
 *
 * @module
 */

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
