/**
 * Limits on what comes in: requests by token buckets, bytes in flight by credit, and bodies that must
 * keep moving.
 *
 * @module
 */

import { assertInteger, assertPositive } from '../../core/assert.ts';
import { Problem } from './problems.ts';

/** What is left in a bucket, and when that was so. */
interface Bucket {
  tokens: number;
  at: number;
}

/** Buckets that are remembered at once; full ones are as good as none. */
const MOST_BUCKETS = 65_536;

/** A bucket of tokens for each of many callers: so many a second, twice as many at once. */
export class TokenBuckets {
  readonly #perMs: number;
  readonly #size: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(perSecond: number) {
    this.#perMs = assertPositive('perSecond', perSecond) / 1000;
    this.#size = Math.max(1, 2 * perSecond);
  }

  /** Takes a token: 0, or the milliseconds until there is one. */
  take(caller: string, now: number): number {
    const bucket = this.#buckets.get(caller) ?? { tokens: this.#size, at: now };
    const elapsed = Math.max(0, now - bucket.at);
    const tokens = Math.min(this.#size, bucket.tokens + elapsed * this.#perMs);
    // The end of the map is who asked last: the oldest goes first.
    this.#buckets.delete(caller);
    this.#buckets.set(caller, { tokens: tokens < 1 ? tokens : tokens - 1, at: now });
    if (this.#buckets.size > MOST_BUCKETS) {
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest);
        break;
      }
    }
    return tokens < 1 ? Math.ceil((1 - tokens) / this.#perMs) : 0;
  }
}

/** Bytes in flight: of each client, and of all together. */
export class Credit {
  readonly #each: number;
  readonly #all: number;
  readonly #used = new Map<string, number>();
  #total = 0;

  constructor({ each, all }: { readonly each: number; readonly all: number }) {
    this.#each = assertInteger('each', each, 1);
    this.#all = assertInteger('all', all, each);
  }

  /** Bytes that a client may have in flight. */
  get each(): number {
    return this.#each;
  }

  /** Bytes of all that are in flight. */
  get used(): number {
    return this.#total;
  }

  /** Takes credit for bytes, if there is as much; what gives it back, once. */
  take(client: string, bytes: number): (() => void) | undefined {
    const own = this.#used.get(client) ?? 0;
    if (own + bytes > this.#each || this.#total + bytes > this.#all) return undefined;
    this.#used.set(client, own + bytes);
    this.#total += bytes;
    let isGiven = false;
    return () => {
      if (isGiven) return;
      isGiven = true;
      const left = this.#used.get(client)! - bytes;
      if (left > 0) this.#used.set(client, left);
      else this.#used.delete(client);
      this.#total -= bytes;
    };
  }
}

/** How slow a body may be. */
export interface Pace {
  /** Longest pause, in milliseconds; also the time over which the rate counts. */
  readonly stallMs: number;
  /** Fewest bytes a second. */
  readonly leastRate: number;
}

/** Ten seconds, and 1 KiB a second. */
export const PACE: Pace = { stallMs: 10_000, leastRate: 1024 };

/** A body was cut off: it stood still, or crept. */
export class Stalled extends Error {
  override readonly name = 'Stalled';
}

/**
 * The pieces of a body as long as they keep coming.
 *
 * @throws {Stalled} if none comes for `stallMs`, or they come slower than `leastRate` over that time.
 */
export async function* paced(
  pieces: AsyncIterable<Uint8Array>,
  { stallMs, leastRate }: Pace = PACE,
): AsyncGenerator<Uint8Array, void> {
  const iterator = pieces[Symbol.asyncIterator]();
  let windowStart = performance.now();
  let windowBytes = 0;
  try {
    for (;;) {
      const { done, value } = await beforeStall(iterator.next(), stallMs);
      if (done === true) return;
      yield value;
      windowBytes += value.length;
      const elapsed = performance.now() - windowStart;
      if (elapsed < stallMs) continue;
      if (windowBytes < (leastRate * elapsed) / 1000) {
        throw new Stalled(`${windowBytes} bytes came in ${Math.round(elapsed)} ms`);
      }
      windowStart = performance.now();
      windowBytes = 0;
    }
  } finally {
    // A body that hangs would never answer to this.
    void Promise.resolve(iterator.return?.()).catch(() => {});
  }
}

function beforeStall<T>(next: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Stalled(`no byte came for ${ms} ms`)), ms);
    next.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** All of a short body. @throws {Problem} `too-large`. */
export async function shortBody(
  pieces: AsyncIterable<Uint8Array>,
  { most, pace = PACE }: { readonly most: number; readonly pace?: Pace },
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const piece of paced(pieces, pace)) {
    length += piece.length;
    if (length > most)
      throw new Problem('too-large', `a request of this kind has ${most} bytes at most`);
    parts.push(piece);
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
