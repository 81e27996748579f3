/**
 * A ledger for a long run: opened anew after its storage has failed, as on a disk that was full for a while.
 *
 * What is not in the storage was never charged, and nothing is released on it: a charge of the ledger before
 * gives no seed any more.
 *
 * @module
 */

import { PrivacyError } from '../core/errors.ts';
import type { Ledger } from '../privacy/ledger/ledger.ts';

/** A ledger, or the one that takes its place. */
export class LastingLedger {
  readonly #open: () => Promise<Ledger>;
  #ledger: Ledger;
  #hasFailed = false;

  private constructor(open: () => Promise<Ledger>, ledger: Ledger) {
    this.#open = open;
    this.#ledger = ledger;
  }

  /** @param open - Opens the storage, with a new filter each time. @throws whatever it throws. */
  static async open(open: () => Promise<Ledger>): Promise<LastingLedger> {
    return new LastingLedger(open, await open());
  }

  /** ε of everything charged. */
  get epsilon(): number {
    return this.#ledger.epsilon();
  }

  /** Works with the ledger. @throws whatever `work` throws, or opening it anew. */
  async use<T>(work: (ledger: Ledger) => Promise<T>): Promise<T> {
    if (this.#hasFailed) {
      this.#ledger = await this.#open();
      this.#hasFailed = false;
    }
    try {
      return await work(this.#ledger);
    } catch (error) {
      if (error instanceof PrivacyError && error.code === 'ledger') this.#hasFailed = true;
      throw error;
    }
  }
}
