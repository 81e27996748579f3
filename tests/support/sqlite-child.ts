/** Inserts synced rows into a database for as long as it lives, and says of each that it is there. */

import { writeSync } from 'node:fs';
import { openDatabase } from '../../src/federation/store/database.ts';

const database = await openDatabase(process.argv[2]!);
await database.exec('PRAGMA journal_mode = WAL');
await database.exec('PRAGMA synchronous = FULL');
await database.exec('CREATE TABLE IF NOT EXISTS rows (n INTEGER PRIMARY KEY, text TEXT NOT NULL)');
const last = await database.prepare('SELECT coalesce(max(n), 0) AS n FROM rows');
const insert = await database.prepare('INSERT INTO rows VALUES (?, ?)');
for (let n = Number(last.get([])!.n) + 1; ; n++) {
  await database.exec('BEGIN IMMEDIATE');
  insert.run([n, 'x'.repeat(n % 5000)]);
  await database.exec('COMMIT');
  writeSync(1, `${n}\n`);
}
