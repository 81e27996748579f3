/**
 * Answers that are not 2xx: one table of codes, and what the federation's own codes are on the wire.
 *
 * @module
 */

import type { Refused } from '../outcomes.ts';

/** Codes on the wire, and their statuses. Codes never change. */
export const PROBLEMS = {
  malformed: 400,
  'wrong-length': 400,
  'wrong-digest': 400,
  'no-session': 401,
  'session-expired': 401,
  'stale-challenge': 401,
  'wrong-proof': 401,
  'not-enrolled': 403,
  revoked: 403,
  quarantined: 403,
  'not-selected': 403,
  'wrong-signature': 403,
  'no-such-model': 404,
  'no-such-update': 404,
  'no-such-path': 404,
  'wrong-run': 409,
  'wrong-round': 409,
  'round-closed': 409,
  'already-declared': 409,
  'other-content': 409,
  superseded: 409,
  incomplete: 409,
  replay: 409,
  'key-in-use': 409,
  'other-message': 409,
  'too-early': 409,
  'too-large': 413,
  'wrong-type': 415,
  'wrong-base-model': 422,
  'wrong-root': 422,
  'wrong-dtype': 422,
  'wrong-tensors': 422,
  'wrong-clip': 422,
  claims: 422,
  expired: 422,
  samples: 422,
  'bad-key': 422,
  'slow-down': 429,
  'no-credit': 429,
  failed: 500,
  'not-implemented': 501,
  stopping: 503,
  'no-space': 507,
} as const;

/** A code of {@link PROBLEMS}. */
export type ProblemCode = keyof typeof PROBLEMS;

/** What an answer tells besides. */
export interface ProblemDetails {
  readonly round?: number;
  /** Chunks that are lacking. */
  readonly missing?: number;
  /** When to come again, in seconds: becomes `Retry-After`. */
  readonly retryAfter?: number;
}

/** An answer that is not 2xx; thrown by whoever serves a request, and caught once. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ProblemCode;
  readonly details: ProblemDetails;

  constructor(code: ProblemCode, message: string, details: ProblemDetails = {}) {
    super(message);
    this.code = code;
    this.details = details;
  }

  get status(): (typeof PROBLEMS)[ProblemCode] {
    return PROBLEMS[this.code];
  }

  /** The body. */
  toJSON(): { readonly error: Readonly<Record<string, unknown>> } {
    const { retryAfter: _, ...details } = this.details;
    return { error: { code: this.code, message: this.message, ...details } };
  }
}

/** Codes inside that have another name, or another meaning, outside. */
const NAMES: Readonly<Record<string, ProblemCode>> = {
  'bad-signature': 'wrong-signature',
  'unknown-client': 'not-enrolled',
  'registration-expired': 'not-enrolled',
  'wrong-client': 'wrong-signature',
  'wrong-model': 'wrong-base-model',
  'inflated-weight': 'samples',
  'no-round': 'wrong-round',
  'round-over': 'round-closed',
  'not-declared': 'no-such-update',
  'already-committed': 'already-declared',
  'too-many-attempts': 'already-declared',
  full: 'not-selected',
};

/** Where a request was refused: the same word means different things. */
export type Place = 'key' | 'statement' | 'chunk';

const NAMES_BY_PLACE: { readonly [P in Place]: Readonly<Record<string, ProblemCode>> } = {
  key: { 'bad-signature': 'wrong-proof' },
  statement: { conflict: 'already-declared' },
  chunk: { conflict: 'other-content' },
};

/** What is answered to whoever was refused inside. */
export function problemOf(
  { code, message, missing }: Omit<Refused, 'ok' | 'status'>,
  place: Place,
  details: ProblemDetails = {},
): Problem {
  const name = NAMES_BY_PLACE[place][code] ?? NAMES[code] ?? code;
  const known = Object.hasOwn(PROBLEMS, name) ? (name as ProblemCode) : 'malformed';
  return new Problem(known, message, { ...details, ...(missing !== undefined && { missing }) });
}
