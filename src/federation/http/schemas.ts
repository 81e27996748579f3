/**
 * What requests and answers are: requests are checked against these schemas, and the description for
 * machines is made of them.
 *
 * @module
 */

import { z } from 'zod';
import type { ClientScalarName } from '../optimizers/client-scalars.ts';
import type { RoundStatus } from '../round-status.ts';

/** `POST /v1/challenge` */
export interface ChallengeRequest {
  readonly publicKey: string;
  /** Default: `session` for a key that is enrolled, else `registration`. */
  readonly purpose?: 'registration' | 'session';
}

/** `POST /v1/session` */
export interface SessionRequest {
  readonly publicKey: string;
  readonly challenge: string;
  readonly proof: string;
}

/** `POST /v1/clients` */
export interface EnrolRequest extends SessionRequest {
  readonly name?: string;
  readonly attributes?: Record<string, string>;
  readonly certificate?: {
    readonly identity: string;
    readonly federation: string;
    readonly notBefore: number;
    readonly notAfter: number;
    readonly serial: number;
    readonly signature: string;
  };
}

/** `POST /v1/keys` */
export interface RotationBody {
  readonly newPublicKey: string;
  readonly signatureOld: string;
  readonly signatureNew: string;
}

/** `POST /v1/rounds/:round/updates` */
export interface StatementRequest {
  readonly run: string;
  readonly round: number;
  readonly baseModel: string;
  readonly client: string;
  readonly dtype: string;
  readonly length: number;
  readonly chunkSize: number;
  readonly root: string;
  readonly samples: number;
  readonly clipNorm?: number | null;
  readonly expires: number;
  readonly steps?: number;
  readonly loss?: number;
  readonly signature: string;
}

/** `GET /v1/rounds/current` */
export interface RoundBody {
  readonly round: number;
  readonly phase: RoundStatus['phase'] | 'finished';
  readonly waitingFor: string;
  readonly selected: boolean;
  readonly committed: boolean;
  readonly updates: number;
  readonly wanted: number;
  readonly model?: string;
  readonly modelBytes?: number;
  readonly deadline?: number;
  readonly chunkSize: number;
  readonly dtypes: string[];
  readonly sampleCap: number;
  readonly clipNorm?: number;
  /** What every statement must claim beside its samples. */
  readonly claims: ClientScalarName[];
  /** Where clients send the change of their control variate, too. */
  readonly control?: ControlBody;
  /** Whether updates are masked. */
  readonly secure?: boolean;
  readonly training: Record<string, unknown>;
}

/** What clients need for control variates. */
export interface ControlBody {
  /** What they multiply the change by before they send it. */
  readonly scale: number;
  /** The server's variate, a file like models; zeros where there is none yet. */
  readonly state?: string;
  readonly stateBytes?: number;
}

