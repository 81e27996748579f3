/**
 * All that a server of SAGG1 knows of its round: data alone, which can be copied, written and read again.
 *
 * ```
 * keys → shares → masked → consents → unmask → done
 *   R0      R1       R2        R3        R4             any → aborted
 * ```
 *
 * @module
 */

import type { Blame } from '../blame.ts';
import type { Binding } from '../keys.ts';
import type { MessageType } from '../messages.ts';
import type { Refusal } from '../reasons.ts';
import type { Entry } from '../roster.ts';
import { KEY_BYTES, SIGNATURE_BYTES } from '../suite.ts';

/** Phases of a server; each but the last two is named after the messages that it waits for. */
export type ServerPhase = 'keys' | 'shares' | 'masked' | 'consents' | 'unmask' | 'done' | 'aborted';

/** A sum that came out. */
export interface SecureSum {
  /** Number of the cohort: 0, or that of the group. */
  readonly cohort: number;
  /** Identities of those whose inputs are in it, in hexadecimal digits. */
  readonly inputs: readonly string[];
  /** SLOTS + D words below 2ᵇ, slots first. */
  readonly words: Uint32Array;
  /** What its clients signed. */
  readonly view: Uint8Array;
  /**
   * Clients whose shares do not fit, unless those were dealt so for certain: each lied, or was dealt a wrong
   * share. Who is in {@link Outcome.blamed} too did lie.
   */
  readonly liars: readonly string[];
  /**
   * For each of these, the message that it is held to, `unmask` with its signature over context, index, view and
   * shares: whoever knows its identity can verify it.
   */
  readonly evidence: readonly Uint8Array[];
}

/** A cohort that gave no sum, and why. */
export interface LostCohort {
  readonly cohort: number;
  readonly refusal: Refusal;
}

/** What a round came to. */
export interface Outcome {
  readonly sums: readonly SecureSum[];
  readonly lost: readonly LostCohort[];
  /** Clients that broke the protocol, for certain. */
  readonly blamed: readonly Blame[];
}

/** What a client shared, as it came: boxes for all neighbours in their order, and a commitment. */
export interface SharedBoxes {
  readonly boxes: Uint8Array;
  readonly commitment: Uint8Array;
}

/** Clients whose inputs go into one sum. */
export interface CohortState {
  readonly members: readonly number[];
  sum: Uint32Array | undefined;
  view: Uint8Array | undefined;
  refusal: Refusal | undefined;
}

/** All that a server knows: data alone, which `structuredClone` can copy. */
export interface ServerState {
  phase: ServerPhase;
  /** When the phase ends. */
  until: number;
  /** Advertisements, by identity. */
  readonly advertised: Map<string, Entry>;
  /** Mask keys and box keys among them. */
  readonly agreementKeys: Set<string>;
  /** Hashes of what was taken, by phase and sender: what comes again is not taken again. */
  readonly taken: Map<string, Uint8Array>;
  /** In order of identity, once they are fixed. */
  roster: readonly Entry[];
  binding: Binding;
  beacon: Uint8Array;
  rootSignature: Uint8Array;
  readonly shared: Map<number, SharedBoxes>;
  /** U₂ and U₃. */
  readonly sharers: Set<number>;
  readonly survivors: Set<number>;
  /** Clients that said, or showed, that nothing more comes from them. */
  readonly gone: Set<number>;
  /** Who was named by whom, in which words. */
  readonly complaints: Map<number, Map<number, Uint8Array>>;
  cohorts: CohortState[];
  readonly consents: Map<number, Uint8Array>;
  /** What clients revealed, as it came: a share for each neighbour that shared, in their order, and a signature. */
  readonly revealed: Map<number, Uint8Array>;
  outcome: Outcome | undefined;
  refusal: Refusal | undefined;
  /** Clients that broke the protocol, for certain. */
  blamed: readonly Blame[];
}

/** Messages in which clients go on, and the phases that wait for them, both in order. */
export const ORDER: readonly MessageType[] = ['advertise', 'shares', 'masked', 'consent', 'unmask'];
export const PHASES: readonly ServerPhase[] = [
  'keys',
  'shares',
  'masked',
  'consents',
  'unmask',
  'done',
];

/** What a server knows at first. */
export function blankState(until: number, context: Uint8Array): ServerState {
  return {
    phase: 'keys',
    until,
    advertised: new Map(),
    agreementKeys: new Set(),
    taken: new Map(),
    roster: [],
    binding: { context, root: new Uint8Array(KEY_BYTES) },
    beacon: new Uint8Array(KEY_BYTES),
    rootSignature: new Uint8Array(SIGNATURE_BYTES),
    shared: new Map(),
    sharers: new Set(),
    survivors: new Set(),
    gone: new Set(),
    complaints: new Map(),
    cohorts: [],
    consents: new Map(),
    revealed: new Map(),
    outcome: undefined,
    refusal: undefined,
    blamed: [],
  };
}

/** Whether a cohort may still give a sum. */
export function isLiving({ refusal: why }: CohortState): boolean {
  return why === undefined;
}

/** Takes a cohort for one that gives no sum. */
export function lose(cohort: CohortState, why: Refusal): void {
  cohort.refusal = why;
  cohort.sum?.fill(0);
  cohort.sum = undefined;
}
