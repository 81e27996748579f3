/**
 * A ledger in a file, for Node: each line is on the disk before the charge counts as made.
 *
 * A lock file beside it keeps a second writer out; it names the process, so that the lock of one that
 * died is taken over. Should two writers pass it at the same time all the same, each write is held
 * against the length that the file must have, before and after: of two, one finds out and grants
 * nothing.
 *
 * @module
 */

import { type FileHandle, open, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PrivacyError } from '../../core/errors.ts';
import type { LedgerStorage } from './storage.ts';

/** A file that is locked for as long as it is open. */
export class FileStorage implements LedgerStorage {
  readonly path: string;
  readonly #handle: FileHandle;
  /** Bytes that the file must have. */
  #length: number;

  readonly #lock: string;

  private constructor(
    path: string,
    { handle, length, lock }: { handle: FileHandle; length: number; lock: string },
  ) {
    this.path = path;
    this.#lock = lock;
    this.#handle = handle;
    this.#length = length;
  }

  /**
   * Opens a file, or makes it.
   *
   * @throws {PrivacyError} `ledger-locked` if a living process has it open.
   */
  static async open(path: string): Promise<FileStorage> {
    const token = await lock(path);
    try {
      const handle = await open(path, 'a+', 0o600);
      const { size } = await handle.stat();
      // A new file is there for good only when its folder is.
      if (size === 0) await syncFolder(dirname(path));
      return new FileStorage(path, { handle, length: size, lock: token });
    } catch (error) {
      await unlock(path, token);
      throw error;
    }
  }

  async read(): Promise<string> {
    const bytes = Buffer.alloc(this.#length);
    let done = 0;
    while (done < bytes.length) {
      const { bytesRead } = await this.#handle.read(bytes, done, bytes.length - done, done);
      if (bytesRead === 0) throw new PrivacyError('ledger', `${this.path} was cut off`);
      done += bytesRead;
    }
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  }

  async append(line: string): Promise<void> {
    await this.#requireLength();
    await this.#handle.appendFile(line, 'utf8');
    this.#length += Buffer.byteLength(line, 'utf8');
    await this.#handle.sync();
    await this.#requireLength();
  }

  /** Closes the file; charges that were made are in it. */
  async close(): Promise<void> {
    await this.#handle.close();
    await unlock(this.path, this.#lock);
  }

  /** `await using` closes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #requireLength(): Promise<void> {
    const { size } = await this.#handle.stat();
    if (size !== this.#length) {
      throw new PrivacyError(
        'ledger',
        `${this.path} must have ${this.#length} bytes, but has ${size}: somebody else wrote to it`,
      );
    }
  }
}

/**
 * Takes away a last line that was not written to its end, if there is one. Nothing was ever released
 * under it, as long as the disk keeps what it has confirmed. Whether there was one.
 *
 * @throws {PrivacyError} `ledger-locked` if a living process has the file open.
 */
export async function dropTornLine(path: string): Promise<boolean> {
  const token = await lock(path);
  try {
    const handle = await open(path, 'r+');
    try {
      const bytes = await handle.readFile();
      const whole = bytes.lastIndexOf(0x0a) + 1;
      if (whole === bytes.length) return false;
      await handle.truncate(whole);
      await handle.sync();
      return true;
    } finally {
      await handle.close();
    }
  } finally {
    await unlock(path, token);
  }
}

function lockPath(path: string): string {
  return `${path}.lock`;
}

/** Locks of this process: one with its number that is not here was left by a namesake. */
const held = new Set<string>();

/** Makes the lock file; takes over that of a process that is no more. What the file then says. */
async function lock(path: string): Promise<string> {
  const token = `${process.pid} ${crypto.randomUUID()}`;
  if (await tryLock(path, token)) return token;
  const found = await readFile(lockPath(path), 'utf8').catch(() => '');
  if (isInUse(found)) {
    throw new PrivacyError(
      'ledger-locked',
      `${path} is written by process ${found || '?'}; if that is none, remove ${lockPath(path)}`,
    );
  }
  await unlock(path, found);
  if (await tryLock(path, token)) return token;
  throw new PrivacyError('ledger-locked', `${path} was taken by another process just now`);
}

async function tryLock(path: string, token: string): Promise<boolean> {
  try {
    const handle = await open(lockPath(path), 'wx', 0o600);
    await handle.writeFile(token);
    await handle.close();
    held.add(token);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Takes the lock file away if it still says this. */
async function unlock(path: string, token: string): Promise<void> {
  held.delete(token);
  const found = await readFile(lockPath(path), 'utf8').catch(() => undefined);
  if (found === token) await rm(lockPath(path), { force: true });
}

/** Whether a living process made this lock; one that says nothing may be in the making. */
function isInUse(token: string): boolean {
  const pid = Number(/^([1-9]\d*) \S+$/.exec(token)?.[1]);
  if (Number.isNaN(pid)) return true;
  return pid === process.pid ? held.has(token) : isAlive(pid);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: there is one, of another user.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

async function syncFolder(folder: string): Promise<void> {
  // Windows opens no folder.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
