/**
 * Writes that pass by the system's cache, where it lets them (`O_DIRECT` of Linux). Bytes that are written
 * once and synced at once gain nothing from the cache; it costs them a copy, and the search for pages to
 * write back. Without it a quarter of the processor time of a write is left (`scripts/least-work.ts`).
 *
 * Such writes are of whole blocks, from addresses at a block's beginning. Arrays of JavaScript lie
 * anywhere; memories of WebAssembly begin at a page.
 *
 * @module
 */

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** What addresses, places and lengths are multiples of; no file system asks for more. */
const BLOCK_BYTES = 4096;
/** Shorter writes are not worth it. */
const LEAST_BYTES = 16 * BLOCK_BYTES;
/** Room for the largest chunk that the protocol knows. */
const SLOT_BYTES = 4 * 2 ** 20;
/** As many as chunks are taken in at full speed at a time. */
const SLOTS = 16;
const PAGE_BYTES = 2 ** 16;

/** Memory for direct writes of a store, and whether its file system takes them. */
export class DirectWrites {
  // Not there on systems other than Linux, whatever the types say.
  #isSupported = ((constants.O_DIRECT as number | undefined) ?? 0) > 0;
  /** Not touched, and so not taken from the system, until it is needed. */
  #memory: ArrayBuffer | undefined;
  readonly #free: number[] = Array.from({ length: SLOTS }, (_, slot) => slot);

  /** Whether there is enough of it, at a block's beginning. */
  static isWorthIt(parts: readonly Uint8Array[], at: number): boolean {
    const length = lengthOf(parts);
    return length >= LEAST_BYTES && length < SLOT_BYTES + BLOCK_BYTES && at % BLOCK_BYTES === 0;
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
   * Writes whole blocks of some arrays that are {@link isWorthIt}, one after the other: how many bytes,
   * from the first. The rest, which is all of it where memory is taken, is for the cache.
   */
  async write(handle: FileHandle, parts: readonly Uint8Array[], at: number): Promise<number> {
    const length = lengthOf(parts);
    const whole = length - (length % BLOCK_BYTES);
    const slot = this.#isSupported ? this.#free.pop() : undefined;
    if (slot === undefined) return 0;
    try {
      const bytes = this.#slot(slot).subarray(0, whole);
      copyInto(bytes, parts);
      return await writeBlocks(handle, bytes, at);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.#isSupported = false;
      return 0;
    } finally {
      this.#free.push(slot);
    }
  }

  #slot(slot: number): Uint8Array {
    this.#memory ??= new WebAssembly.Memory({ initial: (SLOTS * SLOT_BYTES) / PAGE_BYTES }).buffer;
    return new Uint8Array(this.#memory, slot * SLOT_BYTES, SLOT_BYTES);
  }
}

/** What a file system that takes no direct writes says. */
function isRefusal(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EINVAL';
}

function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

function copyInto(into: Uint8Array, parts: readonly Uint8Array[]): void {
  let at = 0;
  for (const part of parts) {
    const fitting = part.subarray(0, into.length - at);
    into.set(fitting, at);
    at += fitting.length;
  }
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
