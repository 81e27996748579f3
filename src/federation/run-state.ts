/**
 * What the events of a run add up to: who takes part, the model, what is held against whom, and the
 * round with all that it needs to go on.
 *
 * `fold` admits an event only where it can follow those before it. Its writers ask `round.ts` first, so an
 * event that cannot is a damaged log or a mistake, never a client's doing: it throws and changes nothing.
 *
 * @module
 */

import { show } from '../core/assert.ts';
import { FormatError } from '../core/errors.ts';
import {
  type ClosingReason,
  type Commitment,
  compareClients,
  type Declaration,
  type EventBodies,
  type EventType,
  type Exclusion,
  type FailureCode,
  type OpenedSum,
  type RoundPolicy,
  type RunEvent,
  type TimedEvent,
} from './events.ts';
import { Reputation, type ReputationOptions } from './reputation.ts';

/** Where a round is. */
export type RoundPhase =
  /** Updates come in. */
  | 'collect'
  /** The screen and the detectors look at them. */
  | 'screen'
  /** The release is charged to the budget. */
  | 'account'
  /** Masks are taken off sums. */
  | 'unmask'
  /** The rule makes one of all, and noise is added. */
  | 'aggregate'
  /** The optimiser makes the next model. */
  | 'publish'
  | 'done'
  | 'failed';

/** A member of a round. */
export interface Member {
  /** `out` will send nothing more; whoever is `declared` has begun. */
  readonly status: 'silent' | 'declared' | 'committed' | 'out';
  readonly declaration?: Declaration;
  readonly update?: Commitment;
  /** Times that it declared an update. */
  readonly declarations: number;
  /** Times that what it sent was refused. */
  readonly refusals: number;
  /** Why it is out. */
  readonly reason?: string;
}

/** A round: its policy, and all that has come of it. */
export interface RoundState {
  readonly round: number;
  readonly phase: RoundPhase;
  readonly policy: RoundPolicy;
  /** The model that updates are differences to. */
  readonly model: string;
  readonly opened: number;
  readonly deadline: number;
  readonly selected: readonly string[];
  readonly members: ReadonlyMap<string, Member>;
  /** How many members have committed; how many are not settled. */
  readonly committed: number;
  readonly unsettled: number;
  readonly closed?: {
    readonly reason: ClosingReason;
    readonly committed: readonly string[];
    readonly missing: readonly string[];
  };
  /** Since when the present process works on what follows the closing. */
  readonly processingSince?: number;
  readonly screened?: { readonly kept: readonly string[]; readonly excluded: readonly Exclusion[] };
  /** The charge that an output may be released under. */
  readonly charge?: number;
  readonly sums?: readonly OpenedSum[];
  /** The result, a blob. */
  readonly aggregate?: string;
  /** The model that came of it. */
  readonly published?: string;
  readonly failure?: { readonly code: FailureCode; readonly reason: string };
}

/** A client that is or was enrolled. */
export interface ClientState {
  /** Its present public key. */
  readonly key: string;
  readonly registered: number;
  readonly expires?: number;
  readonly revoked: boolean;
  readonly attributes: Readonly<Record<string, string>>;
}

/** A run, as far as its log tells. Only {@link fold} changes it. */
export interface RunState {
  /** `undefined` before the run has begun. */
  readonly run?: string;
  readonly config?: string;
  /** The latest model. */
  readonly model?: string;
  /** State of the optimiser after it. */
  readonly optimizer?: string;
  /** Time of the latest event. */
  readonly time: number;
  readonly clients: ReadonlyMap<string, ClientState>;
  readonly reputation: Reputation;
  /** The round that goes on, or the last one; rounds count from 1. */
  readonly round?: RoundState;
  /** Rounds that were published, and how many failed since the last of them. */
  readonly published: number;
  readonly failuresInARow: number;
  /** The latest charge. */
  readonly charge?: number;
  readonly finished?: string;
}

/** Whoever was refused so often in a round is out of it: nobody fills the log, and nobody is waited for. */
export const MAX_REFUSALS = 4;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type OwnRound = Mutable<Omit<RoundState, 'members'>> & { members: Map<string, Member> };
type OwnRun = Mutable<Omit<RunState, 'round' | 'clients'>> & {
  round?: OwnRound;
  clients: Map<string, ClientState>;
};

