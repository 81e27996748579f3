/**
 * Connections whose long bodies are read straight into memory.
 *
 * The parser of `node:http` reads 64 KiB at a time, copies them to memory that is new each time, and tells
 * of them by an event: 64 times for a chunk, whose bytes are then copied to where they belong. Here the
 * system puts them there, in a few reads (decision 0015).
 *
 * HTTP has a stream before it, an {@link HttpSide}, that it takes for its socket. Once a body is read past
 * it, it never learns that the body ended; so that stream is dropped with the answer, and the next request
 * has a new one.
 *
 * @module
 */

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { StraightBody, type StraightLine } from './straight-body.ts';

/** Shorter bodies are not worth a new stream. */
const LEAST_BYTES = 64 * 1024;
/**
 * Where bytes are read to that belong nowhere yet, of all connections: nobody may keep a part of it, as the
 * next read of another connection is put there too.
 */
const COMMON = Buffer.allocUnsafeSlow(64 * 1024);
/** Bodies that are read straight, by their requests. */
const BODIES = new WeakMap<IncomingMessage, StraightBody>();

/** A server whose connections are these, where they can be had: TLS has others. */
export class StraightServer {
  readonly #server: Server;
  readonly #begin: (side: Duplex) => void;
  /** Connections that wait for a request; HTTP knows of those that never had one with a body of this kind. */
  readonly #asleep = new Set<Socket>();

  /** Before the server listens. */
  constructor(server: Server) {
    const [serve] = server.listeners('connection') as [(socket: Duplex) => void];
    this.#server = server;
    this.#begin = (side) => serve.call(server, side);
    server.off('connection', serve);
    // Nothing is read before it is known who reads.
    (server as { pauseOnConnect?: boolean }).pauseOnConnect = true;
    server.on('connection', (accepted: Socket) => {
      const handle = handleOf(accepted);
      if (handle === undefined) this.#begin(accepted.resume());
      else void new Connection(accepted, { handle, server: this });
    });
  }

