/**
 * A client's key is changed for a new one. The new key is kept before the server hears of it, so that
 * whatever breaks in between is gone on with: the file holds both until one of them is known to count.
 *
 * @module
 */

import { assertPositive } from '../../core/assert.ts';
import { FederationError } from '../../core/errors.ts';
import { createRandom } from '../../core/random.ts';
import type { CryptoProvider } from '../../secagg/crypto/provider.ts';
import { hex } from '../../secagg/suite.ts';
import type { Identity } from '../identity.ts';
import { requestRotation } from '../registry.ts';
import { runAt } from './answers.ts';
import { BACKOFF } from './backoff.ts';
import { systemClock } from './clock.ts';
import { type Fetch, Http } from './http.ts';
import { Session } from './session.ts';

/** What a change of keys needs. */
export interface RotationOptions {
  /** Where the coordinator is. */
  readonly url: string;
  /** Of a client that is enrolled. */
  readonly identity: Identity;
  readonly crypto: CryptoProvider;
  /** Keeps an identity in place of the one before it: when the promise is kept, it is there for good. */
  readonly save: (identity: Identity) => Promise<void>;
  /** Default: the platform's. */
  readonly fetch?: Fetch;
  /** How long one request is tried for, in milliseconds. Default: a minute. */
  readonly patienceMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * The client with its new key. If it fails, ask again with what was saved last.
 *
 * @throws {FederationError} `refused` if the client may not, `unreachable`, `protocol`.
 */
export async function rotateKey(options: RotationOptions): Promise<Identity> {
  const { url, identity, crypto, save, signal } = options;
  const hadNext = identity.nextKey !== undefined;
  const next = await identity.withNext();
  if (!hadNext) await save(next);
  const http = new Http({
    url,
    clock: systemClock,
    random: createRandom(crypto.randomBytes(32)),
    backoff: BACKOFF,
    patienceMs: assertPositive('patienceMs', options.patienceMs ?? 60_000),
    fetch: options.fetch ?? ((...request) => globalThis.fetch(...request)),
  });
  const { run } = await runAt(http, signal);
  const rotated = next.rotated();
  try {
    const session = new Session({ http, identity: next, run });
    await ask(session, next, { run, signal });
  } catch (error) {
    // An answer may have been lost: then the old key counts no more, and the new one does.
    if (!isReplaced(error)) throw error;
    await new Session({ http, identity: rotated, run }).token(signal);
  }
  await save(rotated);
  return rotated;
}

async function ask(
  session: Session,
  identity: Identity,
  { run, signal }: { readonly run: string; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const rotations = await session.rotations(signal);
  const { next, signature, nextSignature } = await requestRotation(identity, { run, rotations });
  const json = {
    newPublicKey: hex(next),
    signatureOld: hex(signature),
    signatureNew: hex(nextSignature),
  };
  await session.send({ method: 'POST', path: '/v1/keys', json, signal });
}

function isReplaced(error: unknown): boolean {
  return error instanceof FederationError && error.refusal === 'not-enrolled';
}
