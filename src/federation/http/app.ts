/**
 * The protocol over HTTP: see docs/protocol.md. Requests are checked against schemas, handed to the
 * coordinator, and answered once what they did is on disk.
 *
 * Chunks go from the connection to their place in a file as they come; no other body is longer than
 * 64 KiB.
 *
 * @module
 */

import type { ServerResponse } from 'node:http';
import type { HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { hexToBytes } from '@noble/hashes/utils.js';
import { type Context, Hono } from 'hono';
import type { Logger } from 'pino';
import type { z } from 'zod';
import { show } from '../../core/assert.ts';
import { StoreError } from '../../core/errors.ts';
import type { CryptoProvider } from '../../secagg/crypto/provider.ts';
import { hex } from '../../secagg/suite.ts';
import type { Coordinator, DeclaredUpdate, Outcome } from '../coordinator.ts';
import { CHALLENGE_MS, checkPossession, HEX_32, issueChallenge } from '../identity.ts';
import { chunkRange } from '../merkle.ts';
import { isOver } from '../run-state.ts';
import type { ChunkOptions } from '../store/upload.ts';
import { BATCH_BYTES, batches, PACE, type Pace, readPast, Stalled, shortBody } from './body.ts';
import { Credit } from './credit.ts';
import { Downloads } from './downloads.ts';
import { TokenBuckets } from './flow.ts';
import { Lanes } from './lanes.ts';
import { Metrics } from './metrics.ts';
import { openApi } from './openapi.ts';
import { admitOrigins } from './origins.ts';
import { type Place, Problem, type ProblemDetails, problemOf } from './problems.ts';
import {
  challengeRequest,
  enrolRequest,
  type RoundBody,
  rotationRequest,
  sessionRequest,
  statementRequest,
} from './schemas.ts';
import { giveMessage, type SecureCall, takeMessage } from './secure-routes.ts';
import { type Session, Sessions } from './sessions.ts';

/** What an app is made of. */
export interface AppOptions {
  readonly coordinator: Coordinator;
  readonly crypto: CryptoProvider;
  readonly log: Logger;
  /** How slow bodies may be. */
  readonly pace?: Pace;
  /** Of the program. */
  readonly version: string;
  /** Pages of these origins may take part. Default: none. */
  readonly origins?: readonly string[];
}

type Env = { Bindings: HttpBindings };
type Call = Context<Env>;

/** Longest body but that of a chunk. */
const MOST_JSON = 64 * 1024;
/** Longest that a request is held open, in seconds. */
const MOST_WAIT = 60;
/** Bytes of a model that are read at one time. */
const PIECE = 2 ** 20;
/** Longest that a chunk waits for credit, in milliseconds. */
const CREDIT_MS = 10_000;
/** Chunks that are taken in whole at a time, and how long one may take to come, in milliseconds. */
const LANES = 16;
const LANE_MS = 50;
/** When to come again where nobody knows, in seconds. */
const LATER = 5;

/** The server's state, and its routes. */
export class FederationApp {
  readonly hono: Hono<Env>;
  readonly sessions: Sessions = new Sessions();
  readonly metrics: Metrics;
  readonly #options: AppOptions;
  readonly #buckets: TokenBuckets;
  readonly #credit: Credit;
  readonly #lanes = new Lanes(LANES);
  readonly #downloads = new Downloads();
  /** What challenges are tagged with: of this process alone. */
  readonly #secret: Uint8Array;
  readonly #stopping = new AbortController();

  constructor(options: AppOptions) {
    this.#options = options;
    const { limits } = options.coordinator.config;
    this.#buckets = new TokenBuckets(limits.requestsPerSecond);
    this.#credit = new Credit({ each: limits.creditBytesEach, all: limits.creditBytes });
    this.#secret = options.crypto.randomBytes(32);
    this.metrics = new Metrics(options.coordinator, () => this.#credit.used);
    this.hono = this.#routes();
  }

  /** Takes no more requests; those that are held open are answered. */
  stop(): void {
    this.#stopping.abort();
  }

  /** The session that a token stands for. @throws {Problem} `no-session`, `session-expired`, … */
  sessionOf(token: string): Session {
    const { coordinator } = this.#options;
    const session = this.sessions.find(token, coordinator.now());
    if (session === 'expired')
      throw new Problem('session-expired', 'the session is over: begin another');
    const record = session && coordinator.registry.get(session.client);
    if (session === undefined || record?.key !== session.key) {
      throw new Problem('no-session', 'there is no session of this token: begin one');
    }
    const out = coordinator.standingOf(session.client);
    if (out !== undefined) throw problemOf(out, 'key');
    coordinator.heard(session.client);
    return session;
  }

  #routes(): Hono<Env> {
    const app = new Hono<Env>();
    const options = this.#options;
    const { origins = [] } = options;
    if (origins.length > 0) app.use('/v1/*', admitOrigins(origins));
    app.use(async (c, next) => {
      const begun = performance.now();
      await next();
      // A body that nobody wanted is read past, so that the connection survives.
      void readPast(c.env.incoming, this.#options.pace);
      const route = c.req.routePath;
      const { method } = c.req;
      const { headersSent, statusCode } = c.env.outgoing;
      const status = headersSent ? statusCode : c.res.status;
      this.metrics.answered({ method, route, status }, performance.now() - begun);
    });
    app.onError((error, c) => this.#failed(error, c));
    app.notFound((c) =>
      this.#answer(c, new Problem('no-such-path', `there is no ${c.req.method} ${c.req.path}`)),
    );
    app.get('/healthz', (c) => this.#health(c));
    app.get('/metrics', async (c) =>
      c.body(await this.metrics.text(), 200, { 'content-type': this.metrics.contentType }),
    );
    app.get('/v1/openapi.json', (c) => c.json(openApi(this.#options.version)));
    app.get('/v1/run', (c) => this.#limited(c, () => this.#run(c)));
    app.post('/v1/challenge', (c) => this.#limited(c, () => this.#challenge(c)));
    app.post('/v1/clients', (c) => this.#limited(c, () => this.#enrol(c)));
    app.post('/v1/session', (c) => this.#limited(c, () => this.#session(c)));
    app.post('/v1/keys', (c) => this.#as(c, (session) => this.#rotate(c, session)));
    app.get('/v1/rounds/current', (c) => this.#as(c, ({ client }) => this.#current(c, client)));
    app.get('/v1/models/:sha256', (c) => this.#as(c, ({ client }) => this.#model(c, client)));
    app.post('/v1/rounds/:round/updates', (c) =>
      this.#as(c, ({ client }) => this.#declare(c, client)),
    );
    app.post('/v1/rounds/:round/secure', (c) =>
      this.#as(c, (session) => takeMessage(this.#secureCall(c, session), options.pace ?? PACE)),
    );
    app.get('/v1/rounds/:round/secure', (c) =>
      this.#as(c, (session) => giveMessage(this.#secureCall(c, session), this.#held(c))),
    );
    app.put('/v1/updates/:update/chunks/:k', (c) => this.#chunk(c));
    app.get('/v1/updates/:update', (c) => this.#as(c, ({ client }) => this.#upload(c, client)));
    app.post('/v1/updates/:update/commit', (c) =>
      this.#as(c, ({ client }) => this.#commit(c, client)),
    );
    return app;
  }

  // Who asks, and whether they may

  /** Any request: as often as the address may. */
  async #limited(c: Call, serve: () => Response | Promise<Response>): Promise<Response> {
    this.#take(`address ${c.env.incoming.socket.remoteAddress ?? ''}`);
    this.#requireOpen();
    return serve();
  }

  /** A request of a client: as often as the client may. */
  async #as(c: Call, serve: (session: Session) => Response | Promise<Response>): Promise<Response> {
    const session = this.#sessionIn(c);
    this.#take(session.client);
    this.#requireOpen();
    return serve(session);
  }

  #sessionIn(c: Call): Session {
    const [, token] =
      /^Bearer ([\x21-\x7e]{1,1024})$/.exec(c.req.header('authorization') ?? '') ?? [];
    if (token === undefined) {
      // Whoever has no token is counted by address, or guessing would be free.
      this.#take(`address ${c.env.incoming.socket.remoteAddress ?? ''}`);
      throw new Problem('no-session', 'a token is needed: Authorization: Bearer …');
    }
    try {
      return this.sessionOf(token);
    } catch (error) {
      this.#take(`address ${c.env.incoming.socket.remoteAddress ?? ''}`);
      throw error;
    }
  }

  #take(caller: string): void {
    const ms = this.#buckets.take(caller, performance.now());
    if (ms === 0) return;
    const { requestsPerSecond } = this.#options.coordinator.config.limits;
    const message = `${requestsPerSecond} requests a second are taken: come again in ${ms} ms`;
    throw new Problem('slow-down', message, { retryAfter: Math.ceil(ms / 1000) });
  }

  #requireOpen(): void {
    if (this.#stopping.signal.aborted) {
      throw new Problem('stopping', 'the server is stopping', { retryAfter: LATER });
    }
    const { trouble } = this.#options.coordinator;
    if (trouble !== undefined) throw problemOfStore(trouble, trouble);
  }

  // Keys

  async #challenge(c: Call): Promise<Response> {
    const { coordinator, crypto } = this.#options;
    const { publicKey, purpose } = await this.#json(c, challengeRequest);
    const isKnown = coordinator.registry.ownerOf(publicKey) !== undefined;
    const now = coordinator.now();
    const challenge = issueChallenge({
      secret: this.#secret,
      purpose: purpose ?? (isKnown ? 'session' : 'registration'),
      run: coordinator.store.run,
      now,
      crypto,
    });
    return c.json({
      challenge: Buffer.from(challenge).toString('hex'),
      expires: now + CHALLENGE_MS,
    });
  }

  async #enrol(c: Call): Promise<Response> {
    const body = await this.#json(c, enrolRequest);
    const { publicKey, challenge, proof, certificate, name } = body;
    const attributes = { ...(name !== undefined && { name }), ...body.attributes };
    const outcome = await this.#options.coordinator.register(
      {
        key: hexToBytes(publicKey),
        challenge: hexToBytes(challenge),
        proof: hexToBytes(proof),
        ...(Object.keys(attributes).length > 0 && { attributes }),
        ...(certificate && {
          certificate: {
            ...certificate,
            identity: hexToBytes(certificate.identity),
            federation: hexToBytes(certificate.federation),
            signature: hexToBytes(certificate.signature),
          },
        }),
      },
      this.#secret,
    );
    const { client, isNew } = granted(outcome, 'key');
    return c.json({ client }, isNew ? 201 : 200);
  }

  async #session(c: Call): Promise<Response> {
    const { coordinator, crypto } = this.#options;
    const { publicKey, challenge, proof } = await this.#json(c, sessionRequest);
    const now = coordinator.now();
    const shown = await checkPossession(
      { challenge: hexToBytes(challenge), key: hexToBytes(publicKey), proof: hexToBytes(proof) },
      { secret: this.#secret, purpose: 'session', run: coordinator.store.run, now, crypto },
    );
    if (!shown.ok) throw problemOf(shown.refusal, 'key');
    const record = coordinator.registry.ownerOf(publicKey);
    if (record === undefined || record.key !== publicKey) {
      const what = record === undefined ? 'is not enrolled' : 'was replaced';
      throw new Problem('not-enrolled', `the key ${publicKey} ${what}`);
    }
    const { client } = record;
    const out = coordinator.standingOf(client);
    if (out !== undefined) throw problemOf(out, 'key');
    if (!this.sessions.isFirstUse(challenge, now)) {
      throw new Problem('stale-challenge', 'the challenge was answered before: ask for another');
    }
    const { token, expires } = this.sessions.begin({ client, key: publicKey }, now);
    coordinator.heard(client);
    return c.json({ token, expires, client, rotations: record.formerKeys.length });
  }

  async #rotate(c: Call, { client }: Session): Promise<Response> {
    const { coordinator } = this.#options;
    const { newPublicKey, signatureOld, signatureNew } = await this.#json(c, rotationRequest);
    const { key, formerKeys } = coordinator.registry.get(client)!;
    // A repeated request is for the change that was made.
    const isDone = key === newPublicKey && formerKeys.length > 0;
    const outcome = await coordinator.rotate({
      client,
      rotations: isDone ? formerKeys.length - 1 : formerKeys.length,
      previous: hexToBytes(isDone ? formerKeys.at(-1)! : key),
      next: hexToBytes(newPublicKey),
      signature: hexToBytes(signatureOld),
      nextSignature: hexToBytes(signatureNew),
    });
    granted(outcome, 'key');
    this.sessions.end(client, newPublicKey);
    return c.json({ client });
  }

  // The run and its rounds

  #run(c: Call): Response {
    const { coordinator, version } = this.#options;
    const { config, store, composition } = coordinator;
    const { enrolment, limits, wire } = config;
    return c.json({
      run: store.run,
      name: config.name,
      ...(enrolment.kind === 'certificate' && { federation: enrolment.federation }),
      rounds: config.rounds,
      rule: config.rule,
      optimizer: config.optimizer,
      modes: [...composition.modes],
      ...(coordinator.secure && { secureKey: hex(coordinator.secure.serverKey) }),
      enrolment: enrolment.kind,
      dtypes: coordinator.dtypes,
      chunkSize: wire.chunkBytes,
      limits: { ...limits },
      training: config.training ?? {},
      version,
    });
  }

  async #current(c: Call, client: string): Promise<Response> {
    const { coordinator } = this.#options;
    const after = numberIn(c, 'after');
    const isNews = (): boolean =>
      after === undefined ||
      coordinator.isFinished ||
      (coordinator.state.round?.round ?? 0) !== after;
    const end = this.#held(c);
    while (!isNews() && !end.aborted) {
      coordinator.heard(client);
      await coordinator.changed(end);
    }
    this.#requireOpen();
    return c.json(await this.#view(client));
  }

  #secureCall(c: Call, { client, key }: Session): SecureCall {
    const { coordinator } = this.#options;
    coordinator.heard(client);
    return { c, coordinator, speaker: { client, identity: key } };
  }

  /** Until when a request is held open. */
  #held(c: Call): AbortSignal {
    const wait = Math.min(MOST_WAIT, numberIn(c, 'wait') ?? 0);
    const gone = goneSignal(c.env.outgoing);
    return AbortSignal.any([AbortSignal.timeout(wait * 1000), this.#stopping.signal, gone]);
  }

  async #view(client: string): Promise<RoundBody> {
    const { coordinator } = this.#options;
    const { config } = coordinator;
    const view = await coordinator.view(client);
    const { status, finished, model, modelBytes, deadline, selected, committed } = view;
    const { clientScalars, parts, controlScale } = coordinator.optimizer;
    const { state, stateBytes } = view;
    return {
      round: status.round,
      phase: finished !== undefined ? 'finished' : status.phase,
      waitingFor: coordinator.waitingFor,
      selected,
      committed,
      updates: status.updates,
      wanted: status.wanted,
      ...(model !== undefined && { model }),
      ...(modelBytes !== undefined && { modelBytes }),
      ...(deadline !== undefined && { deadline }),
      chunkSize: config.wire.chunkBytes,
      dtypes: coordinator.dtypes,
      sampleCap: config.limits.samplesCap,
      ...(config.privacy?.kind === 'local' && { clipNorm: config.privacy.clipNorm }),
      claims: clientScalars.map(({ name }) => name),
      ...(parts > 1 && {
        control: {
          scale: controlScale,
          ...(state !== undefined && { state }),
          ...(stateBytes !== undefined && { stateBytes }),
        },
      }),
      ...(coordinator.secure && { secure: true }),
      training: config.training ?? {},
    };
  }

  async #model(c: Call, client: string): Promise<Response> {
    const { coordinator } = this.#options;
    const name = c.req.param('sha256') ?? '';
    if (!HEX_32.test(name) || !(await coordinator.isModel(name))) {
      throw new Problem('no-such-model', `there is no model ${show(name)}`);
    }
    const etag = `"${name}"`;
    const headers = {
      etag,
      'cache-control': 'private, max-age=31536000, immutable',
      'accept-ranges': 'bytes',
      'content-type': 'application/octet-stream',
    };
    if (c.req.header('if-none-match') === etag) return c.body(null, 304, headers);
    const source = await coordinator.store.blobs.open(name);
    const range = rangeIn(c, { etag, size: source.size });
    if (range === 'none') {
      await source.close();
      return c.body(null, 416, { ...headers, 'content-range': `bytes */${source.size}` });
    }
    const { from, to } = range ?? { from: 0, to: source.size };
    // Whoever asks with HEAD reads no body, and nobody would close the file.
    if (c.req.method === 'HEAD') {
      await source.close();
      return c.body(null, 200, { ...headers, 'content-length': String(source.size) });
    }
    this.#downloads.begin(client, c.env.outgoing);
    let at = from;
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const end = Math.min(to, at + PIECE);
          if (end > at) controller.enqueue(await source.read(at, end));
          at = end;
          if (at < to) return;
          await source.close();
          controller.close();
        },
        cancel: () => source.close(),
      },
      { highWaterMark: 0 },
    );
    return c.body(body, range === undefined ? 200 : 206, {
      ...headers,
      'content-length': String(to - from),
      ...(range && { 'content-range': `bytes ${from}-${to - 1}/${source.size}` }),
    });
  }

  // Updates

  async #declare(c: Call, client: string): Promise<Response> {
    const { coordinator } = this.#options;
    const { signature, baseModel, clipNorm, ...rest } = await this.#json(c, statementRequest);
    const place = c.req.param('round');
    if (place !== String(rest.round)) {
      throw new Problem(
        'malformed',
        `the statement is of round ${rest.round}, the path of ${place}`,
      );
    }
    const statement = {
      ...rest,
      model: baseModel,
      // 0 and null are no norm.
      ...(typeof clipNorm === 'number' && clipNorm > 0 && { clipNorm }),
    };
    const outcome = await coordinator.declare(client, {
      statement,
      signature: hexToBytes(signature),
    });
    const round = coordinator.state.round?.round;
    const declared = granted(outcome, 'statement', round === undefined ? {} : { round });
    return sent(c, declared.repeated ? 200 : 201, this.#uploadState(declared));
  }

  async #upload(c: Call, client: string): Promise<Response> {
    const { coordinator } = this.#options;
    const update = updateIn(c);
    return c.json(this.#uploadState(granted(await coordinator.uploadOf(client, update), 'chunk')));
  }

  #uploadState({ update, upload, committed, chunks }: DeclaredUpdate): object {
    const missing = new Uint8Array(Math.ceil(chunks / 8));
    const arrived = upload?.arrived;
    for (let k = 0; k < chunks && !committed; k++) {
      if (((arrived?.[k >> 3] ?? 0) >> (k & 7)) & 1) continue;
      missing[k >> 3]! |= 1 << (k & 7);
    }
    return {
      update,
      state: committed ? 'committed' : 'open',
      chunks,
      missing: Buffer.from(missing).toString('base64'),
      credit: this.#credit.each,
    };
  }

  /** A chunk: everything that can be refused is refused before its body is read. */
  async #chunk(c: Call): Promise<Response> {
    const { coordinator, pace = PACE } = this.#options;
    const { client } = this.#sessionIn(c);
    this.#requireOpen();
    const update = updateIn(c);
    const { upload } = granted(await coordinator.uploadOf(client, update), 'chunk');
    if (upload === undefined) throw new Problem('replay', 'the update is committed already');
    const index = indexIn(c, upload.chunks);
    const { from, to } = chunkRange(upload.plan, index);
    const length = lengthIn(c);
    if (length !== to - from) {
      throw new Problem('wrong-length', `chunk ${index} has ${to - from} bytes, got ${length}`);
    }
    const hash = hashIn(c);
    const isBegun = upload.missing < upload.chunks;
    const giveBack =
      this.#credit.take(client, length) ??
      (await this.#credit.wait(client, length, {
        waitMs: CREDIT_MS,
        isBegun,
        signal: goneSignal(c.env.outgoing),
      }));
    if (giveBack === undefined) {
      const message = `${this.#credit.each} bytes may be in flight: wait for those that are`;
      throw new Problem('no-credit', message, { retryAfter: 1 });
    }
    const leave = await this.#lanes.enter();
    try {
      // Whoever is slow has a batch in memory, not all of its chunk: others need not wait for the rest.
      let isSlow = false;
      const onSlow = (held: number): void => {
        isSlow = true;
        leave();
        giveBack(Math.max(held, 2 * BATCH_BYTES));
      };
      const eager = { ms: LANE_MS, onSlow };
      const pieces = followed(batches(c.env.incoming, { pace, bytes: length, eager }), () => {
        // What came before it was slow is written.
        if (isSlow) giveBack(2 * BATCH_BYTES);
      });
      const answer = await upload.write(index, pieces, hash);
      if (!answer.ok) throw problemOf(answer.refusal, 'chunk');
    } finally {
      leave();
      giveBack();
    }
    this.metrics.took(length);
    return sent(c, 204);
  }

  async #commit(c: Call, client: string): Promise<Response> {
    const { coordinator } = this.#options;
    return sent(c, 200, granted(await coordinator.commit(client, updateIn(c)), 'chunk'));
  }

  // Operations

  #health(c: Call): Response {
    const { coordinator } = this.#options;
    const { trouble, state } = coordinator;
    const isWell = trouble === undefined && !this.#stopping.signal.aborted;
    const word = trouble !== undefined ? trouble.code : isWell ? 'ok' : 'stopping';
    const isOpen = state.round !== undefined && !isOver(state.round);
    return c.json(
      {
        status: word,
        run: coordinator.store.run,
        round: state.round?.round ?? 0,
        open: isOpen,
        waitingFor: coordinator.waitingFor,
      },
      isWell ? 200 : 503,
    );
  }

  // Requests and answers

  async #json<T>(c: Call, schema: z.ZodType<T>): Promise<T> {
    const type = (c.req.header('content-type') ?? '').split(';', 1)[0]!.trim().toLowerCase();
    if (type !== 'application/json') {
      throw new Problem('wrong-type', `the body must be application/json, got ${show(type)}`);
    }
    const { pace = PACE } = this.#options;
    const bytes = await shortBody(c.env.incoming, { most: MOST_JSON, pace });
    const result = schema.safeParse(parsedJson(bytes));
    if (result.success) return result.data;
    const issue = result.error.issues[0]!;
    const path = issue.path.map(String).join('.');
    throw new Problem('malformed', path === '' ? issue.message : `${path}: ${issue.message}`);
  }

  #failed(error: unknown, c: Call): Response {
    if (error instanceof Problem) return this.#answer(c, error);
    if (error instanceof Stalled || isGone(error, c)) {
      this.#options.log.info({ path: c.req.path, why: String(error) }, 'cut');
      c.env.incoming.destroy();
      return c.body(null, 408 as never);
    }
    if (error instanceof StoreError) {
      return this.#answer(c, problemOfStore(error, this.#options.coordinator.trouble));
    }
    this.#options.log.error({ path: c.req.path, err: error }, 'failed');
    return this.#answer(c, new Problem('failed', 'the server failed on this request'));
  }

  #answer(c: Call, problem: Problem): Response {
    const { status, code, message, details } = problem;
    this.metrics.refused(code);
    this.#options.log.info(
      { method: c.req.method, path: c.req.path, status, code, message },
      'refused',
    );
    const { retryAfter } = details;
    const headers =
      retryAfter === undefined ? {} : { 'retry-after': String(Math.max(1, retryAfter)) };
    return c.json(problem.toJSON(), status as never, headers);
  }
}

