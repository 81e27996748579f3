/**
 * The protocol over HTTP: see docs/protocol.md. Requests are checked against schemas, handed to the
 * coordinator, and answered once what they did is on disk.
 *
 * Chunks go from the connection to their place in a file as they come; no other body is longer than
 * 64 KiB.
 *
 * @module
 */

import { Hono } from 'hono';
import type { Logger } from 'pino';
import { StoreError } from '../../core/errors.ts';
import type { CryptoProvider } from '../../secagg/crypto/provider.ts';
import { hex } from '../../secagg/suite.ts';
import type { Coordinator } from '../coordinator.ts';
import { isOver } from '../run-state.ts';
import { PACE, type Pace, readPast, Stalled } from './body.ts';
import { type Call, type Env, goneSignal, numberIn } from './calls.ts';
import { TokenBuckets } from './flow.ts';
import { Metrics } from './metrics.ts';
import { ModelRoutes } from './model-routes.ts';
import { openApi } from './openapi.ts';
import { admitOrigins } from './origins.ts';
import { Problem, problemOf } from './problems.ts';
import type { RoundBody } from './schemas.ts';
import { giveMessage, type SecureCall, takeMessage } from './secure-routes.ts';
import { SessionRoutes } from './session-routes.ts';
import { type Session, Sessions } from './sessions.ts';
import { UpdateRoutes } from './update-routes.ts';

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

/** Longest that a request is held open, in seconds. */
const MOST_WAIT = 60;
/** When to come again where nobody knows, in seconds. */
const LATER = 5;

/** The server's state, and its routes. */
export class FederationApp {
  readonly hono: Hono<Env>;
  readonly sessions: Sessions = new Sessions();
  readonly metrics: Metrics;
  readonly #options: AppOptions;
  readonly #buckets: TokenBuckets;
  readonly #keys: SessionRoutes;
  readonly #updates: UpdateRoutes;
  readonly #models: ModelRoutes;
  readonly #stopping = new AbortController();

  constructor(options: AppOptions) {
    this.#options = options;
    const { coordinator, crypto, pace = PACE } = options;
    const shared = { coordinator, pace };
    this.#buckets = new TokenBuckets(coordinator.config.limits.requestsPerSecond);
    this.#keys = new SessionRoutes({ ...shared, crypto, sessions: this.sessions });
    this.#updates = new UpdateRoutes({ ...shared, onTaken: (bytes) => this.metrics.took(bytes) });
    this.#models = new ModelRoutes(coordinator);
    this.metrics = new Metrics(coordinator, () => this.#updates.inFlight);
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
    app.post('/v1/challenge', (c) => this.#limited(c, () => this.#keys.challenge(c)));
    app.post('/v1/clients', (c) => this.#limited(c, () => this.#keys.enrol(c)));
    app.post('/v1/session', (c) => this.#limited(c, () => this.#keys.begin(c)));
    app.post('/v1/keys', (c) => this.#as(c, (session) => this.#keys.rotate(c, session)));
    app.get('/v1/rounds/current', (c) => this.#as(c, ({ client }) => this.#current(c, client)));
    app.get('/v1/models/:sha256', (c) => this.#as(c, ({ client }) => this.#models.give(c, client)));
    app.post('/v1/rounds/:round/updates', (c) =>
      this.#as(c, ({ client }) => this.#updates.declare(c, client)),
    );
    app.post('/v1/rounds/:round/secure', (c) =>
      this.#as(c, (session) => takeMessage(this.#secureCall(c, session), options.pace ?? PACE)),
    );
    app.get('/v1/rounds/:round/secure', (c) =>
      this.#as(c, (session) => giveMessage(this.#secureCall(c, session), this.#held(c))),
    );
    app.put('/v1/updates/:update/chunks/:k', (c) =>
      this.#unmetered(c, ({ client }) => this.#updates.chunk(c, client)),
    );
    app.get('/v1/updates/:update', (c) =>
      this.#as(c, ({ client }) => this.#updates.status(c, client)),
    );
    app.post('/v1/updates/:update/commit', (c) =>
      this.#as(c, ({ client }) => this.#updates.commit(c, client)),
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

  /** A request of a client, however often it comes: chunks are bounded by credit. */
  async #unmetered(c: Call, serve: (session: Session) => Promise<Response>): Promise<Response> {
    const session = this.#sessionIn(c);
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
        // Not what it waits for, which names clients: anybody may ask.
        phase: state.round?.phase ?? 'idle',
        open: isOpen,
      },
      isWell ? 200 : 503,
    );
  }

  // Failures

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

/** Whether the connection broke. */
function isGone(error: unknown, c: Call): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return (
    c.env.incoming.destroyed && (code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE')
  );
}
