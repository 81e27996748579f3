/**
 * A coordinator for tests of clients: small, in memory, strict in what it takes, and wrong whenever a test
 * says so. Rounds close when all members have committed, and the next model is the model plus the mean.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  CHALLENGE_MS,
  checkPossession,
  clientIdOf,
  issueChallenge,
  type Purpose,
} from '../../src/federation/identity.ts';
import { chunkRange, LEAF_PREFIX, leafHash, merkleRoot } from '../../src/federation/merkle.ts';
import type { ClientRecord } from '../../src/federation/registry.ts';
import {
  checkStatement,
  STATEMENT_LIMITS,
  type Statement,
} from '../../src/federation/statement.ts';
import type { CryptoProvider } from '../../src/secagg/crypto/provider.ts';

/** What goes wrong with a request. */
export type Fault =
  /** The connection goes before anything is done. */
  | { readonly kind: 'drop' }
  /** It is done, and the connection goes before the answer. */
  | { readonly kind: 'mute' }
  /** Half of the answer's body comes. */
  | { readonly kind: 'cut' }
  /** The answer's bytes are others. */
  | { readonly kind: 'garble' }
  /** It is refused. */
  | {
      readonly kind: 'refuse';
      readonly status: number;
      readonly code: string;
      readonly retryAfter?: number;
    };

/** A request, as faults see it. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  /** How many requests of this method and path came before. */
  readonly before: number;
}

/** What a coordinator for tests is told. */
export interface StrictOptions {
  readonly crypto: CryptoProvider;
  /** The first model. */
  readonly model: Uint8Array;
  readonly rounds?: number;
  /** Updates that close a round. Default 1. */
  readonly wanted?: number;
  readonly dtypes?: readonly string[];
  readonly chunkSize?: number;
  /** What clients may have in flight, in chunks. */
  readonly creditChunks?: number;
  /** Milliseconds from a round's opening. */
  readonly collectMs?: number;
  readonly training?: Readonly<Record<string, unknown>>;
  /** Makes the next model. Default: the first one stays. */
  readonly next?: (model: Uint8Array, updates: readonly TakenUpdate[]) => Promise<Uint8Array>;
  readonly fault?: (asked: Asked) => Fault | undefined;
}

/** An update that was committed. */
export interface TakenUpdate {
  readonly statement: Statement;
  readonly file: Uint8Array;
}

interface Upload {
  readonly statement: Statement;
  readonly id: string;
  readonly chunks: (Uint8Array | undefined)[];
  committed?: { root: string; event: number };
}

interface Answered {
  readonly status: number;
  readonly json?: unknown;
  readonly bytes?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A refusal on its way out. */
class No extends Error {
  readonly status: number;
  readonly code: string;
  readonly retryAfter: number | undefined;
  constructor(status: number, code: string, message = code, retryAfter?: number) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

const RUN = 'run-under-test';
const SECRET = new Uint8Array(32).fill(7);

/** The coordinator. */
export class StrictCoordinator {
  readonly #options: Required<Omit<StrictOptions, 'next' | 'fault'>> &
    Pick<StrictOptions, 'next' | 'fault'>;
  readonly #server: Server;
  readonly #clients = new Map<string, ClientRecord>();
  readonly #tokens = new Map<string, string>();
  readonly #usedChallenges = new Set<string>();
  readonly #models = new Map<string, Uint8Array>();
  readonly #counts = new Map<string, number>();
  readonly #uploads = new Map<string, Upload>();
  #waiters: (() => void)[] = [];
  #deadline = 0;
  #inFlight = 0;
  #events = 0;

  /** Requests as they came: `GET /v1/run`. */
  readonly log: string[] = [];
  /** Chunks that were written, by index, again if they came again. */
  readonly written: number[] = [];
  /** Committed updates by round. */
  readonly taken: Map<number, TakenUpdate[]> = new Map();
  /** Most chunks that were on their way at once. */
  mostInFlight = 0;
  /** The number of the round that is open; above `rounds` when the run is over. */
  round = 1;
  /** SHA-256 of the model. */
  model = '';

