/**
 * A client's journal in IndexedDB, for browsers: what was written is on the disk, and pages of one origin
 * that share a journal cannot take part in the same round twice.
 *
 * @module
 */

import { show } from '../core/assert.ts';
import { SecureError } from '../core/errors.ts';
import {
  encodeJournal,
  type Journal,
  type JournalEntry,
  parseJournal,
  requireNext,
} from './journal.ts';

const STORE = 'journal';
const LAST = 'last';

/**
 * The journal in the database of this name, made with the first use. Browsers may clear what an origin
 * keeps, unless `navigator.storage.persist()` was granted: keep the identity in IndexedDB too, so that it
 * goes with its journal.
 *
 * Reading and writing throw a {@link SecureError}: `malformed` if something else lies there, `unavailable`
 * if the browser keeps nothing for this page, and writing `aborted` if the entry does not follow the last
 * one, as when another page has taken part meanwhile.
 *
 * @throws {SecureError} `unavailable` if this platform has no IndexedDB.
 */
export function indexedDbJournal(name: string): Journal {
  if (typeof name !== 'string') throw new TypeError(`name must be a string, got ${show(name)}`);
  if (typeof indexedDB === 'undefined') {
    throw new SecureError('unavailable', 'this platform has no IndexedDB');
  }
  const within = async <T>(mode: IDBTransactionMode, work: Work<T>): Promise<T> => {
    try {
      return await inTransaction({ name, mode }, work);
    } catch (cause) {
      if (cause instanceof SecureError) throw cause;
      throw new SecureError('unavailable', `the journal ${name} cannot be kept`, { cause });
    }
  };
  return {
    read: () => within('readonly', (store) => lastOf(store, name)),
    write: (entry) =>
      within('readwrite', async (store) => {
        requireNext(entry, { last: await lastOf(store, name), name });
        await settled(store.put(encodeJournal(entry), LAST));
      }),
  };
}

/** What is done within one transaction: it awaits nothing but its requests. */
type Work<T> = (store: IDBObjectStore) => Promise<T>;

async function inTransaction<T>(
  { name, mode }: { name: string; mode: IDBTransactionMode },
  work: Work<T>,
): Promise<T> {
  const database = await opened(name);
  try {
    // Strict: completed means on the disk, not in some buffer of the system.
    const transaction = database.transaction(STORE, mode, { durability: 'strict' });
    const [done, kept] = await Promise.allSettled([
      work(transaction.objectStore(STORE)),
      new Promise<void>((resolve, reject) => {
        transaction.oncomplete = () => resolve();
        transaction.onabort = () => reject(transaction.error);
      }),
    ]);
    if (done.status === 'rejected') throw done.reason;
    if (kept.status === 'rejected') throw kept.reason;
    return done.value;
  } finally {
    database.close();
  }
}

function opened(name: string): Promise<IDBDatabase> {
  const opening = indexedDB.open(name, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  return settled(opening);
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function lastOf(store: IDBObjectStore, name: string): Promise<JournalEntry | undefined> {
  const bytes: unknown = await settled(store.get(LAST));
  if (bytes === undefined) return undefined;
  const entry = bytes instanceof Uint8Array ? parseJournal(bytes) : undefined;
  if (entry === undefined) throw new SecureError('malformed', `${name} is no journal`);
  return entry;
}
