/**
 * Writes that pass by the system's cache, where it lets them (`O_DIRECT` of Linux). Bytes that are written
 * once and synced at once gain nothing from the cache; it costs them a copy, and the search for pages to
 * write back. Without it a quarter of the processor time of a write is left (`scripts/least-work.ts`).
 *
 * Such writes are of whole blocks, from addresses at a block's beginning: of bytes that were taken in there.
 *
 * @module
 */

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { ChunkMemory } from './chunk-memory.ts';

/** What addresses, places and lengths are multiples of; no file system asks for more. */
const BLOCK_BYTES = 4096;
/** Shorter writes are not worth it. */
const LEAST_BYTES = 16 * BLOCK_BYTES;

/** Direct writes of a store, and whether its file system takes them. */
export class DirectWrites {
  // Not there on systems other than Linux, whatever the types say.
  #isSupported = ((constants.O_DIRECT as number | undefined) ?? 0) > 0;
  readonly #memory: ChunkMemory;

  constructor(memory: ChunkMemory) {
    this.#memory = memory;
  }

  /** Whether bytes lie where they can be written from, and are enough to be worth it. */
  canTake(bytes: Uint8Array, at: number): boolean {
    const isAligned = at % BLOCK_BYTES === 0 && bytes.byteOffset % BLOCK_BYTES === 0;
    return isAligned && bytes.length >= LEAST_BYTES && this.#memory.has(bytes);
  }

  /** A file that is there, for {@link write}; `undefined` where there are no direct writes. */
  async open(path: string): Promise<FileHandle | undefined> {
    if (!this.#isSupported) return undefined;
    try {
      return await open(path, constants.O_WRONLY | constants.O_DIRECT);
    } catch (error) {
      // Whatever it is, such as too many open files: the cache takes the bytes as well.
      if (isRefusal(error)) this.#isSupported = false;
      return undefined;
    }
  }

  /**
   * Writes whole blocks of bytes that it {@link canTake}: how many bytes, from the first. The rest is for the
   * cache.
   */
  async write(handle: FileHandle, bytes: Uint8Array, at: number): Promise<number> {
    if (!this.#isSupported) return 0;
    try {
      const whole = bytes.length - (bytes.length % BLOCK_BYTES);
      return await writeBlocks(handle, bytes.subarray(0, whole), at);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.#isSupported = false;
      return 0;
    }
  }
}

/** What a file system that takes no direct writes says. */
function isRefusal(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EINVAL';
}

/** Writes whole blocks. A write that ends within one, such as where the disk is full, begins it anew. */
async function writeBlocks(handle: FileHandle, bytes: Uint8Array, at: number): Promise<number> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, at + done);
    const blocks = bytesWritten - (bytesWritten % BLOCK_BYTES);
    if (blocks === 0) break;
    done += blocks;
  }
  return done;
}
