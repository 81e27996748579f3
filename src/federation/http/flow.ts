/**
 * Limits on how often somebody asks: token buckets.
 *
 * @module
 */

import { assertPositive } from '../../core/assert.ts';

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
