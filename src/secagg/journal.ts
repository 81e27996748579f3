/**
 * What a client must remember beyond a crash: rounds only go up, one view is signed for each context,
 * and whether shares were revealed. It holds no secret.
 *
 * @module
 */

import { SecureError } from '../core/errors.ts';
import { parsed, Writer } from './bytes.ts';
import { KEY_BYTES, sameBytes } from './suite.ts';

/** The last round that a client has taken part in. */
export interface JournalEntry {
  readonly round: number;
  /** 32 bytes. */
  readonly context: Uint8Array;
  /** The view that was signed; `undefined` before. */
  readonly view: Uint8Array | undefined;
  /** Whether shares were revealed under that view. */
  readonly revealed: boolean;
}

/** Where an entry is kept. One journal for each identity and federation. */
export interface Journal {
  /** The last entry that was written; `undefined` if there is none. */
  read(): Promise<JournalEntry | undefined>;
  /**
   * Resolves once the entry would survive a loss of power.
   *
   * @throws {SecureError} `aborted` if it does not follow the last one: somebody else with this journal has
   *   taken part meanwhile.
   */
  write(entry: JournalEntry): Promise<void>;
}

/** In memory: for clients whose identity lives no longer than the process. */
export function memoryJournal(): Journal {
  let last: JournalEntry | undefined;
  return {
    read: async () => last,
    write: async (entry) => {
      requireNext(entry, { last, name: 'memory' });
      last = entry;
    },
  };
}

/**
 * That an entry is of a higher round than the last, or the next step of the same one. Whoever keeps a
 * journal lets nothing come between this and writing.
 *
 * @throws {SecureError} `aborted` if it is not.
 */
export function requireNext(
  entry: JournalEntry,
  { last, name }: { readonly last: JournalEntry | undefined; readonly name: string },
): void {
  if (last === undefined || follows(entry, last)) return;
  throw new SecureError('aborted', `round ${entry.round} does not follow in ${name}`);
}

function follows(entry: JournalEntry, last: JournalEntry): boolean {
  if (entry.round !== last.round) return entry.round > last.round;
  if (entry.view === undefined || !sameBytes(entry.context, last.context)) return false;
  if (last.view === undefined) return !entry.revealed;
  return sameBytes(entry.view, last.view) && entry.revealed && !last.revealed;
}

const MAGIC = new TextEncoder().encode('SAGG1 journal 1\n');
const ENTRY_BYTES = MAGIC.length + 8 + 2 * KEY_BYTES + 2;

/** An entry as it is kept. */
export function encodeJournal({ round, context, view, revealed }: JournalEntry): Uint8Array {
  return new Writer(ENTRY_BYTES)
    .bytes(MAGIC)
    .u64(round)
    .bytes(context)
    .u8(view === undefined ? 0 : 1)
    .bytes(view ?? new Uint8Array(KEY_BYTES))
    .u8(revealed ? 1 : 0)
    .end();
}

/** The entry in these bytes, or `undefined` if there is none. */
export function parseJournal(bytes: Uint8Array): JournalEntry | undefined {
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
