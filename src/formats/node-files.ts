/**
 * Files of Node: a source that reads by range, and a writer that leaves a whole file or none.
 * The one file of the formats that needs Node.
 *
 * @module
 */

import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { FormatError } from '../core/errors.ts';
import { type Append, assertRange, type ByteSource, endedEarly } from './byte-source.ts';

/** Most bytes in one call: the system calls behind it count in signed 32 bits. */
const MAX_TRANSFER = 2 ** 30;
/** Opening a pipe to read would wait for a writer, for ever and deaf to signals. Windows has no such flag. */
const READ_AT_ONCE = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** A file that is open for reading. Reads may overlap; `await using` closes it. */
export interface FileSource extends ByteSource, AsyncDisposable {
  readInto(from: number, into: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** What is used of a `FileHandle`: programs that are checked against these types may have none of Node's. */
interface OpenFile {
  readonly fd: number;
  read(
    into: Uint8Array,
    at: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>;
  close(): Promise<void>;
}

/**
 * Opens a file for reading by range. Nothing of it is read yet.
 *
 * @throws {FormatError} `unsupported` if the path is no regular file; the system's own error if it
 *   cannot be opened.
 */
export async function fileSource(path: string): Promise<FileSource> {
  const handle = await open(path, READ_AT_ONCE);
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new FormatError('unsupported', `${path}: is not a regular file`);
    return handleSource(path, handle, stat.size);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** A file of so many bytes that is open already. Whoever closes the source closes the handle. */
export function handleSource(name: string, handle: OpenFile, size: number): FileSource {
  const fill = async (from: number, into: Uint8Array): Promise<void> => {
    assertRange(from, from + into.length, size);
    for (let done = 0; done < into.length; ) {
      const length = Math.min(into.length - done, MAX_TRANSFER);
      const { bytesRead } = await handle.read(into, done, length, from + done);
      if (bytesRead === 0) throw endedEarly(name, from + done);
      done += bytesRead;
    }
  };
  const close = (): Promise<void> => handle.close();
  return {
    name,
    size,
    async read(from, to) {
      assertRange(from, to, size);
      const bytes = new Uint8Array(to - from);
      await fill(from, bytes);
      return bytes;
    },
    readInto: fill,
    descriptor: handle.fd,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/**
 * The first of `taken` that writing to `path` would replace, whichever way the two are written:
 * links among the folders are followed, one at the path itself is not, as `writeFileAtomic` does.
 */
export async function replacedBy(
  path: string,
  taken: readonly string[],
): Promise<string | undefined> {
  const target = await placeOf(path);
  const places = await Promise.all(taken.map(placeOf));
  return taken[places.indexOf(target)];
}

async function placeOf(path: string): Promise<string> {
  const full = resolve(path);
  const folder = await realpath(dirname(full)).catch(() => dirname(full));
  return join(folder, basename(full));
}

/**
 * Writes a file that appears whole or not at all: into a temporary file of the same folder, then
 * synced and renamed over `path`. When anything fails, the temporary file is removed and whatever
 * stood at `path` is untouched. A symbolic link at `path` is replaced, not followed.
 *
 * @param body - Appends the content; the file is there once its promise is fulfilled. `restart` makes
 *   all that was appended before it void.
 * @throws {FormatError} `unsupported` if `path` is a folder, before `body` is called.
 * @throws whatever `body` throws, or the system's own error, which names `path`.
 */
export async function writeFileAtomic(
  path: string,
  body: (append: Append, restart: () => Promise<void>) => Promise<void>,
): Promise<void> {
  if ((await lstat(path).catch(() => undefined))?.isDirectory()) {
    throw new FormatError('unsupported', `${path}: is a folder`);
  }
  const folder = dirname(path);
  const temporary = join(folder, `.aggregis-${randomUUID()}.tmp`);
  const handle = await naming(path, open(temporary, 'wx'));
  // Appends form a queue, so that one that nobody awaited can neither interleave nor get lost.
  let queue = Promise.resolve();
  let size = 0;
  const append: Append = (bytes) => {
    queue = queue.then(async () => {
      await naming(path, writeAll(handle, bytes, size));
      size += bytes.length;
    });
    return queue;
  };
  const restart = (): Promise<void> => {
    // What failed to be written is void as well.
    queue = queue
      .catch(() => {})
      .then(async () => {
        await naming(path, handle.truncate(0));
        size = 0;
      });
    return queue;
  };
  try {
    await body(append, restart);
    await queue;
    await naming(path, handle.sync());
    await handle.close();
    await naming(path, rename(temporary, path));
  } catch (error) {
    await queue.catch(() => {});
    await handle.close().catch(() => {});
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

/**
 * The outcome of a call on the temporary file. An error of the system's is told of `path`, which the
 * caller knows; that of a write names no file by itself.
 */
async function naming<T>(path: string, call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    const [what] = error.message.split(`, ${error.syscall}`);
    throw Object.assign(error, { path, message: `${what}, ${error.syscall} '${path}'` });
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const length = Math.min(bytes.length - done, MAX_TRANSFER);
    done += (await handle.write(bytes, done, length, at + done)).bytesWritten;
  }
}

/** Makes the rename itself durable. Best effort: some systems do not open folders. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => {});
  await handle?.close();
}
