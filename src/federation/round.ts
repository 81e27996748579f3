/**
 * A round as a state machine without sockets, disks or clocks: inputs and the time go in; events for the
 * log, an answer and work come out.
 *
 * ```
 * collect → screen → unmask → account → aggregate → publish → done
 *                    (masked)  (noise)                any → failed
 * ```
 *
 * Where clients add the noise, `account` stands before `unmask`: a sum that holds noise is released as it
 * is unmasked, and every release is charged before.
 *
 * Whoever runs the machine writes `log` first, and answers and begins the work once that is on disk, with
 * everything that was logged before: a repeated request is answered without an event, but not before the
 * event of the first is safe. So what was answered is in the log, and a process that is killed at any point is taken up by folding the log
 * and calling `resume`. Work may be done twice, by two processes; its result is taken once.
 *
 * Clients drop out and come late: that is the normal case. A round closes when no member is left to wait
 * for, when it has what it wants (if its policy says so) or at its deadline, and then goes on if it has its
 * quorum. What follows has a time limit too, so every round ends.
 *
 * @module
 */

import { assertInteger } from '../core/assert.ts';
import {
  compareClients,
  type Declaration,
  type EventType,
  type Exclusion,
  type FailureCode,
  type OpenedSum,
  type RoundPolicy,
  type RunEvent,
  type SignedTerms,
  shortReason,
} from './events.ts';
import {
  fold,
  isOver,
  isUnsettled,
  MAX_REFUSALS,
  type Member,
  type RoundPhase,
  type RoundState,
  type RunState,
  settledMembers,
} from './run-state.ts';

/** Why a client was refused by a round. The number is the status in HTTP. */
export const ROUND_REFUSALS = {
  /** Nobody of that name is enrolled. */
  'unknown-client': 401,
  revoked: 403,
  /** The enrolment has ended. */
  expired: 403,
  /** Too much is held against it. */
  quarantined: 403,
  'not-selected': 403,
  /** No round has begun. */
  'no-round': 409,
  'wrong-round': 409,
  /** The round has closed. */
  'round-over': 409,
  /** An update is sent that was not declared, or not this one. */
  'not-declared': 409,
  /** Another update of this client was accepted. */
  'already-committed': 409,
  /** The round has as many members as it may have. */
  full: 409,
  'too-many-attempts': 429,
} as const;

/** Codes of {@link ROUND_REFUSALS}. */
export type RoundRefusalCode = keyof typeof ROUND_REFUSALS;

/** What is answered to whoever gave the input. */
export type Answer =
  /** `repeated`: it was so already. */
  | { readonly ok: true; readonly repeated: boolean }
  | {
      readonly ok: false;
      readonly code: string;
      readonly status: number;
      /** A sentence. */
      readonly reason: string;
    };

/** What somebody wants of a round, or has done for it. */
export type RoundInput =
  /** A client that was not selected wants to take part. */
  | { readonly kind: 'join'; readonly client: string }
  /** A client will send nothing, or nothing more. */
  | { readonly kind: 'leave'; readonly client: string; readonly reason: string }
  /** A signed statement was verified. */
  | ({ readonly kind: 'declare'; readonly round: number; readonly client: string } & Declaration)
  /** All chunks are there, their root is the declared one, and the blob is on disk. */
  | {
      readonly kind: 'commit';
      readonly round: number;
      readonly client: string;
      readonly root: string;
      readonly blob: string;
    }
  /** What a client sent is refused, by whoever looked at it. */
  | {
      readonly kind: 'refuse';
      readonly round: number;
      readonly client: string;
      readonly code: string;
      readonly status: number;
      readonly reason: string;
    }
  | {
      readonly kind: 'screened';
      readonly round: number;
      /** Whose updates do not go on; the others do. */
      readonly excluded: readonly Exclusion[];
      readonly report?: string;
    }
  | {
      readonly kind: 'unmasked';
      readonly round: number;
      readonly sums: readonly OpenedSum[];
      readonly transcript?: string;
    }
  | {
      readonly kind: 'reserved';
      readonly round: number;
      readonly charge: number;
      readonly epsilon: number;
    }
  | {
      readonly kind: 'aggregated';
      readonly round: number;
      readonly blob: string;
      /** The charge under which noise was drawn. */
      readonly charge?: number;
      readonly report?: string;
    }
  | {
      readonly kind: 'stepped';
      readonly round: number;
      readonly model: string;
      readonly optimizer?: string;
    }
  /** Work gave no result. */
  | {
      readonly kind: 'broke';
      readonly round: number;
      readonly phase: RoundPhase;
      readonly code: FailureCode;
      readonly reason: string;
    }
  /** The operator ends the round. */
  | { readonly kind: 'cancel'; readonly reason: string };

