/**
 * Aggregis, the client of a federation: trains in the rounds of a coordinator. The entry
 * `aggregis/client` in browsers.
 *
 * @module
 */

import { browserSpawner } from './core/spawn-browser.ts';
import { type TrainInWorker, trainInWorkerWith } from './federation/client/worker-trainer.ts';

export * from './client-portable.ts';
export { createCrypto } from './secagg/crypto/create.ts';

/** Trains in a Web Worker: see {@link TrainInWorker}. */
export const trainInWorker: TrainInWorker = /* @__PURE__ */ trainInWorkerWith(browserSpawner);
