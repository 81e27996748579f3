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
 * event of the first is safe. So what was answered is in the log, and a process that is killed at any point
 * is taken up by folding the log and calling `resume`. Work may be done twice, by two processes; its result
 * is taken once.
 *
 * Clients drop out and come late: that is the normal case. A round closes when no member is left to wait
 * for, when it has what it wants (if its policy says so) or at its deadline, and then goes on if it has its
 * quorum. What follows has a time limit too, so every round ends.
 *
 * Here are its beginning, its end and its limits; `round-collecting.ts` answers clients, `round-phases.ts`
 * has what follows collecting, `round-io.ts` the words of both.
 *
 * @module
 */

import { assertInteger } from '../core/assert.ts';
import { counted } from '../core/counted.ts';
import {
  compareClients,
  type EventType,
  type RoundPolicy,
  type RunEvent,
  shortReason,
} from './events.ts';
import { commit, declare, join, leave, refuse } from './round-collecting.ts';
import {
  AGAIN,
  type Answer,
  DONE,
  type Effects,
  type Emit,
  type Moment,
  type RoundInput,
  type RoundPlan,
} from './round-io.ts';
import { failed, finish, workOf } from './round-phases.ts';
import { dueOf, type RoundStatus, statusOf, WAITS } from './round-status.ts';
import { fold, isOver, type RoundState, type RunState, settledMembers } from './run-state.ts';

/** Events of clients that are not of a round. */
export type ClientEvent = Exclude<
  Extract<EventType, `client.${string}`>,
  'client.joined' | 'client.left'
>;

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

  /** Ends the run: no round follows. */
  end(reason: string, now: number): Effects {
    return this.#step(now, ({ emit }) => {
      const rounds = this.state.round?.round ?? 0;
      emit({ type: 'run.finished', body: { rounds, reason } });
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

function place({ round }: RunState): string {
  return round === undefined ? '' : `${round.round} ${round.phase}`;
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
  const fewest = `where ${quorum} ${quorum === 1 ? 'is' : 'are'} the fewest`;
  const came = round.closed.committed.length;
  const kept = round.screened?.kept.length;
  if (came < quorum) {
    moment.emit(
      failed(round, { code: 'too-few', reason: `${counted(came, 'update')}, ${fewest}` }),
    );
  } else if (kept !== undefined && kept < quorum) {
    const reason = `the screen left ${counted(kept, 'update')}, ${fewest}`;
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