/** A row for the rule. */
export interface RoundRow {
  /** Whose it is: one client, or all whose sum it is. */
  readonly clients: readonly string[];
  readonly blob: string;
  /** Examples together, as claimed and capped. */
  readonly samples: number;
  /** What else the client claimed, where the optimiser asks for it. */
  readonly claims?: Pick<SignedTerms, 'steps' | 'loss'>;
}

/** What is to be done next; its result comes back as an input of the round. */
export type RoundWork =
  /** → `screened`. */
  | { readonly kind: 'screen'; readonly round: number; readonly rows: readonly RoundRow[] }
  /** → `unmasked`. */
  | { readonly kind: 'unmask'; readonly round: number; readonly clients: readonly string[] }
  /** → `reserved`, or `broke` with `over-budget`. */
  | { readonly kind: 'account'; readonly round: number }
  /** → `aggregated`. */
  | {
      readonly kind: 'aggregate';
      readonly round: number;
      /** By their first client, ascending. */
      readonly rows: readonly RoundRow[];
      /** All members: those without a row count as zero where noise was planned for so many. */
      readonly cohort: readonly string[];
      readonly charge?: number;
    }
  /** → `stepped`. */
  | {
      readonly kind: 'publish';
      readonly round: number;
      readonly model: string;
      readonly aggregate: string;
      readonly optimizer?: string;
    };

/** What comes out. */
export interface Effects {
  /** The time of the events. */
  readonly time: number;
  /**
   * To be logged, in this order, before anything else of this is done. Where it is empty, what was given
   * out before must be on disk all the same.
   */
  readonly log: readonly RunEvent[];
  readonly answer?: Answer;
  readonly work?: RoundWork;
}

/** A round to be opened. */
export interface RoundPlan {
  readonly selected: readonly string[];
  /** Who was not to be selected, and why. */
  readonly excluded?: readonly Exclusion[];
  readonly policy: RoundPolicy;
  /** How long it collects, in milliseconds. */
  readonly collectMs: number;
}

/** How a round is getting on. */
export interface RoundStatus {
  /** 0 before the first. */
  readonly round: number;
  readonly phase: RoundPhase | 'idle';
  /** Updates that are committed, wanted and needed. */
  readonly updates: number;
  readonly wanted: number;
  readonly quorum: number;
  readonly members: number;
  /** Whose update may still come, ascending. */
  readonly missing: readonly string[];
  /** Milliseconds until the phase ends by itself; `undefined` where it is over. */
  readonly msLeft?: number;
  /** The above in a sentence: what it waits for, or how it ended. */
  readonly text: string;
}

/** Declarations that a client may make in a round: it may train anew after a crash. */
export const MAX_DECLARATIONS = 4;
/** Clients that a sentence names. */
const NAMED = 8;

/** Events of clients that are not of a round. */
export type ClientEvent = Exclude<
  Extract<EventType, `client.${string}`>,
  'client.joined' | 'client.left'
>;

type Emit = (event: RunEvent) => void;

/**
 * The rounds of a run, one after another. It owns the state, which must come from the log, and folds its own
 * events as it gives them out: if they cannot be logged, it is to be thrown away, and the log folded anew.
 */
export class RoundMachine {
  readonly state: RunState;

  /** @param state - As {@link fold} made it of the log, the beginning of the run included. */
  constructor(state: RunState) {
    this.state = state;
  }

