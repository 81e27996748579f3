/**
 * News over a WebSocket: hints that it is worth asking. Nothing depends on them: a hint that is lost,
 * late or out of order costs time and no more.
 *
 * @module
 */

import type { Random } from '../../core/random.ts';
import { type Backoff, delayAfter } from './backoff.ts';
import type { Clock } from './clock.ts';
import type { Http } from './http.ts';
import type { Session } from './session.ts';

/** What the server tells. */
export interface NewsItem {
  /** `round.open`, `round.progress`, `round.done`, `run.done`, `penalty`, or what later versions tell. */
  readonly type: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** The part of a platform's WebSocket that is used. */
export interface Socket {
  /** Called once it is open. */
  onopen: ((event: never) => void) | null;
  /** Called with what the server tells, an object with its `data`. Typed so that a platform's own fits. */
  onmessage: ((event: never) => void) | null;
  /** Called once it is closed. */
  onclose: ((event: never) => void) | null;
  /** Called where it fails. */
  onerror: ((event: never) => void) | null;
  /** Tells the server something. */
  send(text: string): void;
  /** Closes it. */
  close(): void;
}

/** Opens a socket, such as `(url) => new WebSocket(url)`. */
export type OpenSocket = (url: string) => Socket;

/** What {@link News} is made of. */
export interface NewsOptions {
  readonly http: Http;
  readonly session: Session;
  readonly open: OpenSocket;
  readonly clock: Clock;
  readonly random: Pick<Random, 'uniform'>;
  readonly backoff: Backoff;
  readonly onItem?: ((item: NewsItem) => void) | undefined;
}

/** What makes it worth asking. */
const HINTS = new Set(['round.open', 'round.done', 'run.done']);

/** A line that comes back whenever it is lost, until it is closed. */
export class News {
  readonly #options: NewsOptions;
  readonly #end = new AbortController();
  #socket: Socket | undefined;
  #hints = 0;
  #isOpen = false;
  #waiting: (() => void)[] = [];

  constructor(options: NewsOptions) {
    this.#options = options;
    this.#keep().catch(() => {});
  }

  /** Whether hints can come. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Hints so far. */
  get hints(): number {
    return this.#hints;
  }

  /** Ends with the first hint after the first `seen`, after so many milliseconds, or with the line. */
  async hint(options: {
    readonly seen: number;
    readonly ms: number;
    readonly signal?: AbortSignal | undefined;
  }): Promise<void> {
    const { seen, ms, signal } = options;
    if (this.#hints > seen || !this.#isOpen) return;
    const pause = new AbortController();
    const either = signal ? AbortSignal.any([signal, pause.signal]) : pause.signal;
    this.#waiting.push(() => pause.abort());
    await this.#options.clock.sleep(ms, either).catch(() => {});
    signal?.throwIfAborted();
  }

  close(): void {
    this.#end.abort();
    this.#socket?.close();
    this.#wake();
  }

  async #keep(): Promise<void> {
    const { clock, random, backoff, session } = this.#options;
    const { signal } = this.#end;
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        if (await this.#listen(await session.token(signal))) failures = 0;
      } catch {
        // Whoever asks over HTTP meets the same trouble, and tells of it.
      }
      await clock.sleep(delayAfter(failures, { backoff, random }), signal);
    }
  }

  /** One connection to its end; whether there was one. */
  #listen(token: string): Promise<boolean> {
    const { http, open } = this.#options;
    const socket = open(`${http.base.replace(/^http/, 'ws')}/v1/events`);
    this.#socket = socket;
    return new Promise((resolve) => {
      const end = (): void => {
        const was = this.#isOpen;
        this.#isOpen = false;
        socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
        socket.close();
        this.#wake();
        resolve(was);
      };
      socket.onopen = () => {
        // The token is no part of the address: addresses are logged.
        socket.send(JSON.stringify({ token }));
        this.#isOpen = true;
        // What was told while the line was down is not told again.
        this.#hints++;
        this.#wake();
      };
      socket.onmessage = ({ data }: { readonly data: unknown }) => this.#take(data);
      socket.onclose = end;
      socket.onerror = end;
    });
  }

  #take(data: unknown): void {
    const item = itemIn(data);
    if (item === undefined) return;
    if (HINTS.has(item.type)) {
      this.#hints++;
      this.#wake();
    }
    this.#options.onItem?.(item);
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

/** What is no item is passed over: later versions may tell more. */
function itemIn(data: unknown): NewsItem | undefined {
  if (typeof data !== 'string' || data.length > 2 ** 16) return undefined;
  try {
    const { type, ...details } = JSON.parse(data) as Record<string, unknown>;
    return typeof type === 'string' ? { type, details } : undefined;
  } catch {
    return undefined;
  }
}
