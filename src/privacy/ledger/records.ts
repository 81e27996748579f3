/**
 * A ledger's records as lines: canonical JSON, each with its place, the hash of the record before it and
 * its own, so that no record can be changed, left out or put elsewhere unseen. Whoever may rewrite the
 * whole file can make a new chain: keep the last hash, or a receipt, elsewhere to notice that.
 *
 * @module
 */

import { canonicalJson, type Json } from '../../core/canonical-json.ts';
import { PrivacyError } from '../../core/errors.ts';
import { checkEvent, type PrivacyEvent } from '../event.ts';
import { hashOf, type Receipt } from './receipt.ts';

/** What a record says. */
export type RecordBody =
  /** The first one: for what the ledger is. */
  | { readonly kind: 'open'; readonly version: 1; readonly purpose: Json }
  /** An event is charged. */
  | { readonly kind: 'charge'; readonly event: PrivacyEvent }
  /** The round of a charge is over; `charge` is that record's place. */
  | { readonly kind: 'commit'; readonly charge: number; readonly receipt: Receipt };

/** A record in its place. */
export interface LedgerRecord {
  /** Place in the ledger, from 0. */
  readonly record: number;
  readonly body: RecordBody;
  readonly hash: string;
}

/** What the first record has in place of a hash before it. */
const NO_HASH = '0'.repeat(64);

/** The record that follows `last`, and its line. */
export function nextRecord(
  last: LedgerRecord | undefined,
  body: RecordBody,
): { readonly record: LedgerRecord; readonly line: string } {
  const place = last === undefined ? 0 : last.record + 1;
  const fields = { record: place, previous: last?.hash ?? NO_HASH, body: body as unknown as Json };
  const hash = hashOf(canonicalJson(fields));
  return {
    record: { record: place, body, hash },
    line: `${canonicalJson({ ...fields, hash })}\n`,
  };
}

/**
 * The records of a ledger's text, all checked.
 *
 * @throws {PrivacyError} `ledger-torn` if the last line has no end; `ledger` if a record is none, or does
 *   not follow the one before.
 */
export function parseRecords(text: string): LedgerRecord[] {
  const lines = text.split('\n');
  const rest = lines.pop();
  const records: LedgerRecord[] = [];
  for (const line of lines) records.push(parseRecord(line, records.at(-1)));
  if (rest !== '') {
    throw new PrivacyError(
      'ledger-torn',
      `record ${records.length} was not written to its end: nothing was released under it; ` +
        'take its line away to go on',
    );
  }
  return records;
}

/** The record of one line, behind `last`. @throws {PrivacyError} `ledger` if it does not follow. */
export function parseRecord(line: string, last: LedgerRecord | undefined): LedgerRecord {
  const place = last === undefined ? 0 : last.record + 1;
  const body = bodyOf(line, place);
  const { record, line: expected } = nextRecord(last, body);
  // One comparison for place, both hashes and spelling.
  if (expected !== `${line}\n`) {
    throw new PrivacyError('ledger', `record ${place} is not what follows the one before it`);
  }
  return record;
}

function bodyOf(line: string, place: number): RecordBody {
  try {
    return checkBody((JSON.parse(line) as { body: RecordBody }).body, place);
  } catch (cause) {
    throw new PrivacyError('ledger', `record ${place} is not one of a ledger`, { cause });
  }
}

function checkBody(body: RecordBody, place: number): RecordBody {
  const isFirst = place === 0;
  if (isFirst !== (body.kind === 'open')) throw new TypeError('the first record opens the ledger');
  switch (body.kind) {
    case 'open':
      if (body.version !== 1) throw new TypeError('another version');
      return body;
    case 'charge':
      checkEvent(body.event);
      return body;
    case 'commit':
      if (!Number.isSafeInteger(body.charge)) throw new TypeError('no charge');
      return body;
    default:
      body satisfies never;
      throw new TypeError('another kind');
  }
}
