/**
 * The script of a worker that trains: loads a module and calls its `train`. Not imported but bundled, by
 * scripts/build-workers.ts.
 *
 * @module
 */

import type { Train } from './train.ts';
import type { TrainAnswer, TrainOrder } from './train-protocol.ts';
import type { LocalUpdate } from './update.ts';

/** A worker's end of the line, whatever the platform calls its type. */
interface Port {
  onmessage: (event: { readonly data: TrainOrder }) => void;
  postMessage(answer: TrainAnswer): void;
}

const port = self as unknown as Port;

port.onmessage = ({ data }) => {
  trained(data).then(
    (update) => port.postMessage({ update }),
    (error: unknown) => {
      port.postMessage({ failure: error instanceof Error ? error.message : String(error) });
    },
  );
};

async function trained({ module, task }: TrainOrder): Promise<LocalUpdate | undefined> {
  const { train } = (await import(module)) as { readonly train?: Train };
  if (typeof train !== 'function') throw new TypeError(`${module} exports no function train`);
  // Whoever gave the order ends the worker where it would abort the signal.
  return train({ ...task, signal: new AbortController().signal });
}
