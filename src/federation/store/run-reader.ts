/**
 * A run, for reading alone: no lock is taken and nothing is written, so that it works while a server has
 * the run open, and on a copy that may not be changed.
 *
 * @module
 */

import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Json } from '../../core/canonical-json.ts';
import { StoreError } from '../../core/errors.ts';
import { hex, sameBytes } from '../../secagg/suite.ts';
import { Blobs } from './blobs.ts';
import { breakAt, CHAIN_START, type ChainHead, type LoggedEvent } from './chain.ts';
import { type Connection, isBroken, readDatabase, type Statement, sqliteCode } from './database.ts';
import { loggedOf, PAGE_QUERY, readChain, runOf } from './event-rows.ts';
import { readHead } from './head-file.ts';
import { sha256 } from './sha256.ts';

/** An open run that is not changed; made by {@link readRun}. */
export class RunReader {
  readonly folder: string;
  /** The run's id. */
  readonly run: string;
  readonly blobs: Blobs;
  readonly #database: Connection;
  readonly #page: Statement;
  /** Where the log ended at least, when the run was opened. */
  readonly #confirmed: ChainHead | undefined;

  /** @internal */
  constructor(parts: {
    readonly folder: string;
    readonly run: string;
    readonly database: Connection;
    readonly page: Statement;
    readonly confirmed: ChainHead | undefined;
  }) {
    this.folder = parts.folder;
    this.run = parts.run;
    this.blobs = new Blobs(join(parts.folder, 'blobs'), () => {});
    this.#database = parts.database;
    this.#page = parts.page;
    this.#confirmed = parts.confirmed;
  }

  /**
   * Events in their order, each held against the one before it. Those that are added meanwhile come too,
   * or do not.
   *
   * @throws {StoreError} `damaged` that names the event which is not what was written, or that the end is lost.
   */
  async *events(): AsyncGenerator<LoggedEvent> {
    const confirmed = this.#confirmed;
    let head = CHAIN_START;
    for await (const event of readChain(this.#page)) {
      const broken = breakAt(event, head, { run: this.run, sha256 });
      if (broken !== undefined) throw this.#damaged(broken);
      if (event.seq === confirmed?.seq && !sameBytes(event.hash, confirmed.hash)) {
        const was = hex(confirmed.hash);
        throw this.#damaged(`event ${event.seq} was confirmed as ${was}, which is another`);
      }
      head = event;
      yield loggedOf(event);
    }
    if (confirmed !== undefined && confirmed.seq > head.seq) {
      throw this.#damaged(
        `the log ends with event ${head.seq}, but event ${confirmed.seq} was confirmed: its end is lost`,
      );
    }
  }

  /**
   * Whether a second witness told where the log ends, when the run was opened: without one, a log whose
   * end was cut off looks whole.
   *
   * @throws {StoreError} `damaged` if none did.
   */
  async requireWitness(): Promise<void> {
    if (this.#confirmed !== undefined) return;
    const path = join(this.folder, 'head');
    const isThere = await stat(path).catch(() => undefined);
    const what = isThere === undefined ? 'is missing' : 'names no event';
    throw new StoreError('damaged', `${path}: ${what}: nothing shows that the log has its end`);
  }

  /** The configuration, if it is the one that the run was begun with. @throws {StoreError} `damaged`. */
  async config(): Promise<Json> {
    const path = join(this.folder, 'run.json');
    for await (const { body } of this.events()) {
      const text = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
        if (cause.code !== 'ENOENT' && cause.code !== 'EISDIR') throw cause;
        const what = cause.code === 'ENOENT' ? 'is missing' : 'is a folder';
        throw new StoreError('damaged', `${path}: ${what}`, { cause });
      });
      if (body.config === hex(sha256(text))) return JSON.parse(text.toString('utf8')) as Json;
      break;
    }
    throw new StoreError('damaged', `${this.folder}: run.json is not what event 1 says of it`);
  }

  async close(): Promise<void> {
    this.#database.close();
  }

  /** `await using` closes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #damaged(what: string): StoreError {
    return new StoreError('damaged', `${this.folder}: ${what}`);
  }
}

/**
 * Opens the run in `folder` for reading. Its log is verified as it is read.
 *
 * @throws {StoreError} `missing`, `damaged`, `unavailable`.
 */
export async function readRun(folder: string): Promise<RunReader> {
  const path = join(folder, 'aggregis.db');
  if ((await stat(path).catch(() => undefined)) === undefined) {
    throw new StoreError('missing', `${folder}: holds no run`);
  }
  let database: Connection | undefined;
  try {
    // First where it ended, then what there is: in between, it only grows.
    const confirmed = await readHead(join(folder, 'head'));
    database = await readDatabase(path);
    const page = await database.prepare(PAGE_QUERY);
    const run = await runOf(page, folder);
    return new RunReader({ folder, run, database, page, confirmed });
  } catch (cause) {
    database?.close();
    // No table of events: a run whose beginning was cut short.
    if (sqliteCode(cause) === 'SQLITE_ERROR') {
      throw new StoreError('missing', `${folder}: holds no run`, { cause });
    }
    if (!isBroken(cause)) throw cause;
    const what = `${folder}: the database is broken: ${String(cause)}`;
    throw new StoreError('damaged', what, { cause });
  }
}
