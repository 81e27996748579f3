/**
 * Turns of the event loop during long work: timers fire, signals arrive, a page stays alive.
 *
 * @module
 */

/** Work between two turns of the event loop, in milliseconds. */
export const TURN_MS = 50;

/**
 * Lets timers, signals and the page have their turn: rows in memory on the CPU make no other pause.
 * A message, since timers are slowed down in a page that is not seen.
 */
export function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => {
    // Node's own way costs a fifth of a message.
    if (typeof setImmediate === 'function') {
      setImmediate(resolve);
      return;
    }
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}

/** The turns of a loop: `if (turns.due) await turns.take();` in each pass. */
export class Turns {
  readonly #signal: AbortSignal | undefined;
  #last = performance.now();

  /** With a signal, the loop ends at its next turn once the signal is aborted. */
  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /** Whether the loop has worked long enough since its last turn, or is to end. */
  get due(): boolean {
    return this.#signal?.aborted === true || performance.now() - this.#last >= TURN_MS;
  }

  /**
   * Gives the event loop its turn.
   *
   * @throws The signal's reason, once it is aborted.
   */
  async take(): Promise<void> {
    await eventLoopTurn();
    this.#signal?.throwIfAborted();
    this.#last = performance.now();
  }
}
