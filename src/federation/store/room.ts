/**
 * Room on the disk for what is on its way.
 *
 * @module
 */

import { statfs } from 'node:fs/promises';
import { StoreError } from '../../core/errors.ts';

/** Room that is left for what is no upload. */
const RESERVE_BYTES = 64 * 2 ** 20;
/** How long a look at the disk is good for, in milliseconds, as long as it says that there is room. */
const LOOK_MS = 100;

/** Room in the file system of a folder. */
export class Room {
  readonly #folder: string;
  readonly #outstanding: () => number;
  #free = 0;
  #lookedAt = Number.NEGATIVE_INFINITY;

  /** @param outstanding - Bytes that were granted before and have not come. */
  constructor(folder: string, outstanding: () => number) {
    this.#folder = folder;
    this.#outstanding = outstanding;
  }

  /** @throws {StoreError} `disk-full` if there is no room for as many bytes. */
  async take(bytes: number): Promise<void> {
    if (performance.now() - this.#lookedAt > LOOK_MS || bytes > this.#free) await this.#look();
    if (bytes > this.#free) {
      const why = `no room for ${bytes} bytes: ${Math.max(0, this.#free)} are free, less what is on its way`;
      throw new StoreError('disk-full', `${this.#folder}: ${why}`);
    }
    // What comes is not seen on the disk before the next look.
    this.#free -= bytes;
  }

  async #look(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#folder);
    this.#free = bavail * bsize - this.#outstanding() - RESERVE_BYTES;
    this.#lookedAt = performance.now();
  }
}
