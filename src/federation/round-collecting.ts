/**
 * What clients want of a round that collects: to take part, to declare an update, to commit it, to leave;
 * and why they may not. A request that comes again gets the answer of the first.
 *
 * @module
 */

import { type Declaration, shortReason } from './events.ts';
import { AGAIN, type Answer, DONE, type Input, type Moment, refused } from './round-io.ts';
import {
  isUnsettled,
  MAX_REFUSALS,
  type Member,
  type RoundState,
  type RunState,
} from './run-state.ts';

/** Declarations that a client may make in a round: it may train anew after a crash. */
export const MAX_DECLARATIONS = 4;

/** A client that was not selected takes part, where the round has room. */
export function join(state: RunState, { client }: Input<'join'>, { emit, time }: Moment): Answer {
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

/** A client is waited for no more. */
export function leave(
  { round }: RunState,
  { client, reason }: Input<'leave'>,
  { emit }: Moment,
): Answer {
  const member = round?.members.get(client);
  if (round?.phase !== 'collect' || member === undefined || !isUnsettled(member)) return AGAIN;
  emit({ type: 'client.left', body: { round: round.round, client, reason: shortReason(reason) } });
  return DONE;
}

/** A client says what it will send. */
export function declare(state: RunState, input: Input<'declare'>, { emit, time }: Moment): Answer {
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

/** What a client declared is all there. */
export function commit(state: RunState, input: Input<'commit'>, { emit, time }: Moment): Answer {
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

/** What a client sent is refused: it counts against it while the round collects. */
export function refuse(state: RunState, input: Input<'refuse'>, { emit, time }: Moment): Answer {
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
