/**
 * Who a client is to the server: enrolment, and sessions that are renewed before they end.
 *
 * @module
 */

import { FederationError } from '../../core/errors.ts';
import type { Certificate } from '../../secagg/enrolment.ts';
import { hex } from '../../secagg/suite.ts';
import { type Identity, type Purpose, possessionToSign } from '../identity.ts';
import { readChallenge, readClient, readToken, type Token } from './answers.ts';
import type { Call, Http, Reply } from './http.ts';

/** What {@link Session} is made of. */
export interface SessionOptions {
  readonly http: Http;
  readonly identity: Identity;
  readonly run: string;
  /** Where the policy asks for one. */
  readonly certificate?: Certificate | undefined;
  /** What the client says of itself, for predicates of selection. */
  readonly attributes?: Readonly<Record<string, string>> | undefined;
}

/** A session is renewed so long before its end, in milliseconds. */
const MARGIN_MS = 30_000;
/** A session may be begun anew so many times for one request: each start of the server ends it. */
const RENEWALS = 4;
/** A challenge that came too late may be answered anew so many times. */
const PROOFS = 4;

/** The client's side of one enrolment. */
export class Session {
  readonly #options: SessionOptions;
  #token: Promise<Token> | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /**
   * Enrols the client, again if need be: that is no mistake.
   *
   * @throws {FederationError} `refused` if the policy does not admit its key.
   */
  async enrol(signal?: AbortSignal): Promise<void> {
    const { identity, certificate, attributes } = this.#options;
    const body = await this.#prove('registration', {
      path: '/v1/clients',
      more: {
        ...(certificate && { certificate: certificateJson(certificate) }),
        ...(attributes && { attributes }),
      },
      signal,
    });
    const client = readClient(body);
    if (client === identity.id) return;
    const message = `the server calls this client ${client}, it is ${identity.id}`;
    throw new FederationError('protocol', message);
  }

  /** The answer to a request of this client. A session that is over is begun anew. */
  async send(call: Call): Promise<Reply> {
    return this.withToken(call.signal, (headers) =>
      this.#options.http.send({ ...call, headers: { ...call.headers, ...headers } }),
    );
  }

  /** What `work` gives with the header that stands for this client. */
  async withToken<T>(
    signal: AbortSignal | undefined,
    work: (headers: Readonly<Record<string, string>>) => Promise<T>,
  ): Promise<T> {
    for (let begun = 0; ; begun++) {
      const token = await this.token(signal);
      try {
        return await work({ authorization: `Bearer ${token}` });
      } catch (error) {
        const isOver = error instanceof FederationError && error.status === 401;
        if (!isOver || begun === RENEWALS) throw error;
        await this.#forget(token);
      }
    }
  }

  /** A token that holds for some time yet. */
  async token(signal?: AbortSignal): Promise<string> {
    const { http } = this.#options;
    for (;;) {
      this.#token ??= this.#begin(signal);
      const pending = this.#token;
      try {
        const { token, expires } = await pending;
        // A session that is shorter than the margin would never do.
        if (expires - MARGIN_MS > http.serverNow || this.#isFresh === pending) return token;
      } catch (error) {
        if (this.#token === pending) this.#token = undefined;
        throw error;
      }
      if (this.#token === pending) this.#token = undefined;
    }
  }

  /** How often the client's key was changed before. */
  async rotations(signal?: AbortSignal): Promise<number> {
    await this.token(signal);
    return (await this.#token)?.rotations ?? 0;
  }

  /** The session that was begun last, until its token was given out. */
  #isFresh: Promise<Token> | undefined;

  #begin(signal: AbortSignal | undefined): Promise<Token> {
    const begun = this.#prove('session', { path: '/v1/session', more: {}, signal }).then(readToken);
    this.#isFresh = begun;
    return begun;
  }

  async #forget(token: string): Promise<void> {
    const current = await this.#token?.catch(() => undefined);
    // Several requests may have met the same end of a session.
    if (current?.token === token) this.#token = undefined;
  }

  /** A challenge serves once and for a minute: one that came too late is asked for anew. */
  async #prove(
    purpose: Purpose,
    options: {
      readonly path: string;
      readonly more: Readonly<Record<string, unknown>>;
      readonly signal: AbortSignal | undefined;
    },
  ): Promise<unknown> {
    const { http, identity, run } = this.#options;
    const { path, more, signal } = options;
    const publicKey = hex(identity.publicKey);
    for (let proofs = 1; ; proofs++) {
      const asked = await http.send({
        method: 'POST',
        path: '/v1/challenge',
        json: { publicKey, purpose },
        signal,
      });
      const challenge = readChallenge(asked.body);
      const message = possessionToSign({ purpose, run, challenge, key: identity.publicKey });
      const proof = hex(await identity.sign(message));
      const json = { publicKey, challenge: hex(challenge), proof, ...more };
      try {
        return (await http.send({ method: 'POST', path, json, signal })).body;
      } catch (error) {
        const isStale = error instanceof FederationError && error.refusal === 'stale-challenge';
        if (!isStale || proofs === PROOFS) throw error;
      }
    }
  }
}

function certificateJson(certificate: Certificate): Record<string, unknown> {
  const { identity, federation, notBefore, notAfter, serial, signature } = certificate;
  return {
    identity: hex(identity),
    federation: hex(federation),
    notBefore,
    notAfter,
    serial,
    signature: hex(signature),
  };
}