  private constructor(options: StrictOptions) {
    this.#options = {
      rounds: 1,
      wanted: 1,
      dtypes: ['F32'],
      chunkSize: 512 * 1024,
      creditChunks: 4,
      collectMs: 60_000,
      training: {},
      ...options,
    };
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        response.destroy(error as Error);
      });
    });
    this.#publish(options.model);
    this.#deadline = Date.now() + this.#options.collectMs;
  }

  static async start(options: StrictOptions): Promise<StrictCoordinator> {
    const own = new StrictCoordinator(options);
    await new Promise<void>((resolve) => own.#server.listen(0, '127.0.0.1', resolve));
    return own;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Ends all sessions, as a server that was started anew does. */
  forgetSessions(): void {
    this.#tokens.clear();
  }

  /** Closes the round without waiting for anybody. */
  async closeRound(): Promise<void> {
    const updates = this.taken.get(this.round) ?? [];
    const { next } = this.#options;
    const model = this.#models.get(this.model)!;
    this.#publish(next && updates.length > 0 ? await next(model, updates) : model);
    this.round++;
    this.#deadline = Date.now() + this.#options.collectMs;
    for (const wake of this.#waiters.splice(0)) wake();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get #isOver(): boolean {
    return this.round > this.#options.rounds;
  }

  #publish(model: Uint8Array): void {
    this.model = sha256Hex(model);
    this.#models.set(this.model, model);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    const { pathname: path, searchParams } = new URL(url, 'http://x');
    const key = `${method} ${path}`;
    const before = this.#counts.get(key) ?? 0;
    this.#counts.set(key, before + 1);
    this.log.push(key);
    const fault = this.#options.fault?.({ method, path, before });
    if (fault?.kind === 'drop') {
      request.socket.destroy();
      return;
    }
    const isChunk = path.includes('/chunks/');
    if (isChunk) this.mostInFlight = Math.max(this.mostInFlight, ++this.#inFlight);
    let answer: Answered;
    try {
      const body = await bodyOf(request);
      if (fault?.kind === 'refuse') {
        throw new No(fault.status, fault.code, 'by the test', fault.retryAfter);
      }
      answer = await this.#answer({ method, path, query: searchParams, body, request });
    } catch (error) {
      if (!(error instanceof No)) throw error;
      const { status, code, message, retryAfter } = error;
      const headers = { ...(retryAfter !== undefined && { 'retry-after': `${retryAfter}` }) };
      answer = { status, json: { error: { code, message } }, headers };
    } finally {
      if (isChunk) this.#inFlight--;
    }
    if (fault?.kind === 'mute') request.socket.destroy();
    else send(response, answer, fault);
  }

  async #answer(asked: {
    method: string;
    path: string;
    query: URLSearchParams;
    body: Uint8Array;
    request: IncomingMessage;
  }): Promise<Answered> {
    const { method, path, query, body, request } = asked;
    const route = `${method} ${path}`;
    if (route === 'GET /v1/run') {
      return { status: 200, json: { run: RUN, rounds: this.#options.rounds, rule: 'mean' } };
    }
    if (route === 'POST /v1/challenge') return this.#challenge(jsonOf(request, body));
    if (route === 'POST /v1/clients') return this.#enrol(jsonOf(request, body));
    if (route === 'POST /v1/session') return this.#session(jsonOf(request, body));
    const client = this.#clientOf(request);
    if (route === 'GET /v1/rounds/current') return this.#current(query, client);
    const parts = path.split('/').slice(2);
    if (method === 'GET' && parts[0] === 'models') return this.#modelBytes(parts[1]!, request);
    if (method === 'POST' && parts[0] === 'rounds' && parts[2] === 'updates') {
      return this.#declare(jsonOf(request, body), { client, round: Number(parts[1]) });
    }
    if (parts[0] === 'updates') {
      const upload = this.#uploads.get(parts[1]!);
      if (upload === undefined || upload.statement.client !== client) {
        throw new No(404, 'no-such-update');
      }
      if (method === 'GET' && parts.length === 2) return { status: 200, json: this.#state(upload) };
      if (method === 'PUT' && parts[2] === 'chunks') {
        return this.#chunk(upload, { index: Number(parts[3]), body, request });
      }
      if (method === 'POST' && parts[2] === 'commit') return this.#commit(upload);
    }
    throw new No(404, 'no-such-path', route);
  }

  #challenge(json: Record<string, unknown>): Answered {
    only(json, ['publicKey', 'purpose']);
    const { crypto } = this.#options;
    const now = Date.now();
    const challenge = issueChallenge({
      secret: SECRET,
      purpose: json.purpose as Purpose,
      run: RUN,
      now,
      crypto,
    });
    return { status: 200, json: { challenge: hexOf(challenge), expires: now + CHALLENGE_MS } };
  }

  async #prove(json: Record<string, unknown>, purpose: Purpose): Promise<Uint8Array> {
    const { crypto } = this.#options;
    const [key, challenge, proof] = ['publicKey', 'challenge', 'proof'].map((name) =>
      bytesOf(json[name]),
    ) as [Uint8Array, Uint8Array, Uint8Array];
    const options = { secret: SECRET, purpose, run: RUN, now: Date.now(), crypto };
    const answer = await checkPossession({ challenge, key, proof }, options);
    if (!answer.ok) throw new No(401, answer.refusal.code, answer.refusal.message);
    if (this.#usedChallenges.has(hexOf(challenge))) throw new No(401, 'stale-challenge');
    this.#usedChallenges.add(hexOf(challenge));
    return key;
  }

  async #enrol(json: Record<string, unknown>): Promise<Answered> {
    only(json, ['publicKey', 'challenge', 'proof', 'certificate', 'attributes', 'name']);
    const key = await this.#prove(json, 'registration');
    const client = clientIdOf(key, this.#options.crypto);
    const isNew = !this.#clients.has(client);
    this.#clients.set(client, {
      client,
      key: hexOf(key),
      formerKeys: [],
      enrolment: 'open',
      attributes: {},
    } as unknown as ClientRecord);
    return { status: isNew ? 201 : 200, json: { client } };
  }

  async #session(json: Record<string, unknown>): Promise<Answered> {
    only(json, ['publicKey', 'challenge', 'proof']);
    const client = clientIdOf(await this.#prove(json, 'session'), this.#options.crypto);
    if (!this.#clients.has(client)) throw new No(403, 'not-enrolled');
    const token = hexOf(this.#options.crypto.randomBytes(16));
    this.#tokens.set(token, client);
    return { status: 200, json: { token, expires: Date.now() + 900_000, client } };
  }

  #clientOf({ headers }: IncomingMessage): string {
    const token = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1];
    const client = this.#tokens.get(token ?? '');
    if (client === undefined) throw new No(401, 'no-session');
    return client;
  }

  async #current(query: URLSearchParams, client: string): Promise<Answered> {
    const after = query.get('after');
    const until = Date.now() + Number(query.get('wait') ?? 0) * 1000;
    while (after !== null && Number(after) === this.round && !this.#isOver && Date.now() < until) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, until - Date.now());
        this.#waiters.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    const { chunkSize, dtypes, training } = this.#options;
    const json = {
      round: this.round,
      phase: this.#isOver ? 'finished' : 'collect',
      waitingFor: `round ${this.round}: updates`,
      selected: true,
      committed: (this.taken.get(this.round) ?? []).some((t) => t.statement.client === client),
      model: this.model,
      modelBytes: this.#models.get(this.model)!.length,
      deadline: this.#deadline,
      chunkSize,
      dtypes,
      sampleCap: 1000,
      training,
      aFieldOfLaterVersions: true,
    };
    return { status: 200, json };
  }

  #modelBytes(name: string, { headers }: IncomingMessage): Answered {
    const model = this.#models.get(name);
    if (model === undefined) throw new No(404, 'no-such-model');
    const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
    const range = `bytes ${from}-${model.length - 1}/${model.length}`;
    return from > 0
      ? { status: 206, bytes: model.subarray(from), headers: { 'content-range': range } }
      : { status: 200, bytes: model };
  }

  async #declare(
    json: Record<string, unknown>,
    { client, round }: { client: string; round: number },
  ): Promise<Answered> {
    const names = ['run', 'round', 'baseModel', 'client', 'dtype', 'length', 'chunkSize', 'root'];
    only(json, [...names, 'samples', 'clipNorm', 'expires', 'signature']);
    const { signature, baseModel, ...rest } = json;
    const statement = { ...rest, model: baseModel } as unknown as Statement;
    if (round !== statement.round) throw new No(400, 'malformed', 'another round in the path');
    const { crypto, dtypes } = this.#options;
    const earlier = [...this.#uploads.values()].find(
      (u) => u.statement.client === client && u.statement.round === statement.round,
    );
    const answer = await checkStatement(
      { statement, signature: bytesOf(signature) },
      {
        run: RUN,
        open: this.#isOver
          ? undefined
          : {
              round: this.round,
              model: this.model,
              lengths: Object.fromEntries(dtypes.map((dtype) => [dtype, statement.length])),
            },
        sender: client,
        record: this.#clients.get(client),
        limits: { ...STATEMENT_LIMITS, samplesCap: 1000, samplesLimit: 10 ** 9 },
        now: Date.now(),
        crypto,
        ...(earlier && { before: { id: earlier.id, isCommitted: false } }),
      },
    );
    if (!answer.ok) {
      const { status, code, message } = answer.refusal;
      throw new No(status, code === 'conflict' ? 'already-declared' : code, message);
    }
    const { id } = answer.value;
    const count = Math.ceil(statement.length / statement.chunkSize);
    const upload = this.#uploads.get(id) ?? {
      statement,
      id,
      chunks: Array.from({ length: count }, () => undefined),
    };
    this.#uploads.set(id, upload);
    return { status: earlier ? 200 : 201, json: this.#state(upload) };
  }

  #state({ id, chunks, committed }: Upload): Record<string, unknown> {
    const missing = new Uint8Array(Math.ceil(chunks.length / 8));
    chunks.forEach((chunk, k) => {
      if (chunk === undefined) missing[k >> 3]! |= 1 << (k & 7);
    });
    const { creditChunks, chunkSize } = this.#options;
    return {
      update: id,
      state: committed ? 'committed' : 'open',
      chunks: chunks.length,
      missing: Buffer.from(missing).toString('base64'),
      credit: creditChunks * chunkSize,
    };
  }

  #chunk(
    upload: Upload,
    { index, body, request }: { index: number; body: Uint8Array; request: IncomingMessage },
  ): Answered {
    const { headers } = request;
    const { from, to } = chunkRange(upload.statement, index);
    if (body.length !== to - from || headers['content-length'] !== String(to - from)) {
      throw new No(400, 'wrong-length');
    }
    const digest = createHash('sha256').update(body).digest('base64');
    const leaf = createHash('sha256').update(LEAF_PREFIX).update(body).digest('hex');
    const isRight =
      headers['merkle-leaf'] === leaf || headers['content-digest'] === `sha-256=:${digest}:`;
    if (!isRight) throw new No(400, 'wrong-digest');
    const before = upload.chunks[index];
    if (before !== undefined && Buffer.compare(before, body) !== 0) {
      throw new No(409, 'other-content');
    }
    if (upload.statement.round !== this.round) throw new No(409, 'round-closed');
    upload.chunks[index] = body;
    this.written.push(index);
    return { status: 204 };
  }

  /** Loses a chunk, as a disk does. */
  loseChunk(index: number): void {
    for (const { chunks } of this.#uploads.values()) chunks[index] = undefined;
  }

  async #commit(upload: Upload): Promise<Answered> {
    const { statement, chunks, id } = upload;
    if (upload.committed === undefined) {
      if (statement.round !== this.round) throw new No(409, 'round-closed');
      const missing = chunks.filter((chunk) => chunk === undefined).length;
      if (missing > 0) throw new No(409, 'incomplete', `${missing} chunks are missing`);
      const { crypto } = this.#options;
      const sha = (...parts: readonly Uint8Array[]) => crypto.sha256(...parts);
      const root = merkleRoot(
        chunks.map((chunk) => leafHash(chunk!, sha)),
        sha,
      );
      if (hexOf(root) !== statement.root) throw new No(422, 'wrong-root');
      const file = new Uint8Array(Buffer.concat(chunks as Uint8Array[]));
      upload.committed = { root: statement.root, event: ++this.#events };
      const taken = [...(this.taken.get(this.round) ?? []), { statement, file }];
      this.taken.set(this.round, taken);
      if (taken.length === this.#options.wanted) await this.closeRound();
    }
    return { status: 200, json: { update: id, ...upload.committed } };
  }
}

function send(response: ServerResponse, answer: Answered, fault: Fault | undefined): void {
  const { status, json, headers = {} } = answer;
  const type = json === undefined ? 'application/octet-stream' : 'application/json';
  let body = json === undefined ? answer.bytes : new TextEncoder().encode(JSON.stringify(json));
  if (fault?.kind === 'garble' && body) body = body.map((byte, i) => (i === 9 ? byte ^ 1 : byte));
  response.writeHead(status, {
    ...headers,
    ...(body && { 'content-type': type, 'content-length': body.length }),
  });
  if (fault?.kind === 'cut' && body) {
    response.write(body.subarray(0, body.length / 2), () => response.destroy());
    return;
  }
  response.end(body);
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of request) parts.push(part as Uint8Array);
  return Buffer.concat(parts);
}

function jsonOf({ headers }: IncomingMessage, body: Uint8Array): Record<string, unknown> {
  if (headers['content-type'] !== 'application/json') throw new No(415, 'wrong-type');
  return JSON.parse(Buffer.from(body).toString('utf8')) as Record<string, unknown>;
}

function only(json: Record<string, unknown>, names: readonly string[]): void {
  const unknown = Object.keys(json).find((name) => !names.includes(name));
  if (unknown !== undefined) throw new No(400, 'malformed', `unknown field ${unknown}`);
}

function bytesOf(value: unknown): Uint8Array {
  if (typeof value !== 'string' || !/^([0-9a-f]{2})+$/.test(value)) throw new No(400, 'malformed');
  return new Uint8Array(Buffer.from(value, 'hex'));
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** In lower-case hex. */
export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
