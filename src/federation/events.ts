/**
 * What happened in a run: the events of its log, and their strict reading.
 *
 * The log is the truth. Whatever a server knows after a crash it knows by folding these events
 * (`run-state.ts`), so each holds all that later steps need and nothing that could be a secret: no
 * keys but public ones, no tokens, no seeds of masks or noise.
 *
 * @module
 */

import { z } from 'zod';
import { show } from '../core/assert.ts';
import { FormatError } from '../core/errors.ts';

/** How a round collects and what follows; fixed when it opens. */
export interface RoundPolicy {
  /** Updates that the round is for; at most as many as it may have members. */
  readonly wanted: number;
  /** The fewest with which it goes on. 0 where a missing update counts as zero. */
  readonly quorum: number;
  /** Members that the round may have, late ones counted. */
  readonly capacity: number;
  /** `all` waits for every member, `wanted` closes as soon as so many updates are there. */
  readonly closing: 'all' | 'wanted';
  /** Whether clients that were not selected may join while the round collects. */
  readonly lateJoin: boolean;
  /** Who adds noise that must be charged before. */
  readonly noise: 'none' | 'server' | 'clients';
  /** Whether updates are masked, so that sums must be unmasked. */
  readonly secure: boolean;
  /** How long each process may take from closing to publishing, in milliseconds. */
  readonly processingMs: number;
}

/** What a client says that it will send. */
export interface Declaration {
  /** Merkle root of the chunks, 32 bytes in hexadecimal digits. */
  readonly root: string;
  /** Length of the file. */
  readonly bytes: number;
  readonly chunkBytes: number;
  /** Wire type, such as `F16`. */
  readonly dtype: string;
  /** Examples that the client says it trained on, already capped. */
  readonly samples: number;
  /** What the client signed, where it signed. */
  readonly signed?: SignedTerms;
}

/** What makes, with the rest of a declaration and of its round, the statement that a client signed. */
export interface SignedTerms {
  /** The statement's id, which is that of the upload. */
  readonly update: string;
  /** Samples as claimed, before the cap. */
  readonly claimed: number;
  readonly clipNorm?: number;
  readonly expires: number;
  /** Claims that the optimiser asked for, as they were made. */
  readonly steps?: number;
  readonly loss?: number;
  /** 64 bytes in hexadecimal digits. */
  readonly signature: string;
}

/** An update that was accepted. */
export interface Commitment {
  /** SHA-256 of the bytes, the name of the blob. */
  readonly blob: string;
  readonly root: string;
  readonly samples: number;
}

/** A client that something was held against, and why. */
export interface Exclusion {
  readonly client: string;
  readonly reason: string;
}

/** A sum over clients that was unmasked. */
export interface OpenedSum {
  /** Who is in it, ascending. */
  readonly clients: readonly string[];
  /** SHA-256 of the mean's bytes. */
  readonly blob: string;
  /** The sum itself, as words of the grid: a blob. */
  readonly words?: string;
  /** Examples together, as clients summed them under masks. */
  readonly samples?: number;
}

/** Why a round failed: a stable code. */
export type FailureCode =
  /** Fewer updates than the quorum. */
  | 'too-few'
  /** The screen left fewer than the quorum. */
  | 'screened-out'
  /** The budget does not admit the release. */
  | 'over-budget'
  /** Masks could not be taken off. */
  | 'not-unmasked'
  /** The rule, the optimiser or the disk gave no result. */
  | 'broken'
  /** It took longer than the policy allows. */
  | 'stalled'
  /** The operator ended it. */
  | 'cancelled';

/** Why a round stopped collecting. */
export type ClosingReason = 'complete' | 'wanted' | 'deadline';

