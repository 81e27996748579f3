/**
 * A client of a federation: takes part in the rounds of a run with nothing but a function that trains.
 * Enrolment, waiting, downloads, uploads and everything that goes wrong on the way are its business.
 *
 * @module
 */

import { assertInteger, assertPositive } from '../../core/assert.ts';
import { FederationError } from '../../core/errors.ts';
import { createRandom, type Random } from '../../core/random.ts';
import type { WireDtype } from '../../formats/wire.ts';
import type { CryptoProvider } from '../../secagg/crypto/provider.ts';
import type { Certificate } from '../../secagg/enrolment.ts';
import type { Identity } from '../identity.ts';
import { MASKED } from '../statement.ts';
import { type CurrentRound, type RoundTerms, type RunInfo, readCurrent, runAt } from './answers.ts';
import { BACKOFF, type Backoff, delayAfter } from './backoff.ts';
import { type Clock, systemClock } from './clock.ts';
import { readControl, zeroControl } from './control.ts';
import { type Fetch, Http } from './http.ts';
import { downloadFile, downloadModel, type Model, type Via } from './model.ts';
import { News, type NewsItem, type OpenSocket } from './news.ts';
import type { Participation } from './participation.ts';
import type { TakePart } from './secure.ts';
import { Session } from './session.ts';
import type { Train } from './train.ts';
import { chooseDtype, type LocalUpdate, prepareUpdate, updateFile } from './update.ts';
import { type Receipt, upload } from './upload.ts';

/** Options of {@link FederationClient.connect}. */
export interface FederationClientOptions {
  /** Where the coordinator is, such as `https://federation.example:8443`. */
  readonly url: string;
  /** The client's key. */
  readonly identity: Identity;
  /** As `createCrypto` gives it. */
  readonly crypto: CryptoProvider;
  /** Where the federation asks for one. */
  readonly certificate?: Certificate;
  /** What the client says of itself, for predicates of selection. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** The number type to send, where rounds take it. Default: the server's favourite. */
  readonly dtype?: WireDtype;
  /** Takes part in rounds under masks, as `underMasks` gives it. Default: such rounds are left out. */
  readonly secure?: TakePart;
  /** Whether NaN and infinities are sent: every server's screen turns them away. Default false. */
  readonly nonFinite?: boolean;
  /** Most chunks on their way at once. Default 4. */
  readonly parallel?: number;
  /** Largest model that is fetched, in bytes. Default 4 GiB. */
  readonly maxModelBytes?: number;
  /** How long one request is tried for, in milliseconds. Default: ten minutes. */
  readonly patienceMs?: number;
  /** Opens a WebSocket for news, such as `(url) => new WebSocket(url)`. Default: the client asks over HTTP. */
  readonly openSocket?: OpenSocket;
  /** Default: the platform's. */
  readonly fetch?: Fetch;
  /** Default: the platform's. */
  readonly clock?: Clock;
  /** For delays. Default: from the CSPRNG. */
  readonly random?: Pick<Random, 'uniform'>;
  /** Default: a quarter of a second to 15 s. */
  readonly backoff?: Backoff;
  /** Called whenever the client does something else, or waits for something else. */
  readonly onStatus?: (status: ClientStatus) => void;
  /** Called with what comes over the WebSocket. */
  readonly onNews?: (item: NewsItem) => void;
  /** Ends {@link FederationClient.connect}, not the client. */
  readonly signal?: AbortSignal;
}

/** What a client is doing. */
export interface ClientStatus {
  readonly doing: 'enrolling' | 'waiting' | 'downloading' | 'training' | 'uploading' | 'retrying';
  /** 0 where it is about none. */
  readonly round: number;
  /** For people. */
  readonly text: string;
}

/** Options of {@link FederationClient.participate}. */
export interface ParticipateOptions {
  readonly train: Train;
  /** Ends after so many rounds of which something came. Default: with the run. */
  readonly rounds?: number;
  /** Ends it, also in the middle of a round. */
  readonly signal?: AbortSignal | undefined;
}

const WAIT_SECONDS = 30;
const PATIENCE_MS = 600_000;
const MAX_MODEL_BYTES = 4 * 2 ** 30;

/** Refusals that say that the round goes on without this client. */
const LATE = new Set([
  'wrong-round',
  'round-closed',
  'no-such-round',
  'wrong-base-model',
  'expired',
]);
/** Refusals after which there is nothing to wait for. */
const FOREVER = new Set(['revoked', 'not-enrolled', 'wrong-run', 'no-such-path']);

