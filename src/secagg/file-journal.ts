/**
 * A client's journal in a file, for Node: an entry is on the disk, or the one before it is.
 *
 * @module
 */

import { readFile } from 'node:fs/promises';
import { SecureError } from '../core/errors.ts';
import { writeFileAtomic } from '../formats/node-files.ts';
import { parsed, Writer } from './bytes.ts';
import type { Journal, JournalEntry } from './journal.ts';
import { KEY_BYTES, sameBytes } from './suite.ts';

const MAGIC = new TextEncoder().encode('SAGG1 journal 1\n');
const ENTRY_BYTES = MAGIC.length + 8 + 2 * KEY_BYTES + 2;

/**
 * The journal at `path`, made with its first entry. One process at a time uses it.
 *
 * @throws {SecureError} `malformed`, on reading, if the file holds anything else: a client that does not
 *   know what it has signed takes part in nothing.
 */
export function fileJournal(path: string): Journal {
  return {
    async read() {
      const bytes = await contentOf(path);
      if (bytes === undefined) return undefined;
      const entry = decode(bytes);
      if (entry === undefined) throw new SecureError('malformed', `${path} is no journal`);
      return entry;
    },
    write: (entry) => writeFileAtomic(path, (append) => append(encode(entry))),
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

function encode({ round, context, view, revealed }: JournalEntry): Uint8Array {
  return new Writer(ENTRY_BYTES)
    .bytes(MAGIC)
    .u64(round)
    .bytes(context)
    .u8(view === undefined ? 0 : 1)
    .bytes(view ?? new Uint8Array(KEY_BYTES))
    .u8(revealed ? 1 : 0)
    .end();
}

function decode(bytes: Uint8Array): JournalEntry | undefined {
  return parsed(bytes, (reader) => {
    const isJournal = sameBytes(reader.bytes(MAGIC.length), MAGIC);
    const round = reader.u64();
    const context = reader.bytes(KEY_BYTES);
    const hasView = reader.u8();
    const view = reader.bytes(KEY_BYTES);
    const revealed = reader.u8();
    return isJournal && hasView <= 1 && revealed <= 1
      ? { round, context, view: hasView === 1 ? view : undefined, revealed: revealed === 1 }
      : undefined;
  });
}