/** What each type of event holds. Hashes are SHA-256 in hexadecimal digits, times milliseconds. */
export interface EventBodies {
  /** The log began: which run it is of, and the hash of its configuration. */
  readonly 'run.created': {
    readonly version: 1;
    readonly run: string;
    readonly config: string;
  };
  /** The run began with this model. */
  readonly 'run.opened': { readonly model: string };
  /** Another process took the run up: charges without an output are void. */
  readonly 'run.resumed': Readonly<Record<never, never>>;
  readonly 'run.finished': { readonly rounds: number; readonly reason: string };
  /** A client is enrolled, or its enrolment renewed: its key stays then. */
  readonly 'client.registered': {
    readonly client: string;
    /** Public key, 32 bytes in hexadecimal digits. */
    readonly key: string;
    readonly enrolment: 'allow-list' | 'certificate' | 'open';
    /** When the enrolment ends. */
    readonly expires?: number;
    /** What the client says of itself, for predicates of selection. */
    readonly attributes?: Readonly<Record<string, string>>;
  };
  readonly 'client.key-rotated': {
    readonly client: string;
    readonly previous: string;
    readonly key: string;
  };
  readonly 'client.revoked': { readonly client: string; readonly reason: string };
  /** Evidence against a client. */
  readonly 'client.penalised': {
    readonly client: string;
    readonly round: number;
    /** What it is about, such as `far-from-neighbours` or `bad-signature`. */
    readonly kind: string;
    /** How much it counts, above 0. */
    readonly weight: number;
    readonly reason: string;
  };
  readonly 'round.opened': {
    readonly round: number;
    /** The model that updates are differences to. */
    readonly model: string;
    /** Ascending. */
    readonly selected: readonly string[];
    /** Who could not be selected, for reasons of reputation. */
    readonly excluded: readonly Exclusion[];
    /** When it stops collecting. */
    readonly deadline: number;
    readonly policy: RoundPolicy;
  };
  /** A client that was not selected takes part. */
  readonly 'client.joined': { readonly round: number; readonly client: string };
  /** A member will send nothing. */
  readonly 'client.left': {
    readonly round: number;
    readonly client: string;
    readonly reason: string;
  };
  readonly 'update.declared': Declaration & { readonly round: number; readonly client: string };
  readonly 'update.committed': Commitment & { readonly round: number; readonly client: string };
  readonly 'update.refused': {
    readonly round: number;
    readonly client: string;
    readonly code: string;
    readonly reason: string;
  };
  readonly 'round.closed': {
    readonly round: number;
    readonly reason: ClosingReason;
    /** Whose updates the round has, ascending. */
    readonly committed: readonly string[];
    /** Members without one, ascending. */
    readonly missing: readonly string[];
  };
  readonly 'round.screened': {
    readonly round: number;
    /** Whose updates go on, ascending. */
    readonly kept: readonly string[];
    readonly excluded: readonly Exclusion[];
    /** The evidence, a blob. */
    readonly report?: string;
  };
  /** A line of the privacy ledger, which is kept in the same log. */
  readonly 'ledger.line': { readonly line: number; readonly text: string };
  /** Charged to the budget; noise may be drawn after this. */
  readonly 'privacy.reserved': {
    readonly round: number;
    /** Place of the charge in the ledger; each is above all before. */
    readonly charge: number;
    /** ε spent, this charge included. */
    readonly epsilon: number;
  };
  readonly 'round.unmasked': {
    readonly round: number;
    readonly sums: readonly OpenedSum[];
    /** Who is in no sum, ascending. */
    readonly lost: readonly string[];
    /** What shows that these are the sums that clients consented to, a blob. */
    readonly transcript?: string;
  };
  /** The round has its result, with noise if there is any. */
  readonly 'round.aggregated': {
    readonly round: number;
    readonly blob: string;
    /** The charge that it was released under. */
    readonly charge?: number;
    readonly report?: string;
  };
  readonly 'round.published': {
    readonly round: number;
    readonly model: string;
    /** State of the optimiser, a blob. */
    readonly optimizer?: string;
  };
  readonly 'round.failed': {
    readonly round: number;
    readonly code: FailureCode;
    readonly reason: string;
  };
}

/** Names of events. */
export type EventType = keyof EventBodies;

/** An event of type `T`, or of any type. */
export type RunEvent<T extends EventType = EventType> = {
  [K in T]: { readonly type: K; readonly body: EventBodies[K] };
}[T];

/** An event with the time at which it was logged, in milliseconds. */
export interface TimedEvent {
  readonly time: number;
  readonly event: RunEvent;
}

/** Longest sentence that an event holds. */
export const MAX_REASON = 400;
/** No event lists more clients. */
const MAX_CLIENTS = 2 ** 20;
const MAX_ATTRIBUTES = 32;
const MAX_LINE = 2 ** 20;

const count = z.int().min(0);
const positive = z.int().min(1);
const round = positive;
const hash = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hexadecimal digits');
const id = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'must be 1 to 128 letters, digits, dots and dashes');
const text = z.string().max(MAX_REASON);
const word = z.string().min(1).max(64);
const clients = z
  .array(id)
  .max(MAX_CLIENTS)
  .refine(isAscending, 'must be ascending, each client once');
const exclusions = z.array(z.strictObject({ client: id, reason: text })).max(MAX_CLIENTS);
const attributes = z
  .record(word, z.string().max(128))
  .refine((all) => Object.keys(all).length <= MAX_ATTRIBUTES, `must be ${MAX_ATTRIBUTES} at most`);

const policy = z.strictObject({
  wanted: count,
  quorum: count,
  capacity: count,
  closing: z.enum(['all', 'wanted']),
  lateJoin: z.boolean(),
  noise: z.enum(['none', 'server', 'clients']),
  secure: z.boolean(),
  processingMs: positive,
});

