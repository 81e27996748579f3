/**
 * Steps of a run, one after another: each is decided in memory and written at once; its answer waits until
 * that and all before it are on disk, and only then does what follows begin.
 *
 * @module
 */

import { StoreError } from '../core/errors.ts';
import { EventPipe } from './event-pipe.ts';
import type { Effects } from './round-io.ts';
import type { LoggedEvent } from './store/chain.ts';
import type { Store } from './store/store.ts';

/** A step of the machine, decided and on its way to the log. */
export interface Decided {
  readonly written: Promise<unknown>;
  /** What follows, of a step of the machine. */
  readonly effects?: Effects;
}

/** Who is told of steps. */
export interface StepListeners {
  /** Told of events once they are on disk, before whoever waits for them. */
  readonly onLogged: (events: readonly LoggedEvent[]) => void;
  /** Told that the log did not take what was decided: the state in memory is ahead of it. */
  readonly onLost: (trouble: StoreError, cause: unknown) => void;
  /** Begins what follows a step that is on disk. */
  readonly follow: (effects: Effects | undefined) => void;
}

/** Takes steps, as long as the log takes their events. */
export class RunSteps {
  readonly #pipe: EventPipe;
  readonly #follow: StepListeners['follow'];
  #turn: Promise<unknown> = Promise.resolve();
  #trouble: StoreError | undefined;

  constructor(store: Pick<Store, 'append'>, { onLogged, onLost, follow }: StepListeners) {
    this.#follow = follow;
    this.#pipe = new EventPipe(store, {
      onLogged,
      onFailure: (cause) => {
        this.#trouble =
          cause instanceof StoreError
            ? cause
            : new StoreError('failed', 'the log could not be written', { cause });
        onLost(this.#trouble, cause);
      },
    });
  }

  /** What keeps steps from being taken. */
  get trouble(): StoreError | undefined {
    return this.#trouble;
  }

  /** Takes steps again: the state is what the log tells. */
  recover(): void {
    this.#trouble = undefined;
  }

  /**
   * Decides a step, and has it written.
   *
   * @throws {StoreError} if no steps are taken.
   * @throws whatever `act` throws.
   */
  decide(act: () => Effects): Decided & { readonly effects: Effects } {
    if (this.#trouble !== undefined) throw this.#trouble;
    const effects = act();
    const written = this.#pipe.write(effects.log, effects.time);
    // Whoever waits for it hears of its failure, and so does the run.
    written.catch(() => {});
    return { effects, written };
  }

  /** Waits until a step is on disk, and begins what follows. @throws {StoreError} if it was lost. */
  async finish({ written, effects }: Decided): Promise<void> {
    await written;
    this.#follow(effects);
  }

  /** Does something while nothing else that waits for its turn changes the run. */
  inTurn<T>(work: () => Promise<T> | T): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  /** Waits until all that was decided is on disk. @throws {StoreError} if it was lost. */
  async synced(): Promise<void> {
    await this.#pipe.write([], 0);
  }

  /** When all that was decided is on disk, or lost. */
  idle(): Promise<void> {
    return this.#pipe.idle();
  }
}
