/**
 * Why a message was refused, or a round given up: the codes that travel, and what they mean. Every
 * malformed byte gets the same code, so that refusals tell an attacker nothing.
 *
 * @module
 */

/** Codes by name; numbers are on the wire and never change. */
export const REASONS = {
  /** No message of this protocol, or fields that make no sense. */
  malformed: 1,
  /** Of another round or configuration. */
  'wrong-context': 2,
  /** A signature that does not hold. */
  'bad-signature': 3,
  /** An identity that nobody enrolled. */
  'not-enrolled': 4,
  /** Another message than before, where one was taken already. */
  conflict: 5,
  /** For a phase that is over. */
  late: 6,
  /** For a phase that has not begun. */
  early: 7,
  /** From nobody in the roster, or from one who is out. */
  outsider: 8,
  /**
   * An X25519 key that is of low order, or not in its one encoding. Of a roster, `have` is the index of the
   * client whose key it is.
   */
  'bad-key': 9,

  /** Fewer clients than the round needs to begin. */
  'too-few-clients': 16,
  /** A client with fewer neighbours left than the threshold. */
  'too-few-neighbours': 17,
  /** Fewer inputs than a sum must be of. */
  'too-few-inputs': 18,
  /** Too few signed the view of a neighbourhood. */
  'no-consent': 19,
  /** A secret that too few shares were sent of, or none that fit. */
  'missing-shares': 20,
  /** A client was named by more than may lie: it sends bad boxes. */
  complaints: 21,
  /** Masks did not cancel. */
  canary: 22,
  /** Sizes and fractions for which no threshold does. */
  infeasible: 23,
  /** The server gave the round up. */
  'server-abort': 24,

  /** A configuration below the floors of a client. */
  policy: 32,
  /** A round that is not above all that a client has taken part in. */
  replay: 33,
  /** A roster or a neighbourhood that is not what follows from it. */
  roster: 34,
  /** Too few boxes, or boxes from nobody who should send one. */
  boxes: 35,
  /** A box that does not open. */
  'bad-box': 36,
  /** A view that does not agree with what a client saw, or a second one. */
  view: 37,
  /** Too few signatures on the view. */
  consents: 38,
  /** The next message did not come in time. */
  timeout: 39,
  /** Who says so cannot: its update, its journal, its device or its cryptography failed. */
  local: 40,
} as const;

/** A name among {@link REASONS}. */
export type Reason = keyof typeof REASONS;

const byCode = new Map(
  Object.entries(REASONS).map(([name, code]) => [code, name as Reason] as const),
);

/** The name of a code that came by wire. */
export function reasonOf(code: number): Reason | undefined {
  return byCode.get(code as (typeof REASONS)[Reason]);
}

/** A reason and the two numbers that were compared, where there are such; else zeros. */
export interface Refusal {
  readonly reason: Reason;
  readonly have: number;
  readonly need: number;
}

/** A refusal. */
export function refusal(reason: Reason, have = 0, need = 0): Refusal {
  return { reason, have, need };
}

/** For people. */
export function describeRefusal({ reason, have, need }: Refusal): string {
  return need === 0 ? reason : `${reason}: ${have} where ${need} are needed`;
}

/** Ends a step of a client: the round is over for it. */
export class Refused extends Error {
  readonly refusal: Refusal;

  constructor(reason: Reason, have?: number, need?: number) {
    super(reason);
    this.refusal = refusal(reason, have, need);
  }
}
