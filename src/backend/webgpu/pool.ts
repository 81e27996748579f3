/**
 * A few things that are lent and given back, first come first served.
 *
 * @module
 */

/** Lends each of its things to one borrower at a time. */
export class Pool<T> {
  readonly #idle: T[];
  readonly #waiting: ((thing: T) => void)[] = [];

  constructor(things: readonly T[]) {
    this.#idle = [...things];
  }

  /** Waits for a thing; it comes back by {@link give}. */
  take(): Promise<T> {
    const thing = this.#idle.shift();
    if (thing !== undefined) return Promise.resolve(thing);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  give(thing: T): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.push(thing);
    else next(thing);
  }
}
