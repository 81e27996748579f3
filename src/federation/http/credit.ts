/**
 * Credit: bytes of updates that are in flight, of each client and of all. It bounds the memory that they
 * take, however many clients send.
 *
 * Whoever asks for more than is left waits, with its body unread. Updates of which something has arrived
 * go before those that begin: so some are whole, and on their way to the disk, while others come.
 *
 * @module
 */

import { assertInteger } from '../../core/assert.ts';

/**
 * Gives back what was taken; once. With `kept`, all but so many bytes first: to the window of all, while the
 * client's own stays as it is.
 */
export type GiveBack = (kept?: number) => void;

/** Who waits for credit, and for how long. */
export interface WaitOptions {
  readonly waitMs: number;
  /** Whether something of the update has arrived. */
  readonly isBegun?: boolean;
  /** Ends the wait: whoever asked has gone. */
  readonly signal?: AbortSignal;
}

/** Requests of one client at once: each takes a lane, however short it is. */
const MOST_AT_ONCE = 64;

/** Somebody who waits. */
interface Waiting {
  readonly client: string;
  readonly bytes: number;
  grant(giveBack: GiveBack): void;
}

/** Bytes in flight. */
export class Credit {
  readonly #each: number;
  readonly #all: number;
  /** What a request takes of its client's own at least. */
  readonly #least: number;
  /** Of each client: what it has and what it waits for. */
  readonly #used = new Map<string, number>();
  readonly #begun = new Set<Waiting>();
  readonly #fresh = new Set<Waiting>();
  #total = 0;

  constructor({ each, all }: { readonly each: number; readonly all: number }) {
    this.#each = assertInteger('each', each, 1);
    this.#least = Math.ceil(each / MOST_AT_ONCE);
    this.#all = assertInteger('all', all, each);
  }

  /** Bytes that a client may have in flight. */
  get each(): number {
    return this.#each;
  }

  /** Bytes of all that are in flight. */
  get used(): number {
    return this.#total;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#begun.size + this.#fresh.size;
  }

  /** Takes credit for bytes, if there is as much and nobody waits for it. */
  take(client: string, bytes: number): GiveBack | undefined {
    if (!this.#charge(client, bytes)) return undefined;
    if (this.waiting === 0 && this.#fits(bytes)) return this.#granted(client, bytes);
    this.#discharge(client, bytes);
    return undefined;
  }

  /**
   * Takes credit for bytes, or waits until there is as much; `undefined` if that takes too long, or if
   * the client would have more in flight than it may.
   */
  async wait(
    client: string,
    bytes: number,
    { waitMs, isBegun = false, signal }: WaitOptions,
  ): Promise<GiveBack | undefined> {
    if (bytes > this.#all || signal?.aborted || !this.#charge(client, bytes)) return undefined;
    const queue = isBegun ? this.#begun : this.#fresh;
    const isFirst = this.#begun.size === 0 && (isBegun || this.#fresh.size === 0);
    if (isFirst && this.#fits(bytes)) return this.#granted(client, bytes);
    return new Promise((resolve) => {
      const end = (giveBack?: GiveBack): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', giveUp);
        queue.delete(waiting);
        resolve(giveBack);
      };
      const giveUp = (): void => {
        this.#discharge(client, bytes);
        end();
        // It may have stood in the way of smaller ones.
        this.#grant();
      };
      const waiting: Waiting = { client, bytes, grant: end };
      const timer = setTimeout(giveUp, waitMs);
      signal?.addEventListener('abort', giveUp, { once: true });
      queue.add(waiting);
    });
  }

  #fits(bytes: number): boolean {
    return this.#total + bytes <= this.#all;
  }

  /** Serves those who wait, in their order, as long as there is enough for the next. */
  #grant(): void {
    for (const queue of [this.#begun, this.#fresh]) {
      for (const waiting of queue) {
        if (!this.#fits(waiting.bytes)) return;
        waiting.grant(this.#granted(waiting.client, waiting.bytes));
      }
    }
  }

  #granted(client: string, bytes: number): GiveBack {
    this.#total += bytes;
    let held = bytes;
    let isGiven = false;
    return (kept) => {
      if (isGiven) return;
      isGiven = kept === undefined;
      const left = Math.min(held, kept ?? 0);
      this.#total -= held - left;
      held = left;
      if (isGiven) this.#discharge(client, bytes);
      this.#grant();
    };
  }

  #charge(client: string, bytes: number): boolean {
    const own = (this.#used.get(client) ?? 0) + Math.max(bytes, this.#least);
    if (own > this.#each) return false;
    this.#used.set(client, own);
    return true;
  }

  #discharge(client: string, bytes: number): void {
    const left = this.#used.get(client)! - Math.max(bytes, this.#least);
    if (left > 0) this.#used.set(client, left);
    else this.#used.delete(client);
  }
}
