/**
 * What the store asks of the file system: folders whose entries are there for good, and bytes at places.
 *
 * @module
 */

import { type FileHandle, open, unlink } from 'node:fs/promises';
import { StoreError } from '../../core/errors.ts';
import { isDiskFull } from './database.ts';

/** Syncs a folder, so that files made or renamed in it stay. */
export async function syncFolder(folder: string): Promise<void> {
  // Windows opens no folder.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Removes a file, if it is there: one call of the system, where `rm` makes three. */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** Writes all bytes at a place. */
export async function writeAt(handle: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await handle.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
  }
}

/** Writes all bytes of some arrays at a place, one after the other. */
export async function writeAllAt(
  handle: FileHandle,
  parts: readonly Uint8Array[],
  at: number,
): Promise<void> {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  if (length === 0) return;
  let { bytesWritten: done } = await handle.writev(parts, at);
  if (done === length) return;
  // A signal or a full disk came between: what is left goes piece by piece.
  for (const part of parts) {
    const skipped = Math.min(done, part.length);
    done -= skipped;
    if (skipped < part.length) await writeAt(handle, part.subarray(skipped), at + skipped);
    at += part.length;
  }
}

/** Fills an array from a place; whether there was enough. */
export async function readAt(handle: FileHandle, into: Uint8Array, at: number): Promise<boolean> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await handle.read(into, done, into.length - done, at + done);
    if (bytesRead === 0) return false;
    done += bytesRead;
  }
  return true;
}

/** The outcome of writing; a disk that is full is told as such. */
export async function writing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!isDiskFull(cause)) throw cause;
    throw new StoreError('disk-full', `${path}: no room on the disk`, { cause });
  }
}
