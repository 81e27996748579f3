/**
 * Workers under Node: threads of `node:worker_threads`.
 *
 * @module
 */

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { WorkerSpawner } from './spawn.ts';

/** Gives the script the port that a browser's worker has. */
const PRELUDE = "globalThis.self = require('node:worker_threads').parentPort;\n";

/** Starts threads that do not hold the process while they have nothing to do. */
export const nodeSpawner: WorkerSpawner = {
  parallelism: availableParallelism,
  spawn(script, { onMessage, onFailure }) {
    // Without `execArgv` it would load the loaders and hooks that this process was started with.
    const worker = new Worker(PRELUDE + script, { eval: true, execArgv: [], name: 'aggregis' });
    let isOver = false;
    const fail = (reason: Error): void => {
      if (!isOver) onFailure(reason);
      isOver = true;
    };
    worker
      .on('message', (message) => {
        if (!isOver) onMessage(message);
      })
      .on('messageerror', fail)
      .on('error', fail)
      .on('exit', (code) => fail(new Error(`the thread ended with exit code ${code}`)));
    worker.unref();
    return {
      post: (message, moved = []) => worker.postMessage(message, [...moved]),
      hold: (busy) => (busy ? worker.ref() : worker.unref()),
      async end() {
        isOver = true;
        await worker.terminate();
      },
    };
  },
};
