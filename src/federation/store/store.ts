/**
 * The state of a run, in a folder: what happened, who takes part, and the models and updates.
 *
 *     aggregis.db    the log of events, and tables that follow from it
 *     head           where the log ended when that was last confirmed
 *     blobs/         models and updates, named by their SHA-256
 *     uploads/       updates on their way in
 *     run.json       the configuration
 *     lock           held by the process that has the run open
 *
 * A promise that is kept has been synced. A process may be killed at any point: what was confirmed is
 * there when the run is opened again, and what was half done is swept away.
 *
 * @module
 */

import { randomUUID } from 'node:crypto';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { assertInteger, assertOptions, show } from '../../core/assert.ts';
import { canonicalJson, type Json } from '../../core/canonical-json.ts';
import { PrivacyError, StoreError } from '../../core/errors.ts';
import { writeFileAtomic } from '../../formats/node-files.ts';
import type { LedgerStorage } from '../../privacy/ledger/storage.ts';
import { hex } from '../../secagg/suite.ts';
import type { ClientRecord } from '../registry.ts';
import { RUN_ID } from '../statement.ts';
import { BLOB_NAME, Blobs } from './blobs.ts';
import type { ChainHead, LoggedEvent, NewEvent } from './chain.ts';
import { type Connection, isBroken, isDiskFull, openDatabase } from './database.ts';
import { EventLog, type EventLogOptions, type EventRange } from './event-log.ts';
import { type OnStep, watcher } from './faults.ts';
import { syncFolder } from './files.ts';
import { HeadFile } from './head-file.ts';
import { takeLock, type Unlock } from './lock.ts';
import { LEDGER_LINE, type RoundRow } from './projections.ts';
import { sha256 } from './sha256.ts';
import { Uploads } from './uploads.ts';

/** How a run is opened. */
export type StoreOptions = CreateOptions | ResumeOptions;

interface CommonOptions {
  /** Called between steps; for tests. @internal */
  readonly onStep?: OnStep;
}

/** A run that begins: in a new folder, or in place of one that was created and never opened. */
export interface CreateOptions extends CommonOptions {
  readonly mode: 'create';
  /** What it is told, as checked. */
  readonly config: { readonly [key: string]: Json | undefined };
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Its id: up to 64 lower-case letters, digits and hyphens. Default: one at random. */
  readonly run?: string;
}

/** A run that goes on. */
export interface ResumeOptions extends CommonOptions {
  readonly mode: 'resume';
}

/** What opening a run had to put right. */
export interface Recovery {
  /** Files that nobody had confirmed. */
  readonly swept: number;
}

/**
 * Opens the run in `folder`, after verifying its log.
 *
 * @throws {StoreError} `exists` or `missing`, `locked`, `damaged`, `disk-full`, `unavailable`.
 * @throws {TypeError | RangeError} that names a wrong option.
 */
export async function openStore(folder: string, options: StoreOptions): Promise<Store> {
  checkOptions(options);
  const { onStep = watcher.onStep } = options;
  if (options.mode === 'create') await makeFolders(folder);
  else if (!(await exists(join(folder, 'lock')))) throw noRun(folder);
  onStep('run.folders-made');
  const unlock = await takeLock(join(folder, 'lock'));
  let database: Connection | undefined;
  let head: HeadFile | undefined;
  try {
    database = await openDatabase(join(folder, 'aggregis.db'));
    await database.exec('PRAGMA journal_mode = WAL');
    head = await HeadFile.open(join(folder, 'head'));
    const log = await openLog(folder, { database, head, options, onStep });
    const config = await configOf(folder, log);
    const store = new Store({ folder, log, config, database, head, unlock, onStep });
    await store.recover();
    return store;
  } catch (error) {
    await head?.close();
    database?.close();
    await unlock();
    throw told(folder, error);
  }
}

/** What SQLite and the disk say, in the store's words. */
function told(folder: string, cause: unknown): unknown {
  if (isBroken(cause)) {
    return new StoreError('damaged', `${folder}: the database is broken: ${String(cause)}`, {
      cause,
    });
  }
  return isDiskFull(cause)
    ? new StoreError('disk-full', `${folder}: no room on the disk`, { cause })
    : cause;
}

