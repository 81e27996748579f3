/**
 * Aggregis, the client of a federation: trains in the rounds of a coordinator. The entry
 * `aggregis/client` under Node. All that browsers have, with identities in files.
 *
 * @module
 */

import { nodeSpawner } from './core/spawn-node.ts';
import { type TrainInWorker, trainInWorkerWith } from './federation/client/worker-trainer.ts';

export * from './client-portable.ts';
export { nodeFetch, type ServerTrust } from './federation/client/node-fetch.ts';
export { openIdentity, readIdentity, saveIdentity } from './federation/identity-file.ts';
export { createNodeCrypto as createCrypto } from './secagg/crypto/create-node.ts';

/** Trains in a thread: see {@link TrainInWorker}. */
export const trainInWorker: TrainInWorker = /* @__PURE__ */ trainInWorkerWith(nodeSpawner);
