/**
 * A coordinator behind a socket: HTTP and WebSocket on one port.
 *
 * @module
 */

import { type EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Logger } from 'pino';
import type { CryptoProvider } from '../../secagg/crypto/provider.ts';
import type { Coordinator } from '../coordinator.ts';
import type { LoggedEvent } from '../store/chain.ts';
import { FederationApp } from './app.ts';
import type { Pace } from './body.ts';
import { lanAddresses, type ServerTls } from './certificate.ts';
import { bodyAsRead, StraightServer } from './connection.ts';
import { NewsServer } from './news.ts';
import { assertOrigin } from './origins.ts';

/** How a server is started. */
export interface ServerOptions {
  readonly coordinator: Coordinator;
  readonly crypto: CryptoProvider;
  readonly log: Logger;
  /** Default: this machine alone. */
  readonly host?: string;
  /** 0 takes one that is free. */
  readonly port: number;
  readonly version: string;
  /** Default: no TLS. */
  readonly tls?: ServerTls;
  /** How slow bodies may be. */
  readonly pace?: Pace;
  /** Pages of these origins may take part, such as `https://app.example`. Default: none. */
  readonly origins?: readonly string[];
}

/** Connections at once. */
const MOST_CONNECTIONS = 20_000;
/** How long heads of requests may take, in milliseconds. */
const HEAD_MS = 10_000;
const SWEEP_MS = 60_000;

/**
 * Listens at an address for a moment: that it can be had is known before anything is made that needs it.
 *
 * @throws the system's own error if it cannot.
 */
export async function requireAddress({
  host = '127.0.0.1',
  port,
}: Pick<ServerOptions, 'host' | 'port'>): Promise<void> {
  const probe = createServer().listen(port, host);
  await once(probe, 'listening');
  probe.close();
  await once(probe, 'close');
}

/** A server that listens. */
export class FederationServer {
  /** @internal */
  readonly app: FederationApp;
  readonly #server: Server;
  /** Without TLS. */
  readonly #straight: StraightServer | undefined;
  readonly #news: NewsServer;
  readonly #sweeps: ReturnType<typeof setInterval>;

  private constructor(options: ServerOptions) {
    const { coordinator, crypto, log, version, pace } = options;
    const origins = (options.origins ?? []).map(assertOrigin);
    this.app = new FederationApp({
      coordinator,
      crypto,
      log,
      version,
      origins,
      ...(pace && { pace }),
    });
    const listener = getRequestListener(
      this.app.hono.fetch as Parameters<typeof getRequestListener>[0],
      {
        overrideGlobalObjects: false,
        // It cuts whatever takes longer than half a second to be read past.
        autoCleanupIncoming: false,
      },
    );
    this.#server = listenerOf(options, (request, response) => void listener(request, response));
    this.#straight = options.tls === undefined ? new StraightServer(this.#server) : undefined;
    // Whoever asks before it sends a body is told once the body is wanted: `bodyOf`.
    this.#server.on('checkContinue', (request, response) => {
      endGently(request);
      void listener(request, response);
    });
    this.#server.maxConnections = MOST_CONNECTIONS;
    this.#news = new NewsServer(this.#server, { coordinator, app: this.app, origins });
    this.#sweeps = setInterval(() => this.app.sessions.sweep(coordinator.now()), SWEEP_MS);
    this.#sweeps.unref();
  }

  /**
   * Listens.
   *
   * @throws the system's own error if the port cannot be had.
   * @throws {TypeError} if an origin is none.
   */
  static async start(options: ServerOptions): Promise<FederationServer> {
    const own = new FederationServer(options);
    const { host = '127.0.0.1', port } = options;
    await new Promise<void>((resolve, reject) => {
      own.#server.once('error', reject);
      own.#server.listen(port, host, () => {
        own.#server.off('error', reject);
        resolve();
      });
    });
    return own;
  }

  /** Where it is. */
  get url(): string {
    return this.urls[0]!;
  }

  /** All addresses at which others may reach it. */
  get urls(): string[] {
    const { address, port, family } = this.#server.address() as AddressInfo;
    const isAny = address === '0.0.0.0' || address === '::';
    const reached = isAny
      ? lanAddresses().filter((one) => family === 'IPv6' || !one.includes(':'))
      : [address];
    const scheme = this.#straight === undefined ? 'https' : 'http';
    const hosts = reached.length > 0 ? reached : ['127.0.0.1'];
    return hosts.map((host) => `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`);
  }

  /** Counts an event, and tells clients of it. */
  happened(event: LoggedEvent): void {
    this.app.metrics.happened(event);
    this.#news.tell(event);
  }

  /** Ends: requests that are held open are answered, others cut after `graceMs`. */
  async stop(graceMs = 2_000): Promise<void> {
    this.app.stop();
    clearInterval(this.#sweeps);
    this.#news.close();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    this.#straight?.closeIdle();
    const timer = setTimeout(() => this.#server.closeAllConnections(), graceMs);
    await closed;
    clearTimeout(timer);
  }
}

/**
 * Lets an answer that ends the connection reach whoever sends the body nevertheless: a system that throws
 * bytes away throws away the answer too. The body is read past, as any is that nobody wants.
 */
function endGently(request: IncomingMessage): void {
  const { socket } = request;
  const end = socket.destroySoon;
  socket.destroySoon = () => {
    socket.destroySoon = end;
    const body = bodyAsRead(request);
    if (body.readableEnded || body.destroyed) {
      socket.destroySoon();
      return;
    }
    socket.end();
    const events: EventEmitter = body;
    events.once('close', () => socket.destroySoon());
  };
}

/** HTTP/1.1, over TLS where there is a certificate. */
function listenerOf({ tls }: ServerOptions, listener: RequestListener): Server {
  const options = {
    maxHeaderSize: 16 * 1024,
    headersTimeout: HEAD_MS,
    // A chunk may take long as long as it moves: `paced` sees to it.
    requestTimeout: 0,
    keepAliveTimeout: 75_000,
    connectionsCheckingInterval: HEAD_MS / 2,
  };
  if (tls === undefined) return createServer(options, listener);
  const { cert, key, clientCa } = tls;
  return createTlsServer(
    {
      ...options,
      cert,
      key,
      minVersion: 'TLSv1.2',
      handshakeTimeout: HEAD_MS,
      ALPNProtocols: ['http/1.1'],
      ...(clientCa !== undefined && { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
    },
    listener,
  );
}
