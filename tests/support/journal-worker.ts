/**
 * A page of its own for a journal, as far as memory goes: it writes what it is sent, and tells. The last
 * entry is only begun, so that whoever hears of it can end this worker in the midst of writing.
 */

import { indexedDbJournal } from '../../src/secagg/idb-journal.ts';
import type { JournalEntry } from '../../src/secagg/journal.ts';

/** What the worker is sent. */
export interface JournalWork {
  readonly name: string;
  readonly written: readonly JournalEntry[];
  readonly begun: JournalEntry;
}

addEventListener('message', async ({ data }: MessageEvent<JournalWork>) => {
  const journal = indexedDbJournal(data.name);
  for (const entry of data.written) await journal.write(entry);
  void journal.write(data.begun);
  postMessage('begun');
});