/** A run of which nothing has happened. */
export function emptyRun(reputation: ReputationOptions = {}): RunState {
  return {
    time: 0,
    clients: new Map(),
    reputation: new Reputation(reputation),
    published: 0,
    failuresInARow: 0,
  };
}

/**
 * The state after an event. It is the same object, changed: a run of many clients is too large to be
 * copied for each event.
 *
 * @throws {FormatError} `malformed` for an event that cannot follow; the state stays as it was.
 */
export function fold(state: RunState, { event, time }: TimedEvent): RunState {
  const own = state as OwnRun;
  if (own.run === undefined && event.type !== 'run.created') {
    throw impossible(event, 'the run has not begun');
  }
  if (own.finished !== undefined && event.type.startsWith('round.')) {
    throw impossible(event, 'the run is finished');
  }
  const change = FOLDS[event.type] as (own: OwnRun, event: RunEvent, time: number) => void;
  change(own, event, time);
  own.time = Math.max(own.time, time);
  return state;
}

/** The state after all of them. */
export function foldAll(state: RunState, events: Iterable<TimedEvent>): RunState {
  for (const event of events) fold(state, event);
  return state;
}

type Fold<T extends EventType> = (own: OwnRun, event: RunEvent<T>, time: number) => void;

/** What each event changes. Each checks all before it changes anything. */
const FOLDS: { readonly [T in EventType]: Fold<T> } = {
  'run.created': (own, event) => {
    demand(event, own.run === undefined, 'the run has begun already');
    own.run = event.body.run;
    own.config = event.body.config;
  },
  'run.opened': (own, event) => {
    demand(event, own.model === undefined, 'the run has a model already');
    own.model = event.body.model;
  },
  'run.resumed': (own, _event, time) => {
    const { round } = own;
    if (round === undefined || round.closed === undefined || isOver(round)) return;
    round.processingSince = time;
    // Noise at the server came from a seed that died with the process. Noise of clients is in their
    // updates: the same sums come out, and are the same release.
    if (round.policy.noise === 'server' && round.phase === 'aggregate') {
      delete round.charge;
      round.phase = 'account';
    }
  },
  'run.finished': (own, event) => {
    demand(event, own.round === undefined || isOver(own.round), 'a round goes on');
    demand(event, own.finished === undefined, 'the run is finished already');
    own.finished = event.body.reason;
  },
  'client.registered': (own, event, time) => {
    const { client, key, expires, attributes } = event.body;
    const known = own.clients.get(client);
    own.clients.set(client, {
      key: known?.key ?? key,
      registered: known?.registered ?? time,
      ...(expires !== undefined && { expires }),
      revoked: known?.revoked ?? false,
      attributes: attributes ?? known?.attributes ?? {},
    });
  },
  'client.key-rotated': (own, event) => {
    const { client, previous, key } = event.body;
    const known = clientOf(own, event);
    demand(event, known.key === previous, `${client} has another key`);
    own.clients.set(client, { ...known, key });
  },
  'client.revoked': (own, event) => {
    const { client } = event.body;
    own.clients.set(client, { ...clientOf(own, event), revoked: true });
    const round = own.round;
    const member = round?.members.get(client);
    // Who is in a round that has closed is settled, and what is in a sum cannot be taken out of it.
    const isSummed = round?.policy.secure === true && member?.status === 'committed';
    if (round?.phase === 'collect' && member !== undefined && !isSummed) {
      setMember(round, client, { ...member, status: 'out', reason: 'revoked' });
    }
  },
  'client.penalised': (own, event) => {
    demand(event, event.body.round <= (own.round?.round ?? 0), 'that round has not begun');
    own.reputation.hold(event.body);
  },
  'round.opened': (own, event, time) => {
    const { round, model, selected, deadline, policy } = event.body;
    const next = (own.round?.round ?? 0) + 1;
    demand(event, own.round === undefined || isOver(own.round), 'another round goes on');
    demand(event, round === next, `the next round is ${next}`);
    demand(event, model === own.model, 'updates must be differences to the latest model');
    for (const client of selected) clientOf(own, event, client);
    own.round = {
      round,
      phase: 'collect',
      policy,
      model,
      opened: time,
      deadline,
      selected,
      members: new Map(selected.map((client) => [client, SILENT])),
      committed: 0,
      unsettled: selected.length,
    };
    own.reputation.advance(round);
  },
  'client.joined': (own, event) => {
    const round = roundOf(own, event, 'collect');
    const { client } = event.body;
    clientOf(own, event);
    demand(event, !round.members.has(client), `${client} is a member already`);
    demand(event, round.policy.lateJoin, 'nobody may join late');
    setMember(round, client, SILENT);
  },
  'client.left': (own, event) => {
    const round = roundOf(own, event, 'collect');
    const member = memberOf(round, event);
    demand(event, isUnsettled(member), 'it is settled already');
    setMember(round, event.body.client, { ...member, status: 'out', reason: event.body.reason });
  },
  'update.declared': (own, event) => {
    const round = roundOf(own, event, 'collect');
    const member = memberOf(round, event);
    demand(event, member.status !== 'committed', 'its update is committed');
    const { round: _, client, ...declaration } = event.body;
    setMember(round, client, {
      status: 'declared',
      declaration,
      declarations: member.declarations + 1,
      refusals: member.refusals,
    });
  },
  'update.committed': (own, event) => {
    const round = roundOf(own, event, 'collect');
    const { round: _, client, ...update } = event.body;
    const member = memberOf(round, event);
    demand(event, member.status === 'declared', 'it has declared no update');
    demand(event, member.declaration?.root === update.root, 'it has declared another update');
    setMember(round, client, { ...member, status: 'committed', update });
  },
  'update.refused': (own, event) => {
    const round = roundOf(own, event, 'collect');
    const member = memberOf(round, event);
    demand(event, member.status !== 'committed', 'its update is committed');
    const { declaration: _, ...rest } = member;
    const refusals = member.refusals + 1;
    setMember(
      round,
      event.body.client,
      refusals >= MAX_REFUSALS
        ? { ...rest, status: 'out', refusals, reason: `refused ${refusals} times` }
        : { ...rest, status: member.status === 'out' ? 'out' : 'silent', refusals },
    );
  },
  'round.closed': (own, event, time) => {
    const round = roundOf(own, event, 'collect');
    const { reason, committed, missing } = event.body;
    const members = settledMembers(round);
    demand(event, sameIds(committed, members.committed), 'others have committed');
    demand(event, sameIds(missing, members.missing), 'others are missing');
    round.closed = { reason, committed, missing };
    round.processingSince = time;
    round.phase = 'screen';
  },
  'round.screened': (own, event) => {
    const round = roundOf(own, event, 'screen');
    const { kept, excluded } = event.body;
    const told = [...kept, ...excluded.map(({ client }) => client)].sort(compareClients);
    demand(event, sameIds(told, round.closed!.committed), 'each update is kept or excluded once');
    round.screened = { kept, excluded };
    round.phase = afterScreen(round.policy);
  },
  // The ledger reads its own lines.
  'ledger.line': () => {},
  'privacy.reserved': (own, event) => {
    const round = roundOf(own, event, 'account');
    const { charge } = event.body;
    demand(event, charge > (own.charge ?? -1), 'a charge is above all before');
    own.charge = charge;
    round.charge = charge;
    round.phase = round.policy.noise === 'clients' ? 'unmask' : 'aggregate';
  },
  'round.unmasked': (own, event) => {
    const round = roundOf(own, event, 'unmask');
    const { sums, lost } = event.body;
    const told = [...sums.flatMap(({ clients }) => clients), ...lost].sort(compareClients);
    demand(event, sameIds(told, round.screened!.kept), 'each client is in one sum or lost');
    round.sums = sums;
    round.phase = round.policy.noise === 'server' ? 'account' : 'aggregate';
  },
  'round.aggregated': (own, event) => {
    const round = roundOf(own, event, 'aggregate');
    const { blob, charge } = event.body;
    demand(event, charge === round.charge, `it is released under charge ${show(round.charge)}`);
    round.aggregate = blob;
    round.phase = 'publish';
  },
  'round.published': (own, event) => {
    const round = roundOf(own, event, 'publish');
    const { model, optimizer } = event.body;
    round.published = model;
    round.phase = 'done';
    own.model = model;
    if (optimizer !== undefined) own.optimizer = optimizer;
    own.published++;
    own.failuresInARow = 0;
    for (const client of round.screened!.kept) own.reputation.tookPart(client);
  },
  'round.failed': (own, event) => {
    const round = roundOf(own, event);
    const { code, reason } = event.body;
    demand(event, !isOver(round), 'the round is over');
    round.failure = { code, reason };
    round.phase = 'failed';
    own.failuresInARow++;
  },
};

