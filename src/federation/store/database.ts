/**
 * The database of a run: SQLite through `libsql`, write-ahead log, every commit synced.
 *
 * Why this driver: docs/decisions/0010-sqlite-driver.md.
 *
 * @module
 */

import { stat } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { StoreError } from '../../core/errors.ts';

/** What a row's cell may hold. Blobs come back as `ArrayBuffer`. */
export type Cell = string | number | Uint8Array | ArrayBuffer | null;

/** A prepared statement. Writes happen at once, in memory; only a commit waits for the disk. */
export interface Statement {
  run(values: readonly Cell[]): unknown;
  get(values: readonly Cell[]): Record<string, Cell> | undefined;
  all(values: readonly Cell[]): Promise<readonly Record<string, Cell>[]>;
}

/** An open database. */
export interface Connection {
  /** Other than a statement's, its work is done on another thread. */
  exec(sql: string): Promise<void>;
  prepare(sql: string): Promise<Statement>;
  close(): void;
}

/** How long a reader waits for whoever puts a database right after a crash. */
const READING_MS = 5_000;

type Driver = new (path: string, options: { timeout: number }) => Connection;

/**
 * Opens a database file, or makes it. Nothing of it is read yet.
 *
 * @throws {StoreError} `unavailable` if the driver is not installed or does not run here.
 */
export async function openDatabase(path: string): Promise<Connection> {
  const DatabaseFile = await driver();
  return new DatabaseFile(path, { timeout: 0 });
}

/**
 * Opens a database file for reading alone; somebody else may write it meanwhile.
 *
 * @throws {StoreError} `unavailable` if the driver is not installed or does not run here.
 */
export async function readDatabase(path: string): Promise<Connection> {
  const DatabaseFile = await driver();
  const open = async (mode: string): Promise<Connection> => {
    const database = new DatabaseFile(`${pathToFileURL(path).href}?${mode}`, {
      timeout: READING_MS,
    });
    try {
      await database.prepare('SELECT 1 FROM sqlite_schema');
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  };
  // Without a write-ahead log nobody writes, and nothing need be noted beside the file. Should somebody
  // begin meanwhile, the file stays as it is until that log is long.
  if ((await stat(`${path}-wal`).catch(() => undefined)) === undefined) return open('immutable=1');
  return open('mode=ro');
}

async function driver(): Promise<Driver> {
  try {
    return (await import('libsql/promise')).default as unknown as Driver;
  } catch (cause) {
    throw new StoreError('unavailable', 'the package libsql is not there, or does not run here', {
      cause,
    });
  }
}

/** The name that SQLite gives an error, such as `SQLITE_FULL`; empty for other errors. */
export function sqliteCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && code.startsWith('SQLITE_') ? code : '';
}

/** Whether the disk had no room, be it SQLite or the file system that says so. */
export function isDiskFull(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'SQLITE_FULL' || code === 'ENOSPC' || code === 'EDQUOT';
}

/** Whether the file is no database, or a broken one. */
export function isBroken(error: unknown): boolean {
  return /^SQLITE_(CORRUPT|NOTADB)/.test(sqliteCode(error));
}