  /**
   * Opens the next round.
   *
   * @throws {RangeError} if a round goes on, or the plan cannot work: the message says why.
   */
  open(plan: RoundPlan, now: number): Effects {
    return this.#step(now, ({ emit, time }) => {
      emit({ type: 'round.opened', body: openingOf(this.state, plan, time) });
      return undefined;
    });
  }

  /**
   * Takes in what happened to a client outside of rounds. A round may close for it: the last one that was
   * waited for may be revoked.
   *
   * @throws {FormatError} if the event cannot follow. Nothing has happened then.
   */
  record(event: RunEvent<ClientEvent>, now: number): Effects {
    return this.#step(now, ({ emit }) => {
      emit(event);
      return undefined;
    });
  }

  /**
   * Takes an input. Whatever it is, deadlines that have passed count first.
   *
   * @throws {FormatError} if a result of work does not fit what was asked for, such as sums over others
   *   than those that were kept. Nothing has happened then.
   */
  handle(input: RoundInput, now: number): Effects {
    return this.#step(now, (moment) => {
      lapse(this.state, moment);
      return decide(this.state, input, moment);
    });
  }

  /** Looks at the time. To be called at {@link due}, or more often. */
  tick(now: number): Effects {
    return this.#step(now, (moment) => {
      lapse(this.state, moment);
      return undefined;
    });
  }

  /** Takes up a run from its log, in a new process: the work of the phase is to be done again. */
  resume(now: number): Effects {
    // Before limits are looked at: the time that no process was there does not count against work.
    const effects = this.#step(now, (moment) => {
      moment.emit({ type: 'run.resumed', body: {} });
      lapse(this.state, moment);
      return undefined;
    });
    const work = workOf(this.state);
    return { ...effects, ...(work !== undefined && { work }) };
  }

  /** When `tick` has something to do; `undefined` where nothing is waited for. */
  get due(): number | undefined {
    return dueOf(this.state.round);
  }

  status(now: number): RoundStatus {
    return statusOf(this.state, Math.max(now, this.state.time));
  }

  #step(now: number, act: (moment: Moment) => Answer | undefined): Effects {
    // A clock that was put back must not undo a deadline.
    const time = Math.max(assertInteger('now', now, 0), this.state.time);
    const log: RunEvent[] = [];
    const emit: Emit = (event) => {
      fold(this.state, { event, time });
      log.push(event);
    };
    const before = place(this.state);
    const answer = act({ emit, time });
    settle(this.state, { emit, time });
    const work = place(this.state) === before ? undefined : workOf(this.state);
    return { time, log, ...(answer && { answer }), ...(work && { work }) };
  }
}

interface Moment {
  readonly emit: Emit;
  readonly time: number;
}

function place({ round }: RunState): string {
  return round === undefined ? '' : `${round.round} ${round.phase}`;
}

function dueOf(round: RoundState | undefined): number | undefined {
  if (round === undefined || isOver(round)) return undefined;
  if (round.phase === 'collect') return round.deadline;
  return round.processingSince! + round.policy.processingMs;
}

/** What time alone does: closes at the deadline, gives up work that takes too long. */
function lapse(state: RunState, { emit, time }: Moment): void {
  const { round } = state;
  const due = dueOf(round);
  if (round === undefined || due === undefined || time < due) return;
  if (round.phase === 'collect') {
    settle(state, { emit, time });
    return;
  }
  const reason = `${WAITS[round.phase]} took longer than ${round.policy.processingMs} ms`;
  emit(failed(round, { code: 'stalled', reason }));
}

/**
 * What follows from the state by itself: it closes, and it fails below its quorum. Looked at after every
 * step, since a process may die between an event and what follows from it.
 */
