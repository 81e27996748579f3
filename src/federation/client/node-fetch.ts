/**
 * Requests over TLS to a server that is known by its fingerprint, by a certificate authority of the
 * federation's own, or that asks for a certificate of the client: what the platform's `fetch` cannot be
 * told.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { isIP } from 'node:net';
import { Readable } from 'node:stream';
import { connect, type TLSSocket } from 'node:tls';
import { FederationError } from '../../core/errors.ts';
import type { Fetch } from './http.ts';

/** Whom a client trusts, and who it is to servers that ask. */
export interface ServerTrust {
  /** SHA-256 of the server's certificate, in hex, colons allowed: this one and no other. */
  readonly fingerprint?: string;
  /** PEM: who signs the server's certificate. Default: the authorities that come with Node. */
  readonly ca?: string;
  /** PEM, for servers that ask for a certificate. */
  readonly cert?: string;
  /** PEM. */
  readonly key?: string;
}

/** Statuses without a body. */
const EMPTY = new Set([204, 205, 304]);
const HANDSHAKE_MS = 15_000;
/** From how many bytes on a body waits until the server asks for it (RFC 9110, section 10.1.1). */
const LONG_BODY = 64 * 1024;
/** How long it waits, in milliseconds: a server that is full may think about it for ten seconds. */
const ASKING_MS = 11_000;
/** The answer of servers that do not ask. */
const EXPECTATION_FAILED = 417;

/**
 * A `fetch` for `https:` addresses. Nothing is sent before the server has shown who it is, and no long
 * body before it has asked for it, so that what is refused is not sent in vain. From a server that does not
 * ask, which takes eleven seconds to tell, bodies do not wait again.
 *
 * @throws {TypeError} if the fingerprint is none.
 */
export function nodeFetch(trust: ServerTrust = {}): Fetch {
  const fingerprint = trust.fingerprint && readFingerprint(trust.fingerprint);
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  Object.assign(agent, {
    createConnection: (
      { host = 'localhost', port = 443 }: { readonly host?: string; readonly port?: number },
      done: (error: Error | null, socket?: TLSSocket) => void,
    ): void => {
      shaken({ host, port: Number(port), trust, fingerprint }).then(
        (socket) => done(null, socket),
        (error: Error) => done(error),
      );
    },
  });
  // As far as is known of the server.
  let asks = true;
  const onSilence = (): void => {
    asks = false;
  };
  return async (url, init) => {
    const { body } = init;
    if (!asks || !(body instanceof Uint8Array) || body.length < LONG_BODY) {
      return answered(url, init, { agent });
    }
    const headers = new Headers(init.headers);
    headers.set('expect', '100-continue');
    headers.set('content-length', String(body.length));
    const response = await answered(
      url,
      { ...init, headers },
      { agent, end: (outgoing) => endOnceAsked(outgoing, body, onSilence) },
    );
    if (response.status !== EXPECTATION_FAILED) return response;
    onSilence();
    await response.body?.cancel();
    return answered(url, init, { agent });
  };
}

/** 64 lower-case hex digits. @throws {TypeError} if there are not as many. */
export function readFingerprint(text: string): string {
  const digits = text
    .replace(/^sha256:/i, '')
    .replaceAll(':', '')
    .toLowerCase();
  if (/^[0-9a-f]{64}$/.test(digits)) return digits;
  throw new TypeError(`a fingerprint is a SHA-256 in hex, 64 digits, got ${JSON.stringify(text)}`);
}