const hexOf = (bytes: number): z.ZodString =>
  z
    .string()
    .regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`), `must be ${2 * bytes} lower-case hex digits`);

const key = hexOf(32).describe('Ed25519 public key, 32 bytes in hex');
const signature = hexOf(64).describe('Ed25519 signature, 64 bytes in hex');
const hash = hexOf(32).describe('SHA-256 in hex');
const challenge = z
  .string()
  .regex(/^([0-9a-f]{2}){16,128}$/, 'must be 16 to 128 bytes in lower-case hex digits')
  .describe('what POST /v1/challenge gave');
const client = z.string().regex(/^c-[0-9a-f]{32}$/, 'must be c- and 32 lower-case hex digits');
const count = z.int().min(0);
const time = count.describe('milliseconds since 1970');
const bitmap = z
  .string()
  .describe('base64; bit k of byte ⌊k/8⌋, lowest first, is set if chunk k is missing');

export const challengeRequest: z.ZodType<ChallengeRequest> = z.strictObject({
  publicKey: key,
  purpose: z.enum(['registration', 'session']).exactOptional(),
});
export const challengeAnswer: z.ZodType = z.object({ challenge, expires: time });

const possession = { publicKey: key, challenge, proof: signature };

export const enrolRequest: z.ZodType<EnrolRequest> = z.strictObject({
  ...possession,
  name: z.string().min(1).max(64).exactOptional(),
  attributes: z.record(z.string(), z.string()).exactOptional(),
  certificate: z
    .strictObject({
      identity: key,
      federation: hexOf(16),
      notBefore: count,
      notAfter: count,
      serial: count,
      signature,
    })
    .exactOptional(),
});
export const enrolAnswer: z.ZodType = z.object({ client });

export const sessionRequest: z.ZodType<SessionRequest> = z.strictObject(possession);
export const sessionAnswer: z.ZodType = z.object({
  token: z.string(),
  expires: time,
  client,
  rotations: count.describe('how many times the key was changed'),
});

export const rotationRequest: z.ZodType<RotationBody> = z.strictObject({
  newPublicKey: key,
  signatureOld: signature,
  signatureNew: signature,
});
export const rotationAnswer: z.ZodType = enrolAnswer;

export const statementRequest: z.ZodType<StatementRequest> = z.strictObject({
  run: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'must be an id of a run'),
  round: z.int().min(1),
  baseModel: hash,
  client,
  dtype: z.string().regex(/^[A-Z][A-Z0-9_]{0,15}$/, 'must be the name of a number type'),
  length: z.int().min(1),
  chunkSize: z.int().min(1),
  root: hash,
  samples: count,
  clipNorm: z.number().min(0).nullable().exactOptional(),
  expires: time,
  steps: z.number().min(0).exactOptional(),
  loss: z.number().min(0).exactOptional(),
  signature,
});

const uploadState = {
  update: hash,
  state: z.enum(['open', 'committed']),
  chunks: count,
  missing: bitmap,
  credit: count.describe('bytes that this client may have in flight'),
};
export const uploadAnswer: z.ZodType = z.object(uploadState);

export const commitAnswer: z.ZodType = z.object({
  update: hash,
  root: hash.describe('Merkle root over the chunks, which is the name of the update on disk'),
  event: count.describe('place of the event in the log'),
});

export const runAnswer: z.ZodType = z.object({
  run: z.string(),
  name: z.string(),
  federation: z.string().optional(),
  rounds: count,
  rule: z.string(),
  optimizer: z.string(),
  modes: z.array(z.string()),
  secureKey: key.optional().describe('what signs the words of rounds under masks'),
  enrolment: z.string(),
  dtypes: z.array(z.string()),
  chunkSize: count,
  limits: z.record(z.string(), z.number()),
  training: z.record(z.string(), z.unknown()),
  version: z.string(),
});

export const roundAnswer: z.ZodType<RoundBody> = z.object({
  round: count.describe('0 before the first'),
  phase: z.enum([
    'idle',
    'collect',
    'screen',
    'unmask',
    'account',
    'aggregate',
    'publish',
    'done',
    'failed',
    'finished',
  ]),
  waitingFor: z.string(),
  selected: z.boolean(),
  committed: z.boolean(),
  updates: count,
  wanted: count,
  model: hash.exactOptional(),
  modelBytes: count.exactOptional(),
  deadline: time.exactOptional(),
  chunkSize: count,
  dtypes: z.array(z.string()),
  sampleCap: count,
  clipNorm: z.number().exactOptional(),
  claims: z.array(z.enum(['steps', 'loss'])),
  control: z
    .object({ scale: z.number(), state: hash.exactOptional(), stateBytes: count.exactOptional() })
    .exactOptional(),
  secure: z.boolean().exactOptional().describe('whether updates are masked'),
  training: z.record(z.string(), z.unknown()),
});

/** Any answer that is not 2xx. */
export const problemAnswer: z.ZodType = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    round: count.optional(),
    missing: count.optional(),
  }),
});