function settle(state: RunState, moment: Moment): void {
  closeIfDue(state, moment);
  const { round } = state;
  if (round?.closed === undefined || isOver(round)) return;
  const { quorum } = round.policy;
  const fewest = `where ${quorum} are the fewest`;
  const came = round.closed.committed.length;
  const kept = round.screened?.kept.length;
  if (came < quorum) {
    moment.emit(failed(round, { code: 'too-few', reason: `${came} updates, ${fewest}` }));
  } else if (kept !== undefined && kept < quorum) {
    const reason = `the screen left ${kept} updates, ${fewest}`;
    moment.emit(failed(round, { code: 'screened-out', reason }));
  }
}

function closeIfDue({ round }: RunState, { emit, time }: Moment): void {
  if (round?.phase !== 'collect') return;
  const reason = closingReason(round, time);
  if (reason === undefined) return;
  const { committed, missing } = settledMembers(round);
  emit({ type: 'round.closed', body: { round: round.round, reason, committed, missing } });
}

function closingReason(
  { policy, committed, unsettled, members, deadline }: RoundState,
  time: number,
): 'complete' | 'wanted' | 'deadline' | undefined {
  if (policy.closing === 'wanted' && committed >= policy.wanted) return 'wanted';
  // Somebody may yet join a round that has room.
  const mayGrow = policy.lateJoin && members.size < policy.capacity;
  if (unsettled === 0 && !mayGrow) return 'complete';
  return time >= deadline ? 'deadline' : undefined;
}

function failed(
  { round }: RoundState,
  { code, reason }: { readonly code: FailureCode; readonly reason: string },
): RunEvent<'round.failed'> {
  return { type: 'round.failed', body: { round, code, reason: shortReason(reason) } };
}

function openingOf(
  state: RunState,
  { selected, excluded = [], policy, collectMs }: RoundPlan,
  time: number,
): RunEvent<'round.opened'>['body'] {
  const { round, model } = state;
  if (model === undefined) throw new RangeError('the run has no model yet');
  if (state.finished !== undefined) throw new RangeError('the run is finished');
  if (round !== undefined && !isOver(round)) throw new RangeError(`round ${round.round} goes on`);
  assertInteger('collectMs', collectMs, 1);
  const members = [...new Set(selected)].sort(compareClients);
  checkPolicy(policy, members.length);
  const stranger = members.find((client) => !state.clients.has(client));
  if (stranger !== undefined) throw new RangeError(`${stranger} is not registered`);
  return {
    round: (round?.round ?? 0) + 1,
    model,
    selected: members,
    excluded: excluded.map((one) => ({ ...one, reason: shortReason(one.reason) })),
    deadline: time + collectMs,
    policy,
  };
}

function checkPolicy(policy: RoundPolicy, selected: number): void {
  const { wanted, quorum, capacity, closing, lateJoin, noise, secure, processingMs } = policy;
  assertInteger('capacity', capacity, selected);
  assertInteger('wanted', wanted, 0, lateJoin ? capacity : selected);
  assertInteger('quorum', quorum, 0, wanted);
  assertInteger('processingMs', processingMs, 1);
  if (closing === 'wanted' && wanted === 0) {
    throw new RangeError('a round that closes with what it wants must want 1 update at least');
  }
  if (noise === 'clients' && !secure) {
    throw new RangeError('noise in shares of clients is for masked updates');
  }
}

/** What an input does. */
function decide(state: RunState, input: RoundInput, moment: Moment): Answer {
  switch (input.kind) {
    case 'join':
      return join(state, input, moment);
    case 'leave':
      return leave(state, input, moment);
    case 'declare':
      return declare(state, input, moment);
    case 'commit':
      return commit(state, input, moment);
    case 'refuse':
      return refuse(state, input, moment);
    case 'cancel':
      if (state.round !== undefined && !isOver(state.round)) {
        moment.emit(failed(state.round, { code: 'cancelled', reason: input.reason }));
        return DONE;
      }
      return AGAIN;
    default:
      return finish(state, input, moment.emit);
  }
}

const DONE: Answer = { ok: true, repeated: false };
const AGAIN: Answer = { ok: true, repeated: true };

function refused(code: RoundRefusalCode, reason: string): Answer {
  return { ok: false, code, status: ROUND_REFUSALS[code], reason };
}

type Input<K extends RoundInput['kind']> = Extract<RoundInput, { readonly kind: K }>;

