/** The journal of a round under masks: what was kept is there after any crash, in its order, and nothing else. */

import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SecureJournal, type SecureRecord } from '../../../src/federation/store/secure-journal.ts';
import { temporaryFolder } from '../../support/federation-server.ts';

const RECORDS: readonly SecureRecord[] = [
  { kind: 'config', at: 1_700_000_000_000, bytes: Uint8Array.of(1, 2, 3) },
  { kind: 'message', at: 1_700_000_000_001, bytes: new Uint8Array(100).fill(7) },
  { kind: 'tick', at: 1_700_000_000_002, bytes: new Uint8Array(0) },
  { kind: 'masked', at: 1_700_000_000_003, bytes: new Uint8Array(32).fill(9) },
];

async function recordsIn(folder: string): Promise<readonly SecureRecord[]> {
  const { journal, records } = await SecureJournal.open(folder, 3);
  await journal.close();
  return records;
}

test('records come back in their order, those that were written at once too', async () => {
  await using folder = await temporaryFolder();
  const { journal, records } = await SecureJournal.open(folder.path, 3);
  expect(records).toEqual([]);
  await Promise.all(RECORDS.slice(0, 2).map((record) => journal.append(record)));
  for (const record of RECORDS.slice(2)) await journal.append(record);
  await journal.close();
  expect(await recordsIn(folder.path)).toEqual(RECORDS);
});

test('wherever a crash cuts it, the whole records before are there, and it goes on after them', async () => {
  await using folder = await temporaryFolder();
  const { journal } = await SecureJournal.open(folder.path, 3);
  const ends: number[] = [];
  const path = join(folder.path, '3.secure');
  for (const record of RECORDS) {
    await journal.append(record);
    ends.push((await readFile(path)).length);
  }
  await journal.close();
  const whole = await readFile(path);
  for (let length = 0; length <= whole.length; length++) {
    await writeFile(path, whole);
    await truncate(path, length);
    const kept = ends.filter((end) => end <= length).length;
    expect(await recordsIn(folder.path)).toEqual(RECORDS.slice(0, kept));
  }
  await truncate(path, ends[1]! + 5);
  const { journal: again } = await SecureJournal.open(folder.path, 3);
  await again.append(RECORDS[3]!);
  await again.close();
  expect(await recordsIn(folder.path)).toEqual([RECORDS[0], RECORDS[1], RECORDS[3]]);
});

test('a record that was changed ends it, and rounds that are over leave nothing', async () => {
  await using folder = await temporaryFolder();
  const { journal } = await SecureJournal.open(folder.path, 3);
  for (const record of RECORDS) await journal.append(record);
  await journal.close();
  const path = join(folder.path, '3.secure');
  const bytes = await readFile(path);
  // Within the second record.
  bytes[80]! ^= 1;
  await writeFile(path, bytes);
  expect(await recordsIn(folder.path)).toEqual(RECORDS.slice(0, 1));
  await SecureJournal.sweep(folder.path, 4);
  expect(await recordsIn(folder.path)).toEqual([]);
  const { journal: last } = await SecureJournal.open(folder.path, 3);
  await last.remove();
  await expect(readFile(path)).rejects.toThrow('ENOENT');
});
