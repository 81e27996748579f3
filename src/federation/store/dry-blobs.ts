/**
 * Blobs that are read and not kept: whoever makes one anew learns its name, and nothing is written.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import type { Append } from '../../formats/byte-source.ts';
import { Blobs, type StoredBlob } from './blobs.ts';

/** Blobs of a run that is only read. */
export class DryBlobs extends Blobs {
  /** @param folder - Where the run's blobs are. */
  constructor(folder: string) {
    super(folder, () => {});
  }

  /** The name that it would have. @throws whatever `body` throws. */
  override async put(body: (append: Append) => Promise<void>): Promise<StoredBlob> {
    const hash = createHash('sha256');
    let size = 0;
    await body(async (bytes) => {
      hash.update(bytes);
      size += bytes.length;
    });
    return { name: hash.digest('hex'), size };
  }
}