interface LogOptions {
  readonly database: Connection;
  readonly head: HeadFile;
  readonly options: StoreOptions;
  readonly onStep: OnStep;
}

/** The log, with its first event. */
async function openLog(
  folder: string,
  { database, head, options, onStep }: LogOptions,
): Promise<EventLog> {
  const common = { database, head, name: folder, onStep };
  if (options.mode === 'resume') return EventLog.open({ ...common, run: undefined });
  const run = options.run ?? randomUUID();
  if (await isUnopened(common)) await forget(database, head);
  const log = await EventLog.open({ ...common, run }).catch(async (error: unknown) => {
    throw (await isBegun(database)) ? existing(folder) : error;
  });
  if (log.head.seq > 0) throw existing(folder);
  const text = canonicalJson(options.config);
  await writeFileAtomic(join(folder, 'run.json'), (append) =>
    append(new TextEncoder().encode(text)),
  );
  onStep('run.config-written');
  await log.append(
    [{ type: 'run.created', body: { version: 1, run, config: hashOf(text) } }],
    options.now,
  );
  return log;
}

/**
 * Whether nothing has happened but that the run was created: whoever began it ended before it had a model.
 * What is damaged is nobody's to take over.
 */
async function isUnopened(common: Omit<EventLogOptions, 'run'>): Promise<boolean> {
  try {
    const log = await EventLog.open({ ...common, run: undefined });
    if (log.head.seq !== 1) return false;
    for await (const { type } of log.read()) return type === 'run.created';
    return false;
  } catch (error) {
    if (error instanceof StoreError && ['missing', 'damaged'].includes(error.code)) return false;
    throw error;
  }
}

/** Empties a log. The witness goes first: a log that is behind it would be damaged. */
async function forget(database: Connection, head: HeadFile): Promise<void> {
  await head.clear();
  await database.exec('DELETE FROM events');
}

async function isBegun(database: Connection): Promise<boolean> {
  const events = await database.prepare('SELECT seq FROM events LIMIT 1');
  return (await events.all([])).length > 0;
}

/** The configuration, if it is the one that the run was begun with. */
async function configOf(folder: string, log: EventLog): Promise<Json> {
  const path = join(folder, 'run.json');
  for await (const { body } of log.read()) {
    const text = await readFile(path, 'utf8');
    if (body.config === hashOf(text)) return JSON.parse(text) as Json;
    break;
  }
  throw new StoreError('damaged', `${path}: is not what the run was begun with`);
}

/** What a store is made of. */
interface StoreParts {
  readonly folder: string;
  readonly log: EventLog;
  readonly config: Json;
  readonly database: Connection;
  readonly head: HeadFile;
  readonly unlock: Unlock;
  readonly onStep: OnStep;
}

/** An open run; made by {@link openStore}. Its methods may be called at the same time. */
export class Store {
  readonly folder: string;
  /** The run's id. */
  readonly run: string;
  readonly config: Json;
  readonly blobs: Blobs;
  /** @internal */
  readonly uploads: Uploads;
  readonly #parts: StoreParts;
  #recovery: Recovery = { swept: 0 };
  #closed: Promise<void> | undefined;

  /** @internal */
  constructor(parts: StoreParts) {
    const { folder, log, config, onStep } = parts;
    this.#parts = parts;
    this.folder = folder;
    this.run = log.run;
    this.config = config;
    this.blobs = new Blobs(join(folder, 'blobs'), onStep);
    this.uploads = new Uploads(join(folder, 'uploads'), { blobs: this.blobs, onStep });
  }

  /** What opening it put right. */
  get recovery(): Recovery {
    return this.#recovery;
  }

  /** The last event that is synced. */
  get head(): ChainHead {
    return this.#parts.log.head;
  }

  /**
   * Adds events, all or none. When the promise is kept, they are there for good, in the order of calls;
   * calls at the same time share one sync.
   *
   * @param now - Milliseconds since 1970.
   * @throws {TypeError | RangeError} if an event is none.
   * @throws {StoreError} `disk-full`: nothing was added, and more can be once there is room; `failed`: the
   *   run must be opened anew, and may hold the events; `closed`.
   */
  append(events: readonly NewEvent[], now: number): Promise<readonly LoggedEvent[]> {
    return this.#parts.log.append(events, now);
  }

