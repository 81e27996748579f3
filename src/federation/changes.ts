/**
 * Word of changes, for whoever waits until something is different.
 *
 * @module
 */

/** Promises that are kept when something changes. */
export class Changes {
  readonly #waiting = new Set<() => void>();

  /** Until something changes from now on, or the signal is given. */
  next(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiting.delete(done);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      this.#waiting.add(done);
      signal?.addEventListener('abort', done, { once: true });
      if (signal?.aborted === true) done();
    });
  }

  /** Something has changed. */
  tell(): void {
    for (const done of [...this.#waiting]) done();
  }
}
