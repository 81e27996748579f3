/**
 * Where a roster puts a client: among which neighbours, if the roster is what it claims to be.
 *
 * What costs little is looked at first. A graph is drawn over all clients, who may be millions, and only once
 * the roster has the server's signature, as many neighbours as there must be, all under its root, and each
 * signature of theirs holds.
 *
 * @module
 */

import { isAgreementKey } from './agreement-keys.ts';
import { type RoundConfig, usesBeacon } from './config.ts';
import type { CryptoProvider } from './crypto/provider.ts';
import { drawGraph, type Graph } from './graph.ts';
import type { Binding, Member } from './keys.ts';
import { entryToVerify, type RosterBody, rootToVerify } from './messages.ts';
import type { ClientPolicy } from './policy.ts';
import { Refused } from './reasons.ts';
import { areDistinct, areUnder, buildTree, type Entry, rootOf } from './roster.ts';
import { compareBytes, KEY_BYTES, sameBytes } from './suite.ts';
import { degreesOf } from './terms.ts';

/** What stays the same once a round has begun. */
export interface Round {
  readonly config: RoundConfig;
  readonly context: Uint8Array;
  readonly entry: Entry;
}

/** What stays the same once there is a roster. */
export interface Placed extends Round {
  readonly binding: Binding;
  readonly graph: Graph;
  readonly self: Member;
  readonly neighbours: ReadonlyMap<number, Member>;
}

/** What a client judges by. */
export interface Judgement {
  readonly crypto: CryptoProvider;
  readonly policy: ClientPolicy;
  readonly beacon?: (reference: Uint8Array) => Uint8Array | Promise<Uint8Array>;
}

/**
 * The place that a roster gives to the client of a round.
 *
 * @throws {Refused} with the first thing that is wrong about it.
 */
export async function placeIn(roster: RosterBody, round: Round, judge: Judgement): Promise<Placed> {
  const { config, context, entry } = round;
  const { clients, index, root } = roster;
  if (clients < config.minStart || clients > config.maxClients || index >= clients) {
    throw new Refused('roster', clients, config.minStart);
  }
  await requireServer(roster, judge);
  requireCount(roster, config);
  const self = { index, entry };
  if (!isShownRoster(roster, { self, context, crypto: judge.crypto })) throw new Refused('roster');
  requireKeys(roster.neighbours);
  await requireEnrolled(roster.neighbours, { context, judge });
  const graph = await drawnGraph(roster, round, judge);
  const expected = graph.neighbours(index);
  const given = roster.neighbours.map((record) => record.index);
  if (given.length !== expected.length || given.some((other, i) => other !== expected[i])) {
    throw new Refused('roster', given.length, expected.length);
  }
  const neighbours = new Map<number, Member>(
    roster.neighbours.map((record) => [record.index, record]),
  );
  return { config, context, entry, binding: { context, root }, graph, self, neighbours };
}

async function requireServer(
  { root, signature }: RosterBody,
  { crypto, policy }: Judgement,
): Promise<void> {
  const message = rootToVerify(root);
  const [holds] = await crypto.verifyAll([{ publicKey: policy.serverKey, message, signature }]);
  if (holds !== true) throw new Refused('bad-signature');
}

/** As many neighbours as some client has in a graph of so many. */
function requireCount({ clients, neighbours }: RosterBody, config: RoundConfig): void {
  const degrees = orInfeasible(() => degreesOf(config, clients));
  if (degrees.includes(neighbours.length)) return;
  throw new Refused('roster', neighbours.length, degrees[0]!);
}

/** Whether all that is shown stands under the root, in order, and every key once. */
function isShownRoster(
  roster: RosterBody,
  { self, context, crypto }: { self: Member; context: Uint8Array; crypto: CryptoProvider },
): boolean {
  const { clients, root, paths, neighbours } = roster;
  const leaves = [...neighbours, self].sort((a, b) => a.index - b.index);
  const entries = leaves.map(({ entry }) => entry);
  const binding = { context, clients };
  const rising = entries.every(
    ({ identity }, i) => i === 0 || compareBytes(entries[i - 1]!.identity, identity) < 0,
  );
  if (!rising || !areDistinct(entries)) return false;
  if (leaves.length === clients && paths.length === 0) {
    return sameBytes(rootOf(buildTree(entries, crypto), binding, crypto), root);
  }
  return areUnder(root, { leaves, paths }, { binding, crypto });
}

/** Keys that can be agreed with, in their one encoding. */
function requireKeys(members: readonly Member[]): void {
  for (const { index, entry } of members) {
    if (![entry.maskKey, entry.boxKey].every(isAgreementKey)) throw new Refused('bad-key', index);
  }
}

/** Signatures under this context, of identities that count. */
async function requireEnrolled(
  members: readonly Member[],
  { context, judge }: { context: Uint8Array; judge: Judgement },
): Promise<void> {
  const { crypto, policy } = judge;
  const valid = await crypto.verifyAll(
    members.map(({ entry }) => ({
      publicKey: entry.identity,
      message: entryToVerify(entry, context, crypto),
      signature: entry.signature,
    })),
  );
  if (valid.includes(false)) throw new Refused('bad-signature');
  for (const { entry } of members) {
    if (!(await policy.enrolment(entry.identity))) throw new Refused('not-enrolled');
  }
}

async function drawnGraph(
  { clients, root }: RosterBody,
  { config, context }: Round,
  { crypto, beacon }: Judgement,
): Promise<Graph> {
  const value = usesBeacon(config) ? await beacon?.(config.beacon) : new Uint8Array(KEY_BYTES);
  if (value?.length !== KEY_BYTES) throw new Refused('local');
  const seed = { context, root, beacon: value };
  return orInfeasible(() => drawGraph(config, clients, { seed, crypto }));
}

/** @throws {Refused} where no threshold does. */
function orInfeasible<T>(make: () => T): T {
  try {
    return make();
  } catch {
    throw new Refused('infeasible');
  }
}
