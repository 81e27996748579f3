/**
 * What follows a round that is over: the next one, and for whom, or the end of the run. Nothing is changed
 * here: the state of the run, its configuration and who is present go in, a plan comes out.
 *
 * @module
 */

import { counted } from '../core/counted.ts';
import { createRandom } from '../core/random.ts';
import type { CryptoProvider } from '../secagg/crypto/provider.ts';
import { fixedMembers } from './private-rounds.ts';
import type { RoundPlan } from './round-io.ts';
import type { RunConfig } from './run-config.ts';
import { isOver, type RunState } from './run-state.ts';
import { candidatesOf, type SelectionOptions, type SelectionScheme, select } from './selection.ts';
import { Transcript } from './transcript.ts';

/** What is known when a round is planned. */
export interface PlanningFacts {
  readonly state: RunState;
  readonly config: RunConfig;
  /** When each client was last heard of. */
  readonly heard: ReadonlyMap<string, number>;
  /** Whether the operator wants no further round for now. */
  readonly isPaused: boolean;
  readonly now: number;
}

/** What is to happen once a round is over. */
export type NextStep =
  | { readonly kind: 'round' }
  /** The run is over, for a reason in words. */
  | { readonly kind: 'end'; readonly reason: string };

/** What a plan needs besides: chance, and what is known of it. */
export interface PlanOptions {
  readonly crypto: Pick<CryptoProvider, 'randomBytes' | 'sha256'>;
  readonly secrecy: SelectionOptions['secrecy'];
}

/** How long a client that was heard of counts as present, in milliseconds. */
export const PRESENT_MS = 60_000;

/** What is to follow a round that is over; `undefined` while one goes on, or clients are lacking. */
export function nextStep(facts: PlanningFacts): NextStep | undefined {
  const { round, finished, published, failuresInARow } = facts.state;
  if (finished !== undefined) return undefined;
  if (round !== undefined && !isOver(round)) return undefined;
  const { rounds, round: policy } = facts.config;
  if (published >= rounds)
    return {
      kind: 'end',
      reason: rounds === 1 ? 'the one round is done' : `all ${rounds} rounds are done`,
    };
  if (round?.failure?.code === 'over-budget') {
    return { kind: 'end', reason: 'the privacy budget admits no further round' };
  }
  if (failuresInARow >= policy.maxFailures) {
    return {
      kind: 'end',
      reason:
        failuresInARow === 1
          ? '1 round failed'
          : `${failuresInARow} rounds failed, one after another`,
    };
  }
  if (facts.isPaused) return undefined;
  const { candidates } = candidatesNow(facts);
  return candidates.length < clientsNeeded(facts) ? undefined : { kind: 'round' };
}

/** What the next round waits for, in words. */
export function lackText(facts: PlanningFacts): string {
  if (facts.isPaused) return 'the run is paused';
  const { candidates } = candidatesNow(facts);
  const out = quarantined(facts);
  const others = out === 0 ? '' : `; ${out} ${are(out)} in quarantine`;
  const needed = clientsNeeded(facts);
  return `${present(candidates.length)} there, ${needed} ${are(needed)} needed for the next round${others}`;
}

function present(clients: number): string {
  return `${counted(clients, 'client')} ${are(clients)}`;
}

function are(count: number): string {
  return count === 1 ? 'is' : 'are';
}

/** The next round: its members, drawn anew each time that this is asked for, and its rules. */
export function planRound(facts: PlanningFacts, { crypto, secrecy }: PlanOptions): RoundPlan {
  const { selection, round, limits, privacy, secure } = facts.config;
  const { candidates, excluded } = candidatesNow(facts);
  const { selected } = select(candidates, {
    scheme: schemeOf(facts.config),
    overSelection: selection.overSelection,
    random: createRandom(drawKey(facts, crypto)),
    secrecy,
  });
  const members = selected.length;
  const capacity = round.lateJoin ? Math.max(members, limits.clients) : members;
  const asked = round.wanted ?? ('count' in selection ? selection.count : members);
  const wanted = Math.min(asked, capacity);
  const quorum = Math.max(round.quorum ?? 1, secure?.minSum ?? 0);
  const central = privacy?.kind === 'central';
  return {
    selected,
    excluded,
    collectMs: Math.ceil(round.collectSeconds * 1000),
    policy: {
      wanted,
      quorum: Math.min(quorum, wanted),
      capacity,
      closing: round.closing === 'wanted' && wanted > 0 ? 'wanted' : 'all',
      lateJoin: round.lateJoin,
      noise: central ? (privacy.noise === 'server' ? 'server' : 'clients') : 'none',
      secure: secure !== undefined,
      processingMs: Math.ceil(round.processingSeconds * 1000),
    },
  };
}

/** Who may be asked now, and who not for what is held against them. */
function candidatesNow({
  state,
  config: { selection, reputation },
  heard,
  now,
}: PlanningFacts): ReturnType<typeof candidatesOf> {
  const among =
    selection.from === 'present'
      ? [...heard].flatMap(([client, at]) => (now - at <= PRESENT_MS ? [client] : []))
      : undefined;
  const { where } = selection;
  return candidatesOf(state, {
    now,
    reputation: reputation !== undefined,
    ...(among && { among: among.filter((client) => state.clients.has(client)) }),
    ...(where && {
      where: (_, { attributes }) =>
        Object.entries(where).every(([name, value]) => attributes[name] === value),
    }),
  });
}

/**
 * The fewest clients with which a round makes sense. It does not wait for those in quarantine, as long as
 * they are the smaller part: nobody shall open rounds for a few by having others put out.
 */
function clientsNeeded(facts: PlanningFacts): number {
  const { round, selection, privacy, rule, secure } = facts.config;
  const isPrivate = privacy?.kind === 'central';
  if (isPrivate && (secure !== undefined || rule.trim() !== 'mean'))
    return fixedMembers(facts.config) ?? 1;
  const asked = round.wanted ?? ('count' in selection ? selection.count : 1);
  const most = Math.floor(asked / 2) + 1;
  const others = Math.max(Math.min(asked, most), asked - quarantined(facts));
  return Math.max(1, round.quorum ?? 1, others, secure?.minSum ?? 1);
}

/** How many are in quarantine and not out for good. */
function quarantined({ state: { clients, reputation }, config }: PlanningFacts): number {
  if (config.reputation === undefined) return 0;
  const isOut = (client: string): boolean =>
    reputation.isQuarantined(client) && clients.get(client)?.revoked === false;
  return reputation.clients.filter(isOut).length;
}

function schemeOf({ selection }: RunConfig): SelectionScheme {
  switch (selection.scheme) {
    case 'everybody':
      return { kind: 'everybody' };
    case 'poisson':
      return { kind: 'poisson', rate: selection.rate };
    default:
      return { kind: selection.scheme, count: selection.count };
  }
}

/** 32 bytes that the draw of a round follows from. */
function drawKey({ state, config }: PlanningFacts, crypto: PlanOptions['crypto']): Uint8Array {
  const { seed } = config.selection;
  if (seed === undefined) return crypto.randomBytes(32);
  const next = (state.round?.round ?? 0) + 1;
  const bytes = new Transcript('aggregis/selection/v1').integer('seed', seed);
  return crypto.sha256(bytes.integer('round', next).end());
}
