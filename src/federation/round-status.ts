/**
 * How a round is getting on, in numbers and in a sentence.
 *
 * @module
 */

import { counted } from '../core/counted.ts';
import { compareClients } from './events.ts';
import {
  isOver,
  isUnsettled,
  type RoundPhase,
  type RoundState,
  type RunState,
} from './run-state.ts';

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

/** Clients that a sentence names. */
const NAMED = 8;

/** What each phase is waiting for, in words. */
export const WAITS: Readonly<Record<RoundPhase, string>> = {
  collect: 'collecting updates',
  screen: 'screening them',
  unmask: 'taking masks off',
  account: 'charging the budget',
  aggregate: 'aggregating',
  publish: 'making the next model',
  done: 'nothing',
  failed: 'nothing',
};

/** When the phase of a round ends by itself; `undefined` where nothing is waited for. */
export function dueOf(round: RoundState | undefined): number | undefined {
  if (round === undefined || isOver(round)) return undefined;
  if (round.phase === 'collect') return round.deadline;
  return round.processingSince! + round.policy.processingMs;
}

/** How the last round is getting on at `time`. */
export function statusOf({ round }: RunState, time: number): RoundStatus {
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
  if (published !== undefined)
    return `published, of ${counted(round.screened!.kept.length, 'update')}`;
  const left = `${Math.ceil(Math.max(0, due! - time) / 1000)} s left`;
  if (round.phase !== 'collect')
    return `${counted(committed, 'update')}, ${WAITS[round.phase]}, ${left}`;
  const need = `need ${policy.quorum}`;
  return `${committed} of ${counted(policy.wanted, 'update')}, ${need}, ${left}, ${missingText(missing, round)}`;
}

function missingText(missing: readonly string[], { policy }: RoundState): string {
  if (missing.length === 0) return policy.lateJoin ? 'waiting for others to join' : 'none missing';
  const named = missing.slice(0, NAMED).join(' ');
  const more = missing.length - NAMED;
  return `missing: ${named}${more > 0 ? ` and ${more} more` : ''}`;
}
