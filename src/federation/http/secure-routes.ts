/**
 * Messages of rounds under masks over HTTP: bytes in, bytes out. Masked inputs themselves come as updates do,
 * in chunks and to disk.
 *
 * @module
 */

import { BOX_RECORD_BYTES, HEADER_BYTES } from '../../secagg/messages.ts';
import { MAX_SHARES } from '../../secagg/shamir.ts';
import { KEY_BYTES, SIGNATURE_BYTES } from '../../secagg/suite.ts';
import type { Coordinator } from '../coordinator.ts';
import { HEX_32 } from '../identity.ts';
import type { Speaker } from '../secure-host.ts';
import type { SecureRounds } from '../secure-rounds.ts';
import { type Pace, shortBody } from './body.ts';
import { bodyOf, type Call } from './calls.ts';
import { Problem, problemOf } from './problems.ts';

/** What these routes are served with. */
export interface SecureCall {
  readonly c: Call;
  readonly coordinator: Coordinator;
  readonly speaker: Speaker;
}

const BYTES = 'application/octet-stream';
/** Around boxes: the most that a client sends is one for each neighbour. */
const FIELDS: number = HEADER_BYTES + KEY_BYTES + SIGNATURE_BYTES + 256;

/** `POST /v1/rounds/:round/secure`: takes a message in. */
export async function takeMessage(
  { c, coordinator, speaker }: SecureCall,
  pace: Pace,
): Promise<Response> {
  const secure = secureOf(coordinator);
  const type = (c.req.header('content-type') ?? '').split(';', 1)[0]!.trim().toLowerCase();
  if (type !== BYTES) throw new Problem('wrong-type', `the body must be ${BYTES}`);
  const round = roundIn(c);
  const members = coordinator.state.round?.members.size ?? 1;
  const most = FIELDS + Math.min(members, MAX_SHARES) * BOX_RECORD_BYTES;
  requireLength(c, most);
  const message = await shortBody(bodyOf(c), { most, pace });
  const refused = await secure.take(speaker, { round, message });
  if (refused !== undefined) throw problemOf(refused, 'statement');
  return c.body(null, 204);
}

/** `GET /v1/rounds/:round/secure`: the message that the client is to answer, other than `after`. */
export async function giveMessage(
  { c, coordinator, speaker }: SecureCall,
  signal: AbortSignal,
): Promise<Response> {
  const secure = secureOf(coordinator);
  const after = c.req.query('after');
  if (after !== undefined && !HEX_32.test(after)) {
    throw new Problem('malformed', 'after must be 64 lower-case hexadecimal digits');
  }
  const found = await secure.due(speaker, { round: roundIn(c), after, signal });
  if ('code' in found) throw problemOf(found, 'statement');
  const { message } = found;
  if (message === undefined) return c.body(null, 204);
  return c.body(message as Uint8Array<ArrayBuffer>, 200, { 'content-type': BYTES });
}

/** Before any of the body is read. */
function requireLength(c: SecureCall['c'], most: number): void {
  const length = c.req.header('content-length') ?? '';
  if (!/^\d{1,15}$/.test(length)) {
    throw new Problem('wrong-length', 'a message comes with its Content-Length');
  }
  if (Number(length) <= most) return;
  throw new Problem('too-large', `a message of this round has ${most} bytes at most`);
}

function secureOf({ secure }: Coordinator): SecureRounds {
  if (secure !== undefined) return secure;
  throw new Problem('not-implemented', 'this run takes no masked updates');
}

function roundIn(c: SecureCall['c']): number {
  const text = c.req.param('round') ?? '';
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new Problem('malformed', 'the round must be a number');
}
