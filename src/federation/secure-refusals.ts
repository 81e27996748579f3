/**
 * Why a message of a round under masks was refused: SAGG1's reasons in the words of this federation.
 *
 * @module
 */

import type { Reason } from '../secagg/reasons.ts';
import { REFUSALS, type RefusalCode } from './refusals.ts';
import { ROUND_REFUSALS, type RoundRefusalCode } from './round-io.ts';

/** Codes that only messages under masks can get, and their statuses. */
const OWN = {
  /** Another message than the one that was taken before. */
  'other-message': 409,
  /** For a phase that has not begun. */
  'too-early': 409,
  /** A key that nothing can be agreed on with. */
  'bad-key': 422,
  /** The server's own failure. */
  failed: 500,
} as const;

/** A code of these, or one that other requests can get. */
export type SecureRefusalCode = RefusalCode | RoundRefusalCode | keyof typeof OWN;

const STATUSES: Readonly<Record<SecureRefusalCode, number>> = {
  ...REFUSALS,
  ...ROUND_REFUSALS,
  ...OWN,
};

/** Why not. */
export interface SecureRefusal {
  readonly ok: false;
  readonly code: SecureRefusalCode;
  readonly status: number;
  /** A sentence. */
  readonly message: string;
}

/** Codes that say something of who sent it, and stand in the log. */
export const TOLD: ReadonlySet<string> = new Set<SecureRefusalCode>([
  'malformed',
  'bad-signature',
  'wrong-client',
  'other-message',
  'bad-key',
]);

/** A refusal. */
export function refusedAs(code: SecureRefusalCode, message: string): SecureRefusal {
  return { ok: false, code, status: STATUSES[code], message };
}

const SAID: { readonly [R in Reason]?: readonly [code: SecureRefusalCode, what: string] } = {
  malformed: ['malformed', 'is none of this protocol'],
  'wrong-context': ['wrong-round', 'is of another round or configuration'],
  'bad-signature': ['bad-signature', 'has a signature that does not hold'],
  'not-enrolled': ['not-enrolled', 'is of a key that is not enrolled'],
  conflict: ['other-message', 'is another one than was taken before'],
  late: ['round-over', 'is for a phase that is over'],
  early: ['too-early', 'is for a phase that has not begun'],
  outsider: ['not-selected', 'is of nobody who takes part in this phase'],
  'bad-key': ['bad-key', 'has a key that nothing can be agreed on with'],
  local: ['failed', 'could not be looked at'],
};

/** A refusal for a reason of SAGG1. */
export function reasonRefusal(reason: Reason, client: string): SecureRefusal {
  const [code, what] = SAID[reason] ?? ['round-over', `came when the round was over: ${reason}`];
  return refusedAs(code, `the message of ${client} ${what}`);
}
