/**
 * What a coordinator answers, read and checked.
 *
 * @module
 */

import { FederationError } from '../../core/errors.ts';
import { CLIENT_ID, HEX_32 } from '../identity.ts';
import { RUN_ID } from '../statement.ts';
import { Fields } from './fields.ts';
import type { Http } from './http.ts';

/** What is public of a run. */
export interface RunInfo {
  readonly run: string;
  /** Rounds that are planned. */
  readonly rounds: number;
  /** Public key that signs the words of rounds under masks, in hexadecimal digits, where there are such. */
  readonly secureKey?: string;
  /** All that the server said, as it came. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** What a client is told of the present. */
export interface CurrentRound {
  /** 0 before the first. */
  readonly round: number;
  /** `collect` while updates are taken. */
  readonly phase: string;
  /** What the server waits for, in words. */
  readonly waitingFor: string;
  /** Whether no round follows. */
  readonly isLast: boolean;
  /** What an update must be, while updates of this client are taken. */
  readonly terms?: RoundTerms;
}

/** What an update of a round must be. */
export interface RoundTerms {
  readonly round: number;
  /** SHA-256 of the model that updates are differences to, in lower-case hex. */
  readonly model: string;
  readonly modelBytes: number;
  /** When the round stops collecting, by the server's clock. Milliseconds since 1970 */
  readonly deadline: number;
  readonly chunkSize: number;
  /** Number types that the round takes on the wire, the server's favourite first. */
  readonly dtypes: readonly string[];
  /** Samples above these count as these. */
  readonly sampleCap: number;
  /** The norm that updates must be clipped to, if to any. */
  readonly clipNorm?: number;
  /** What training must tell beside its samples: `steps`, `loss`. */
  readonly claims: readonly string[];
  /** Where the optimiser is SCAFFOLD: training gives the change of its control variate, too. */
  readonly control?: ControlTerms;
  /** Whether updates are masked. */
  readonly secure: boolean;
  /** What the server says to training: whatever this federation has agreed on. */
  readonly training: Readonly<Record<string, unknown>>;
}

/** What there is to know of control variates in a round. */
export interface ControlTerms {
  /** What changes are multiplied by before they are sent; above 0. */
  readonly scale: number;
  /** SHA-256 of the file with the server's variate, in lower-case hex; without it, it is zero. */
  readonly state?: string;
  readonly stateBytes?: number;
}

/** Where an upload stands. */
export interface UploadStatus {
  /** The server's name for it: that of an earlier declaration of the same bytes, if there was one. */
  readonly update: string;
  readonly isCommitted: boolean;
  /** Which chunks are missing, ascending. */
  readonly missing: readonly number[];
  /** Bytes that may be in flight; `undefined` if the answer does not say. */
  readonly credit: number | undefined;
}

/** Names of phases in which no round follows. */
const OVER = new Set(['finished']);

const MIN_CHUNK = 1;
const MAX_CHUNK = 64 * 2 ** 20;

/**
 * The run at an address.
 *
 * @throws {FederationError} `protocol` if no coordinator is there, or what it says is not of the protocol;
 *   `refused`, `unreachable`.
 */
export async function runAt(http: Http, signal?: AbortSignal): Promise<RunInfo> {
  const nobody = (why: string, cause?: unknown): FederationError =>
    new FederationError('protocol', `${http.base} is no Aggregis coordinator: ${why}`, { cause });
  const { body } = await http
    .send({ method: 'GET', path: '/v1/run', signal })
    .catch((error: unknown) => {
      if (!(error instanceof FederationError)) throw error;
      if (error.code === 'protocol') throw nobody('its answer is no JSON, or too long', error);
      const isStrange = ELSEWHERE.has(error.status ?? 0) && error.refusal?.startsWith('http-');
      throw isStrange ? nobody(`it answers ${error.status}`, error) : error;
    });
  if (body === undefined) throw nobody('its answer is empty');
  const isRun = typeof body === 'object' && body !== null && Object.hasOwn(body, 'run');
  if (!isRun) throw nobody('its answer names no run');
  return readRun(body);
}

/** Statuses of servers that know no such path, or no such request. */
const ELSEWHERE = new Set([400, 404, 405, 406, 410, 501]);

/** @throws {FederationError} `protocol`. */
export function readRun(body: unknown): RunInfo {
  const fields = new Fields('GET /v1/run', body);
  return {
    run: fields.text('run', RUN_ID),
    rounds: fields.integer('rounds'),
    ...(fields.has('secureKey') && { secureKey: fields.text('secureKey', HEX_32) }),
    details: body as Record<string, unknown>,
  };
}

/** @throws {FederationError} `protocol`. */
export function readCurrent(body: unknown): CurrentRound {
  const fields = new Fields('GET /v1/rounds/current', body);
  const phase = fields.text('phase');
  const round = fields.has('round') ? fields.integer('round') : 0;
  const isDone = fields.has('committed') && fields.flag('committed');
  const takes = phase === 'collect' && fields.flag('selected') && !isDone;
  return {
    round,
    phase,
    waitingFor: fields.has('waitingFor') ? fields.text('waitingFor') : phase,
    isLast: OVER.has(phase),
    ...(takes && { terms: readTerms(round, fields) }),
  };
}

function readTerms(round: number, fields: Fields): RoundTerms {
  const chunkSize = fields.integer('chunkSize', MIN_CHUNK);
  if (chunkSize > MAX_CHUNK) {
    const limit = `at most ${MAX_CHUNK} bytes`;
    throw new FederationError('protocol', `chunkSize must be ${limit}, got ${chunkSize}`);
  }
  const clipNorm = fields.has('clipNorm') ? Number(fields.any('clipNorm')) : undefined;
  if (clipNorm !== undefined && !(Number.isFinite(clipNorm) && clipNorm > 0)) {
    throw new FederationError('protocol', `clipNorm must be above 0, got ${clipNorm}`);
  }
  const training = fields.any('training');
  const control = fields.has('control') ? readControl(fields.any('control')) : undefined;
  return {
    round,
    model: fields.text('model', HEX_32),
    modelBytes: fields.integer('modelBytes', 1),
    deadline: fields.integer('deadline'),
    chunkSize,
    dtypes: fields.texts('dtypes'),
    sampleCap: fields.integer('sampleCap', 1),
    ...(clipNorm !== undefined && { clipNorm }),
    claims: fields.has('claims') ? fields.texts('claims') : [],
    ...(control && { control }),
    secure: fields.has('secure') && fields.flag('secure'),
    training: typeof training === 'object' && training !== null ? { ...training } : {},
  };
}

function readControl(value: unknown): ControlTerms {
  const fields = new Fields('control', value);
  const scale = Number(fields.any('scale'));
  if (!(Number.isFinite(scale) && scale > 0)) {
    throw new FederationError('protocol', `control.scale must be above 0, got ${scale}`);
  }
  if (!fields.has('state')) return { scale };
  return {
    scale,
    state: fields.text('state', HEX_32),
    stateBytes: fields.integer('stateBytes', 1),
  };
}

/** @throws {FederationError} `protocol`. */
export function readChallenge(body: unknown): Uint8Array {
  const digits = new Fields('POST /v1/challenge', body).text(
    'challenge',
    /^([0-9a-f]{2}){16,128}$/,
  );
  return Uint8Array.from(digits.match(/../g)!, (pair) => Number.parseInt(pair, 16));
}

/** Client that was enrolled. @throws {FederationError} `protocol`. */
export function readClient(body: unknown): string {
  return new Fields('POST /v1/clients', body).text('client', CLIENT_ID);
}

/** A right to ask, for some time. */
export interface Token {
  readonly token: string;
  readonly expires: number;
  /** How often the client's key was changed before. */
  readonly rotations: number;
}

/** @throws {FederationError} `protocol`. */
export function readToken(body: unknown): Token {
  const fields = new Fields('POST /v1/session', body);
  return {
    token: fields.text('token', /^[\x21-\x7e]{16,1024}$/),
    expires: fields.integer('expires'),
    rotations: fields.has('rotations') ? fields.integer('rotations') : 0,
  };
}

/** @throws {FederationError} `protocol`. */
export function readStatus(body: unknown, chunks: number): UploadStatus {
  const fields = new Fields('update', body);
  const state = fields.has('state') ? fields.text('state') : '';
  return {
    update: fields.text('update', HEX_32),
    isCommitted: state === 'committed',
    missing: missingIn(fields.text('missing'), chunks),
    credit: fields.has('credit') ? fields.integer('credit') : undefined,
  };
}

/** Name of the blob that an update has become. @throws {FederationError} `protocol`. */
export function readReceipt(body: unknown): { readonly root: string; readonly event: number } {
  const fields = new Fields('commit', body);
  const event = fields.has('event') ? fields.integer('event') : 0;
  return { root: fields.text('root', HEX_32), event };
}

/** Bit k of byte ⌊k/8⌋, lowest first, stands for chunk k. */
function missingIn(base64: string, chunks: number): number[] {
  const bitmap = base64Bytes(base64);
  if (bitmap === undefined || bitmap.length !== Math.ceil(chunks / 8)) {
    const message = `missing must be a bitmap of ${chunks} chunks in base64`;
    throw new FederationError('protocol', message);
  }
  return Array.from({ length: chunks }, (_, k) => k).filter(
    (k) => ((bitmap[k >> 3]! >> (k & 7)) & 1) === 1,
  );
}

function base64Bytes(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  } catch {
    return undefined;
  }
}
