/**
 * What a client signs of an update: not that it sent something, but what. The signature binds the bytes
 * to the run, the round, the model that they were computed on and the weight that is claimed, so that
 * an update cannot be used twice, elsewhere, or with another weight; and it can be kept as evidence.
 *
 * @module
 */

import { hexToBytes } from '@noble/hashes/utils.js';
import { assertPositive } from '../core/assert.ts';
import { malformed } from '../secagg/bytes.ts';
import type { CryptoProvider } from '../secagg/crypto/provider.ts';
import { hex, SIGNATURE_BYTES } from '../secagg/suite.ts';
import { CLIENT_ID, HEX_32, type Identity } from './identity.ts';
import { boundClaims, type ClientScalar } from './optimizers/client-scalars.ts';
import { type Answer, granted, type Refusal, refused } from './refusals.ts';
import { type ClientRecord, standing } from './registry.ts';
import { parseTranscript, Transcript, type TranscriptReader } from './transcript.ts';

/** An update, by all that matters of it. */
export interface Statement {
  readonly run: string;
  readonly round: number;
  /** SHA-256 of the model that it was computed on, in lower-case hex. */
  readonly model: string;
  readonly client: string;
  /** Type of its numbers on the wire. */
  readonly dtype: string;
  /** All of its bytes. */
  readonly length: number;
  readonly chunkSize: number;
  /** Merkle root over its chunks, in lower-case hex. */
  readonly root: string;
  /** Samples that it was computed on: a claim. */
  readonly samples: number;
  /** The norm that it was clipped to, if it was. */
  readonly clipNorm?: number;
  /** When it is void. Milliseconds since 1970 */
  readonly expires: number;
  /** Local steps that it took, where the round asks for them: a claim. */
  readonly steps?: number;
  /** Loss of the round's model on the client's examples, where the round asks for it: a claim. */
  readonly loss?: number;
}

