/**
 * What routes share: requests as they are read, answers as they are given.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Context } from 'hono';
import type { z } from 'zod';
import { show } from '../../core/assert.ts';
import type { Outcome } from '../outcomes.ts';
import { type Pace, shortBody } from './body.ts';
import { straightBodyOf } from './connection.ts';
import { type Place, Problem, type ProblemDetails, problemOf } from './problems.ts';
import type { StraightBody } from './straight-body.ts';

/** What the server knows of each request. */
export type Env = { Bindings: HttpBindings };
/** A request, and its answer. */
export type Call = Context<Env>;

/** Longest body but that of a chunk. */
const MOST_JSON = 64 * 1024;

/**
 * The body of a request, which is read now: whoever waits with it (`Expect: 100-continue`, RFC 9110,
 * section 10.1.1) is told to send it.
 */
export function bodyOf(c: Call): IncomingMessage {
  askFor(c);
  return c.env.incoming;
}

/** The same of a body that may be long, all of which is read: straight from the connection, where that can be. */
export function longBodyOf(c: Call): IncomingMessage | StraightBody {
  const body = straightBodyOf(c.env.incoming, c.env.outgoing);
  askFor(c);
  return body;
}

function askFor({ env: { incoming, outgoing } }: Call): void {
  // HTTP/1.0 has no such answer. Other expectations were refused before.
  const isExpected = incoming.headers.expect !== undefined && incoming.httpVersion === '1.1';
  if (isExpected) outgoing.writeContinue();
}

/**
 * The body of a request, as a schema has it.
 *
 * @throws {Problem} `wrong-type` or `malformed`, with the place.
 * @throws {Stalled} if it does not come.
 */
export async function jsonIn<T>(c: Call, schema: z.ZodType<T>, pace: Pace): Promise<T> {
  const type = (c.req.header('content-type') ?? '').split(';', 1)[0]!.trim().toLowerCase();
  if (type !== 'application/json') {
    throw new Problem('wrong-type', `the body must be application/json, got ${show(type)}`);
  }
  const bytes = await shortBody(bodyOf(c), { most: MOST_JSON, pace });
  const result = schema.safeParse(parsedJson(bytes));
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const path = issue.path.map(String).join('.');
  throw new Problem('malformed', path === '' ? issue.message : `${path}: ${issue.message}`);
}

function parsedJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new Problem('malformed', 'the body is no JSON');
  }
}

/** A number of the query. @throws {Problem} `malformed`. */
export function numberIn(c: Call, name: string): number | undefined {
  const text = c.req.query(name);
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new Problem('malformed', `${name} must be a number, got ${show(text)}`);
}

/** What was asked for. @throws {Problem} if it was not granted. */
export function granted<T>(outcome: Outcome<T>, place: Place, details: ProblemDetails = {}): T {
  if (outcome.ok) return outcome.value;
  throw problemOf(outcome, place, details);
}

/**
 * Answers at once: a `Response` costs more than all else of an answer, and updates need six. Pages get one
 * all the same: what lets their browsers show them the answer is in its headers.
 */
export function sent(c: Call, status: 200 | 201 | 204, json?: object): Response {
  if (c.req.header('origin') !== undefined) {
    return json === undefined ? c.body(null, status as 204) : c.json(json, status as 200);
  }
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
export function goneSignal(outgoing: ServerResponse): AbortSignal {
  const controller = new AbortController();
  // With a reason of its own no exception is made for each answer.
  outgoing.once('close', () => controller.abort('gone'));
  return controller.signal;
}
