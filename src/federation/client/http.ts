/**
 * Requests that are repeated until they are answered: whatever is dropped, cut or put off, a request of
 * this protocol may be sent again, and asks for the same.
 *
 * @module
 */

import { FederationError } from '../../core/errors.ts';
import type { Random } from '../../core/random.ts';
import { type Backoff, delayAfter, retryAfterMs } from './backoff.ts';
import { type Clock, within } from './clock.ts';
import { Fields } from './fields.ts';

/** The part of the platform's `fetch` that is used. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** What {@link Http} is made of. */
export interface HttpOptions {
  /** Where the server is, such as `https://federation.example:8443`. */
  readonly url: string;
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly random: Pick<Random, 'uniform'>;
  readonly backoff: Backoff;
  /** How long one request is tried for, in milliseconds. */
  readonly patienceMs: number;
  /** Called before each wait, with what for. */
  readonly onWait?: ((waiting: Waiting) => void) | undefined;
}

/** A pause before a request is tried again. */
export interface Waiting {
  readonly ms: number;
  /** In words. */
  readonly reason: string;
}

/** A request. */
export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** From the root, such as `/v1/run`. */
  readonly path: string;
  readonly json?: unknown;
  readonly bytes?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** How long one answer may take, in milliseconds. Default: half a minute. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** An answer of success. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** Longest JSON that is read. */
const MAX_JSON_BYTES = 4 * 2 ** 20;
const TIMEOUT_MS = 30_000;

/** Statuses that say "later". */
const LATER = new Set([408, 425, 429, 500, 502, 503, 504, 507]);

/** An attempt that may be made again. */
export class Transient extends Error {
  readonly leastMs: number | undefined;
  readonly details: { readonly status?: number; readonly refusal?: string };

  constructor(
    message: string,
    options: ErrorOptions & {
      readonly leastMs?: number | undefined;
      readonly status?: number;
      readonly refusal?: string;
    } = {},
  ) {
    super(message, options);
    this.leastMs = options.leastMs;
    const { status, refusal } = options;
    this.details = {
      ...(status !== undefined && { status }),
      ...(refusal !== undefined && { refusal }),
    };
  }
}

/** The way to one server. */
export class Http {
  readonly #options: HttpOptions;
  readonly #base: string;
  #skewMs = 0;

  /** @throws {TypeError} if the URL is none of `http:` or `https:`. */
  constructor(options: HttpOptions) {
    this.#options = options;
    const url = urlOf(options.url);
    if (url === undefined || !/^https?:$/.test(url.protocol)) {
      throw new TypeError(`url must be one of http: or https:, got ${JSON.stringify(options.url)}`);
    }
    this.#base = url.href.replace(/[?#].*$/, '').replace(/\/+$/, '');
  }

  /** Root of all paths, without a slash at its end. */
  get base(): string {
    return this.#base;
  }

  /** What the server's clock shows, as far as its answers told. Milliseconds since 1970 */
  get serverNow(): number {
    return this.#options.clock.now() + this.#skewMs;
  }

