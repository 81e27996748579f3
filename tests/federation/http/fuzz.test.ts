/** Whatever is sent, the answer is one of the protocol's, and the server goes on. */

import { createConnection } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PROBLEMS } from '../../../src/federation/http/problems.ts';
import {
  configOf,
  modelFile,
  type Reply,
  ServedRun,
  TestClient,
  temporaryFolder,
} from '../../support/federation-server.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let run: ServedRun;
let client: TestClient;
let file: Uint8Array;
let round: { round: number; model: string };
let update: string;
/** What the server logged of requests: each line. */
const lines: string[] = [];

beforeAll(async () => {
  folder = await temporaryFolder();
  const config = configOf({
    round: { wanted: 2, quorum: 2 },
    limits: { requestsPerSecond: 1_000_000 },
  });
  run = await ServedRun.start({
    folder: folder.path,
    config,
    logTo: { write: (line) => void lines.push(line) },
    pace: { stallMs: 500, leastRate: 1 },
  });
  client = await TestClient.joined(run.url);
  await TestClient.joined(run.url);
  round = await client.round();
  file = await modelFile([1, 1, 1, 1, 1, 1, 1]);
  const declared = await client.declare(client.statement(file, round));
  update = declared.body.update;
});

afterAll(async () => {
  await run?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

/** Holds an answer to the protocol: a status with its code, and never the server's own failure. */
function requireKnown({ status, body }: Reply): void {
  expect(status).not.toBe(500);
  if (status < 400) return;
  const { code, message } = body.error;
  expect(PROBLEMS).toHaveProperty(code);
  expect(status).toBe(PROBLEMS[code as keyof typeof PROBLEMS]);
  expect(message).toMatch(/\S/);
}

/** A value that may be what a field holds, nearly, or not at all. */
const odd = fc.oneof(
  fc.constantFrom(
    null,
    true,
    0,
    -1,
    1e300,
    2 ** 53,
    '',
    '00'.repeat(32),
    [],
    {},
    '\ud800',
    '__proto__',
  ),
  fc.string(),
  fc.integer(),
  fc.stringMatching(/^[0-9a-f]{64}$/),
  fc.stringMatching(/^[0-9a-f]{128}$/),
);

test('any JSON at any call is answered by the table', async () => {
  const paths = [
    '/v1/challenge',
    '/v1/clients',
    '/v1/session',
    '/v1/keys',
    '/v1/rounds/1/updates',
    '/v1/rounds/1/secure',
    `/v1/updates/${update}/commit`,
  ];
  const keys = fc.constantFrom(
    'publicKey',
    'purpose',
    'challenge',
    'proof',
    'newPublicKey',
    'signatureOld',
    'signatureNew',
    'run',
    'round',
    'baseModel',
    'client',
    'dtype',
    'length',
    'chunkSize',
    'root',
    'samples',
    'clipNorm',
    'expires',
    'signature',
    'name',
    'attributes',
    'certificate',
    '__proto__',
    'constructor',
  );
  const body = fc.oneof(fc.dictionary(keys, odd, { maxKeys: 14 }), fc.jsonValue());
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...paths), body, async (path, json) => {
      requireKnown(await client.send('POST', path, { json }));
    }),
    { numRuns: 500 },
  );
}, 60_000);

test('a statement with any field changed is refused, or is not the one that was signed', async () => {
  const good = client.statement(file, round);
  const { model, ...rest } = good;
  const fields = [...Object.keys(rest), 'baseModel', 'signature', 'clipNorm'];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...fields), odd, async (name, value) => {
      const reply = await client.declare(good, { [name]: value });
      requireKnown(reply);
      const isAbsent = name === 'clipNorm' && (value === null || value === 0);
      const isSame = { ...rest, baseModel: model }[name as keyof typeof rest] === value;
      if (!isAbsent && !isSame) expect(reply.status).toBeGreaterThanOrEqual(400);
    }),
    { numRuns: 300 },
  );
}, 60_000);

test('any path, query and header', async () => {
  const path = fc.array(
    fc.constantFrom(
      'v1',
      'updates',
      'chunks',
      update,
      'rounds',
      'current',
      'models',
      '..',
      '%2f',
      '0',
      '%zz',
      '-1',
      '%00',
    ),
    { maxLength: 6 },
  );
  const method = fc.constantFrom('GET', 'PUT', 'POST', 'DELETE', 'PATCH', 'OPTIONS');
  const header = fc.stringMatching(/^[\x21-\x7e]{0,40}$/);
  await fc.assert(
    fc.asyncProperty(path, method, header, async (parts, verb, text) => {
      const headers = { range: text, 'content-digest': text, 'if-none-match': text };
      const target = `/${parts.join('/')}?after=${encodeURIComponent(text)}&wait=0`;
      requireKnown(await client.send(verb, target, { headers }));
    }),
    { numRuns: 300 },
  );
}, 60_000);

test('bytes that are no HTTP end their connection, and no other', async () => {
  const { port } = new URL(run.url);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (bytes) => {
      const socket = createConnection(Number(port), '127.0.0.1');
      socket.on('error', () => {});
      const closed = new Promise((done) => socket.once('close', done));
      socket.resume();
      socket.end(bytes);
      await closed;
    }),
    { numRuns: 100 },
  );
  expect((await client.current()).status).toBe(200);
}, 60_000);

test('nothing of it kept the round from going on, and no line of the log holds a secret', async () => {
  expect((await client.current()).body).toMatchObject({ round: 1, selected: true });
  const { token } = client;
  const told = lines.join('');
  expect(lines.length).toBeGreaterThan(100);
  expect(told).not.toContain(token);
});