const SILENT: Member = { status: 'silent', declarations: 0, refusals: 0 };

/** How many clients' updates are in the aggregate: sums under masks may have lost some. */
export function countedClients({ screened, sums }: Pick<RoundState, 'screened' | 'sums'>): number {
  if (sums === undefined) return screened?.kept.length ?? 0;
  return sums.reduce((count, { clients }) => count + clients.length, 0);
}

/** Whether nothing more comes of a round. */
export function isOver({ phase }: Pick<RoundState, 'phase'>): boolean {
  return phase === 'done' || phase === 'failed';
}

/** Whether an update of this member may still come. */
export function isUnsettled({ status }: Member): boolean {
  return status === 'silent' || status === 'declared';
}

/** Members with an update and those without, each ascending. */
export function settledMembers({ members }: Pick<RoundState, 'members'>): {
  readonly committed: readonly string[];
  readonly missing: readonly string[];
} {
  const ids = [...members.keys()].sort(compareClients);
  const has = (id: string): boolean => members.get(id)!.status === 'committed';
  return { committed: ids.filter(has), missing: ids.filter((id) => !has(id)) };
}

function afterScreen({ noise, secure }: RoundPolicy): RoundPhase {
  // A sum that holds noise is released as it is unmasked: it must be charged before.
  if (noise === 'clients') return 'account';
  if (secure) return 'unmask';
  return noise === 'server' ? 'account' : 'aggregate';
}

