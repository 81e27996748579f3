/**
 * The way from a machine to its log: what steps give out is written in their order, many at once where
 * they come fast, and nobody hears an answer before all that was given out earlier is on disk.
 *
 * @module
 */

import type { Json } from '../core/canonical-json.ts';
import type { RunEvent } from './events.ts';
import type { LoggedEvent } from './store/chain.ts';
import type { Store } from './store/store.ts';

/** Events of one step, and whoever waits for them. */
interface Waiting {
  readonly log: readonly RunEvent[];
  readonly time: number;
  readonly resolve: (events: readonly LoggedEvent[]) => void;
  readonly reject: (reason: unknown) => void;
}

/** So few that the log takes them in one transaction: all or none. */
const MOST_AT_ONCE = 512;

/** Writes events. */
export class EventPipe {
  readonly #store: Pick<Store, 'append'>;
  readonly #onLogged: (events: readonly LoggedEvent[]) => void;
  readonly #onFailure: (reason: unknown) => void;
  readonly #waiting: Waiting[] = [];
  #draining: Promise<void> | undefined;

  /**
   * @param options.onLogged - Told of events once they are synced, before whoever waits for them.
   * @param options.onFailure - Told once that events were lost: the machine is ahead of its log then.
   */
  constructor(
    store: Pick<Store, 'append'>,
    options: {
      readonly onLogged: (events: readonly LoggedEvent[]) => void;
      readonly onFailure: (reason: unknown) => void;
    },
  ) {
    this.#store = store;
    this.#onLogged = options.onLogged;
    this.#onFailure = options.onFailure;
  }

  /**
   * Writes what a step gave out; nothing is a wait for what is on its way.
   *
   * @throws {StoreError} whatever the store throws, at every step since the one that it could not write.
   */
  write(log: readonly RunEvent[], time: number): Promise<readonly LoggedEvent[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ log, time, resolve, reject });
      this.#draining ??= this.#drain();
    });
  }

  /** When all that was given is written, or lost. */
  async idle(): Promise<void> {
    await this.#draining;
  }

  async #drain(): Promise<void> {
    // Steps of the same turn go together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch: Waiting[] = [];
      for (let events = 0; this.#waiting.length > 0 && events < MOST_AT_ONCE; ) {
        batch.push(this.#waiting.shift()!);
        events += batch.at(-1)!.log.length;
      }
      try {
        const logged = await Promise.all(batch.map((one) => this.#append(one)));
        this.#onLogged(logged.flat());
        batch.forEach(({ resolve }, i) => {
          resolve(logged[i]!);
        });
      } catch (error) {
        // What came after it was decided on a state that never was.
        const lost = [...batch, ...this.#waiting.splice(0)];
        this.#onFailure(error);
        for (const { reject } of lost) reject(error);
      }
    }
    this.#draining = undefined;
  }

  /** Calls of one turn share a transaction; each keeps the time of its step. */
  async #append({ log, time }: Waiting): Promise<readonly LoggedEvent[]> {
    if (log.length === 0) return [];
    const events = log.map(({ type, body }) => ({
      type,
      body: body as { readonly [key: string]: Json | undefined },
    }));
    return this.#store.append(events, time);
  }
}