  /** Events in their order. Those that are added meanwhile come too, or do not. */
  events(range?: EventRange): AsyncIterable<LoggedEvent> {
    return this.#parts.log.read(range);
  }

  /** All clients, by their names: what a `Registry` begins with. */
  async clients(): Promise<Map<string, ClientRecord>> {
    return (await this.#parts.log.table('clients')) as unknown as Map<string, ClientRecord>;
  }

  /** How far each round is, by its number. */
  async rounds(): Promise<Map<number, RoundRow>> {
    return (await this.#parts.log.table('rounds')) as unknown as Map<number, RoundRow>;
  }

  /**
   * Storage for the privacy ledger: its lines are events of the log.
   *
   * @param now - The clock, in milliseconds since 1970.
   */
  ledger(now: () => number): LedgerStorage {
    const { log, folder } = this.#parts;
    const lines = async (): Promise<Map<string | number, Json>> => log.table('ledger');
    let next: number | undefined;
    return {
      async read() {
        const all = await lines();
        next = all.size;
        return [...all.values()].join('');
      },
      async append(text) {
        const line = next ?? (await lines()).size;
        next = line + 1;
        try {
          await log.append([{ type: LEDGER_LINE, body: { line, text } }], now());
        } catch (cause) {
          throw new PrivacyError('ledger', `${folder}: the ledger could not be written`, { cause });
        }
      },
    };
  }

  /** Removes what a crash left behind. @internal */
  async recover(): Promise<void> {
    this.#parts.onStep('sweep.begun');
    const halves = await this.uploads.recover();
    const sealed = await this.uploads.sealed();
    // The crash may have come before the folder was synced.
    if (sealed.size > 0) await this.blobs.sync();
    const mentioned = new Set<string>();
    for await (const { body } of this.events()) collectNames(body, mentioned);
    const orphans = await this.blobs.sweep((name) => mentioned.has(name) || sealed.has(name));
    this.#recovery = { swept: halves + orphans };
  }

  /** Writes what waits, and lets go of the folder. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** `await using` closes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const { log, database, head, unlock } = this.#parts;
    const written = log.close();
    await this.uploads.close();
    await written;
    await head.close();
    // One file then holds all; should it fail, the two files that there are do.
    await database.exec('PRAGMA wal_checkpoint(TRUNCATE)').catch(() => {});
    database.close();
    await unlock();
  }
}

/** Names of blobs anywhere in an event: no other text looks like one by chance. */
function collectNames(value: Json | undefined, into: Set<string>): void {
  if (typeof value === 'string') {
    if (BLOB_NAME.test(value)) into.add(value);
  } else if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) collectNames(part, into);
  }
}

function checkOptions(options: StoreOptions): void {
  if (options?.mode === 'resume') {
    assertOptions(options, { mode: true, onStep: true });
    return;
  }
  const mode: unknown = options?.mode;
  if (mode !== 'create') throw new TypeError(`mode must be create or resume, got ${show(mode)}`);
  assertOptions(options, { mode: true, config: true, now: true, run: true, onStep: true });
  assertInteger('now', options.now, 0);
  if (options.run !== undefined && !RUN_ID.test(options.run)) {
    throw new TypeError(
      `run must be up to 64 lower-case letters, digits and hyphens, got ${show(options.run)}`,
    );
  }
}

async function makeFolders(folder: string): Promise<void> {
  // The log says of clients what is for their operator alone.
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of ['blobs', 'uploads']) await mkdir(join(folder, name), { recursive: true });
  await syncFolder(folder);
  await syncFolder(dirname(folder));
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

function existing(folder: string): StoreError {
  return new StoreError(
    'exists',
    `${folder}: holds a run already; resume it, or take another folder`,
  );
}

function noRun(folder: string): StoreError {
  return new StoreError('missing', `${folder}: holds no run`);
}

function hashOf(text: string): string {
  return hex(sha256(new TextEncoder().encode(text)));
}
