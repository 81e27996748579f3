/**
 * Pages that may talk to the server: those of origins that the operator lists, and no others.
 *
 * The Fetch standard, "CORS protocol". Tokens travel in a header that only a page's own code sets, never
 * in cookies: a page that is not listed has nothing to ride on, and cannot read an answer either.
 *
 * @module
 */

import type { MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import { show } from '../../core/assert.ts';

/** Seconds that a browser may remember what it was allowed. */
const REMEMBERED = 600;

/**
 * An origin as browsers write it: scheme, host and, where it is not the scheme's own, port.
 *
 * @throws {TypeError} for anything else: a path, a wildcard, `null`.
 */
export function assertOrigin(origin: string): string {
  const url = URL.canParse(origin) ? new URL(origin) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.origin === origin) return origin;
  const needed = 'scheme, host and port, such as https://app.example or http://localhost:5173';
  throw new TypeError(`an origin must be ${needed}, got ${show(origin)}`);
}

/** Tells browsers which pages may ask what, and answers their preflights. */
export function admitOrigins(origins: readonly string[]): MiddlewareHandler {
  return cors({
    origin: [...origins],
    allowMethods: ['GET', 'POST', 'PUT'],
    allowHeaders: [
      ...['authorization', 'content-digest', 'content-type', 'if-none-match', 'merkle-leaf'],
      'range',
    ],
    exposeHeaders: ['content-range', 'date', 'etag', 'retry-after'],
    maxAge: REMEMBERED,
  });
}

/**
 * Whether a WebSocket may be opened. Browsers say of which page it is and do not hold back answers, so it
 * is for the server to refuse: programs that are no browsers say nothing.
 */
export function maySubscribe(
  { origin, host }: { readonly origin?: string | undefined; readonly host?: string | undefined },
  origins: readonly string[],
): boolean {
  if (origin === undefined || origins.includes(origin)) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}
