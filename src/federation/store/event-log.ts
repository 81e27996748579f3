/**
 * The log of a run: what happened, in order, each event chained to the one before it. It is the truth;
 * all else in the database follows from it.
 *
 * Appends that are asked for at the same time share a transaction, and so one sync.
 *
 * @module
 */

import { assertInteger } from '../../core/assert.ts';
import { canonicalJson, type Json } from '../../core/canonical-json.ts';
import { StoreError } from '../../core/errors.ts';
import { hex, sameBytes } from '../../secagg/suite.ts';
import {
  breakAt,
  CHAIN_START,
  type ChainedEvent,
  type ChainHead,
  type ChainOptions,
  chained,
  type LoggedEvent,
  type NewEvent,
  spelt,
} from './chain.ts';
import { type Cell, type Connection, isDiskFull, type Statement } from './database.ts';
import { loggedOf, PAGE_QUERY, readChain, runOf, textOf } from './event-rows.ts';
import type { OnStep } from './faults.ts';
import type { HeadFile } from './head-file.ts';
import { type RowBefore, rowsOf, TABLES, type TableName } from './projections.ts';
import { sha256 } from './sha256.ts';

/** Most events in one transaction. */
const MOST_AT_ONCE = 1024;

const NAMES = Object.keys(TABLES) as TableName[];

const SCHEMA = `
CREATE TABLE IF NOT EXISTS events (
  seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, type TEXT NOT NULL, body TEXT NOT NULL,
  prev BLOB NOT NULL, hash BLOB NOT NULL) STRICT;
${NAMES.map(
  (name) => `CREATE TABLE IF NOT EXISTS ${name} (
  key ${TABLES[name]} PRIMARY KEY, seq INTEGER NOT NULL, state TEXT NOT NULL) STRICT;`,
).join('\n')}`;

/** What a log stands on. */
export interface EventLogOptions {
  readonly database: Connection;
  readonly head: HeadFile;
  /** The run's id, or `undefined` if only the log knows it: then its first event says so. */
  readonly run: string | undefined;
  /** How messages call it. */
  readonly name: string;
  readonly onStep: OnStep;
}

/** Which events are read. */
export interface EventRange {
  /** Those behind this place. Default: 0, all. */
  readonly after?: number;
}

/** Somebody who waits for events to be synced. */
interface Waiting {
  readonly events: readonly (NewEvent & { readonly time: number })[];
  readonly resolve: (events: readonly LoggedEvent[]) => void;
  readonly reject: (reason: unknown) => void;
}

interface Statements {
  readonly insert: Statement;
  readonly page: Statement;
  readonly row: Readonly<Record<TableName, Statement>>;
  readonly put: Readonly<Record<TableName, Statement>>;
}

/** An open log. */
export class EventLog {
  readonly run: string;
  readonly #options: EventLogOptions;
  readonly #statements: Statements;
  readonly #queue: Waiting[] = [];
  #head: ChainHead = CHAIN_START;
  #draining: Promise<void> | undefined;
  #failure: StoreError | undefined;

  private constructor(options: EventLogOptions, run: string, statements: Statements) {
    this.#options = options;
    this.run = run;
    this.#statements = statements;
  }

  /**
   * Opens the log in a database, and verifies all of it.
   *
   * @throws {StoreError} `damaged` where an event is not what was written or its end is lost, `missing`
   *   if there is no event, and no run given to begin one.
   */
  static async open(options: EventLogOptions): Promise<EventLog> {
    const { database } = options;
    await database.exec('PRAGMA synchronous = FULL');
    await database.exec(SCHEMA);
    const statements = await prepared(database);
    const run = options.run ?? (await runOf(statements.page, options.name));
    const log = new EventLog(options, run, statements);
    await log.#verify();
    return log;
  }

  /** The last event that is synced. */
  get head(): ChainHead {
    return this.#head;
  }

