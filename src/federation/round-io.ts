/**
 * What goes into a round and what comes out of it: inputs and answers; events for the log and work, whose
 * results are inputs again.
 *
 * @module
 */

import type {
  Declaration,
  Exclusion,
  FailureCode,
  OpenedSum,
  RoundPolicy,
  RunEvent,
  SignedTerms,
} from './events.ts';
import type { Evidence } from './reputation.ts';
import type { RoundPhase } from './run-state.ts';

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
      /** What is held against clients. */
      readonly evidence?: readonly Evidence[];
      readonly report?: string;
      readonly memories?: string;
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
      /** What is held against clients, where nothing was seen before masks were off. */
      readonly evidence?: readonly Evidence[];
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

/** An input of one kind. */
export type Input<K extends RoundInput['kind']> = Extract<RoundInput, { readonly kind: K }>;

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

/** A step of the machine, as whoever decides it sees it. */
export interface Moment {
  /** Folds an event into the state, and has it logged. */
  readonly emit: Emit;
  readonly time: number;
}

/** Takes an event. */
export type Emit = (event: RunEvent) => void;

/** So it is now. */
export const DONE: Answer = { ok: true, repeated: false };
/** So it was. */
export const AGAIN: Answer = { ok: true, repeated: true };

/** An answer that refuses. */
export function refused(code: RoundRefusalCode, reason: string): Answer {
  return { ok: false, code, status: ROUND_REFUSALS[code], reason };
}