/** A connection to a server that is who it should be. */
function shaken(options: {
  readonly host: string;
  readonly port: number;
  readonly trust: ServerTrust;
  readonly fingerprint: string | undefined;
}): Promise<TLSSocket> {
  const { host, port, trust, fingerprint } = options;
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      ...(isIP(host) === 0 && { servername: host }),
      ...(trust.ca !== undefined && { ca: trust.ca }),
      ...(trust.cert !== undefined && { cert: trust.cert }),
      ...(trust.key !== undefined && { key: trust.key }),
      ALPNProtocols: ['http/1.1'],
      minVersion: 'TLSv1.2',
      // Whoever is known by a fingerprint need be vouched for by nobody.
      rejectUnauthorized: fingerprint === undefined,
    });
    const timer = setTimeout(() => socket.destroy(new Error('no handshake')), HANDSHAKE_MS);
    socket.once('close', () => clearTimeout(timer));
    socket.once('error', (error) => reject(told(error)));
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      const raw = socket.getPeerCertificate().raw as Buffer | undefined;
      const found = createHash('sha256')
        .update(raw ?? '')
        .digest('hex');
      if (fingerprint === undefined || found === fingerprint) return resolve(socket);
      const message = `the server has the fingerprint ${found}, not ${fingerprint}`;
      reject(new FederationError('untrusted', message));
      return socket.destroy();
    });
  });
}

const UNASKED = 'the server does not take the certificate of this client, or asks for one';

/** Who a server is does not change by asking again. */
function told(error: NodeJS.ErrnoException): Error {
  const { code = '', message } = error;
  if (/ALERT_(CERTIFICATE|UNKNOWN_CA|BAD_CERT)|CERTIFICATE_REQUIRED/i.test(code)) {
    return new FederationError('untrusted', `${UNASKED} (${message})`, { cause: error });
  }
  // A server may say no by hanging up, as it may for any reason: that is tried again.
  if (code === 'ECONNRESET') return new Error(`${message}; it may be that ${UNASKED}`);
  if (/CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)/.test(code)) {
    return new FederationError('untrusted', `the server is not trusted: ${message}`, {
      cause: error,
    });
  }
  return error;
}

/** How a request is sent. */
interface Sending {
  readonly agent: Agent;
  /** Sends the body, and ends the request. Default: at once. */
  readonly end?: (outgoing: ClientRequest) => void;
}

function answered(url: string, init: RequestInit, { agent, end }: Sending): Promise<Response> {
  const { method = 'GET', headers, body, signal } = init;
  return new Promise((resolve, reject) => {
    const outgoing = request(url, {
      method,
      agent,
      headers: Object.fromEntries(new Headers(headers)),
      ...(signal && { signal }),
    });
    outgoing.on('error', (error) => reject(told(error)));
    outgoing.once('response', (incoming) => resolve(responseOf(incoming)));
    if (end) end(outgoing);
    else outgoing.end(body === undefined || body === null ? undefined : bytesOf(body));
  });
}

/** Sends a body once the server asks for it, or is found not to ask. */
function endOnceAsked(outgoing: ClientRequest, body: Uint8Array, onSilence: () => void): void {
  let timer: NodeJS.Timeout | undefined;
  const send = (): void => {
    if (!outgoing.writableEnded) outgoing.end(body);
  };
  // It may wait long for its connection.
  outgoing.once('socket', () => {
    timer = setTimeout(() => {
      onSilence();
      send();
    }, ASKING_MS);
  });
  outgoing.once('continue', () => {
    clearTimeout(timer);
    send();
  });
  outgoing.once('response', (incoming: IncomingMessage) => {
    clearTimeout(timer);
    // The connection can carry no other request: it still waits for this one's body.
    if (!outgoing.writableEnded) incoming.once('end', () => outgoing.destroy());
  });
  outgoing.once('close', () => clearTimeout(timer));
  outgoing.flushHeaders();
}

function bytesOf(body: BodyInit): Uint8Array | string {
  if (typeof body === 'string' || body instanceof Uint8Array) return body;
  throw new TypeError('a body is text or bytes');
}

function responseOf(incoming: IncomingMessage): Response {
  const status = incoming.statusCode ?? 500;
  const headers = new Headers();
  for (let i = 0; i < incoming.rawHeaders.length; i += 2) {
    headers.append(incoming.rawHeaders[i]!, incoming.rawHeaders[i + 1]!);
  }
  if (EMPTY.has(status)) {
    incoming.resume();
    return new Response(null, { status, headers });
  }
  return new Response(Readable.toWeb(incoming) as ReadableStream<Uint8Array>, { status, headers });
}
