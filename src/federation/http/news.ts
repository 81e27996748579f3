/**
 * News over a WebSocket. The token is the first message, since addresses are logged; whoever says nothing
 * within ten seconds is cut off. News is a hint: it may be dropped, and nothing depends on it.
 *
 * @module
 */

import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { z } from 'zod';
import type { Coordinator } from '../coordinator.ts';
import type { LoggedEvent } from '../store/chain.ts';
import type { FederationApp } from './app.ts';
import { maySubscribe } from './origins.ts';
import { Problem } from './problems.ts';

const greeting = z.strictObject({ token: z.string().min(1).max(1024) });

const GREETING_MS = 10_000;
/** A line is asked so often whether it is alive. */
const PING_MS = 30_000;
/** Bytes that may wait for a slow reader: more is dropped, with the line. */
const MOST_WAITING = 2 ** 20;
const MOST_LINES = 20_000;
/** Lines of one client; the oldest ends. */
const MOST_EACH = 8;
/** News of progress is told at most so often. */
const PROGRESS_MS = 200;

/** Tells clients what happens. */
export class NewsServer {
  readonly #server = new WebSocketServer({ noServer: true, maxPayload: 4096 });
  readonly #lines = new Map<WebSocket, { readonly client: string; isAlive: boolean }>();
  readonly #coordinator: Coordinator;
  readonly #app: FederationApp;
  readonly #pings: ReturnType<typeof setInterval>;
  #progressAt = 0;

  constructor(
    server: Server,
    {
      coordinator,
      app,
      origins = [],
    }: { coordinator: Coordinator; app: FederationApp; origins?: readonly string[] },
  ) {
    this.#coordinator = coordinator;
    this.#app = app;
    server.on('upgrade', (request: IncomingMessage, socket, head) => {
      const path = (request.url ?? '').split('?', 1)[0];
      if (path !== '/v1/events' || this.#server.clients.size >= MOST_LINES) {
        turnAway(socket, '404 Not Found');
        return;
      }
      if (!maySubscribe(request.headers, origins)) {
        turnAway(socket, '403 Forbidden');
        return;
      }
      this.#server.handleUpgrade(request, socket, head, (line) => this.#greet(line));
    });
    this.#pings = setInterval(() => this.#ping(), PING_MS);
    this.#pings.unref();
  }

  /** Tells what an event is to clients. */
  tell(event: Pick<LoggedEvent, 'type' | 'body'>): void {
    if (event.type === 'update.committed') this.#tellProgress();
    else if (event.type === 'client.penalised') {
      const { client, round, kind, weight, reason } = event.body;
      this.#all({ type: 'penalty', round, kind, weight, reason }, String(client));
    } else {
      const news = newsOf(event);
      if (news !== undefined) this.#all(news);
    }
  }

  #tellProgress(): void {
    const now = performance.now();
    if (now - this.#progressAt < PROGRESS_MS) return;
    this.#progressAt = now;
    const { round, updates, wanted, text } = this.#coordinator.status();
    this.#all({ type: 'round.progress', round, updates, wanted, text });
  }

  close(): void {
    clearInterval(this.#pings);
    for (const line of this.#server.clients) line.terminate();
    this.#server.close();
  }

  #greet(line: WebSocket): void {
    const timer = setTimeout(() => line.close(4401, 'no token came'), GREETING_MS);
    line.on('error', () => line.terminate());
    line.on('pong', () => {
      const known = this.#lines.get(line);
      if (known !== undefined) known.isAlive = true;
    });
    line.on('close', () => {
      clearTimeout(timer);
      this.#lines.delete(line);
    });
    line.once('message', (data, isBinary) => {
      clearTimeout(timer);
      const client = isBinary ? undefined : this.#clientIn(String(data));
      if (client === undefined) line.close(4401, 'the first message must be a token of a session');
      else this.#admit(line, client);
    });
  }

  #admit(line: WebSocket, client: string): void {
    const own = [...this.#lines].filter(([, known]) => known.client === client);
    if (own.length >= MOST_EACH) own[0]![0].terminate();
    this.#lines.set(line, { client, isAlive: true });
  }

  #clientIn(text: string): string | undefined {
    try {
      return this.#app.sessionOf(greeting.parse(JSON.parse(text)).token).client;
    } catch (error) {
      const isForeign =
        error instanceof Problem || error instanceof z.ZodError || error instanceof SyntaxError;
      if (isForeign) return undefined;
      throw error;
    }
  }

  #all(news: object, client?: string): void {
    const text = JSON.stringify(news);
    for (const [line, known] of this.#lines) {
      if (client !== undefined && known.client !== client) continue;
      if (line.bufferedAmount > MOST_WAITING) line.terminate();
      else line.send(text);
    }
  }

  #ping(): void {
    for (const [line, known] of this.#lines) {
      if (!known.isAlive || this.#coordinator.standingOf(known.client) !== undefined) {
        line.terminate();
        continue;
      }
      known.isAlive = false;
      this.#coordinator.heard(known.client);
      line.ping();
    }
  }
}

/**
 * Answers, and lets go. Whoever handles an upgrade has the connection to itself: an error that nobody
 * listens to would end the process, and one whose other end stays open would stay for ever.
 */
function turnAway(socket: Duplex, status: string): void {
  socket.on('error', () => socket.destroy()).once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
}

/** What everybody is told of an event. */
function newsOf({ type, body }: Pick<LoggedEvent, 'type' | 'body'>): object | undefined {
  const { round, deadline, model, code, reason } = body;
  switch (type) {
    case 'round.opened':
      return { type: 'round.open', round, deadline };
    case 'round.published':
      return { type: 'round.done', round, model };
    case 'round.failed':
      return { type: 'round.done', round, failed: code, reason };
    case 'run.finished':
      return { type: 'run.done', reason };
    default:
      return undefined;
  }
}