function join(state: RunState, { client }: Input<'join'>, { emit, time }: Moment): Answer {
  const { round } = state;
  const stranger = enrolmentFault(state, client, time);
  if (stranger !== undefined) return stranger;
  if (round === undefined) return refused('no-round', 'no round has begun');
  const member = round.members.get(client);
  if (member !== undefined) return AGAIN;
  if (round.phase !== 'collect') return over(round);
  const { lateJoin, capacity } = round.policy;
  if (!lateJoin) return refused('not-selected', notSelected(client, round));
  if (state.reputation.isQuarantined(client)) {
    return refused('quarantined', state.reputation.explain(client));
  }
  if (round.members.size >= capacity) {
    return refused('full', `round ${round.round} has the ${capacity} members that it may have`);
  }
  emit({ type: 'client.joined', body: { round: round.round, client } });
  return DONE;
}

function leave({ round }: RunState, { client, reason }: Input<'leave'>, { emit }: Moment): Answer {
  const member = round?.members.get(client);
  if (round?.phase !== 'collect' || member === undefined || !isUnsettled(member)) return AGAIN;
  emit({ type: 'client.left', body: { round: round.round, client, reason: shortReason(reason) } });
  return DONE;
}

function declare(state: RunState, input: Input<'declare'>, { emit, time }: Moment): Answer {
  const admitted = admit(state, input, time);
  if ('ok' in admitted) return admitted;
  const { round, member } = admitted;
  const { kind: _, ...body } = input;
  if (member.status === 'committed') {
    return member.update!.root === input.root ? AGAIN : committedAlready(input.client);
  }
  if (round.phase !== 'collect') return over(round);
  if (member.status === 'declared' && sameDeclaration(member.declaration!, input)) return AGAIN;
  if (member.declarations >= MAX_DECLARATIONS || member.refusals >= MAX_REFUSALS) {
    return tooMany(input.client, member);
  }
  emit({ type: 'update.declared', body });
  return DONE;
}

function commit(state: RunState, input: Input<'commit'>, { emit, time }: Moment): Answer {
  const admitted = admit(state, input, time);
  if ('ok' in admitted) return admitted;
  const { round, member } = admitted;
  const { client, root, blob } = input;
  // Also after the closing: whoever lost the first answer asks again.
  if (member.status === 'committed') {
    const same = member.update!.root === root && member.update!.blob === blob;
    return same ? AGAIN : committedAlready(client);
  }
  if (round.phase !== 'collect') return over(round);
  const { declaration } = member;
  if (member.status !== 'declared' || declaration?.root !== root) {
    return refused('not-declared', `${client} has not declared an update of root ${root}`);
  }
  const { samples } = declaration;
  emit({
    type: 'update.committed',
    body: { round: round.round, client, blob, root, samples },
  });
  return DONE;
}

function refuse(state: RunState, input: Input<'refuse'>, { emit, time }: Moment): Answer {
  const { client, code, status, reason } = input;
  const answer = { ok: false, code, status, reason } as const;
  const admitted = admit(state, input, time);
  if ('ok' in admitted || admitted.round.phase !== 'collect') return answer;
  const { round, member } = admitted;
  if (member.status === 'committed' || member.refusals >= MAX_REFUSALS) return answer;
  const body = { round: round.round, client, code, reason: shortReason(reason) };
  emit({ type: 'update.refused', body });
  return answer;
}

