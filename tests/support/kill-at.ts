/**
 * Loaded into `aggregis serve` before it starts, it kills the process at one point: `AGGREGIS_KILL_AT` is
 * a {@link KillAt} in JSON. With `AGGREGIS_TEST_NOISE`, seeds of noise are a constant, so that runs can be
 * compared; nothing in the program itself would do either.
 *
 * @module
 */

import { watcher } from '../../src/federation/store/faults.ts';
import { isAt, type KillAt } from './kill-point.ts';

const { AGGREGIS_KILL_AT: text, AGGREGIS_TEST_NOISE: testNoise } = process.env;

if (text !== undefined) {
  const at = JSON.parse(text) as KillAt;
  /** Types of the events that were logged last. */
  let last: readonly string[] = [];
  let left = at.passes ?? 0;
  watcher.onStep = (step, events) => {
    const types = events?.map(({ type }) => type) ?? [];
    if (isAt(at, { step, types, last }) && left-- === 0) process.kill(process.pid, 'SIGKILL');
    if (step === 'log.confirmed') last = types;
  };
}

if (testNoise !== undefined) {
  const drawn = crypto.getRandomValues.bind(crypto);
  crypto.getRandomValues = (array) => {
    const isSeed = new Error('who asks').stack?.includes('drawSeed') === true;
    return isSeed && array instanceof Uint8Array ? array.fill(7) : drawn(array);
  };
}
