/**
 * How long to wait before the same is tried again: longer each time, and never in step with others.
 *
 * Brooker. "Exponential backoff and jitter", 2015: the delay is uniform from 0 to a bound that doubles.
 *
 * @module
 */

import type { Random } from '../../core/random.ts';

/** Bounds of delays, in milliseconds. */
export interface Backoff {
  /** Of the first. */
  readonly firstMs: number;
  /** Of any. */
  readonly mostMs: number;
}

/** A quarter of a second at first, 15 s at most. */
export const BACKOFF: Backoff = { firstMs: 250, mostMs: 15_000 };

/**
 * The delay after the failure number `failures`, which counts from 0.
 *
 * @param options.leastMs - What the server asked for: the delay is that and what the draw adds, so
 *   that all whom it has asked do not come back at once.
 */
export function delayAfter(
  failures: number,
  options: {
    readonly backoff: Backoff;
    readonly random: Pick<Random, 'uniform'>;
    readonly leastMs?: number | undefined;
  },
): number {
  const { backoff, random, leastMs = 0 } = options;
  const bound = Math.min(backoff.mostMs, backoff.firstMs * 2 ** Math.min(failures, 30));
  return leastMs + random.uniform() * bound;
}

/**
 * What a `Retry-After` asks for, in milliseconds: seconds, or a date.
 *
 * RFC 9110, section 10.2.3.
 */
export function retryAfterMs(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,10}$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
