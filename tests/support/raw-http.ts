/**
 * HTTP/1.1 by hand, one request after another on a connection of its own: light enough for a thousand
 * at once in one process, and able to send what no library would.
 *
 * @module
 */

import { connect, type Socket } from 'node:net';

/** An answer. */
export interface RawReply {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
  /** Whether an answer of 100 came before it. */
  readonly continued: boolean;
}

/** A request. */
export interface RawRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Its pieces, which are not copied. */
  readonly body?: readonly Uint8Array[];
  /** Waits with the body until it is asked for: `Expect: 100-continue`. Default: false. */
  readonly expects?: boolean;
}

/** What waits for an answer. */
interface Waiting {
  /** Sent once the server asks for it. */
  readonly later: readonly Uint8Array[];
  continued: boolean;
  resolve(reply: RawReply): void;
  reject(reason: unknown): void;
}

/** A connection that is kept. */
export class RawHttp {
  readonly socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #waiting: Waiting | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => this.#take(bytes));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the connection was closed')));
  }

  /** Connects to a port of this machine. */
  static async connect(port: number): Promise<RawHttp> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve).once('error', reject);
    });
    return new RawHttp(socket);
  }

  get isOpen(): boolean {
    return !this.socket.destroyed && this.socket.writable;
  }

  /** Sends a request, and waits for its answer. */
  send({ method, path, headers = {}, body = [], expects }: RawRequest): Promise<RawReply> {
    const length = body.reduce((sum, piece) => sum + piece.length, 0);
    const all = {
      host: '127.0.0.1',
      'content-length': String(length),
      ...(expects && { expect: '100-continue' }),
      ...headers,
    };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
    return expects ? this.exchange([head], body) : this.exchange([head, ...body]);
  }

  /** Sends JSON. */
  post(path: string, json: unknown, headers: Record<string, string> = {}): Promise<RawReply> {
    const body = [Buffer.from(JSON.stringify(json))];
    return this.send({
      method: 'POST',
      path,
      headers: { 'content-type': 'application/json', ...headers },
      body,
    });
  }

  /** Sends bytes as they are, some of them once the server asks, and waits for an answer. */
  exchange(pieces: readonly Uint8Array[], later: readonly Uint8Array[] = []): Promise<RawReply> {
    return new Promise((resolve, reject) => {
      this.#waiting = { later, continued: false, resolve, reject };
      if (this.isOpen) this.#write(pieces);
      else this.#fail(new Error('the connection is closed'));
    });
  }

  close(): void {
    this.socket.destroy();
  }

  #write(pieces: readonly Uint8Array[]): void {
    this.socket.cork();
    for (const piece of pieces) this.socket.write(piece);
    this.socket.uncork();
  }

  /** An answer before the answer: the server wants the rest. */
  #goOn(): void {
    const waiting = this.#waiting;
    if (waiting === undefined || waiting.continued) return;
    waiting.continued = true;
    this.#write(waiting.later);
  }

  #fail(reason: unknown): void {
    this.#waiting?.reject(reason);
    this.#waiting = undefined;
  }

  #take(bytes: Buffer): void {
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
    for (;;) {
      const end = this.#received.indexOf('\r\n\r\n');
      if (end < 0) return;
      const { status, headers } = parsedHead(this.#received.toString('latin1', 0, end));
      const isInterim = status < 200;
      const body = isInterim ? 0 : Number(headers.get('content-length') ?? 0);
      if (this.#received.length < end + 4 + body) return;
      const content = this.#received.subarray(end + 4, end + 4 + body);
      this.#received = this.#received.subarray(end + 4 + body);
      if (isInterim) {
        if (status === 100) this.#goOn();
        continue;
      }
      const waiting = this.#waiting;
      this.#waiting = undefined;
      waiting?.resolve({ status, headers, body: content, continued: waiting.continued });
    }
  }
}

function parsedHead(text: string): { status: number; headers: Map<string, string> } {
  const [first = '', ...lines] = text.split('\r\n');
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  if (headers.get('transfer-encoding') === 'chunked') throw new Error('chunks are not read here');
  return { status: Number(first.split(' ', 2)[1]), headers };
}

/** The JSON of an answer. */
// biome-ignore lint/suspicious/noExplicitAny: tests look at what came.
export function jsonIn({ body }: RawReply): any {
  return JSON.parse(body.toString('utf8'));
}