  /**
   * The answer to a request, as JSON; `undefined` where it has no content.
   *
   * @throws {FederationError} `refused`, `unreachable` or `protocol`.
   */
  send(call: Call): Promise<Reply> {
    return this.persist(call, (signal) => this.#attempt(call, signal));
  }

  /**
   * Tries `attempt` until it ends with anything but {@link Transient}.
   *
   * @throws {FederationError} `unreachable` when patience is at its end.
   */
  async persist<T>(
    call: Pick<Call, 'method' | 'path' | 'timeoutMs' | 'signal'>,
    attempt: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { clock, backoff, random, patienceMs, onWait } = this.#options;
    const { signal, timeoutMs = TIMEOUT_MS } = call;
    const what = `${call.method} ${call.path}`;
    const giveUpAt = clock.now() + patienceMs;
    for (let failures = 0; ; failures++) {
      try {
        const reason = (): Error => new Transient(`no answer within ${timeoutMs} ms`);
        return await within(attempt, { clock, ms: timeoutMs, reason, signal });
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof Transient)) throw error;
        const ms = delayAfter(failures, { backoff, random, leastMs: error.leastMs });
        if (clock.now() + ms > giveUpAt) {
          const tried = `${what}: ${error.message}; tried ${failures === 0 ? 'once' : `${failures + 1} times`}`;
          throw new FederationError('unreachable', tried, { cause: error, ...error.details });
        }
        onWait?.({ ms, reason: `${what}: ${error.message}` });
        await clock.sleep(ms, signal);
      }
    }
  }

  /**
   * One request, and the answer if it is a success.
   *
   * @throws {Transient} if it may be tried again.
   * @throws {FederationError} `refused` if it may not.
   */
  async open(call: Call, signal: AbortSignal): Promise<Response> {
    const { method, path, json, bytes, headers } = call;
    const body = json === undefined ? bytes : JSON.stringify(json);
    const response = await settled(signal, () =>
      this.#options.fetch(this.#base + path, {
        method,
        signal,
        redirect: 'error',
        headers: {
          accept: 'application/json',
          ...(json !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: body as BodyInit }),
      }),
    );
    this.#noteTime(response);
    if (response.ok) return response;
    throw await this.#refusal(call, { response, signal });
  }

  async #attempt(call: Call, signal: AbortSignal): Promise<Reply> {
    const response = await this.open(call, signal);
    const { status, headers } = response;
    const bytes = await readBody(response, { most: MAX_JSON_BYTES, signal });
    return { status, headers, body: bytes.length === 0 ? undefined : parsedJson(call, bytes) };
  }

  async #refusal(
    { method, path }: Call,
    { response, signal }: { response: Response; signal: AbortSignal },
  ): Promise<Error> {
    const { status, headers } = response;
    const bytes = await readBody(response, { most: MAX_JSON_BYTES, signal });
    const said = errorIn(bytes);
    const refusal = said?.code ?? `http-${status}`;
    const message = said?.message ?? `the server answered ${status}`;
    if (LATER.has(status)) {
      const leastMs = retryAfterMs(headers.get('retry-after'), this.serverNow);
      return new Transient(message, { leastMs, status, refusal });
    }
    const where = `${method} ${path}`;
    return new FederationError('refused', `${where}: ${refusal}: ${message}`, { status, refusal });
  }

  #noteTime({ headers }: Response): void {
    const date = Date.parse(headers.get('date') ?? '');
    // A date has whole seconds: half of one is in the middle.
    if (!Number.isNaN(date)) this.#skewMs = date + 500 - this.#options.clock.now();
    if (Math.abs(this.#skewMs) < 1500) this.#skewMs = 0;
  }
}

/** Bytes of an answer. @throws {Transient} if they do not come; {FederationError} `protocol` if too many do. */
export async function readBody(
  response: Response,
  options: { readonly most: number; readonly signal: AbortSignal },
): Promise<Uint8Array> {
  const { most, signal } = options;
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of bodyParts(response, signal)) {
    length += part.length;
    if (length > most) {
      throw new FederationError('protocol', `the answer has more than ${most} bytes`);
    }
    parts.push(part);
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The body as it comes. @throws {Transient} where it is cut. */
export async function* bodyParts(
  response: Response,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      const { done, value } = await settled(signal, () => reader.read());
      if (done) return;
      yield value;
    }
  } finally {
    // Without it, the connection of a body that nobody wants stays open.
    await reader.cancel().catch(() => {});
  }
}

/** What OpenSSL says of bytes that are none of TLS. */
const NO_TLS: ReadonlySet<unknown> = new Set([
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
  'ERR_SSL_HTTP_REQUEST',
]);

/** What a platform's failure is to us: the abort's reason, or something to try again. */
async function settled<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    // A fetch of ours may know that nothing comes of trying again.
    if (cause instanceof FederationError) throw cause;
    const { message, cause: deeper } = cause as Error;
    const { code } = (deeper ?? cause) as { readonly code?: unknown };
    if (NO_TLS.has(code)) {
      const plain = 'the server does not speak TLS: use http:';
      throw new FederationError('untrusted', plain, { cause });
    }
    const detail = deeper instanceof Error ? `${message}: ${deeper.message}` : message;
    throw new Transient(`the connection failed (${detail})`, { cause });
  }
}

function parsedJson({ method, path }: Call, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new FederationError('protocol', `${method} ${path}: the answer is no JSON`, { cause });
  }
}

/** What the server says of its refusal; a proxy between may say anything. */
function errorIn(bytes: Uint8Array): { code: string; message: string } | undefined {
  try {
    const answer = new Fields('answer', JSON.parse(new TextDecoder().decode(bytes)));
    const error = new Fields('error', answer.any('error'));
    return { code: error.text('code', /^[a-z0-9-]{1,64}$/), message: error.text('message') };
  } catch {
    return undefined;
  }
}

function urlOf(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
