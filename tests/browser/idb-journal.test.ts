import { afterEach, describe, expect, test } from 'vitest';
import { indexedDbJournal } from '../../src/secagg/idb-journal.ts';
import { encodeJournal, type JournalEntry } from '../../src/secagg/journal.ts';
import type { JournalWork } from '../support/journal-worker.ts';

const NAME = 'a journal of tests';
const VIEW = new Uint8Array(32).fill(7);

/** The entry of a round before anything is signed. */
function entry(round: number, rest: Partial<JournalEntry> = {}): JournalEntry {
  return {
    round,
    context: new Uint8Array(32).fill(round),
    view: undefined,
    revealed: false,
    ...rest,
  };
}

/** The bare record, behind the journal's back. */
function record(put?: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(NAME, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore('journal');
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const store = opening.result.transaction('journal', 'readwrite').objectStore('journal');
      const request = put === undefined ? store.get('last') : store.put(put, 'last');
      store.transaction.oncomplete = () => {
        opening.result.close();
        resolve(request.result);
      };
    };
  });
}

/** Forgets the journal: it waits for connections that are left open, which would show here. */
afterEach(
  () =>
    new Promise<void>((resolve, reject) => {
      const deleting = indexedDB.deleteDatabase(NAME);
      deleting.onsuccess = () => resolve();
      deleting.onerror = () => reject(deleting.error);
      deleting.onblocked = () => reject(new Error('a connection was left open'));
    }),
);

describe('a journal in IndexedDB', () => {
  test('is empty at first, and then holds the last entry, whoever opens it', async () => {
    const journal = indexedDbJournal(NAME);
    expect(await journal.read()).toBeUndefined();
    const steps = [entry(3), entry(3, { view: VIEW }), entry(3, { view: VIEW, revealed: true })];
    for (const step of [...steps, entry(5)]) {
      await journal.write(step);
      expect(await indexedDbJournal(NAME).read()).toEqual(step);
    }
  });

  test.each([
    ['a lower round', entry(4, { view: VIEW }), entry(3)],
    ['the same round once more', entry(4), entry(4)],
    ['the same round, when there is a view', entry(4, { view: VIEW }), entry(4)],
    ['another context', entry(4), { ...entry(4, { view: VIEW }), context: VIEW }],
    ['another view', entry(4, { view: VIEW }), entry(4, { view: VIEW.map((byte) => byte + 1) })],
    ['the same view', entry(4, { view: VIEW }), entry(4, { view: VIEW })],
    ['shares revealed under no view', entry(4), entry(4, { view: VIEW, revealed: true })],
    [
      'shares not revealed any more',
      entry(4, { view: VIEW, revealed: true }),
      entry(4, { view: VIEW }),
    ],
  ])('refuses %s, and keeps what it holds', async (_, last, next) => {
    await record(encodeJournal(last));
    const journal = indexedDbJournal(NAME);
    await expect(journal.write(next)).rejects.toMatchObject({
      name: 'SecureError',
      code: 'aborted',
      message: `round ${next.round} does not follow in ${NAME}`,
    });
    expect(await journal.read()).toEqual(last);
  });

  test('lets one of two pages into a round', async () => {
    const pages = [indexedDbJournal(NAME), indexedDbJournal(NAME)];
    const written = await Promise.allSettled(pages.map((page) => page.write(entry(2))));
    expect(written.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  test('holds a whole entry though a page ends in the midst of writing', async () => {
    const signed = entry(8, { view: VIEW });
    const revealed = entry(8, { view: VIEW, revealed: true });
    const worker = new Worker(new URL('../support/journal-worker.ts', import.meta.url), {
      type: 'module',
    });
    await new Promise<void>((resolve, reject) => {
      worker.onmessage = () => resolve();
      worker.onerror = (event) => reject(new Error(event.message));
      const work: JournalWork = { name: NAME, written: [entry(8), signed], begun: revealed };
      worker.postMessage(work);
    });
    worker.terminate();
    expect([signed, revealed]).toContainEqual(await indexedDbJournal(NAME).read());
  });

  test('refuses a record that is none, and one of another kind', async () => {
    const journal = indexedDbJournal(NAME);
    for (const wrong of [encodeJournal(entry(1)).subarray(1), { round: 1 }]) {
      await record(wrong);
      const malformed = {
        name: 'SecureError',
        code: 'malformed',
        message: `${NAME} is no journal`,
      };
      await expect(journal.read()).rejects.toMatchObject(malformed);
      await expect(journal.write(entry(9))).rejects.toMatchObject(malformed);
    }
  });
});
