/**
 * Workers in browsers, from Blob URLs: a URL of a file would not survive bundling. Only in pages
 * that are cross-origin isolated, since no others share memory.
 *
 * @module
 */

import type { WorkerSpawner } from './spawn.ts';

/** Starts workers where the page shares memory with them. */
export const browserSpawner: WorkerSpawner = {
  parallelism() {
    const shares = globalThis.crossOriginIsolated === true && typeof Worker === 'function';
    return shares ? (navigator.hardwareConcurrency ?? 1) : undefined;
  },
  spawn(script, { onMessage, onFailure }) {
    const url = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
    const worker = new Worker(url, { name: 'aggregis' });
    worker.onmessage = ({ data }) => {
      // Not sooner: some browsers fetch it late.
      URL.revokeObjectURL(url);
      onMessage(data);
    };
    const end = (): void => {
      worker.onmessage = worker.onerror = worker.onmessageerror = null;
      worker.terminate();
      URL.revokeObjectURL(url);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      end();
      // What a security policy refuses comes without a message.
      onFailure(new Error(event.message || 'the browser refuses to start it'));
    };
    worker.onmessageerror = () => {
      end();
      onFailure(new Error('a message from it cannot be read'));
    };
    return {
      post: (message, moved = []) => worker.postMessage(message, [...moved]),
      hold() {},
      async end() {
        end();
      },
    };
  },
};
