/**
 * The script of the thread that hashes chunks. Not imported but bundled, by scripts/build-workers.ts.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import type { HashAnswer, HashRequest } from './hash-thread.ts';

declare const self: {
  on(event: 'message', take: (message: SharedArrayBuffer | HashRequest) => void): void;
  postMessage(answer: HashAnswer): void;
};

let memory: SharedArrayBuffer;
self.on('message', (message) => {
  if (message instanceof SharedArrayBuffer) {
    memory = message;
    return;
  }
  const [id, prefix, at, length] = message;
  const bytes = new Uint8Array(memory, at, length);
  self.postMessage([id, createHash('sha256').update(prefix).update(bytes).digest()]);
});
