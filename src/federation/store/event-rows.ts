/**
 * Events as rows of the database: how whoever has it open reads them, be it to add more or not.
 *
 * @module
 */

import { StoreError } from '../../core/errors.ts';
import type { ChainedEvent, LoggedEvent } from './chain.ts';
import type { Cell, Statement } from './database.ts';

/** Events that are read at one time. */
const PAGE = 1024;

/** The query of {@link readChain}. Texts come as bytes: the driver ends the process where they are no UTF-8. */
export const PAGE_QUERY: string = `SELECT seq, time, CAST(type AS BLOB) AS type, CAST(body AS BLOB) AS body, prev, hash
  FROM events WHERE seq > ? ORDER BY seq LIMIT ${PAGE}`;

/** Events behind a place, in their order. @param page - {@link PAGE_QUERY}, prepared. */
export async function* readChain(page: Statement, after = 0): AsyncGenerator<ChainedEvent> {
  for (let last = after; ; ) {
    const rows = await page.all([last]);
    for (const row of rows) yield eventOf(row);
    if (rows.length < PAGE) return;
    last = Number(rows.at(-1)!.seq);
  }
}

/** The run that the first event names. @throws {StoreError} `missing` or `damaged`; `name` begins the message. */
export async function runOf(page: Statement, name: string): Promise<string> {
  for await (const first of readChain(page)) {
    try {
      const { run } = loggedOf(first).body;
      if (typeof run === 'string') return run;
    } catch {
      // Its body is no JSON.
    }
    throw new StoreError('damaged', `${name}: event 1 is not what was written: it names no run`);
  }
  throw new StoreError('missing', `${name}: holds no run`);
}

/** An event, its body parsed. */
export function loggedOf({ seq, time, type, text }: ChainedEvent): LoggedEvent {
  return { seq, time, type, body: JSON.parse(text) as LoggedEvent['body'] };
}

function eventOf(row: Record<string, Cell>): ChainedEvent {
  return {
    seq: Number(row.seq),
    time: Number(row.time),
    type: textOf(row.type),
    text: textOf(row.body),
    prev: bytesOf(row.prev),
    hash: bytesOf(row.hash),
  };
}

/** Of bytes; what is no UTF-8 becomes another text, which has not the hash of what was written. */
export function textOf(cell: Cell | undefined): string {
  return Buffer.from(bytesOf(cell)).toString('utf8');
}

function bytesOf(cell: Cell | undefined): Uint8Array {
  if (cell instanceof ArrayBuffer) return new Uint8Array(cell);
  return cell instanceof Uint8Array ? cell : new Uint8Array();
}
