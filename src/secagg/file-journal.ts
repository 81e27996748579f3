/**
 * A client's journal in a file, for Node: an entry is on the disk, or the one before it is.
 *
 * @module
 */

import { readFile } from 'node:fs/promises';
import { SecureError } from '../core/errors.ts';
import { writeFileAtomic } from '../formats/node-files.ts';
import {
  encodeJournal,
  type Journal,
  type JournalEntry,
  parseJournal,
  requireNext,
} from './journal.ts';

/**
 * The journal at `path`, made with its first entry. One object at a time uses it.
 *
 * @throws {SecureError} `malformed`, on reading and writing, if the file holds anything else: a client that
 *   does not know what it has signed takes part in nothing.
 */
export function fileJournal(path: string): Journal {
  let queue: Promise<void> = Promise.resolve();
  const read = async (): Promise<JournalEntry | undefined> => {
    const bytes = await contentOf(path);
    if (bytes === undefined) return undefined;
    const entry = parseJournal(bytes);
    if (entry === undefined) throw new SecureError('malformed', `${path} is no journal`);
    return entry;
  };
  const write = async (entry: JournalEntry): Promise<void> => {
    requireNext(entry, { last: await read(), name: path });
    await writeFileAtomic(path, (append) => append(encodeJournal(entry)));
  };
  return {
    read,
    write(entry) {
      const written = queue.then(() => write(entry));
      queue = written.catch(() => {});
      return written;
    },
  };
}

async function contentOf(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
