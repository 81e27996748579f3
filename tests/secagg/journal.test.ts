import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fileJournal } from '../../src/secagg/file-journal.ts';
import { indexedDbJournal } from '../../src/secagg/idb-journal.ts';
import {
  encodeJournal,
  type JournalEntry,
  memoryJournal,
  parseJournal,
} from '../../src/secagg/journal.ts';
import { temporaryFolder } from '../support/model-files.ts';

const ENTRY: JournalEntry = {
  round: 2 ** 40 + 1,
  context: Uint8Array.from({ length: 32 }, (_, i) => i),
  view: undefined,
  revealed: false,
};
const STEPS = [
  ENTRY,
  { ...ENTRY, view: new Uint8Array(32).fill(9) },
  { ...ENTRY, view: new Uint8Array(32).fill(9), revealed: true },
];

describe('an entry of a journal', () => {
  test('is the same after it was written and read', () => {
    for (const entry of STEPS) expect(parseJournal(encodeJournal(entry))).toEqual(entry);
  });

  test('is none if a byte is missing, too many, or says nothing', () => {
    const bytes = encodeJournal(ENTRY);
    expect(parseJournal(bytes.subarray(1))).toBeUndefined();
    expect(parseJournal(Uint8Array.of(...bytes, 0))).toBeUndefined();
    // The name of the format, whether there is a view, whether shares were revealed.
    for (const at of [3, 56, 89]) {
      expect(parseJournal(bytes.with(at, 2))).toBeUndefined();
    }
  });
});

describe('a journal', () => {
  test('in memory holds the last entry', async () => {
    const journal = memoryJournal();
    expect(await journal.read()).toBeUndefined();
    for (const entry of STEPS) {
      await journal.write(entry);
      expect(await journal.read()).toEqual(entry);
    }
  });

  test('in a file holds the last entry, whoever opens it', async () => {
    const path = join(await temporaryFolder(), 'journal');
    expect(await fileJournal(path).read()).toBeUndefined();
    for (const entry of STEPS) {
      await fileJournal(path).write(entry);
      expect(await fileJournal(path).read()).toEqual(entry);
    }
    await writeFile(path, (await readFile(path)).subarray(1));
    await expect(fileJournal(path).read()).rejects.toMatchObject({ code: 'malformed' });
  });

  test.each(['memory', 'a file'])(
    'in %s takes nothing that goes backwards, or comes again',
    async (where) => {
      const path = join(await temporaryFolder(), 'journal');
      const journal = where === 'memory' ? memoryJournal() : fileJournal(path);
      for (const entry of STEPS) await journal.write(entry);
      const view = new Uint8Array(32).fill(8);
      const round = ENTRY.round + 1;
      const wrong = [...STEPS, { ...STEPS[1]!, view }, { ...ENTRY, round: ENTRY.round - 1 }];
      for (const entry of wrong) {
        await expect(journal.write(entry)).rejects.toMatchObject({ code: 'aborted' });
      }
      // Of two clients that read the same last round, one gets in.
      const both = [1, 2].map((fill) => ({
        ...ENTRY,
        round,
        context: new Uint8Array(32).fill(fill),
      }));
      const outcomes = await Promise.allSettled(both.map((entry) => journal.write(entry)));
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
      expect(await journal.read()).toEqual(both[0]);
    },
  );

  test('in IndexedDB is refused where there is none', () => {
    expect(() => indexedDbJournal('anything')).toThrow(
      expect.objectContaining({ name: 'SecureError', code: 'unavailable' }),
    );
    expect(() => indexedDbJournal(3 as never)).toThrow(TypeError);
  });
});
