/** The database's driver: a process that is killed while it writes loses no row that it said was there. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDatabase } from '../../../src/federation/store/database.ts';
import { compiled } from '../../support/program.ts';

/** 30 for the decision that docs/decisions/0010-sqlite-driver.md tells of; fewer in everyday's run. */
const KILLS = Number(process.env.AGGREGIS_KILLS ?? 5);

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aggregis-driver-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** The last row that a child said was there, which was killed so long after its first. */
async function killed(path: string, after: number): Promise<number> {
  const program = await compiled(join(import.meta.dirname, '../../support/sqlite-child.ts'));
  const child = spawn(process.execPath, [program, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.once('data', () => setTimeout(() => child.kill('SIGKILL'), after));
  child.stdout.on('data', (bytes: Buffer) => {
    text += bytes.toString();
  });
  await once(child, 'close');
  expect(child.signalCode).toBe('SIGKILL');
  return Number(text.split('\n').at(-2) ?? 0);
}

test(`${KILLS} kills lose no row`, { timeout: 5000 * KILLS }, async () => {
  const path = join(folder, 'rows.db');
  for (let i = 0; i < KILLS; i++) {
    const said = await killed(path, Math.random() * 100);
    const database = await openDatabase(path);
    const rows = await (await database.prepare('SELECT n, text FROM rows ORDER BY n')).all([]);
    database.close();
    expect(rows.length).toBeGreaterThanOrEqual(said);
    expect(
      rows.every(({ n, text }, k) => n === k + 1 && String(text).length === (k + 1) % 5000),
    ).toBe(true);
  }
});
