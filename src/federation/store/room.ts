/**
 * Room on the disk for what is on its way.
 *
 * @module
 */

import { statfs } from 'node:fs/promises';
import { StoreError } from '../../core/errors.ts';
import { shared } from './shared-work.ts';

/** Room that is left for what is no upload. */
const RESERVE_BYTES = 64 * 2 ** 20;
/** How long a look at the disk is good for, in milliseconds, as long as it says that there is room. */
const LOOK_MS = 100;

/** Room in the file system of a folder. */
export class Room {
  readonly #folder: string;
  readonly #outstanding: () => number;
  readonly #look: () => Promise<void>;
  /** What was there at the last look, less what was promised since. */
  #free = 0;
  #lookedAt = Number.NEGATIVE_INFINITY;
  /** Bytes of work that is on its way to be outstanding. */
  #promised = 0;

  /** @param outstanding - Bytes that are still to come. */
  constructor(folder: string, outstanding: () => number) {
    this.#folder = folder;
    this.#outstanding = outstanding;
    this.#look = shared(() => this.#lookNow());
  }

  /**
   * Does work after which so many bytes are outstanding.
   *
   * @throws {StoreError} `disk-full` if there is no room for them: then nothing is done.
   * @throws whatever the work throws.
   */
  async keep<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    const isOld = performance.now() - this.#lookedAt > LOOK_MS;
    if (isOld || bytes > this.#free) await this.#look();
    // Nobody else comes between what is asked here and what is taken.
    if (bytes > this.#free) {
      const why = `no room for ${bytes} bytes: ${Math.max(0, this.#free)} are free, less what is on its way`;
      throw new StoreError('disk-full', `${this.#folder}: ${why}`);
    }
    this.#free -= bytes;
    this.#promised += bytes;
    try {
      return await work();
    } finally {
      this.#promised -= bytes;
    }
  }

  async #lookNow(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#folder);
    this.#free = bavail * bsize - this.#outstanding() - this.#promised - RESERVE_BYTES;
    this.#lookedAt = performance.now();
  }
}
