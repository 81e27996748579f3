/**
 * What an optimiser is told of the clients whose rows are in an aggregate: what they claimed, what they
 * weigh in it, how long their updates are. It is kept in the aggregate's own file, so that a step that is
 * made again after a crash is told the same.
 *
 * @module
 */

import type { ClientReport } from '../aggregate.ts';
import { FormatError } from '../core/errors.ts';
import { pipeline } from '../rules/pipeline.ts';
import type { Rule } from '../rules/rule.ts';
import { boundClaims } from './optimizers/client-scalars.ts';
import type { Optimizer, Participant } from './optimizers/optimizer.ts';
import { participantRows } from './optimizers/participants.ts';
import type { RoundRow } from './round-io.ts';

/** Where the participants stand in the metadata of an aggregate. */
const KEY = 'participants';

/** Rows as an optimiser takes them. */
export interface PreparedRows {
  /** The rule, on rows that were multiplied by what the optimiser wants. */
  readonly rule: Rule;
  /** What the aggregate's file is to tell; undefined where the optimiser asks nothing of clients. */
  metadata(clients: readonly ClientReport[]): ReadonlyMap<string, string> | undefined;
}

/**
 * Prepares the rows of a round for an optimiser that asks clients for claims.
 *
 * @throws {FormatError} `malformed` if a row has no claims within their bounds: none such is committed.
 */
export function prepareRows(
  rule: Rule,
  optimizer: Optimizer,
  rows: readonly RoundRow[],
): PreparedRows {
  if (optimizer.clientScalars.length === 0) return { rule, metadata: () => undefined };
  const claims = new Map(rows.map((row) => [row.clients[0]!, claimsOf(row, optimizer)]));
  const factors = new Map([...claims].map(([id, claim]) => [id, optimizer.rowFactor(claim)]));
  return {
    rule: pipeline(participantRows(factors), rule),
    metadata(clients) {
      const used = clients.filter(({ client }) => claims.has(client)).filter(isUsed);
      const weights = weightsOf(used, factors);
      const told = used.map(({ client, norm }, i): Participant => {
        return { ...claims.get(client), weight: weights[i]!, ...(norm !== undefined && { norm }) };
      });
      return new Map([[KEY, JSON.stringify(told)]]);
    },
  };
}

/** What the metadata of an aggregate tells; undefined where it tells nothing. */
export function participantsIn(
  metadata: ReadonlyMap<string, string>,
): readonly Participant[] | undefined {
  const text = metadata.get(KEY);
  return text === undefined ? undefined : (JSON.parse(text) as Participant[]);
}

function claimsOf({ clients, claims = {} }: RoundRow, optimizer: Optimizer): Participant {
  const bounded = boundClaims(optimizer.clientScalars, claims);
  if ('scalars' in bounded) return bounded.scalars;
  throw new FormatError('malformed', `update of ${clients[0]}: ${bounded.refused}`);
}

function isUsed({ verdict }: ClientReport): boolean {
  return verdict !== 'excluded';
}

/**
 * Shares in what the rule makes of the rows, without the factors that they were multiplied by; equal ones
 * where the rule is no combination of rows.
 */
function weightsOf(
  clients: readonly ClientReport[],
  factors: ReadonlyMap<string, number>,
): number[] {
  const shares = clients.map(({ client, weight }) => (weight ?? -1) / factors.get(client)!);
  const isShared = shares.every((share) => share >= 0) && shares.some((share) => share > 0);
  return isShared ? shares : clients.map(() => 1);
}
