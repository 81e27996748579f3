/**
 * Training in a worker: a page stays alive, and what has become pointless is ended in the middle.
 *
 * @module
 */

import { show } from '../../core/assert.ts';
import { FederationError } from '../../core/errors.ts';
import type { SpawnedWorker, WorkerSpawner } from '../../core/spawn.ts';
import type { Train, TrainingTask } from './train.ts';
import type { TrainAnswer, TrainOrder } from './train-protocol.ts';
import { workerScript } from './train-worker.gen.ts';
import type { LocalUpdate } from './update.ts';

/** Trains elsewhere; to be closed. */
export interface WorkerTrainer {
  /** For `participate`. One training at a time. */
  readonly train: Train;
  /** Ends the worker, whatever it does. */
  close(): Promise<void>;
}

/**
 * Trains by the function `train` that a module exports, in a worker of its own: a Web Worker in browsers,
 * a thread under Node. The module is loaded once and may keep what it likes between rounds, until a
 * round's end stops it in the middle: then it is loaded anew. Its task has a signal that never aborts.
 *
 * @param module - Absolute URL: of this site or one that permits it, `file:` under Node.
 */
export type TrainInWorker = (module: string | URL) => WorkerTrainer;

/** {@link TrainInWorker} on a platform. */
export function trainInWorkerWith(spawner: WorkerSpawner): TrainInWorker {
  return (module) => new Trainer(spawner, String(new URL(module)));
}

class Trainer implements WorkerTrainer {
  readonly #spawner: WorkerSpawner;
  readonly #module: string;
  #worker: SpawnedWorker | undefined;
  #settle: ((answer: TrainAnswer) => void) | undefined;

  constructor(spawner: WorkerSpawner, module: string) {
    this.#spawner = spawner;
    this.#module = module;
  }

  readonly train: Train = async ({ signal, ...task }) => {
    if (this.#settle !== undefined) throw new TypeError('this worker is training already');
    signal.throwIfAborted();
    const stop = (): void => void this.close();
    signal.addEventListener('abort', stop, { once: true });
    try {
      return await this.#order(task);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  };

  async close(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#settle?.({ failure: 'the worker was ended' });
    await worker?.end();
  }

  async #order(task: Omit<TrainingTask, 'signal'>): Promise<LocalUpdate | undefined> {
    this.#worker ??= this.#spawn();
    const worker = this.#worker;
    const order: TrainOrder = { module: this.#module, task };
    try {
      const answer = await new Promise<TrainAnswer>((resolve) => {
        this.#settle = resolve;
        worker.hold(true);
        worker.post(order);
      });
      if ('update' in answer) return answer.update;
      throw new FederationError('training', `${this.#module}: ${answer.failure}`);
    } finally {
      this.#settle = undefined;
      worker.hold(false);
    }
  }

  #spawn(): SpawnedWorker {
    return this.#spawner.spawn(workerScript, {
      onMessage: (message) => this.#settle?.(answerIn(message)),
      onFailure: (reason) => {
        this.#worker = undefined;
        this.#settle?.({ failure: reason.message });
      },
    });
  }
}

function answerIn(message: unknown): TrainAnswer {
  const isAnswer = typeof message === 'object' && message !== null;
  return isAnswer ? (message as TrainAnswer) : { failure: `the worker said ${show(message)}` };
}