const SCHEMAS: { readonly [T in EventType]: z.ZodType<EventBodies[T]> } = {
  'run.created': z.strictObject({ version: z.literal(1), run: id, config: hash }),
  'run.opened': z.strictObject({ model: hash }),
  'run.resumed': z.strictObject({}),
  'run.finished': z.strictObject({ rounds: count, reason: text }),
  'client.registered': z.strictObject({
    client: id,
    key: hash,
    enrolment: z.enum(['allow-list', 'certificate', 'open']),
    expires: count.exactOptional(),
    attributes: attributes.exactOptional(),
  }),
  'client.key-rotated': z.strictObject({ client: id, previous: hash, key: hash }),
  'client.revoked': z.strictObject({ client: id, reason: text }),
  'client.penalised': z.strictObject({
    client: id,
    round: count,
    kind: word,
    weight: z.number().positive(),
    reason: text,
  }),
  'round.opened': z.strictObject({
    round,
    model: hash,
    selected: clients,
    excluded: exclusions,
    deadline: count,
    policy,
  }),
  'client.joined': z.strictObject({ round, client: id }),
  'client.left': z.strictObject({ round, client: id, reason: text }),
  'update.declared': z.strictObject({
    round,
    client: id,
    root: hash,
    bytes: positive,
    chunkBytes: positive,
    dtype: word,
    samples: count,
    signed: z
      .strictObject({
        update: hash,
        claimed: count,
        clipNorm: z.number().positive().exactOptional(),
        expires: count,
        steps: z.number().min(0).exactOptional(),
        loss: z.number().min(0).exactOptional(),
        signature: z.string().regex(/^[0-9a-f]{128}$/, 'must be 128 lower-case hexadecimal digits'),
      })
      .exactOptional(),
  }),
  'update.committed': z.strictObject({ round, client: id, blob: hash, root: hash, samples: count }),
  'update.refused': z.strictObject({ round, client: id, code: word, reason: text }),
  'round.closed': z.strictObject({
    round,
    reason: z.enum(['complete', 'wanted', 'deadline']),
    committed: clients,
    missing: clients,
  }),
  'round.screened': z.strictObject({
    round,
    kept: clients,
    excluded: exclusions,
    report: hash.exactOptional(),
  }),
  'ledger.line': z.strictObject({ line: count, text: z.string().max(MAX_LINE) }),
  'privacy.reserved': z.strictObject({ round, charge: count, epsilon: z.number().min(0) }),
  'round.unmasked': z.strictObject({
    round,
    sums: z
      .array(
        z.strictObject({
          clients,
          blob: hash,
          words: hash.exactOptional(),
          samples: positive.exactOptional(),
        }),
      )
      .max(MAX_CLIENTS),
    lost: clients,
    transcript: hash.exactOptional(),
  }),
  'round.aggregated': z.strictObject({
    round,
    blob: hash,
    charge: count.exactOptional(),
    report: hash.exactOptional(),
  }),
  'round.published': z.strictObject({ round, model: hash, optimizer: hash.exactOptional() }),
  'round.failed': z.strictObject({
    round,
    code: z.enum([
      'too-few',
      'screened-out',
      'over-budget',
      'not-unmasked',
      'broken',
      'stalled',
      'cancelled',
    ]),
    reason: text,
  }),
};

/** All types of events. */
export const EVENT_TYPES: readonly EventType[] = Object.keys(SCHEMAS) as EventType[];

/**
 * The event of a type and a body that was read from a log.
 *
 * @throws {FormatError} `unsupported` for a type that this version does not know, `malformed` for a
 *   body with a field that is missing, unknown or of another kind; the message names the field.
 */
export function parseEvent(type: string, body: unknown): RunEvent {
  if (!Object.hasOwn(SCHEMAS, type)) {
    throw new FormatError('unsupported', `no event is of type ${show(type)}`);
  }
  const known = type as EventType;
  const result = SCHEMAS[known].safeParse(body);
  if (result.success) return { type: known, body: result.data } as RunEvent;
  const issue = result.error.issues[0]!;
  const place = [type, ...issue.path].join('.');
  throw new FormatError('malformed', `event ${place}: ${issue.message}`);
}

/** A sentence that fits an event: cut if it is too long. */
export function shortReason(reason: string): string {
  return reason.length <= MAX_REASON ? reason : `${reason.slice(0, MAX_REASON - 1)}…`;
}

/** The order of clients everywhere: by code unit, as of JavaScript's `<`; ids are ASCII. */
export function compareClients(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function isAscending(ids: readonly string[]): boolean {
  return ids.every((client, i) => i === 0 || ids[i - 1]! < client);
}
