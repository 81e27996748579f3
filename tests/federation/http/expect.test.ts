/** Bodies that wait until they are asked for: `Expect: 100-continue`. */

import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { leafHash } from '../../../src/federation/merkle.ts';
import { sha256 } from '../../../src/federation/store/sha256.ts';
import { hex } from '../../../src/secagg/suite.ts';
import {
  configOf,
  modelFile,
  ServedRun,
  TestClient,
  temporaryFolder,
} from '../../support/federation-server.ts';
import { RawHttp, type RawReply, type RawRequest } from '../../support/raw-http.ts';

/** A model of 560 kB: an update is a chunk of 512 KiB, and a short one. */
const COLS = 140_000;
const CHUNK = 512 * 1024;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let run: ServedRun;
let port: number;
let client: TestClient;
let update: string;
let file: Uint8Array;

beforeAll(async () => {
  folder = await temporaryFolder();
  run = await ServedRun.start({
    folder: folder.path,
    config: configOf({ wire: { chunkBytes: CHUNK } }),
    model: await modelFile([1, 2, 3, 4, 5, 6, 7], COLS),
  });
  port = Number(new URL(run.url).port);
  client = await TestClient.joined(run.url);
  await TestClient.joined(run.url);
  file = await modelFile([1, 1, 1, 1, 1, 1, 1], COLS);
  const statement = client.statement(file, await client.round());
  update = (await client.declare(statement)).body.update;
});

afterAll(async () => {
  await run?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

/** Sends on a connection of its own, with a body that waits. */
async function asked(request: RawRequest): Promise<RawReply> {
  const line = await RawHttp.connect(port);
  try {
    return await line.send({ ...request, expects: true });
  } finally {
    line.close();
  }
}

function chunk(k: number, token = client.token): RawRequest {
  const body = file.subarray(k * CHUNK, (k + 1) * CHUNK);
  const headers = {
    authorization: `Bearer ${token}`,
    'merkle-leaf': hex(leafHash(body, sha256)),
  };
  return { method: 'PUT', path: `/v1/updates/${update}/chunks/${k}`, headers, body: [body] };
}

test('a body that is wanted is asked for, and taken; the connection serves the next', async () => {
  const line = await RawHttp.connect(port);
  for (const k of [0, 1, 0]) {
    const { status, continued } = await line.send({ ...chunk(k), expects: true });
    expect([status, continued]).toEqual([204, true]);
  }
  line.close();
});

test('JSON is asked for too', async () => {
  const json = JSON.stringify({ publicKey: client.key, purpose: 'session' });
  const reply = await asked({
    method: 'POST',
    path: '/v1/challenge',
    headers: { 'content-type': 'application/json' },
    body: [Buffer.from(json)],
  });
  expect([reply.status, reply.continued]).toEqual([200, true]);
});

test('a body that is refused is never asked for, and the connection ends', async () => {
  const refusals: [RawRequest, number][] = [
    [chunk(0, 'nobody'), 401],
    [{ ...chunk(0), path: `/v1/updates/${update}/chunks/7` }, 400],
    [{ ...chunk(0), body: [file.subarray(1, CHUNK)] }, 400],
    [{ ...chunk(0), path: `/v1/updates/${'0'.repeat(64)}/chunks/0` }, 404],
    [{ ...chunk(0), path: '/v1/nothing' }, 404],
    [{ method: 'POST', path: '/v1/challenge', body: [file] }, 415],
  ];
  for (const [request, status] of refusals) {
    const reply = await asked(request);
    const connection = reply.headers.get('connection');
    expect([request.path, reply.status, reply.continued, connection]).toEqual([
      request.path,
      status,
      false,
      'close',
    ]);
  }
});

test('an answer reaches whoever sends all the same, and the connection ends then', async () => {
  const body = new Uint8Array(4 * 2 ** 20);
  const words = `host: x\r\nexpect: 100-continue\r\ncontent-length: ${body.length}\r\n`;
  const head = Buffer.from(`PUT /v1/updates/${update}/chunks/0 HTTP/1.1\r\n${words}\r\n`);
  for (let i = 0; i < 20; i++) {
    const line = await RawHttp.connect(port);
    const errors: Error[] = [];
    line.socket.on('error', (error) => errors.push(error));
    const closed = new Promise((done) => line.socket.once('close', done));
    const reply = line.exchange([head]);
    // The refusal is on its way.
    setTimeout(() => line.socket.write(body), 0);
    const { status, continued } = await reply;
    await closed;
    expect([status, continued, errors]).toEqual([401, false, []]);
  }
});

test('HTTP/1.0 knows no such answer, and no other expectation is met', async () => {
  const body = JSON.stringify({ publicKey: client.key, purpose: 'session' });
  const head = (version: string, expectation: string): string =>
    `POST /v1/challenge HTTP/${version}\r\nhost: x\r\nconnection: close\r\nexpect: ${expectation}\r\n` +
    `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
  expect(await exchanged(head('1.0', '100-continue') + body)).toMatch(/^HTTP\/1\.1 200 /);
  expect(await exchanged(head('1.1', 'a-miracle'))).toMatch(/^HTTP\/1\.1 417 /);
});

/** Everything that comes back for some bytes. */
async function exchanged(bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let all = '';
  socket.on('data', (part) => {
    all += String(part);
  });
  socket.write(bytes);
  await new Promise((done) => socket.once('close', done));
  return all;
}
