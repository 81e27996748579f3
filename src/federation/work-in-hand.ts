/**
 * The work of the round that goes on: one piece at a time. A new one ends the one before it, which nobody
 * waits for any more.
 *
 * @module
 */

import { StoreError } from '../core/errors.ts';
import { conductOf } from './evidence.ts';
import type { RoundInput, RoundWork } from './round-io.ts';
import { factsOf, type RoundWorker } from './round-work.ts';
import type { RunHost } from './run-host.ts';
import type { LoggedEvent } from './store/chain.ts';

/** The run that work is of. */
export interface WorkHost extends RunHost {
  readonly worker: RoundWorker;
  /** Takes a result, unless the run is closed. */
  readonly finish: (result: RoundInput) => Promise<unknown>;
}

/** Has work done. */
export class WorkInHand {
  readonly #host: WorkHost;
  #controller: AbortController | undefined;
  #done: Promise<void> = Promise.resolve();
  /** Of the round that goes on, and of the last that gave a model: blobs. */
  #aggregate: string | undefined;
  #lastAggregate: string | undefined;

  constructor(host: WorkHost) {
    this.#host = host;
  }

  /** When all that was begun has ended, one way or the other. */
  get done(): Promise<void> {
    return this.#done;
  }

  /** Follows the log. */
  happened({ type, body }: Pick<LoggedEvent, 'type' | 'body'>): void {
    if (type === 'round.aggregated') this.#aggregate = String(body.blob);
    if (type === 'round.published') this.#lastAggregate = this.#aggregate;
  }

  /** Begins work, once what went before it has let go. */
  begin(work: RoundWork): void {
    this.#controller?.abort(new StoreError('closed', 'nobody waits for this any more'));
    const controller = new AbortController();
    const { signal } = controller;
    this.#controller = controller;
    this.#done = this.#done.then(() => this.#host.quietly(() => this.#do(work, signal)));
  }

  /** Ends what goes on where it is. Kept once it has let go. */
  async stop(reason: unknown): Promise<void> {
    this.#controller?.abort(reason);
    await this.#done;
  }

  async #do(work: RoundWork, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { config, worker, state, finish } = this.#host;
    const reference = this.#lastAggregate;
    let result: RoundInput;
    try {
      const facts = factsOf(state(), {
        signal,
        ...(reference !== undefined && { reference }),
        ...(config.reputation && { conduct: conductOf(state().round!) }),
      });
      result = await worker.do(work, facts);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    await finish(result);
  }
}