/** The same; `done` is called whenever whoever takes it is done with one. */
async function* followed<T>(source: AsyncIterable<T>, done: () => void): AsyncGenerator<T, void> {
  for await (const one of source) {
    yield one;
    done();
  }
}

/** @throws {Problem} if it was not granted. */
function granted<T>(outcome: Outcome<T>, place: Place, details: ProblemDetails = {}): T {
  if (outcome.ok) return outcome.value;
  throw problemOf(outcome, place, details);
}

function problemOfStore(error: StoreError, trouble?: StoreError): Problem {
  // An upload that ended while something of it came.
  if (error.code === 'closed' && trouble === undefined) {
    return new Problem('round-closed', 'the round closed while this came');
  }
  if (error.code === 'disk-full') {
    return new Problem('no-space', 'there is no room on the disk', { retryAfter: LATER });
  }
  return new Problem('stopping', 'the server cannot write its log', { retryAfter: LATER });
}

function parsedJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new Problem('malformed', 'the body is no JSON');
  }
}

function updateIn(c: Call): string {
  const update = c.req.param('update') ?? '';
  if (HEX_32.test(update)) return update;
  throw new Problem('no-such-update', `there is no update ${show(update)}`);
}

function indexIn(c: Call, chunks: number): number {
  const text = c.req.param('k') ?? '';
  const index = Number(text);
  if (/^\d{1,9}$/.test(text) && index < chunks) return index;
  throw new Problem('malformed', `the update has chunks 0 to ${chunks - 1}, got ${show(text)}`);
}