function setMember(round: OwnRound, client: string, member: Member): void {
  const before = round.members.get(client);
  round.members.set(client, member);
  const is = (status: Member['status']): number =>
    Number(member.status === status) - Number(before?.status === status);
  round.committed += is('committed');
  round.unsettled += is('silent') + is('declared');
}

type RoundEvent = RunEvent<
  { [T in EventType]: EventBodies[T] extends { round: number } ? T : never }[EventType]
>;

function roundOf(own: OwnRun, event: RoundEvent, phase?: RoundPhase): OwnRound {
  const { round } = own;
  if (round?.round !== event.body.round) {
    throw impossible(
      event,
      round === undefined ? 'no round has begun' : `round ${round.round} goes on`,
    );
  }
  if (phase !== undefined && round.phase !== phase) {
    throw impossible(event, `round ${round.round} is in phase ${round.phase}`);
  }
  return round;
}

function memberOf(
  round: OwnRound,
  event: RunEvent<'client.left' | 'update.declared' | 'update.committed' | 'update.refused'>,
): Member {
  const member = round.members.get(event.body.client);
  if (member === undefined) throw impossible(event, `${event.body.client} is no member`);
  return member;
}

function clientOf(
  own: OwnRun,
  event: RunEvent,
  client: string = (event.body as { client: string }).client,
): ClientState {
  const found = own.clients.get(client);
  if (found === undefined) throw impossible(event, `${client} is not registered`);
  return found;
}

function sameIds(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}

function demand(event: RunEvent, holds: boolean, otherwise: string): void {
  if (!holds) throw impossible(event, otherwise);
}

function impossible({ type, body }: RunEvent, why: string): FormatError {
  const round = 'round' in body ? ` of round ${body.round}` : '';
  return new FormatError('malformed', `event ${type}${round} cannot follow: ${why}`);
}
