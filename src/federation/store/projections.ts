/**
 * Tables that follow from the log: who the clients are, how far each round is, and the ledger's lines.
 * They are written in the transaction of the events, and can be made from the log alone.
 *
 * @module
 */

import type { Json } from '../../core/canonical-json.ts';
import { type ClientRecord, clientAfter } from '../registry.ts';
import type { LoggedEvent } from './chain.ts';

/** Tables by name, and how their keys are kept. */
export const TABLES = { clients: 'TEXT', rounds: 'INTEGER', ledger: 'INTEGER' } as const;

/** One of {@link TABLES}. */
export type TableName = keyof typeof TABLES;

/** A row as it is after an event. */
export interface Row {
  readonly table: TableName;
  readonly key: string | number;
  readonly state: Json;
}

/** What a row was before. */
export type RowBefore = (table: TableName, key: string | number) => Json | undefined;

/** How far a round is. */
export interface RoundRow {
  readonly round: number;
  /** What happened last: `opened`, `published`. */
  readonly phase: string;
  readonly openedAt: number;
  readonly changedAt: number;
  /** Updates that were committed. */
  readonly updates: number;
}

/** The type of an event that is a line of the privacy ledger. */
export const LEDGER_LINE = 'ledger.line';

/** The rows that an event changes. What is not of these tables changes none. */
export function rowsOf(event: LoggedEvent, before: RowBefore): readonly Row[] {
  const { type, body } = event;
  if (type === LEDGER_LINE) {
    return [{ table: 'ledger', key: Number(body.line), state: body.text ?? null }];
  }
  if (type.startsWith('client.') && typeof body.client === 'string') {
    const known = before('clients', body.client) as unknown as ClientRecord | undefined;
    const state = clientAfter(known, event);
    return state && state !== known
      ? [{ table: 'clients', key: state.client, state: plain(state) }]
      : [];
  }
  const round = body.round;
  if (typeof round !== 'number' || !/^(round\.|update\.committed$)/.test(type)) return [];
  return [{ table: 'rounds', key: round, state: { ...roundAfter(event, round, before) } }];
}

function roundAfter({ type, time }: LoggedEvent, round: number, before: RowBefore): RoundRow {
  const known = before('rounds', round) as RoundRow | undefined;
  const row = known ?? { round, phase: 'opened', openedAt: time, changedAt: time, updates: 0 };
  if (type === 'update.committed') return { ...row, changedAt: time, updates: row.updates + 1 };
  return { ...row, changedAt: time, phase: type.slice('round.'.length) };
}

/** Records are plain JSON. */
function plain(record: ClientRecord): Json {
  return record as unknown as Json;
}