/** One client's part in one run. */
export class FederationClient {
  /** What the server told of the run. */
  readonly info: RunInfo;
  readonly #options: FederationClientOptions;
  readonly #clock: Clock;
  readonly #random: Pick<Random, 'uniform'>;
  readonly #http: Http;
  readonly #session: Session;
  readonly #news: News | undefined;
  readonly #status: { current: ClientStatus };
  /** The last round in which an update was taken. */
  #committed = 0;

  private constructor(parts: {
    info: RunInfo;
    options: FederationClientOptions;
    surroundings: Surroundings;
    session: Session;
  }) {
    const { info, options, surroundings, session } = parts;
    this.info = info;
    this.#options = options;
    this.#clock = surroundings.clock;
    this.#random = surroundings.random;
    this.#http = surroundings.http;
    this.#status = surroundings.status;
    this.#session = session;
    const { openSocket: open, onNews: onItem } = options;
    this.#news = open && new News({ ...surroundings, session, open, onItem });
  }

  /**
   * Finds the run and enrols in it; if the client is enrolled already, that is as good.
   *
   * @throws {FederationError} `refused` if the policy does not admit the client, `unreachable`, `protocol`.
   * @throws {TypeError | RangeError} if an option is not what it should be.
   */
  static async connect(options: FederationClientOptions): Promise<FederationClient> {
    const { signal, identity, certificate, attributes, parallel = 1 } = options;
    assertInteger('parallel', parallel, 1, 64);
    const surroundings = surroundingsOf(options);
    const { http } = surroundings;
    surroundings.tell({ doing: 'enrolling', round: 0, text: `enrolling at ${http.base}` });
    const info = await runAt(http, signal);
    const session = new Session({ http, identity, run: info.run, certificate, attributes });
    await session.enrol(signal);
    return new FederationClient({ info, options, surroundings, session });
  }

  /** The client's name. */
  get id(): string {
    return this.#options.identity.id;
  }

  /** What the client is doing, or waits for. */
  get status(): ClientStatus {
    return this.#status.current;
  }

