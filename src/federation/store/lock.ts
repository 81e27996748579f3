/**
 * One process for each run: a lock of the operating system, which ends with the process, however that
 * ends, and leaves nothing behind to be cleared away.
 *
 * Node has no call for such a lock, but SQLite has: an exclusive transaction on a database that holds
 * nothing. It is another file than the run's, so that others may read the run meanwhile.
 *
 * @module
 */

import { StoreError } from '../../core/errors.ts';
import { openDatabase, sqliteCode } from './database.ts';

/** Lets go. */
export type Unlock = () => Promise<void>;

/**
 * Takes the lock at `path`.
 *
 * @throws {StoreError} `locked` if somebody has it, in this process too.
 */
export async function takeLock(path: string): Promise<Unlock> {
  const database = await openDatabase(path);
  try {
    await database.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    database.close();
    if (!sqliteCode(cause).startsWith('SQLITE_BUSY')) throw cause;
    throw new StoreError('locked', `${path}: another process has this run open`, { cause });
  }
  return async () => {
    await database.exec('ROLLBACK');
    database.close();
  };
}