/** Results of work. A result that nothing waits for any more changes nothing. */
function finish(
  { round }: RunState,
  input: Input<'screened' | 'unmasked' | 'reserved' | 'aggregated' | 'stepped' | 'broke'>,
  emit: Emit,
): Answer {
  const phase = input.kind === 'broke' ? input.phase : RESULTS[input.kind];
  if (round?.round !== input.round || round.phase !== phase || isOver(round)) return AGAIN;
  switch (input.kind) {
    case 'screened':
      screened(round, input, emit);
      return DONE;
    case 'unmasked': {
      const within = new Set(input.sums.flatMap(({ clients }) => clients));
      const lost = round.screened!.kept.filter((client) => !within.has(client));
      const { sums, transcript } = input;
      const body = { round: round.round, sums, lost, ...(transcript && { transcript }) };
      emit({ type: 'round.unmasked', body });
      return DONE;
    }
    case 'reserved': {
      const { kind: _, ...body } = input;
      emit({ type: 'privacy.reserved', body });
      return DONE;
    }
    case 'aggregated': {
      // Noise that was drawn under a charge which has since become void may not be released.
      if (input.charge !== round.charge) return AGAIN;
      const { kind: _, ...body } = input;
      emit({ type: 'round.aggregated', body });
      return DONE;
    }
    case 'stepped': {
      const { kind: _, ...body } = input;
      emit({ type: 'round.published', body });
      return DONE;
    }
    case 'broke':
      emit(failed(round, input));
      return DONE;
    default:
      return input satisfies never;
  }
}

/** The phase that each result ends. */
const RESULTS = {
  screened: 'screen',
  unmasked: 'unmask',
  reserved: 'account',
  aggregated: 'aggregate',
  stepped: 'publish',
} as const satisfies Record<string, RoundPhase>;

function screened(round: RoundState, { excluded, report }: Input<'screened'>, emit: Emit): void {
  const out = new Set(excluded.map(({ client }) => client));
  const kept = round.closed!.committed.filter((client) => !out.has(client));
  emit({
    type: 'round.screened',
    body: {
      round: round.round,
      kept,
      excluded: [...excluded]
        .sort((a, b) => compareClients(a.client, b.client))
        .map(({ client, reason }) => ({ client, reason: shortReason(reason) })),
      ...(report !== undefined && { report }),
    },
  });
}

/** The round and the member that a client's message is for, or why there is none. */
function admit(
  state: RunState,
  { client, round: number }: { readonly client: string; readonly round: number },
  time: number,
): { readonly round: RoundState; readonly member: Member } | Answer {
  const stranger = enrolmentFault(state, client, time);
  if (stranger !== undefined) return stranger;
  const { round } = state;
  if (round === undefined) return refused('no-round', 'no round has begun');
  if (round.round !== number) {
    return refused('wrong-round', `this is round ${round.round}, not round ${number}`);
  }
  const member = round.members.get(client);
  if (member === undefined) return refused('not-selected', notSelected(client, round));
  return { round, member };
}

function enrolmentFault(state: RunState, client: string, time: number): Answer | undefined {
  const known = state.clients.get(client);
  if (known === undefined) return refused('unknown-client', `${client} is not registered`);
  if (known.revoked) return refused('revoked', `${client} was revoked`);
  if (known.expires !== undefined && known.expires <= time) {
    return refused('expired', `the enrolment of ${client} has ended`);
  }
  return undefined;
}

function notSelected(client: string, { round }: RoundState): string {
  return `${client} was not selected for round ${round}`;
}

function over({ round }: RoundState): Answer {
  return refused('round-over', `round ${round} takes no more updates`);
}

function committedAlready(client: string): Answer {
  return refused('already-committed', `another update of ${client} was accepted in this round`);
}

function tooMany(client: string, { declarations, refusals }: Member): Answer {
  const counts = `${declarations} declarations, ${refusals} of what came was refused`;
  return refused('too-many-attempts', `${client} has tried too often in this round: ${counts}`);
}

function sameDeclaration(a: Declaration, b: Declaration): boolean {
  return (
    a.root === b.root &&
    a.bytes === b.bytes &&
    a.chunkBytes === b.chunkBytes &&
    a.dtype === b.dtype &&
    a.samples === b.samples &&
    a.signed?.steps === b.signed?.steps &&
    a.signed?.loss === b.signed?.loss
  );
}

