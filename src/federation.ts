/**
 * Aggregis, federations: a client that trains in the rounds of a coordinator. The entry
 * `aggregis/federation` in browsers.
 *
 * @module
 */

import { browserSpawner } from './core/spawn-browser.ts';
import { type TrainInWorker, trainInWorkerWith } from './federation/client/worker-trainer.ts';

export * from './federation-portable.ts';
export { createCrypto } from './secagg/crypto/create.ts';

/** Trains in a Web Worker: see {@link TrainInWorker}. */
export const trainInWorker: TrainInWorker = /* @__PURE__ */ trainInWorkerWith(browserSpawner);
