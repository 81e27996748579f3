/**
 * SAGG1 and the machine of rounds in step: what of the one follows for the other. All of it is for within a
 * turn, in which nothing else changes the run.
 *
 * @module
 */

import { describeRefusal } from '../secagg/reasons.ts';
import type { ServerPhase } from '../secagg/server/state.ts';
import type { RoundInput } from './round-io.ts';
import { isOver, isUnsettled } from './run-state.ts';
import type { Decided } from './run-steps.ts';
import type { MaskedUpdate, SecureHost } from './secure-host.ts';
import { refusedAs, type SecureRefusal } from './secure-refusals.ts';
import type { SecureRound } from './secure-round.ts';

/** Phases of SAGG1 in which a round collects. */
export const COLLECTING: ReadonlySet<ServerPhase> = new Set<ServerPhase>([
  'keys',
  'shares',
  'masked',
]);

/** Why nothing can be taken from a client now, or this update cannot. */
export function faultOf(
  own: SecureRound,
  { host, client, update }: { host: SecureHost; client: string; update?: MaskedUpdate },
): SecureRefusal | undefined {
  const { round } = host.state();
  const member = round?.round === own.round ? round.members.get(client) : undefined;
  if (round?.round !== own.round || own.isLost || isOver(round)) {
    return refusedAs('round-over', `round ${own.round} is over`);
  }
  if (member === undefined) return refusedAs('not-selected', `${client} is not in this round`);
  if (update === undefined || member.status === 'committed') return undefined;
  if (round.phase !== 'collect') return refusedAs('round-over', `round ${own.round} has closed`);
  if (member.status === 'declared' && member.declaration?.root === update.root) return undefined;
  return refusedAs('not-declared', `${client} has not declared this update`);
}

/**
 * Brings the machine to where SAGG1 is: inputs of its sums are committed, whoever it waits for no more
 * leaves, and the round fails where it gave up. What was done before is not done again.
 */
export function settled(own: SecureRound, host: SecureHost): Decided[] {
  const { round } = host.state();
  if (round?.round !== own.round || round.phase !== 'collect') return [];
  const number = own.round;
  const steps: Decided[] = [];
  const say = (input: RoundInput): void => {
    steps.push(host.decide(input, host.now()));
  };
  if (own.phase === 'aborted') {
    const reason = describeRefusal(own.refusal!);
    say({ kind: 'broke', round: number, phase: 'collect', code: 'not-unmasked', reason });
    return steps;
  }
  for (const [identity, blob] of own.blobs) {
    const client = host.ownerOf(identity) ?? '';
    const member = round.members.get(client);
    if (member?.status !== 'declared') continue;
    say({ kind: 'commit', round: number, client, root: member.declaration!.root, blob });
  }
  if (COLLECTING.has(own.phase)) return steps;
  const reason = 'nothing came of it in time';
  const missing = [...round.members].filter(([, member]) => isUnsettled(member));
  for (const [client] of missing) say({ kind: 'leave', client, reason });
  return steps;
}

/** Ends a round whose journal did not take what SAGG1 has: nothing may follow from that. */
export function lost(own: SecureRound, host: SecureHost): Decided[] {
  const { round } = host.state();
  if (round?.round !== own.round || isOver(round)) return [];
  const { phase } = round;
  const reason = 'the journal could not be written';
  const input = { kind: 'broke', round: own.round, phase, code: 'not-unmasked', reason } as const;
  return [host.decide(input, host.now())];
}