/** The work of the present phase; the same whenever it is asked for. */
export function workOf({ round, optimizer }: RunState): RoundWork | undefined {
  if (round === undefined) return undefined;
  const number = round.round;
  switch (round.phase) {
    case 'screen':
      return { kind: 'screen', round: number, rows: rowsOf(round, round.closed!.committed) };
    case 'unmask':
      return { kind: 'unmask', round: number, clients: round.screened!.kept };
    case 'account':
      return { kind: 'account', round: number };
    case 'aggregate':
      return {
        kind: 'aggregate',
        round: number,
        rows: round.sums === undefined ? rowsOf(round, round.screened!.kept) : sumRows(round),
        cohort: [...round.members.keys()].sort(compareClients),
        ...(round.charge !== undefined && { charge: round.charge }),
      };
    case 'publish':
      return {
        kind: 'publish',
        round: number,
        model: round.model,
        aggregate: round.aggregate!,
        ...(optimizer !== undefined && { optimizer }),
      };
    default:
      return undefined;
  }
}

function rowsOf({ members }: RoundState, clients: readonly string[]): RoundRow[] {
  return clients.map((client) => {
    const { update, declaration } = members.get(client)!;
    const { blob, samples } = update!;
    const claims = claimsOf(declaration?.signed ?? {});
    return { clients: [client], blob, samples, ...(claims && { claims }) };
  });
}

function claimsOf({ steps, loss }: Pick<SignedTerms, 'steps' | 'loss'>): RoundRow['claims'] {
  if (steps === undefined && loss === undefined) return undefined;
  return { ...(steps !== undefined && { steps }), ...(loss !== undefined && { loss }) };
}

function sumRows({ sums = [], members }: RoundState): RoundRow[] {
  return sums
    .map(({ clients, blob, samples }) => ({
      clients,
      blob,
      samples: samples ?? clients.reduce((sum, id) => sum + members.get(id)!.update!.samples, 0),
    }))
    .sort((a, b) => compareClients(a.clients[0] ?? '', b.clients[0] ?? ''));
}

/** What each phase is waiting for, in words. */
const WAITS: Readonly<Record<RoundPhase, string>> = {
  collect: 'collecting updates',
  screen: 'screening them',
  unmask: 'taking masks off',
  account: 'charging the budget',
  aggregate: 'aggregating',
  publish: 'making the next model',
  done: 'nothing',
  failed: 'nothing',
};

function statusOf({ round }: RunState, time: number): RoundStatus {
  if (round === undefined) {
    const none = { round: 0, updates: 0, wanted: 0, quorum: 0, members: 0, missing: [] };
    return { ...none, phase: 'idle', text: 'no round has begun' };
  }
  const { policy, members, committed } = round;
  const missing =
    round.phase === 'collect'
      ? [...members.keys()].filter((id) => isUnsettled(members.get(id)!)).sort(compareClients)
      : [];
  const due = dueOf(round);
  return {
    round: round.round,
    phase: round.phase,
    updates: committed,
    wanted: policy.wanted,
    quorum: policy.quorum,
    members: members.size,
    missing,
    ...(due !== undefined && { msLeft: Math.max(0, due - time) }),
    text: `round ${round.round}: ${sentence(round, { missing, due, time })}`,
  };
}

function sentence(
  round: RoundState,
  { missing, due, time }: { missing: readonly string[]; due: number | undefined; time: number },
): string {
  const { committed, policy, failure, published } = round;
  if (failure !== undefined) return `failed, ${failure.code}: ${failure.reason}`;
  if (published !== undefined) return `published, of ${round.screened!.kept.length} updates`;
  const left = `${Math.ceil(Math.max(0, due! - time) / 1000)} s left`;
  if (round.phase !== 'collect') return `${committed} updates, ${WAITS[round.phase]}, ${left}`;
  const need = `need ${policy.quorum}`;
  return `${committed} of ${policy.wanted} updates, ${need}, ${left}, ${missingText(missing, round)}`;
}

function missingText(missing: readonly string[], { policy }: RoundState): string {
  if (missing.length === 0) return policy.lateJoin ? 'waiting for others to join' : 'none missing';
  const named = missing.slice(0, NAMED).join(' ');
  const more = missing.length - NAMED;
  return `missing: ${named}${more > 0 ? ` and ${more} more` : ''}`;
}
