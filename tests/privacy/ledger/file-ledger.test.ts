import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { dropTornLine, FileStorage } from '../../../src/privacy/ledger/file-ledger.ts';
import { type Ledger, openLedger } from '../../../src/privacy/ledger/ledger.ts';
import type { LedgerStorage } from '../../../src/privacy/ledger/storage.ts';
import { zcdpFilter } from '../../../src/privacy/ledger/zcdp-filter.ts';
import { DETAILS, gaussian } from './support.ts';

const withCode = (code: string): object => expect.objectContaining({ code });

let folder = '';
let path = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aggregis-ledger-'));
  path = join(folder, 'ledger.jsonl');
});
afterEach(() => rm(folder, { recursive: true }));

function openOn(storage: LedgerStorage): Promise<Ledger> {
  const filter = zcdpFilter({ epsilon: 2, delta: 1e-5 });
  return openLedger({ storage, filter, unit: 'client', relation: 'replace-one' });
}

/** A file with one round, closed; ε of it. */
async function writeOne(): Promise<number> {
  await using storage = await FileStorage.open(path);
  const ledger = await openOn(storage);
  await ledger.commit(await ledger.reserve(gaussian(10)), DETAILS);
  return ledger.epsilon();
}

describe('a ledger in a file', () => {
  test('is the same when it is opened again', async () => {
    const epsilon = await writeOne();
    await using storage = await FileStorage.open(path);
    const ledger = await openOn(storage);
    expect(ledger.epsilon()).toBe(epsilon);
    expect(ledger.abandoned).toEqual([]);
    await ledger.reserve(gaussian(10));
    expect((await readFile(path, 'utf8')).split('\n')).toHaveLength(5);
    // For its owner's eyes alone.
    expect((await stat(path)).mode & 0o077).toBe(0);
  });

  test('still counts a round whose program was killed between reserve and commit', async () => {
    const oneRound = await writeOne();
    const loader = import.meta.resolve('tsx');
    const program = join(import.meta.dirname, 'reserving-child.ts');
    const child = spawn(process.execPath, ['--import', loader, program, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    expect(line.toString()).toContain('reserved');
    // Alive, it keeps others out.
    await expect(FileStorage.open(path)).rejects.toThrow(withCode('ledger-locked'));
    child.kill('SIGKILL');
    await once(child, 'exit');

    await using storage = await FileStorage.open(path);
    const ledger = await openOn(storage);
    expect(ledger.abandoned).toEqual([3]);
    expect(ledger.epsilon()).toBeGreaterThan(oneRound * 1.2);
    // The round begins anew, with a charge and a seed of its own.
    const charge = await ledger.reserve(gaussian(10));
    expect(charge.record).toBe(4);
    expect(ledger.drawSeed(charge)).toHaveLength(32);
    await ledger.commit(charge, DETAILS);
  });

  test('that is torn is told, mended on demand, and goes on', async () => {
    const epsilon = await writeOne();
    const { size } = await stat(path);
    await appendFile(path, '{"body":{"event":{"mech');
    {
      await using storage = await FileStorage.open(path);
      await expect(openOn(storage)).rejects.toThrow(withCode('ledger-torn'));
      await expect(dropTornLine(path)).rejects.toThrow(withCode('ledger-locked'));
    }
    expect(await dropTornLine(path)).toBe(true);
    expect(await dropTornLine(path)).toBe(false);
    expect((await stat(path)).size).toBe(size);
    await using storage = await FileStorage.open(path);
    expect((await openOn(storage)).epsilon()).toBe(epsilon);
  });

  test('has one writer at a time in a process too', async () => {
    const storage = await FileStorage.open(path);
    await expect(FileStorage.open(path)).rejects.toThrow(withCode('ledger-locked'));
    await storage.close();
    await (await FileStorage.open(path)).close();
  });

  test('is opened over the lock of a process that is no more, and not over one in the making', async () => {
    // Larger than any process number of Linux, and our own number with the lock of a namesake.
    for (const left of ['99999999 x', `${process.pid} x`]) {
      await writeFile(`${path}.lock`, left);
      await (await FileStorage.open(path)).close();
    }
    await writeFile(`${path}.lock`, '');
    await expect(FileStorage.open(path)).rejects.toThrow(withCode('ledger-locked'));
  });

  test('grants nothing once somebody else has written to the file', async () => {
    await using storage = await FileStorage.open(path);
    const ledger = await openOn(storage);
    await appendFile(path, '{}\n');
    const text = await readFile(path, 'utf8');
    await expect(ledger.reserve(gaussian(10))).rejects.toThrow(withCode('ledger'));
    expect(await readFile(path, 'utf8')).toBe(text);
  });

  test('grants nothing once the file was cut', async () => {
    await using storage = await FileStorage.open(path);
    const ledger = await openOn(storage);
    await truncate(path, 10);
    await expect(ledger.reserve(gaussian(10))).rejects.toThrow(withCode('ledger'));
    await expect(storage.read()).rejects.toThrow(/was cut off/);
  });

  test('leaves no lock behind where it cannot be opened', async () => {
    await expect(FileStorage.open(folder)).rejects.toThrow();
    await expect(stat(`${folder}.lock`)).rejects.toThrow(/ENOENT/);
  });
});