  /** What `closeIdleConnections` is to HTTP, of those that it does not know: both are needed. */
  closeIdle(): void {
    for (const socket of this.#asleep) socket.destroy();
  }

  /** HTTP hears of a connection. @internal */
  wake(socket: Socket, side: Duplex): void {
    this.#asleep.delete(socket);
    this.#begin(side);
  }

  /** A connection waits for a request. @internal */
  sleep(socket: Socket): void {
    if (this.#server.listening) this.#asleep.add(socket);
    else socket.destroySoon();
  }

  /** A connection is closed. @internal */
  forget(socket: Socket): void {
    this.#asleep.delete(socket);
  }
}

/**
 * The body of a request, from now on read straight if it is long and this connection can: whoever calls
 * this has not read of it, and reads all of it. From its end until the answer nothing is read, so that
 * nobody learns meanwhile whether the client is still there.
 */
export function straightBodyOf(
  request: IncomingMessage,
  response: ServerResponse,
): IncomingMessage | StraightBody {
  const { socket } = request;
  // An answer that must wait for others has no socket yet.
  if (!(socket instanceof HttpSide) || response.socket !== socket) return request;
  const body = socket.takeBody(request);
  if (body === undefined) return request;
  BODIES.set(request, body);
  response.once('finish', () => socket.answered());
  return body;
}

/** The body of a request as it is read, straight or not. */
export function bodyAsRead(request: IncomingMessage): IncomingMessage | StraightBody {
  return BODIES.get(request) ?? request;
}

/** What the system knows a connection by, taken from the socket that was made for it. */
function handleOf(accepted: Socket): object | undefined {
  const owner = accepted as unknown as { _handle?: object | null };
  const handle = owner._handle ?? undefined;
  if (handle !== undefined) owner._handle = null;
  return handle;
}

/** A connection: what is read of it goes to HTTP, or to a body. */
class Connection implements StraightLine {
  readonly socket: Socket;
  readonly #server: StraightServer;
  /** Until there is a request HTTP need not know of it. */
  #side: HttpSide | undefined;
  #body: StraightBody | undefined;
  #isAnswered = false;
  /** Where the system puts what comes next. */
  #armed: Uint8Array = COMMON;
  /** What came of the next request behind a body. */
  #ahead: Uint8Array | undefined;
  #rearmed: (() => void)[] = [];

  constructor(
    accepted: Socket,
    { handle, server }: { readonly handle: object; readonly server: StraightServer },
  ) {
    this.#server = server;
    const onread = { buffer: () => this.#arm(), callback: (bytes: number) => this.#take(bytes) };
    this.socket = new Socket({ handle, onread, allowHalfOpen: true } as object);
    this.socket
      .on('end', () => this.#ended())
      .on('error', (error) => this.#side?.destroy(error))
      .on('timeout', () => this.#timedOut())
      .on('close', () => {
        this.#closed();
        // The server counts the socket that it made.
        accepted.destroy();
      });
    this.#wake();
    this.socket.resume();
  }

  get body(): StraightBody | undefined {
    return this.#body;
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  mayWrite({ buffer, byteOffset, length }: Uint8Array): boolean {
    const { byteOffset: at } = this.#armed;
    const isWithin = at >= byteOffset && at < byteOffset + length;
    return !this.socket.destroyed && this.#armed.buffer === buffer && isWithin;
  }

  whenRearmed(done: () => void): void {
    this.#rearmed.push(done);
  }

  /** From now on, what comes is of this body. */
  takeOver(length: number, before: Uint8Array | undefined): StraightBody {
    this.socket.pause();
    this.#isAnswered = false;
    this.#body = new StraightBody(this, length, before).once('close', () => this.#sleep());
    return this.#body;
  }

  /** The request of the body has its answer. */
  answered(): void {
    this.#isAnswered = true;
    this.#sleep();
  }

  /**
   * Once a body is over and answered, HTTP is left: it hears of the next request when that begins. Which of the
   * two comes last is open: this may run while its last bytes are taken.
   */
  #sleep(): void {
    const side = this.#side;
    if (!this.#body?.readableEnded || this.socket.destroyed) return;
    // What comes behind it waits for the answer.
    if (!this.#isAnswered) this.socket.pause();
    else if (side !== undefined && !side.writableEnded && !side.destroyed) {
      this.#side = undefined;
      this.#body = undefined;
      side.leave();
      this.socket.resume();
      const ahead = this.#ahead;
      this.#ahead = undefined;
      if (ahead === undefined) this.#server.sleep(this.socket);
      else this.#giveToHttp(ahead);
    }
  }

  #wake(): HttpSide {
    this.socket.setTimeout(0);
    const side = new HttpSide(this);
    this.#side = side;
    this.#server.wake(this.socket, side);
    return side;
  }

  #arm(): Uint8Array {
    this.#armed = this.#body?.next() ?? COMMON;
    const rearmed = this.#rearmed;
    this.#rearmed = [];
    for (const done of rearmed) done();
    return this.#armed;
  }

  #take(bytes: number): boolean {
    const piece = this.#armed.subarray(0, bytes);
    const body = this.#body;
    if (body === undefined) this.#giveToHttp(piece);
    else {
      // The body may end here, and all that follows happen at once: what is of others must be known before.
      if (bytes > body.left) this.#ahead = Buffer.from(piece.subarray(body.left));
      body.take(piece.subarray(0, body.left));
    }
    return true;
  }

  #giveToHttp(piece: Uint8Array): void {
    const side = this.#side ?? this.#wake();
    if (!side.push(Buffer.from(piece))) this.socket.pause();
  }

  #ended(): void {
    this.#body?.close();
    if (this.#side === undefined) this.socket.end();
    else this.#side.push(null);
  }

  #timedOut(): void {
    if (this.#side === undefined) this.socket.destroy();
    else this.#side.emit('timeout');
  }

  #closed(): void {
    this.#server.forget(this.socket);
    this.#body?.close();
    this.#side?.destroy();
    for (const done of this.#rearmed) done();
  }
}

/** What HTTP takes for its socket, for one request or many. */
class HttpSide extends Duplex {
  readonly encrypted = false;
  readonly #connection: Connection;
  /** The connection goes on without it. */
  #isLeft = false;
  /** HTTP is at work on what came, which may hold more of a body than it has told of. */
  #isParsing = false;

  constructor(connection: Connection) {
    super();
    this.#connection = connection;
  }

  get remoteAddress(): string | undefined {
    return this.#connection.socket.remoteAddress;
  }

  /** The body of a request of this side, read straight: if nothing speaks against it. */
  takeBody(request: IncomingMessage): StraightBody | undefined {
    const { headers, readableLength: come } = request;
    const length = Number(headers['content-length']);
    const isUnread = request.readableFlowing === null && !request.complete && !request.destroyed;
    const isPlain = headers['transfer-encoding'] === undefined && request.httpVersion === '1.1';
    if (!isUnread || !isPlain || !(length >= LEAST_BYTES) || come >= length) return undefined;
    // What HTTP has not looked at yet cannot be told from the body.
    if (this.#isLeft || this.destroyed || this.#isParsing || this.readableLength > 0) {
      return undefined;
    }
    if (this.#connection.body !== undefined || this.#connection.socket.destroyed) return undefined;
    const before = come > 0 ? (request.read() as Buffer) : undefined;
    return this.#connection.takeOver(length, before);
  }

  /** A request whose body was read straight has its answer. */
  answered(): void {
    if (!this.#isLeft) this.#connection.answered();
  }

  /** Ends for HTTP, and nobody else. */
  leave(): void {
    this.#isLeft = true;
    this.destroy();
  }

  override emit(event: string | symbol, ...details: unknown[]): boolean {
    if (event !== 'data') return super.emit(event, ...details);
    this.#isParsing = true;
    try {
      return super.emit(event, ...details);
    } finally {
      this.#isParsing = false;
    }
  }

  override pause(): this {
    if (this.#reads) this.#connection.pause();
    return super.pause();
  }

  override resume(): this {
    if (this.#reads) this.#connection.resume();
    return super.resume();
  }

  override _read(): void {
    if (this.#reads && !this.isPaused()) this.#connection.resume();
  }

  override _write(bytes: Uint8Array, encoding: BufferEncoding, done: () => void): void {
    this.#connection.socket.write(bytes, encoding, done);
  }

  override _writev(all: { chunk: Uint8Array; encoding: BufferEncoding }[], done: () => void): void {
    const { socket } = this.#connection;
    socket.cork();
    all.forEach(({ chunk, encoding }, i) => {
      socket.write(chunk, encoding, i === all.length - 1 ? done : undefined);
    });
    socket.uncork();
  }

  override _final(done: () => void): void {
    if (this.#isLeft) done();
    else this.#connection.socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#isLeft) this.#connection.socket.destroy();
    done(error);
  }

  // What HTTP and WebSocket ask of a socket beyond a stream

  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  setTimeout(ms: number, onTimeout?: () => void): this {
    if (!this.#isLeft) this.#connection.socket.setTimeout(ms);
    if (onTimeout !== undefined) this.once('timeout', onTimeout);
    return this;
  }

  setNoDelay(noDelay?: boolean): this {
    if (!this.#isLeft) this.#connection.socket.setNoDelay(noDelay);
    return this;
  }

  /** Whether what comes is for HTTP. */
  get #reads(): boolean {
    return !this.#isLeft && this.#connection.body === undefined;
  }
}