  /**
   * What goes on at the server.
   *
   * @param options.after - Wait until it is not about this round, for `wait` seconds at most.
   */
  async current(
    options: {
      readonly after?: number;
      readonly wait?: number;
      readonly signal?: AbortSignal | undefined;
    } = {},
  ): Promise<CurrentRound> {
    const { after, wait = 0, signal } = options;
    const query = after === undefined ? '' : `?after=${after}&wait=${wait}`;
    const path = `/v1/rounds/current${query}`;
    const timeoutMs = 30_000 + wait * 1000;
    return readCurrent((await this.#session.send({ method: 'GET', path, signal, timeoutMs })).body);
  }

  /** The model of a round. @throws {FederationError} `wrong-model` if its bytes are others. */
  async model(
    { model: sha256, modelBytes: bytes }: Pick<RoundTerms, 'model' | 'modelBytes'>,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Model> {
    this.#requireSmall('model', bytes);
    return downloadModel({ sha256, bytes }, this.#via(options.signal));
  }

  /**
   * The server's control variate, where a round asks for changes of it; `undefined` in others.
   *
   * @throws {FederationError} as {@link model}.
   */
  async control(
    { control }: Pick<RoundTerms, 'control'>,
    options: { readonly model: Model; readonly signal?: AbortSignal },
  ): Promise<ReadonlyMap<string, Float32Array> | undefined> {
    const { model, signal } = options;
    if (control === undefined) return undefined;
    const { state: sha256, stateBytes: bytes } = control;
    if (sha256 === undefined || bytes === undefined) return zeroControl(model.tensors);
    this.#requireSmall('control variate', bytes);
    return readControl(await downloadFile({ sha256, bytes }, this.#via(signal)), model);
  }

  /**
   * Sends an update to a round, and ends when it counts.
   *
   * @throws {FederationError} `bad-update` if it does not fit the model, `refused`, `unreachable`.
   */
  async submit(
    update: LocalUpdate,
    options: {
      readonly terms: RoundTerms;
      readonly model: Pick<Model, 'tensors'>;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<Receipt> {
    const { terms, model, signal } = options;
    const { identity, crypto, parallel = 4, dtype: wish, nonFinite = false } = this.#options;
    const dtype = chooseDtype(terms.dtypes, wish);
    const controlScale = terms.control?.scale;
    const file = updateFile(model.tensors, update, { dtype, nonFinite, controlScale });
    const { run } = this.info;
    const now = this.#http.serverNow;
    const prepared = await prepareUpdate(file, update, {
      terms,
      run,
      identity,
      crypto,
      now,
      dtype,
    });
    return upload(prepared, {
      session: this.#session,
      crypto,
      parallel,
      signal,
      onProgress: (sent, chunks) =>
        this.#tell('uploading', terms.round, `${sent} of ${chunks} chunks have arrived`),
    });
  }

  /**
   * Takes part in rounds as they come, and gives what came of each. Ends when the run does.
   *
   * @throws {FederationError} `training` if training fails, `bad-update` if what it gives is none;
   *   `refused` if the client may not take part any more; `unreachable`, `wrong-model`, `protocol`.
   * @throws The signal's reason, once it is aborted.
   */
  async *participate(options: ParticipateOptions): AsyncGenerator<Participation, void> {
    const { train, rounds = Number.POSITIVE_INFINITY, signal } = options;
    if (rounds !== Number.POSITIVE_INFINITY) assertInteger('rounds', rounds, 1);
    let after = 0;
    for (let done = 0; done < rounds; ) {
      const now = await this.#next(after, signal);
      if (now.isLast) return;
      if (now.terms === undefined) {
        after = Math.max(after, now.round);
        continue;
      }
      const part = await this.#takePart(now.terms, { train, signal });
      after = now.round;
      done++;
      yield part;
    }
  }

  /** Ends what goes on behind. Work of {@link participate} is ended by its signal. */
  close(): void {
    this.#news?.close();
  }

  /** The same as {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** What there is after a round, as soon as there is something. */
  async #next(after: number, signal: AbortSignal | undefined): Promise<CurrentRound> {
    for (let idle = 0; ; idle++) {
      const hints = this.#news?.hints ?? 0;
      const isListening = this.#news?.isOpen === true;
      const asked = this.#clock.now();
      const wait = isListening ? 0 : WAIT_SECONDS;
      const now = await this.current({ after, wait, signal });
      if (now.isLast || now.round > after) return now;
      // A round that is open and was not taken part in: the client has just come, or come back.
      if (now.terms !== undefined && now.round !== after) return now;
      this.#tell('waiting', now.round, now.waitingFor);
      if (isListening) {
        await this.#news?.hint({ seen: hints, ms: WAIT_SECONDS * 1000, signal });
      } else if (this.#clock.now() - asked < 1000) {
        // The server does not hold requests open: it is not asked without end.
        const { backoff = BACKOFF } = this.#options;
        const ms = delayAfter(idle, { backoff, random: this.#random });
        await this.#clock.sleep(ms, signal);
      }
    }
  }

  async #takePart(
    terms: RoundTerms,
    { train, signal }: ParticipateOptions,
  ): Promise<Participation> {
    const { round } = terms;
    if (terms.secure) return this.#takePartMasked(terms, { train, signal });
    // What the round's end stops is not what the caller's signal stops.
    const end = new AbortController();
    const either = signal ? AbortSignal.any([signal, end.signal]) : end.signal;
    const timer = new AbortController();
    const left = Math.max(0, terms.deadline - this.#http.serverNow);
    this.#clock.sleep(left, timer.signal).then(
      () => end.abort(new RoundOver(`round ${round} is over`)),
      () => {},
    );
    try {
      return await this.#trainAndSend(terms, { train, signal: either });
    } catch (error) {
      signal?.throwIfAborted();
      return leftOut(round, end.signal.aborted ? end.signal.reason : error);
    } finally {
      timer.abort();
    }
  }

  async #takePartMasked(
    terms: RoundTerms,
    { train, signal }: ParticipateOptions,
  ): Promise<Participation> {
    const { round } = terms;
    const { secure, identity, crypto, parallel = 4 } = this.#options;
    if (secure === undefined) {
      return { round, outcome: 'declined', reason: 'this client takes no part under masks' };
    }
    try {
      const { train: give, model } = await this.#task(terms, { train, signal });
      const part = await secure({
        terms,
        model,
        identity,
        crypto,
        signal,
        info: this.info,
        http: this.#http,
        session: this.#session,
        clock: this.#clock,
        train: give,
        upload: async (file, inner) => {
          const options = { terms, identity, crypto, run: this.info.run, dtype: MASKED } as const;
          const now = this.#http.serverNow;
          // How much a client trained on is under its mask.
          const prepared = await prepareUpdate(file, { samples: 1 }, { ...options, now });
          return upload(prepared, { session: this.#session, crypto, parallel, signal: inner });
        },
        tell: (text) => this.#tell('uploading', round, text),
      });
      if (part.outcome === 'committed') this.#committed = round;
      return part;
    } catch (error) {
      signal?.throwIfAborted();
      return leftOut(round, error);
    }
  }

  async #trainAndSend(
    terms: RoundTerms,
    { train, signal }: { readonly train: Train; readonly signal: AbortSignal },
  ): Promise<Participation> {
    const { round } = terms;
    const { train: give, model } = await this.#task(terms, { train, signal });
    this.#tell('training', round, `until ${new Date(terms.deadline).toISOString()} at most`);
    const update = await give(signal);
    if (update === undefined) {
      return { round, outcome: 'declined', reason: 'training gave no update' };
    }
    this.#tell('uploading', round, 'the update');
    const receipt = await this.submit(update, { terms, model, signal });
    this.#committed = round;
    return { round, outcome: 'committed', receipt };
  }

  /** What training works on, and training on it. */
  async #task(
    terms: RoundTerms,
    { train, signal }: Pick<ParticipateOptions, 'train' | 'signal'>,
  ): Promise<{
    readonly model: Model;
    readonly train: (signal: AbortSignal) => Promise<LocalUpdate | undefined>;
  }> {
    const { round } = terms;
    this.#tell('downloading', round, `the model, ${terms.modelBytes} bytes`);
    const model = await this.model(terms, { ...(signal && { signal }) });
    const control = await this.control(terms, { model, ...(signal && { signal }) });
    const task = { round, model, terms, committed: this.#committed, ...(control && { control }) };
    return { model, train: (inner) => trained(train, { ...task, signal: inner }) };
  }

  #via(signal: AbortSignal | undefined): Via {
    const { crypto } = this.#options;
    return { http: this.#http, session: this.#session, crypto, signal };
  }

  #requireSmall(what: string, bytes: number): void {
    const { maxModelBytes = MAX_MODEL_BYTES } = this.#options;
    if (bytes <= maxModelBytes) return;
    const message = `the ${what} has ${bytes} bytes, at most ${maxModelBytes} are fetched`;
    throw new FederationError('protocol', message);
  }

  #tell(doing: ClientStatus['doing'], round: number, text: string): void {
    const prefix = round === 0 ? '' : `round ${round}: `;
    this.#status.current = { doing, round, text: `${prefix}${doing}: ${text}` };
    this.#options.onStatus?.(this.#status.current);
  }
}

/** The round does not take updates any more. */
class RoundOver extends Error {
  override readonly name = 'RoundOver';
}

/** What training gives, or the round's end if that comes first. */
async function trained(train: Train, task: Parameters<Train>[0]): Promise<LocalUpdate | undefined> {
  const { signal, round } = task;
  signal.throwIfAborted();
  let stop: () => void = () => {};
  const over = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    // Training that does not look at its signal is left behind.
    return await Promise.race([Promise.resolve(train(task)), over]);
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof FederationError) throw cause;
    const { message } = cause instanceof Error ? cause : { message: String(cause) };
    throw new FederationError('training', `training of round ${round}: ${message}`, { cause });
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** What is said of a round that went wrong for this client alone. @throws What is more than that. */
function leftOut(round: number, error: unknown): Participation {
  if (error instanceof RoundOver) return { round, outcome: 'late', reason: error.message };
  if (!(error instanceof FederationError) || error.code !== 'refused') throw error;
  const { refusal = '', message: reason } = error;
  if (FOREVER.has(refusal)) throw error;
  return { round, outcome: LATE.has(refusal) ? 'late' : 'refused', reason, refusal };
}

/** What a client works in. */
interface Surroundings {
  readonly http: Http;
  readonly clock: Clock;
  readonly random: Pick<Random, 'uniform'>;
  readonly backoff: Backoff;
  readonly status: { current: ClientStatus };
  readonly tell: (status: ClientStatus) => void;
}

function surroundingsOf(options: FederationClientOptions): Surroundings {
  const { crypto, url, backoff = BACKOFF, clock = systemClock, onStatus } = options;
  const random = options.random ?? createRandom(crypto.randomBytes(32));
  const patienceMs = assertPositive('patienceMs', options.patienceMs ?? PATIENCE_MS);
  const status: { current: ClientStatus } = { current: { doing: 'enrolling', round: 0, text: '' } };
  const tell = (next: ClientStatus): void => {
    status.current = next;
    onStatus?.(next);
  };
  const http = new Http({
    url,
    clock,
    random,
    backoff,
    patienceMs,
    // Taken when it is called: a page may replace it.
    fetch: options.fetch ?? ((...request) => globalThis.fetch(...request)),
    onWait: ({ ms, reason }) => {
      const text = `again in ${(ms / 1000).toFixed(1)} s: ${reason}`;
      tell({ doing: 'retrying', round: status.current.round, text });
    },
  });
  return { http, clock, random, backoff, status, tell };
}
