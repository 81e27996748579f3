/**
 * What is held against clients in rounds, and how much it counts.
 *
 * One suspicion never puts a client into quarantine, however strong: it weighs 1 at most, and quarantine
 * begins at a harm of 1.2 by default. Suspicions that come again and again do, before they fade.
 *
 * @module
 */

import type { ClientInspection } from '../analysis/inspect.ts';
import type { Exclusion } from './events.ts';
import type { Evidence } from './reputation.ts';
import type { Member, RoundState } from './run-state.ts';

/** An update at the threshold of suspicion counts half, one at twice the threshold or beyond 1. */
const SUSPICION = { least: 0.5, most: 1 } as const;
/** What the screen alone excludes: a client that diverged sends it, too. */
const UNFIT = 0.5;
/** Each update that was refused when all of it had come. */
const REFUSED = 0.3;
/** Clients drop out, and that is the normal case: by itself it never adds up to a quarantine. */
const MISSING = 0.05;

/** Evidence of what an inspection found out about a client. */
export function suspicion(
  client: string,
  { score, reason = 'it is unlike what honest clients send' }: ClientInspection,
  threshold: number,
): Evidence {
  const weight = Math.min(SUSPICION.most, (SUSPICION.least * score) / threshold);
  return { client, weight, ...parted(reason, 'detected') };
}

/** Evidence of an update that the screen does not let pass, `word: explanation`. */
export function unfit({ client, reason }: Exclusion): Evidence {
  return { client, weight: UNFIT, ...parted(reason, 'unfit') };
}

/** `word: explanation` as its parts. */
function parted(reason: string, kind: string): Pick<Evidence, 'kind' | 'reason'> {
  const [, word, words] = /^([\w-]{1,64}): (.+)$/s.exec(reason) ?? [];
  return { kind: word ?? kind, reason: words ?? reason };
}

/**
 * How members behaved while a round collected: nothing of what is in an update. Whoever says that it will
 * not send is not blamed, nor is anybody if the round closed before its deadline.
 */
export function conductOf({ members, closed, policy }: RoundState): Evidence[] {
  const isLate = closed?.reason === 'deadline' && policy.closing === 'all';
  return [...members].flatMap(([client, member]) => [
    ...refusalsOf(client, member),
    ...(isLate && (member.status === 'silent' || member.status === 'declared')
      ? [missing(client, member)]
      : []),
  ]);
}

function refusalsOf(client: string, { refusals }: Member): Evidence[] {
  if (refusals === 0) return [];
  const times = refusals === 1 ? 'once' : `${refusals} times`;
  const reason = `what it sent was refused ${times}`;
  return [{ client, kind: 'refused', weight: REFUSED * refusals, reason }];
}

function missing(client: string, { status }: Member): Evidence {
  const what = status === 'declared' ? 'did not send all of its update' : 'sent nothing';
  return { client, kind: 'missing', weight: MISSING, reason: `it ${what} in time` };
}