function lengthIn(c: Call): number {
  const text = c.req.header('content-length') ?? '';
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new Problem('wrong-length', 'a chunk comes with its Content-Length');
}

/** What a chunk is said to hash to: its leaf of the tree, or its bytes by themselves. */
function hashIn(c: Call): ChunkOptions {
  const leaf = c.req.header('merkle-leaf');
  if (leaf !== undefined && HEX_32.test(leaf)) return { leaf: hexToBytes(leaf) };
  const text = c.req.header('content-digest') ?? '';
  const [, digest] = /^sha-256=:([A-Za-z0-9+/]{43}=):$/.exec(text) ?? [];
  if (leaf === undefined && digest !== undefined) {
    return { digest: new Uint8Array(Buffer.from(digest, 'base64')) };
  }
  const wanted = 'Content-Digest: sha-256=:…: or Merkle-Leaf: and 64 lower-case hex digits';
  throw new Problem('malformed', `a chunk comes with ${wanted}`);
}

function numberIn(c: Call, name: string): number | undefined {
  const text = c.req.query(name);
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new Problem('malformed', `${name} must be a number, got ${show(text)}`);
}

/** One range of bytes [from, to); `none` for one that is not there. Others mean the whole. */
function rangeIn(
  c: Call,
  { etag, size }: { readonly etag: string; readonly size: number },
): { readonly from: number; readonly to: number } | 'none' | undefined {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(c.req.header('range') ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
  const condition = c.req.header('if-range');
  if (condition !== undefined && condition !== etag) return undefined;
  const from = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const to = first === '' || last === '' ? size : Math.min(size, Number(last) + 1);
  return from < to ? { from, to } : 'none';
}

/** Answers at once: a `Response` costs more than all else of an answer, and updates need six. */
function sent(c: Call, status: number, json?: object): Response {
  if (json === undefined) {
    c.env.outgoing.writeHead(status).end();
  } else {
    const body = JSON.stringify(json);
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    };
    c.env.outgoing.writeHead(status, headers).end(body);
  }
  return RESPONSE_ALREADY_SENT;
}

/** Aborts when whoever asked has gone, or was answered: a connection outlives many requests. */
function goneSignal(outgoing: ServerResponse): AbortSignal {
  const controller = new AbortController();
  outgoing.once('close', () => controller.abort());
  return controller.signal;
}

/** Whether the connection broke. */
function isGone(error: unknown, c: Call): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return (
    c.env.incoming.destroyed && (code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE')
  );
}