/** A statement and the signature of its client's key. */
export interface SignedStatement {
  readonly statement: Statement;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

/** What comes before all else that is signed. */
export const STATEMENT_LABEL = 'aggregis/update/v1';

/** Ids of runs. */
export const RUN_ID: RegExp = /^[a-z0-9][a-z0-9-]{0,63}$/;

const HASH_BYTES = 32;
const DTYPE = /^[A-Z][A-Z0-9_]{0,15}$/;

/**
 * The bytes that are signed.
 *
 * @throws {TypeError | RangeError} that names a field which is not what it should be.
 */
export function statementToSign(statement: Statement): Uint8Array {
  const { clipNorm, steps, loss } = statement;
  const fields = new Transcript(STATEMENT_LABEL)
    .text('run', word('run', statement.run, RUN_ID))
    .integer('round', statement.round)
    .bytes('model', hashBytes('model', statement.model), HASH_BYTES)
    .text('client', word('client', statement.client, CLIENT_ID))
    .text('dtype', word('dtype', statement.dtype, DTYPE))
    .integer('length', statement.length)
    .integer('chunkSize', statement.chunkSize)
    .bytes('root', hashBytes('root', statement.root), HASH_BYTES)
    .integer('samples', statement.samples)
    .number('clipNorm', clipNorm === undefined ? undefined : assertPositive('clipNorm', clipNorm))
    .integer('expires', statement.expires);
  // Both or none: how many fields there are tells which.
  if (steps === undefined && loss === undefined) return fields.end();
  return fields.number('steps', steps).number('loss', loss).end();
}

/** The statement in bytes that were signed, or `undefined` if there is none. */
export function parseStatement(bytes: Uint8Array): Statement | undefined {
  const statement = parseTranscript(bytes, STATEMENT_LABEL, readFields);
  return statement === undefined || typeof bytesOrReason(statement) === 'string'
    ? undefined
    : statement;
}

function readFields(fields: TranscriptReader): Statement {
  const statement = {
    run: fields.text(),
    round: fields.integer(),
    model: hex(fields.bytes(HASH_BYTES)),
    client: fields.text(),
    dtype: fields.text(),
    length: fields.integer(),
    chunkSize: fields.integer(),
    root: hex(fields.bytes(HASH_BYTES)),
    samples: fields.integer(),
  };
  const clipNorm = fields.number();
  const expires = fields.integer();
  return {
    ...statement,
    ...(clipNorm !== undefined && { clipNorm }),
    expires,
    ...(fields.isAtEnd ? {} : readClaims(fields)),
  };
}

function readClaims(fields: TranscriptReader): Pick<Statement, 'steps' | 'loss'> {
  const [steps, loss] = [fields.number(), fields.number()];
  // What has no claims has no fields for them: one statement, one spelling.
  if (steps === undefined && loss === undefined) malformed();
  return { ...(steps !== undefined && { steps }), ...(loss !== undefined && { loss }) };
}

/** A name for a statement: SHA-256 of what is signed, in lower-case hex. */
export function statementId(statement: Statement, crypto: Pick<CryptoProvider, 'sha256'>): string {
  return hex(crypto.sha256(statementToSign(statement)));
}

/** Signs an update. @throws {TypeError | RangeError} that names a wrong field. */
export async function signStatement(
  statement: Statement,
  identity: Pick<Identity, 'sign'>,
): Promise<SignedStatement> {
  return { statement, signature: await identity.sign(statementToSign(statement)) };
}

/** What a round takes. */
export interface OpenRound {
  readonly round: number;
  /** SHA-256 of its model, in lower-case hex. */
  readonly model: string;
  /** Types of numbers that it takes, and the length of an update in each. */
  readonly lengths: Readonly<Record<string, number>>;
  /** The norm that updates must be clipped to, if to any. */
  readonly clipNorm?: number;
}

/** What a server believes and bears. */
export interface StatementLimits {
  /** Most bytes of an update. */
  readonly maxLength: number;
  readonly minChunkSize: number;
  readonly maxChunkSize: number;
  /** Furthest end of a statement from now, in milliseconds. */
  readonly maxLifetimeMs: number;
  /** Samples above these count as these. */
  readonly samplesCap: number;
  /** A claim above this is refused. */
  readonly samplesLimit: number;
}

/** Number type of masked inputs in statements. */
export const MASKED = 'SAGG1';

/** Chunks of 512 KiB to 4 MiB; statements for up to a day. */
export const STATEMENT_LIMITS: StatementLimits = {
  maxLength: 2 ** 40,
  minChunkSize: 512 * 1024,
  maxChunkSize: 4 * 1024 * 1024,
  maxLifetimeMs: 24 * 60 * 60 * 1000,
  samplesCap: 10_000,
  samplesLimit: 1_000_000,
};

/** What a statement is held against. */
export interface StatementContext {
  readonly run: string;
  /** The round that takes updates; `undefined` if none does. */
  readonly open: OpenRound | undefined;
  /** Who sends it, as its session says. */
  readonly sender: string;
  /** What is known of them. */
  readonly record: ClientRecord | undefined;
  /** What they sent for this round before. */
  readonly before?: { readonly id: string; readonly isCommitted: boolean };
  readonly limits: StatementLimits;
  /** What every statement must claim beside its samples. Default: nothing. */
  readonly scalars?: readonly ClientScalar[];
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly crypto: CryptoProvider;
}

/** A statement that holds. */
export interface AcceptedStatement {
  readonly id: string;
  readonly statement: Statement;
  /** Samples that count: those that are claimed, capped. */
  readonly weight: number;
  /** Whether it was accepted before, and is gone on with. */
  readonly isRepeated: boolean;
}

/** Whether an update may be sent: its form, its sender, its signature, then what it says. */
export async function checkStatement(
  signed: SignedStatement,
  context: StatementContext,
): Promise<Answer<AcceptedStatement>> {
  const { statement, signature } = signed;
  const { sender, record, now, crypto, limits, before } = context;
  const message = bytesOrReason(statement);
  if (typeof message === 'string') return refused('malformed', `the statement is none: ${message}`);
  if (signature.length !== SIGNATURE_BYTES) {
    return refused('malformed', `a signature is ${SIGNATURE_BYTES} bytes, got ${signature.length}`);
  }
  const out = standing(record, { client: sender, now });
  if (out !== undefined || record === undefined) return { ok: false, refusal: out! };
  if (statement.client !== sender) {
    return refused('wrong-client', `${sender} sent a statement of ${statement.client}`);
  }
  const claim = { publicKey: hexToBytes(record.key), message, signature };
  const [isValid] = await crypto.verifyAll([claim]);
  if (isValid !== true) {
    return refused(
      'bad-signature',
      `the statement is not signed by the key of ${sender}, as it stands`,
    );
  }
  const wrong =
    placeRefusal(statement, context) ??
    sizeRefusal(statement, context) ??
    weightRefusal(statement, context) ??
    claimsRefusal(statement, context);
  if (wrong !== undefined) return { ok: false, refusal: wrong };
  const id = hex(crypto.sha256(message));
  if (before?.id === id && before.isCommitted) {
    return refused(
      'replay',
      `this update was taken before: it counts once in round ${statement.round}`,
    );
  }
  if (before !== undefined && before.id !== id) {
    return refused(
      'conflict',
      `${sender} has declared another update for round ${statement.round}`,
    );
  }
  const weight = Math.min(statement.samples, limits.samplesCap);
  return granted({ id, statement, weight, isRepeated: before !== undefined });
}

/** Run, time, round and model. */
function placeRefusal(
  { run, round, model, expires }: Statement,
  context: StatementContext,
): Refusal | undefined {
  const { open, now, limits } = context;
  if (run !== context.run) {
    return refused('wrong-run', `the statement is for the run ${run}, this is ${context.run}`)
      .refusal;
  }
  if (expires < now) {
    return refused('expired', `the statement was void ${now - expires} ms ago`).refusal;
  }
  if (expires > now + limits.maxLifetimeMs) {
    const longest = `${limits.maxLifetimeMs} ms is the longest`;
    return refused('expired', `the statement lasts another ${expires - now} ms: ${longest}`)
      .refusal;
  }
  if (open === undefined || round !== open.round) {
    const what = open === undefined ? 'none takes updates' : `round ${open.round} takes updates`;
    return refused('wrong-round', `the statement is for round ${round}, ${what}`).refusal;
  }
  if (model !== open.model) {
    return refused('wrong-model', `the update is on model ${model}, the round on ${open.model}`)
      .refusal;
  }
  return undefined;
}

/** Number type, length and chunks. */
function sizeRefusal(
  { dtype, length, chunkSize }: Statement,
  { open, limits }: StatementContext,
): Refusal | undefined {
  const { lengths } = open!;
  if (!Object.hasOwn(lengths, dtype)) {
    const taken = Object.keys(lengths).join(', ');
    return refused('wrong-dtype', `the round takes ${taken}, not ${dtype}`).refusal;
  }
  if (length > limits.maxLength) {
    return refused('too-large', `${length} bytes: at most ${limits.maxLength} are taken`).refusal;
  }
  if (length !== lengths[dtype]) {
    const needed = `an update in ${dtype} has ${lengths[dtype]}`;
    return refused('wrong-length', `${length} bytes: ${needed}`).refusal;
  }
  const { minChunkSize, maxChunkSize } = limits;
  if (chunkSize < minChunkSize || chunkSize > maxChunkSize) {
    const range = `[${minChunkSize}, ${maxChunkSize}]`;
    return refused('wrong-length', `chunks of ${chunkSize} bytes: they must be in ${range}`)
      .refusal;
  }
  return undefined;
}

/** What the update may weigh. */
function weightRefusal(
  { samples, clipNorm }: Statement,
  { open, limits }: StatementContext,
): Refusal | undefined {
  if (samples < 1)
    return refused('malformed', 'an update is computed on one sample at least').refusal;
  if (samples > limits.samplesLimit) {
    const most = `at most ${limits.samplesLimit} are believed`;
    return refused('inflated-weight', `${samples} samples are claimed: ${most}`).refusal;
  }
  const wanted = open!.clipNorm;
  if (wanted !== undefined && clipNorm !== wanted) {
    const what = clipNorm === undefined ? 'not clipped' : `clipped to ${clipNorm}`;
    return refused('wrong-clip', `the update is ${what}: the round clips to ${wanted}`).refusal;
  }
  return undefined;
}

/** Claims that the round asks for must be there, others must not: they would be known for nothing. */
function claimsRefusal(
  statement: Statement,
  { scalars = [] }: StatementContext,
): Refusal | undefined {
  const stray = (['steps', 'loss'] as const).find(
    (name) => statement[name] !== undefined && scalars.every((asked) => asked.name !== name),
  );
  if (stray !== undefined) return refused('claims', `nobody asked for ${stray}`).refusal;
  const bounded = boundClaims(scalars, statement);
  return 'refused' in bounded ? refused('claims', bounded.refused).refusal : undefined;
}

function bytesOrReason(statement: Statement): Uint8Array | string {
  try {
    return statementToSign(statement);
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) return error.message;
    throw error;
  }
}

/** Words that are safe to repeat, in a log too. */
function word(name: string, text: string, pattern: RegExp): string {
  if (typeof text === 'string' && pattern.test(text)) return text;
  throw new TypeError(`${name} must match ${pattern.source}`);
}

function hashBytes(name: string, text: string): Uint8Array {
  if (typeof text === 'string' && HEX_32.test(text)) return hexToBytes(text);
  throw new TypeError(`${name} must be 64 lower-case hexadecimal digits`);
}
