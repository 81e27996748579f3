/**
 * Blobs that are open together, and closed together.
 *
 * @module
 */

import type { FileSource } from '../formats/node-files.ts';
import type { Blobs } from './store/blobs.ts';

/** Blobs that are open: `await using` closes them. */
export class OpenFiles {
  readonly #blobs: Pick<Blobs, 'open'>;
  readonly #open: FileSource[] = [];

  constructor(blobs: Pick<Blobs, 'open'>) {
    this.#blobs = blobs;
  }

  /** @throws {StoreError} `damaged` if it is not there. */
  async open(name: string): Promise<FileSource> {
    const source = await this.#blobs.open(name);
    this.#open.push(source);
    return source;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#open.map((source) => source.close()));
  }
}
