/**
 * Why a client is refused: a code that never changes, the HTTP status that goes with it, and a sentence.
 * A refusal is data, not an exception: clients may be anything, and the log says who was refused and why.
 *
 * @module
 */

/** Codes and their HTTP statuses. */
export const REFUSALS = {
  /** Bytes or fields that are not of the protocol. */
  malformed: 400,
  /** A signature that does not hold. */
  'bad-signature': 401,
  /** A challenge that this server did not set, or that is over. */
  'stale-challenge': 401,
  /** Nobody of that name is registered. */
  'unknown-client': 401,
  /** The enrolment policy does not admit the key. */
  'not-enrolled': 403,
  /** The client was revoked. */
  revoked: 403,
  /** The client's registration is over. */
  'registration-expired': 403,
  /** What came does not belong to who sent it. */
  'wrong-client': 403,
  /** Of another run. */
  'wrong-run': 409,
  /** Of a round that is not open. */
  'wrong-round': 409,
  /** Computed on another model than the round's. */
  'wrong-model': 409,
  /** The key is another client's, or was replaced. */
  'key-in-use': 409,
  /** What was signed before: it counted once. */
  replay: 409,
  /** Something else stands where this would go. */
  conflict: 409,
  /** Another request for the same has taken over. */
  superseded: 409,
  /** Chunks are missing. */
  incomplete: 409,
  /** The statement's time is over, or it lasts longer than may be. */
  expired: 409,
  /** More bytes than are taken. */
  'too-large': 413,
  /** A number type that the round does not take. */
  'wrong-dtype': 422,
  /** A length, or a size of chunks, that cannot be. */
  'wrong-length': 422,
  /** Bytes with another hash than was said. */
  'wrong-digest': 422,
  /** Chunks that do not add up to what was signed. */
  'wrong-root': 422,
  /** Tensors other than those of the round's model. */
  'wrong-tensors': 422,
  /** A claim of more samples than the policy believes. */
  'inflated-weight': 422,
  /** A clip norm other than the round's. */
  'wrong-clip': 422,
  /** Numbers that the optimiser asks for are missing, impossible or too many. */
  claims: 422,
} as const;

/** A name among {@link REFUSALS}. */
export type RefusalCode = keyof typeof REFUSALS;

/** A refusal as it is answered and logged. */
export interface Refusal {
  readonly code: RefusalCode;
  /** HTTP. */
  readonly status: number;
  /** A sentence for people. Holds no secret. */
  readonly message: string;
}

/** What was asked for, or why not. */
export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: Refusal };

/** It is granted. */
export function granted<T>(value: T): Answer<T> {
  return { ok: true, value };
}

/** It is refused. */
export function refused(code: RefusalCode, message: string): { ok: false; refusal: Refusal } {
  return { ok: false, refusal: { code, status: REFUSALS[code], message } };
}
