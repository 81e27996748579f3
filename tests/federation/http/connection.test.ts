/** Long bodies that are read past HTTP, and what becomes of their connections. */

import { type EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { batches, readPast, Stalled } from '../../../src/federation/http/body.ts';
import { StraightServer, straightBodyOf } from '../../../src/federation/http/connection.ts';
import { StraightBody } from '../../../src/federation/http/straight-body.ts';
import { RawHttp } from '../../support/raw-http.ts';

const LENGTH = 300_000;
const BODY = Uint8Array.from({ length: LENGTH }, (_, i) => (i * 31 + (i >> 8)) % 251);
/** Where time is not the point. */
const patient = { stallMs: 20_000, leastRate: 1 };

type Body = IncomingMessage | StraightBody;
type Serve = (body: Body, request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** A server, and all that is open to it. */
class Served {
  readonly server: Server;
  readonly straight: StraightServer;
  readonly lines: RawHttp[] = [];
  /** Of each request with a body, whether it came straight. */
  readonly ways: boolean[] = [];

  constructor(serve: Serve, options: object = {}) {
    const listener = (request: IncomingMessage, response: ServerResponse): void => {
      if (request.method === 'GET') {
        response.end('here');
        return;
      }
      // As a real one, not in the same turn.
      void Promise.resolve().then(() => {
        const body = straightBodyOf(request, response);
        this.ways.push(body instanceof StraightBody);
        if (request.headers.expect !== undefined) response.writeContinue();
        return serve(body, request, response);
      });
    };
    this.server = createServer(options, listener).on('checkContinue', listener);
    this.straight = new StraightServer(this.server);
  }

  async line(): Promise<RawHttp> {
    if (!this.server.listening) await new Promise<void>((done) => this.server.listen(0, done));
    const line = await RawHttp.connect((this.server.address() as AddressInfo).port);
    this.lines.push(line);
    return line;
  }

  connections(): Promise<number> {
    return new Promise((done) => this.server.getConnections((_, count) => done(count)));
  }

  close(): Promise<void> {
    for (const line of this.lines) line.close();
    return new Promise((done) => this.server.close(() => done()));
  }
}

let own: Served | undefined;
afterEach(async () => {
  await own?.close();
  own = undefined;
});

function served(serve: Serve, options?: object): Served {
  own = new Served(serve, options);
  return own;
}

/** Answers with what came, wherever it was put. */
const echo =
  (memory?: () => Uint8Array): Serve =>
  async (body, _, response) => {
    const all: Uint8Array[] = [];
    const into = memory?.();
    for await (const batch of batches(body, { pace: patient, bytes: LENGTH, into })) {
      all.push(...batch);
    }
    response.end(Buffer.concat(all));
  };

const put = { method: 'PUT', path: '/', body: [BODY] };
const get = { method: 'GET', path: '/' };
const headOf = (headers = ''): Buffer =>
  Buffer.from(`PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: ${LENGTH}\r\n${headers}\r\n`);

test('a long body comes straight, waited with or not, as often as the connection is used', async () => {
  const own = served(echo());
  const line = await own.line();
  for (const expects of [true, false, false, true]) {
    const { body } = await line.send({ ...put, expects });
    expect(body.equals(BODY)).toBe(true);
    expect(String((await line.send(get)).body)).toBe('here');
  }
  expect(own.ways).toEqual([true, true, true, true]);
});

test('bytes are put where they belong', async () => {
  const memory = new SharedArrayBuffer(LENGTH + 200);
  const into = new Uint8Array(memory, 100, LENGTH);
  const found: unknown[] = [];
  const own = served(async (body, _, response) => {
    for await (const batch of batches(body, { pace: patient, bytes: LENGTH, into })) {
      found.push(...batch.map((piece) => [piece.buffer === memory, piece.length]));
    }
    response.end();
  });
  const line = await own.line();
  for (const expects of [true, false]) {
    into.fill(0);
    await line.send({ ...put, expects });
    expect(Buffer.from(into).equals(BODY)).toBe(true);
  }
  expect(found).toEqual([
    [true, LENGTH],
    [true, LENGTH],
  ]);
  expect([...new Uint8Array(memory, 0, 100), ...new Uint8Array(memory, LENGTH + 100)]).toEqual(
    new Array(200).fill(0),
  );
});

test('a request that comes right behind a body is not taken for a part of it', async () => {
  const next = Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  for (const memory of [undefined, () => new Uint8Array(LENGTH + 1000)]) {
    const own = served(echo(memory));
    const line = await own.line();
    let told = Buffer.alloc(0);
    line.socket.on('data', (part) => {
      told = Buffer.concat([told, part]);
    });
    for (const piece of [headOf(), BODY, next, headOf(), BODY, next]) line.socket.write(piece);
    await vi.waitFor(() => expect(String(told).match(/here/g)).toHaveLength(2));
    const answers = String(told).match(/HTTP\/1.1 200 OK|here/g);
    expect(answers).toEqual(
      [1, 1, 'here', 1, 1, 'here'].map((x) => (x === 1 ? 'HTTP/1.1 200 OK' : x)),
    );
    expect(told.indexOf(BODY)).toBeGreaterThan(0);
    expect(told.lastIndexOf(BODY)).toBeGreaterThan(told.indexOf(BODY));
    expect(own.ways).toEqual([true, true]);
    await own.close();
  }
});

test('nor is one that comes in parts while the body is not answered', async () => {
  const own = served(async (body, request, response) => {
    const late = request.url === '/' ? 150 : 0;
    const all: Uint8Array[] = [];
    // Nobody pauses it.
    const events: EventEmitter = body.resume();
    events.on('data', (piece: Uint8Array) => all.push(piece));
    await once(events, 'end');
    await new Promise((done) => setTimeout(done, late));
    response.end(String(Buffer.concat(all).equals(BODY)));
  });
  const line = await own.line();
  let told = '';
  line.socket.on('data', (part) => {
    told += String(part);
  });
  for (const piece of [headOf(), BODY, 'GET / HT', 'TP/1.1\r\nhost:', ' x\r\n\r\n']) {
    line.socket.write(piece);
    await new Promise((done) => setTimeout(done, 20));
  }
  await vi.waitFor(() => expect(told.match(/true|here/g)).toEqual(['true', 'here']));
});

test('a body behind a request that is not answered yet takes the common way', async () => {
  let answer = (): void => {};
  const own = served(async (body, request, response) => {
    if (request.url === '/slow') {
      await new Promise<void>((done) => {
        answer = done;
      });
    }
    await echo()(body, request, response);
  });
  const line = await own.line();
  line.socket.write('PUT /slow HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\nx');
  line.socket.write(headOf());
  line.socket.write(BODY);
  let told = Buffer.alloc(0);
  line.socket.on('data', (part) => {
    told = Buffer.concat([told, part]);
  });
  await vi.waitFor(() => expect(own.ways).toHaveLength(2));
  answer();
  await vi.waitFor(() => expect(told.indexOf(BODY)).toBeGreaterThan(0));
  expect(own.ways).toEqual([false, false]);
});

test('nothing of a body is lost to whoever asks for it while HTTP is at work on what came', async () => {
  const own = served(echo());
  own.server.removeAllListeners('request').on('request', (request, response) => {
    void echo()(straightBodyOf(request, response), request, response);
  });
  const line = await own.line();
  for (let k = 0; k < 3; k++) expect((await line.send(put)).body.equals(BODY)).toBe(true);
});

test('bodies that are short, or whose length is not said, take the common way', async () => {
  const own = served(echo());
  const line = await own.line();
  const short = await line.send({ ...put, body: [BODY.subarray(0, 1000)] });
  expect(short.body.equals(BODY.subarray(0, 1000))).toBe(true);
  const chunked = line.exchange([
    Buffer.from('PUT / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n'),
    Buffer.from(`${LENGTH.toString(16)}\r\n`),
    BODY,
    Buffer.from('\r\n0\r\n\r\n'),
  ]);
  expect((await chunked).body.equals(BODY)).toBe(true);
  expect(own.ways).toEqual([false, false]);
});

test('memory is released once nothing is put there any more, and nothing is lost', async () => {
  const into = new Uint8Array(LENGTH);
  const steps: string[] = [];
  const own = served(async (body, _, response) => {
    const onSlow = (): void => {
      steps.push('slow');
      (body as StraightBody).released(into, () => {
        steps.push('released');
        into.fill(255);
      });
    };
    const eager = { ms: 20, isSlow: () => true, onSlow };
    const all: Uint8Array[] = [];
    for await (const batch of batches(body, { pace: patient, bytes: LENGTH, into, eager })) {
      all.push(...batch);
    }
    response.end(Buffer.concat(all));
  });
  const line = await own.line();
  const answer = line.exchange([headOf(), BODY.subarray(0, 200_000)]);
  await vi.waitFor(() => expect(steps).toEqual(['slow']));
  await new Promise((done) => setTimeout(done, 50));
  // The system has been told to put there what comes next.
  expect(steps).toEqual(['slow']);
  line.socket.write(BODY.subarray(200_000, 200_010));
  await vi.waitFor(() => expect(steps).toEqual(['slow', 'released']));
  line.socket.write(BODY.subarray(200_010));
  expect((await answer).body.equals(BODY)).toBe(true);
  expect(into.every((byte) => byte === 255)).toBe(true);
});

test('a body that breaks off is told of, its memory released, its connection gone', async () => {
  const outcome: unknown[] = [];
  const own = served(async (body, request) => {
    const into = new Uint8Array(LENGTH);
    try {
      for await (const _ of batches(body, { pace: patient, bytes: LENGTH, into }))
        outcome.push('batch');
    } catch (error) {
      outcome.push(error instanceof Stalled);
    }
    request.destroy();
    (body as StraightBody).released(into, () => outcome.push('released'));
  });
  const line = await own.line();
  void line.exchange([headOf(), BODY.subarray(0, 100_000)]).catch(() => {});
  await vi.waitFor(() => expect(own.ways).toEqual([true]));
  expect(await own.connections()).toBe(1);
  line.close();
  await vi.waitFor(() => expect(outcome).toEqual([true, 'released']));
  await vi.waitFor(async () => expect(await own.connections()).toBe(0));
});

test('one that stands still is cut', async () => {
  const outcome: unknown[] = [];
  const own = served(async (body, request) => {
    await batches(body, { pace: { stallMs: 100, leastRate: 1 }, bytes: LENGTH })
      .next()
      .catch((error) => outcome.push(error instanceof Stalled));
    request.destroy();
  });
  const line = await own.line();
  await expect(line.exchange([headOf(), BODY.subarray(0, 100_000)])).rejects.toThrow('closed');
  expect(outcome).toEqual([true]);
});

test('what is left of a body is read past, and the connection serves the next', async () => {
  const own = served(async (body, request, response) => {
    for await (const _ of batches(body, { pace: patient })) break;
    response.statusCode = 422;
    response.end();
    void readPast(request, patient);
  });
  const line = await own.line();
  for (const expects of [true, false]) {
    expect((await line.send({ ...put, expects })).status).toBe(422);
    expect((await line.send(get)).status).toBe(200);
  }
  expect(own.ways).toEqual([true, true]);
});

test('a request right behind a body that was answered before its end is the next to be served', async () => {
  const paths: string[] = [];
  const own = served(async (body, request, response) => {
    paths.push(request.url!);
    if (request.url === '/') {
      await echo()(body, request, response);
      return;
    }
    for await (const _ of batches(body, { pace: patient })) break;
    response.statusCode = 422;
    response.end();
    void readPast(request, patient);
  });
  own.server.on('request', ({ method, url }) => void (method === 'GET' && paths.push(url!)));
  const line = await own.line();
  const early = headOf().toString('latin1').replace('PUT /', 'PUT /early');
  const { status } = await line.exchange([Buffer.from(early), BODY.subarray(0, 200_000)]);
  expect(status).toBe(422);
  const next = Buffer.from('GET /next HTTP/1.1\r\nhost: x\r\n\r\n');
  // In one write, so that both are read at once.
  const both = Buffer.concat([BODY.subarray(200_000), next]);
  expect(String((await line.exchange([both])).body)).toBe('here');
  expect((await line.send(put)).body.equals(BODY)).toBe(true);
  expect(paths).toEqual(['/early', '/next', '/']);
});

test('a connection ends after its answer if the client says so, or the server does', async () => {
  const own = served(async (body, request, response) => {
    if (request.url === '/last') response.setHeader('connection', 'close');
    await echo()(body, request, response);
  });
  for (const request of [
    { ...put, headers: { connection: 'close' } },
    { ...put, path: '/last' },
  ]) {
    const line = await own.line();
    const closed = new Promise((done) => line.socket.once('close', done));
    expect((await line.send(request)).body.equals(BODY)).toBe(true);
    await closed;
  }
  await vi.waitFor(async () => expect(await own.connections()).toBe(0));
});

test('who has said all gets the answer', async () => {
  const own = served(async (body, request, response) => {
    await new Promise((done) => setTimeout(done, 50));
    await echo()(body, request, response);
  });
  const line = await own.line();
  const answer = line.exchange([headOf(), BODY]);
  line.socket.end();
  expect((await answer).body.equals(BODY)).toBe(true);
});

test('between requests a connection waits as long as others, and no longer', async () => {
  const options = { headersTimeout: 150, connectionsCheckingInterval: 50, keepAliveTimeout: 300 };
  const own = served(echo(), options);
  const line = await own.line();
  await line.send(put);
  await new Promise((done) => setTimeout(done, 400));
  // Longer than heads may take; Node adds a second to what it tells clients.
  expect((await line.send(get)).status).toBe(200);
  await line.send(put);
  // What comes then has its own time again.
  const slow = line.exchange([headOf(), BODY.subarray(0, 100_000)]);
  await new Promise((done) => setTimeout(done, 1500));
  line.socket.write(BODY.subarray(100_000));
  expect((await slow).body.equals(BODY)).toBe(true);
  const begun = performance.now();
  await new Promise((done) => line.socket.once('close', done));
  expect(performance.now() - begun).toBeGreaterThan(290);
  // A head that comes in part is held to its time all the same.
  const late = await own.line();
  await late.send(put);
  late.socket.write('GET / HT');
  await new Promise((done) => late.socket.once('close', done));
});

test('a server that closes need not wait for those that wait for nothing', async () => {
  const own = served(echo());
  const line = await own.line();
  await line.send(put);
  expect(await own.connections()).toBe(1);
  const closed = new Promise<void>((done) => own.server.close(() => done()));
  own.straight.closeIdle();
  await closed;
});