  /**
   * Adds events, all or none. When the promise is kept, they are there for good, in the order of calls.
   *
   * @param now - Milliseconds since 1970.
   * @throws {TypeError | RangeError} if an event is none.
   * @throws {StoreError} `disk-full`: nothing was added, and more can be once there is room; `failed`: the
   *   log must be opened anew, and may hold the events; `closed`.
   */
  async append(events: readonly NewEvent[], now: number): Promise<readonly LoggedEvent[]> {
    assertInteger('now', now, 0);
    // What is wrong with one caller's events must not end the transaction of others.
    const own = events.map(({ type, body }) => {
      const { text } = spelt({ type, body });
      return { type, body: JSON.parse(text) as LoggedEvent['body'], time: now };
    });
    if (this.#failure !== undefined) throw this.#failure;
    return new Promise((resolve, reject) => {
      this.#queue.push({ events: own, resolve, reject });
      this.#draining ??= this.#drain();
    });
  }

  /** Events in their order. Those that are added meanwhile come too, or do not. */
  async *read({ after = 0 }: EventRange = {}): AsyncGenerator<LoggedEvent> {
    for await (const event of readChain(this.#statements.page, after)) yield loggedOf(event);
  }

  /** States of a table, by key. */
  async table<T extends Json>(name: TableName): Promise<Map<string | number, T>> {
    const rows = await this.#rows(name);
    return new Map([...rows].map(([key, text]) => [key, JSON.parse(text) as T]));
  }

  /** Writes what waits, and takes no more. */
  async close(): Promise<void> {
    this.#failure ??= new StoreError('closed', `${this.#options.name}: the store is closed`);
    await this.#draining;
  }

  async #drain(): Promise<void> {
    // Calls of the same turn go together.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const batch: Waiting[] = [];
      for (let events = 0; this.#queue.length > 0 && events < MOST_AT_ONCE; ) {
        batch.push(this.#queue.shift()!);
        events += batch.at(-1)!.events.length;
      }
      await this.#commit(batch);
    }
    this.#draining = undefined;
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    const { database, head, onStep } = this.#options;
    const done: (readonly LoggedEvent[])[] = [];
    const all = batch.flatMap(({ events }) => events);
    let last = this.#head;
    try {
      await database.exec('BEGIN IMMEDIATE');
      onStep('log.begun', all);
      for (const { events } of batch) {
        done.push(
          events.map((event) => {
            const link = chained(event, last, this.#chain);
            last = link;
            return this.#insert(link);
          }),
        );
      }
      onStep('log.inserted', all);
      await database.exec('COMMIT');
      onStep('log.committed', all);
      await head.write(last);
      onStep('log.confirmed', all);
    } catch (cause) {
      await this.#undo(batch, cause);
      return;
    }
    this.#head = { seq: last.seq, hash: last.hash };
    batch.forEach(({ resolve }, i) => {
      resolve(done[i]!);
    });
  }

  /** Nothing of the batch counts; unless it is sure that nothing is there, nothing is added any more. */
  async #undo(batch: readonly Waiting[], cause: unknown): Promise<void> {
    const { database, name } = this.#options;
    await database.exec('ROLLBACK').catch(() => {});
    const isFull = isDiskFull(cause) && (await this.#endsAtHead().catch(() => false));
    const error = isFull
      ? new StoreError('disk-full', `${name}: no room on the disk`, { cause })
      : new StoreError('failed', `${name}: could not be written: open the run anew`, { cause });
    if (!isFull) this.#failure = error;
    for (const { reject } of isFull ? batch : [...batch, ...this.#queue.splice(0)]) reject(error);
  }

  async #endsAtHead(): Promise<boolean> {
    return (await this.#statements.page.all([this.#head.seq])).length === 0;
  }

  get #chain(): ChainOptions {
    return { run: this.run, sha256 };
  }

  #insert(event: ChainedEvent): LoggedEvent {
    const { seq, time, type, text, prev, hash } = event;
    this.#statements.insert.run([seq, time, type, text, prev, hash]);
    const logged = loggedOf(event);
    const before: RowBefore = (table, key) => {
      const row = this.#statements.row[table].get([key]);
      return row === undefined ? undefined : (JSON.parse(String(row.state)) as Json);
    };
    for (const { table, key, state } of rowsOf(logged, before)) {
      this.#statements.put[table].run([key, seq, canonicalJson(state)]);
    }
    return logged;
  }

  async #verify(): Promise<void> {
    const { name, head } = this.#options;
    const damaged = (what: string): never => {
      throw new StoreError('damaged', `${name}: ${what}`);
    };
    const confirmed = await head.read();
    const tables = new Map(NAMES.map((table) => [table, new Map<string | number, string>()]));
    const before: RowBefore = (table, key) => {
      const text = tables.get(table)!.get(key);
      return text === undefined ? undefined : (JSON.parse(text) as Json);
    };
    for await (const event of readChain(this.#statements.page)) {
      const broken = breakAt(event, this.#head, this.#chain);
      if (broken !== undefined) damaged(broken);
      if (event.seq === confirmed?.seq && !sameBytes(event.hash, confirmed.hash)) {
        damaged(`event ${event.seq} was confirmed as ${hex(confirmed.hash)}, which is another`);
      }
      for (const { table, key, state } of rowsOf(loggedOf(event), before)) {
        tables.get(table)!.set(key, canonicalJson(state));
      }
      this.#head = { seq: event.seq, hash: event.hash };
    }
    if (confirmed !== undefined && confirmed.seq > this.#head.seq) {
      damaged(
        `the log ends with event ${this.#head.seq}, but event ${confirmed.seq} was confirmed: its end is lost`,
      );
    }
    for (const [table, rows] of tables) await this.#require(table, rows);
  }

  /** Makes a table anew if it is not what follows from the log. */
  async #require(table: TableName, wanted: ReadonlyMap<string | number, string>): Promise<void> {
    const found = await this.#rows(table);
    const isRight =
      found.size === wanted.size && [...wanted].every(([key, text]) => found.get(key) === text);
    if (isRight) return;
    const { database } = this.#options;
    await database.exec('BEGIN IMMEDIATE');
    await database.exec(`DELETE FROM ${table}`);
    for (const [key, text] of wanted) this.#statements.put[table].run([key, this.#head.seq, text]);
    await database.exec('COMMIT');
  }

  async #rows(table: TableName): Promise<Map<string | number, string>> {
    const isText = TABLES[table] === 'TEXT';
    const all = await this.#options.database.prepare(
      `SELECT ${isText ? 'CAST(key AS BLOB) AS key' : 'key'}, CAST(state AS BLOB) AS state FROM ${table} ORDER BY 1`,
    );
    const rows = await all.all([]);
    const keyOf = (key: Cell | undefined): string | number => (isText ? textOf(key) : Number(key));
    return new Map(rows.map(({ key, state }) => [keyOf(key), textOf(state)]));
  }
}

async function prepared(database: Connection): Promise<Statements> {
  const each = async (sql: (name: TableName) => string): Promise<Record<TableName, Statement>> => {
    const pairs = NAMES.map(async (name) => [name, await database.prepare(sql(name))] as const);
    return Object.fromEntries(await Promise.all(pairs)) as Record<TableName, Statement>;
  };
  return {
    insert: await database.prepare('INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)'),
    page: await database.prepare(PAGE_QUERY),
    row: await each((name) => `SELECT state FROM ${name} WHERE key = ?`),
    put: await each((name) => `INSERT OR REPLACE INTO ${name} VALUES (?, ?, ?)`),
  };
}
