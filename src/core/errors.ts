/**
 * The errors of Aggregis: one class per wing, each with a stable `code` that programs may test.
 * Mistakes in a program (wrong kind, wrong size) are `TypeError` and `RangeError`, from
 * `core/assert.ts`. A Byzantine client is data, never an error.
 *
 * @module
 */

/** Why an aggregation could not give a result. */
export type AggregationErrorCode =
  /** A rule's condition on n and f fails; the message states formula and numbers. */
  | 'constraint'
  /** The screen left no row at all. */
  | 'no-clients'
  /** A client's row could not be read: trouble on the server's side. */
  | 'unreadable'
  /** The rule would need more work than its stated limit. */
  | 'cost-limit'
  /** An iteration met a value that it cannot go on from. */
  | 'no-convergence'
  /** A rule's SPEC names an unknown rule or option. */
  | 'bad-spec';

/** A rule or the road to it cannot give a result. */
export class AggregationError extends Error {
  override readonly name = 'AggregationError';
  readonly code: AggregationErrorCode;

  constructor(code: AggregationErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Why a backend could not serve. */
export type BackendErrorCode =
  /** No backend of that name can run here. */
  | 'unavailable'
  /** The numeric self-test failed on this adapter. */
  | 'self-test'
  /** The device could not hold a tile. */
  | 'out-of-memory'
  /** The device went away and could not be rebuilt. */
  | 'device-lost'
  /** A memory budget, limit or size does not admit the work. */
  | 'limit'
  /** The backend was closed. */
  | 'closed'
  /** A kernel or a copy failed. */
  | 'failed';

/** A backend cannot be made, or cannot do what was asked. */
export class BackendError extends Error {
  override readonly name = 'BackendError';
  readonly code: BackendErrorCode;

  constructor(code: BackendErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Why a file or a set of tensors was refused. */
export type FormatErrorCode =
  /** The bytes break the format. */
  | 'malformed'
  /** The bytes are of a type or version that is not read. */
  | 'unsupported'
  /** A size exceeds what the reader admits. */
  | 'too-large'
  /** Names, shapes or types of tensors disagree with the layout. */
  | 'mismatch';

/** A file or a set of tensors is not what it should be. The message names file and tensor. */
export class FormatError extends Error {
  override readonly name = 'FormatError';
  readonly code: FormatErrorCode;

  constructor(code: FormatErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Why something private was refused. */
export type PrivacyErrorCode =
  /** No bound is known for this event, or for this path of a release. */
  | 'unsupported'
  /** The budget does not admit it: nothing was drawn, nothing may be released. */
  | 'over-budget'
  /** The numerical error of noise or accounting is too large beside δ. */
  | 'numerics'
  /** Fewer took part than was planned, and the guarantee does not hold for fewer. */
  | 'too-few'
  /** A ledger whose records do not follow one from another, or that others changed. */
  | 'ledger'
  /** A ledger whose last record was not written to its end. */
  | 'ledger-torn'
  /** A ledger that somebody else writes to. */
  | 'ledger-locked'
  /** A charge that is used up: its seed was drawn, or its round is over. */
  | 'spent'
  /** A client's claim that is none, or is not signed by whom it should be. */
  | 'claim';

/** A private release cannot be made, or cannot be accounted for. */
export class PrivacyError extends Error {
  override readonly name = 'PrivacyError';
  readonly code: PrivacyErrorCode;

  constructor(code: PrivacyErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Why a secure aggregation was refused or ended without a sum. */
export type SecureErrorCode =
  /** Sizes, fractions and thresholds that do not go together; the message states the inequality. */
  | 'infeasible'
  /** Sums could wrap around: q + ⌈log₂ n⌉ ≤ b does not hold. */
  | 'overflow'
  /** An update that cannot be encoded: NaN, or of the wrong length. */
  | 'bad-update'
  /** The slots of a sum are wrong: masks did not cancel. Nothing of it may be used. */
  | 'canary'
  /** What cryptography needs is not there, or gave wrong answers. */
  | 'unavailable'
  /** Bytes that are no message, or not of this round. */
  | 'malformed'
  /** The round was given up. */
  | 'aborted';

/** A secure aggregation cannot be planned or finished. Messages never hold a secret. */
export class SecureError extends Error {
  override readonly name = 'SecureError';
  readonly code: SecureErrorCode;

  constructor(code: SecureErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Why the state of a run could not be opened, read or added to. */
export type StoreErrorCode =
  /** There is a run in the folder already. */
  | 'exists'
  /** There is no run in the folder, or its making was not finished. */
  | 'missing'
  /** Another process, or another part of this one, has the run open. */
  | 'locked'
  /** What was confirmed is not there as it was written; the message names the place. */
  | 'damaged'
  /** No room on the disk: nothing was added, and all that was there still is. */
  | 'disk-full'
  /** The disk failed while something was added: open the run anew to see what is there. */
  | 'failed'
  /** The store was closed. */
  | 'closed'
  /** The database's driver is not there. */
  | 'unavailable';

/** The state of a run cannot be opened or kept. The message names the file. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Why a client of a federation could not go on. */
export type FederationErrorCode =
  /** The server says no; `refusal` is its code. */
  | 'refused'
  /** No answer, or none but "later", for as long as the client was to try. */
  | 'unreachable'
  /** The server is not the one that was meant, or does not know the client's certificate. */
  | 'untrusted'
  /** What came is not of the protocol. */
  | 'protocol'
  /** A model whose bytes are not those that were announced. */
  | 'wrong-model'
  /** What training gave is no update to the model. */
  | 'bad-update'
  /** Training ended with an error of its own, which is the cause. */
  | 'training';

/** What an answer that is no success says. */
export interface RefusedDetails {
  /** HTTP status. */
  readonly status: number;
  /** The server's code, such as `round-closed`. */
  readonly refusal: string;
}

/** A client cannot take part. Messages never hold a secret. */
export class FederationError extends Error {
  override readonly name = 'FederationError';
  readonly code: FederationErrorCode;
  /** HTTP status, where the server answered. */
  readonly status: number | undefined;
  /** The server's own code, where it gave one. */
  readonly refusal: string | undefined;

  constructor(
    code: FederationErrorCode,
    message: string,
    options: ErrorOptions & Partial<RefusedDetails> = {},
  ) {
    super(message, options);
    this.code = code;
    this.status = options.status;
    this.refusal = options.refusal;
  }
}
