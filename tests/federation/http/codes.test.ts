/** Every refusal of the protocol, by what a client did. */

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PROBLEMS } from '../../../src/federation/http/problems.ts';
import type { Identity } from '../../../src/federation/identity.ts';
import { requestRotation } from '../../../src/federation/registry.ts';
import { hex } from '../../../src/secagg/suite.ts';
import {
  codeOf,
  configOf,
  modelFile,
  type Reply,
  ServedRun,
  TestClient,
  temporaryFolder,
} from '../../support/federation-server.ts';

const seen = new Set<string>();

/** The status and code of an answer. */
function told(reply: Reply): string {
  const text = codeOf(reply);
  seen.add(text);
  return text;
}

/** A chunk of which half is sent; `finish` sends the rest, and gives what is answered. */
function halfSent(
  { url, token }: TestClient,
  { update, bytes }: { update: string; bytes: Uint8Array },
): { sent: Promise<void>; finish: () => Promise<string> } {
  const digest = createHash('sha256').update(bytes).digest('base64');
  const socket = createConnection(Number(new URL(url).port), '127.0.0.1');
  socket.write(
    `PUT /v1/updates/${update}/chunks/0 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n` +
      `authorization: Bearer ${token}\r\ncontent-length: ${bytes.length}\r\n` +
      `content-digest: sha-256=:${digest}:\r\n\r\n`,
  );
  const half = bytes.length >> 1;
  socket.write(bytes.subarray(0, half));
  let answer = '';
  socket.on('data', (part) => {
    answer += String(part);
  });
  const closed = new Promise<void>((done) => socket.once('close', () => done()));
  return {
    // Time for the server to begin.
    sent: new Promise((done) => setTimeout(done, 200)),
    finish: async () => {
      socket.write(bytes.subarray(half));
      await closed;
      return answer;
    },
  };
}

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let run: ServedRun;
/** A member of round 1, which stays open: nobody else ever sends. */
let client: TestClient;
let round: { round: number; model: string };
let file: Uint8Array;

beforeAll(async () => {
  folder = await temporaryFolder();
  const config = configOf({
    round: { wanted: 3, quorum: 3 },
    limits: { requestsPerSecond: 10_000, clients: 40, updateBytes: 2 ** 21 },
    wire: { dtypes: ['F32', 'F16'] },
  });
  run = await ServedRun.start({
    folder: folder.path,
    config,
    pace: { stallMs: 300, leastRate: 1 },
  });
  client = await TestClient.joined(run.url);
  for (let i = 0; i < 2; i++) await TestClient.joined(run.url);
  round = await client.round();
  file = await modelFile([1, 1, 1, 1, 1, 1, 1]);
});

afterAll(async () => {
  await run?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

test('400 malformed: what is no JSON, has a field too many, a wrong type or bad hex', async () => {
  const headers = { 'content-type': 'application/json' };
  const path = '/v1/challenge';
  const none = await client.send('POST', path, { bytes: Buffer.from('{'), headers });
  expect(told(none)).toBe('400 malformed');
  const utf8 = await client.send('POST', path, { bytes: Buffer.from([0x22, 0xff, 0x22]), headers });
  expect(told(utf8)).toBe('400 malformed');
  const wrong: unknown[] = [
    null,
    [],
    {},
    { publicKey: 7 },
    { publicKey: 'AB'.repeat(32) },
    { publicKey: client.key, other: 1 },
    { publicKey: client.key, purpose: 'tea' },
  ];
  for (const json of wrong) {
    const reply = await client.send('POST', path, { json });
    expect(told(reply), JSON.stringify(json)).toBe('400 malformed');
  }
  expect(told(await client.current('?after=-1'))).toBe('400 malformed');
  const statement = client.statement(file, round);
  expect(told(await client.declare(statement, { samples: 1.5 }))).toBe('400 malformed');
  const { body } = await client.send('POST', '/v1/rounds/1/updates', { json: {} });
  expect(body.error.message).toContain('run');
});

test('413 too-large and 415 wrong-type, before anything is read as JSON', async () => {
  const bytes = new Uint8Array(65 * 1024).fill(0x20);
  const headers = { 'content-type': 'application/json' };
  expect(told(await client.send('POST', '/v1/challenge', { bytes, headers }))).toBe(
    '413 too-large',
  );
  const type = { 'content-type': 'text/plain' };
  const reply = await client.send('POST', '/v1/challenge', { bytes, headers: type });
  expect(told(reply)).toBe('415 wrong-type');
  const large = client.statement(file, round, { length: 2 ** 22 });
  expect(told(await client.declare(large))).toBe('413 too-large');
});

test('401: without a token, with a wrong one, a stale challenge, a proof by another key', async () => {
  const stranger = await TestClient.create(run.url);
  expect(told(await stranger.current())).toBe('401 no-session');
  stranger.token = 'a'.repeat(43);
  expect(told(await stranger.current())).toBe('401 no-session');
  stranger.token = '';
  const proof = await stranger.proof('registration');
  const altered = { ...proof, proof: '0'.repeat(128) };
  expect(told(await stranger.send('POST', '/v1/clients', { json: altered }))).toBe(
    '401 wrong-proof',
  );
  const foreign = { ...proof, challenge: '00'.repeat(56) };
  const stale = await stranger.send('POST', '/v1/clients', { json: foreign });
  expect(told(stale)).toBe('401 stale-challenge');
  const session = await client.proof('session');
  expect((await client.send('POST', '/v1/session', { json: session })).status).toBe(200);
  const again = await client.send('POST', '/v1/session', { json: session });
  expect(told(again)).toBe('401 stale-challenge');
});

test('403 not-enrolled: a session of a key that nobody enrolled', async () => {
  const stranger = await TestClient.create(run.url);
  expect(told(await stranger.begin())).toBe('403 not-enrolled');
});

test('an enrolment that is repeated gives 200 and the same id, the first 201', async () => {
  const one = await TestClient.create(run.url);
  const first = await one.enrol({ name: 'one' });
  const second = await one.enrol();
  expect([first.status, second.status]).toEqual([201, 200]);
  expect(second.body).toEqual({ client: one.identity.id });
});

test('403 revoked, and 403 not-selected for who came late', async () => {
  const late = await TestClient.joined(run.url);
  const { body } = await late.current();
  expect(body).toMatchObject({ phase: 'collect', selected: false });
  const statement = late.statement(file, round);
  expect(told(await late.declare(statement))).toBe('403 not-selected');
  await run.coordinator.revoke(late.identity.id, 'for the test');
  expect(told(await late.current())).toBe('403 revoked');
  expect(told(await late.begin())).toBe('403 revoked');
});

test('404: paths, models and updates that are not there', async () => {
  expect(told(await client.send('DELETE', '/v1/run'))).toBe('404 no-such-path');
  for (const name of ['0'.repeat(64), 'x', '..%2f..%2frun.json']) {
    expect(told(await client.send('GET', `/v1/models/${name}`))).toBe('404 no-such-model');
  }
  for (const id of ['0'.repeat(64), 'x']) {
    expect(told(await client.send('GET', `/v1/updates/${id}`))).toBe('404 no-such-update');
    expect(told(await client.chunk(id, 0, file))).toBe('404 no-such-update');
    expect(told(await client.commit(id))).toBe('404 no-such-update');
  }
});

test('a blob that is no model is not given out', async () => {
  const { name } = await run.store.blobs.putBytes(file);
  expect(told(await client.send('GET', `/v1/models/${name}`))).toBe('404 no-such-model');
});

test('statements: another signature, client, run, round, model, type, length, weight, time', async () => {
  const good = client.statement(file, round);
  const other = await TestClient.create(run.url);
  const hash = '0'.repeat(64);
  const cases: [string, Partial<typeof good>, object?][] = [
    ['403 wrong-signature', {}, { signature: '0'.repeat(128) }],
    ['403 wrong-signature', {}, { samples: 11 }],
    ['403 wrong-signature', { client: other.identity.id }],
    ['409 wrong-run', { run: 'another-run' }],
    ['409 wrong-round', { round: 2 }],
    ['422 wrong-base-model', { model: hash }],
    ['422 wrong-dtype', { dtype: 'BF16' }],
    ['422 wrong-dtype', { dtype: 'I8' }],
    ['400 wrong-length', { length: 27 }],
    ['400 wrong-length', { chunkSize: 1024 }],
    ['422 samples', { samples: 1_000_001 }],
    ['400 malformed', { samples: 0 }],
    ['422 expired', { expires: Date.now() - 1 }],
    ['422 expired', { expires: Date.now() + 2 * 24 * 3600 * 1000 }],
  ];
  for (const [wanted, changes, json] of cases) {
    const reply = await client.declare({ ...good, ...changes }, json);
    expect(told(reply), JSON.stringify([changes, json])).toBe(wanted);
  }
  const path = await client.send('POST', '/v1/rounds/7/updates', { json: {} });
  expect(told(path)).toBe('400 malformed');
  // Not one of them is held against the client: it still may send the right one.
  expect((await client.declare(good)).status).toBe(201);
  expect((await client.declare(good)).status).toBe(200);
});

test('chunks: another length, digest, content, place, and none missing', async () => {
  const statement = client.statement(file, round);
  const { body } = await client.declare(statement);
  const { update } = body;
  expect(body).toMatchObject({ chunks: 1, missing: 'AQ==', state: 'open' });
  expect(told(await client.chunk(update, 0, file.subarray(1)))).toBe('400 wrong-length');
  const digest = `sha-256=:${Buffer.alloc(32).toString('base64')}:`;
  const wrong = await client.chunk(update, 0, file, { 'content-digest': digest });
  expect(told(wrong)).toBe('400 wrong-digest');
  const none = await client.chunk(update, 0, file, { 'content-digest': 'sha-256=:x:' });
  expect(told(none)).toBe('400 malformed');
  expect(told(await client.chunk(update, 1, file))).toBe('400 malformed');
  const incomplete = await client.commit(update);
  expect(told(incomplete)).toBe('409 incomplete');
  expect(incomplete.body.error.missing).toBe(1);
  expect((await client.chunk(update, 0, file)).status).toBe(204);
  expect((await client.chunk(update, 0, file)).status).toBe(204);
  const changed = file.slice();
  changed[changed.length - 1]! ^= 1;
  expect(told(await client.chunk(update, 0, changed))).toBe('409 other-content');
});

test('422 wrong-root and wrong-tensors at the commit, and what follows in the log', async () => {
  const bad = client.statement(file, round, { root: '1'.repeat(64) });
  const declared = await client.declare(bad);
  expect(declared.status).toBe(201);
  await client.chunk(declared.body.update, 0, file);
  expect(told(await client.commit(declared.body.update))).toBe('422 wrong-root');
  const odd = file.slice();
  // Another name for a tensor, of the same length.
  odd[odd.indexOf(0x61, 8)] = 0x63;
  const other = await client.declare(client.statement(odd, round));
  await client.chunk(other.body.update, 0, odd);
  const reply = await client.commit(other.body.update);
  expect(told(reply)).toBe('422 wrong-tensors');
  const refusals = run.events.filter(({ type }) => type === 'update.refused');
  expect(refusals.map(({ body }) => body.code)).toEqual(['wrong-root', 'wrong-tensors']);
});

test('a commit that is repeated gives the same; another update, and chunks of it, are refused', async () => {
  const done = await client.submit(file, round);
  expect(done.status).toBe(200);
  const again = await client.commit(done.body.update);
  expect(again).toMatchObject({ status: 200, body: done.body });
  expect(told(await client.chunk(done.body.update, 0, file))).toBe('409 replay');
  const { body } = await client.send('GET', `/v1/updates/${done.body.update}`);
  expect(body).toMatchObject({ state: 'committed', missing: 'AA==', chunks: 1 });
  const changed = await modelFile([2, 1, 1, 1, 1, 1, 1]);
  const other = await client.declare(client.statement(changed, round));
  expect(told(other)).toBe('409 already-declared');
});

test('409 key-in-use, and sessions of a key that was changed end', async () => {
  const one = await TestClient.joined(run.url);
  const next = await one.identity.withNext();
  const rotate = async (identity: Identity, newPublicKey: string): Promise<Reply> => {
    const { signature, nextSignature } = await requestRotation(identity, {
      run: one.run,
      rotations: 0,
    });
    const json = {
      newPublicKey,
      signatureOld: hex(signature),
      signatureNew: hex(nextSignature),
    };
    return one.send('POST', '/v1/keys', { json });
  };
  expect(told(await rotate(next, client.key))).toBe('401 wrong-proof');
  const reply = await rotate(next, hex(next.nextKey!));
  expect(reply).toMatchObject({ status: 200, body: { client: one.identity.id } });
  expect(told(await one.current())).toBe('401 no-session');
  const rotated = await TestClient.create(run.url, next.rotated());
  expect((await rotated.begin()).body).toMatchObject({ client: one.identity.id, rotations: 1 });
  // The old key cannot come back.
  expect(told(await (await TestClient.create(run.url, one.identity)).enrol())).toBe(
    '409 key-in-use',
  );
});

test('an update that is declared again until later keeps its chunks; another replaces it', async () => {
  await using own = await temporaryFolder();
  await using small = await ServedRun.start({ folder: own.path });
  const [a] = [await TestClient.joined(small.url), await TestClient.joined(small.url)];
  const open = await a.round();
  const statement = a.statement(file, open);
  const { body } = await a.declare(statement);
  await a.chunk(body.update, 0, file);
  const later = await a.declare({ ...statement, expires: statement.expires + 1000 });
  expect(later).toMatchObject({ status: 200, body: { update: body.update, missing: 'AA==' } });
  const other = await a.declare(a.statement(await modelFile([9, 1, 1, 1, 1, 1, 1]), open));
  expect(other).toMatchObject({ status: 201, body: { missing: 'AQ==' } });
  expect(told(await a.commit(body.update))).toBe('404 no-such-update');
  expect(small.store.uploads.all.map(({ id }) => id)).toEqual([other.body.update]);
});

test('a chunk that is on its way when the round closes is told so', async () => {
  await using own = await temporaryFolder();
  await using small = await ServedRun.start({ folder: own.path });
  const [a] = [await TestClient.joined(small.url), await TestClient.joined(small.url)];
  const { body } = await a.declare(a.statement(file, await a.round()));
  const hanging = halfSent(a, { update: body.update, bytes: file });
  await hanging.sent;
  small.coordinator.pause();
  await small.coordinator.cancel('for the test');
  await expect.poll(() => small.store.uploads.all.length).toBe(0);
  expect(await hanging.finish()).toContain('"round-closed"');
});

test('501 not-implemented: masked updates', async () => {
  const reply = await client.send('POST', '/v1/rounds/1/secure', { bytes: new Uint8Array(3) });
  expect(told(reply)).toBe('501 not-implemented');
});

test('a body that stands still is cut, and the server goes on', async () => {
  const { port } = new URL(run.url);
  const socket = createConnection(Number(port), '127.0.0.1');
  socket.on('error', () => {});
  socket.write('POST /v1/challenge HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n');
  socket.write('content-length: 100\r\n\r\n{"publicKey"');
  const begun = performance.now();
  await new Promise((done) => socket.once('close', done));
  expect(performance.now() - begun).toBeLessThan(5_000);
  expect((await client.current()).status).toBe(200);
});

test('401 session-expired after a quarter of an hour', async () => {
  await using own = await temporaryFolder();
  let skew = 0;
  await using later = await ServedRun.start({ folder: own.path, now: () => Date.now() + skew });
  const one = await TestClient.joined(later.url);
  skew = 15 * 60_000 + 1;
  expect(told(await one.current())).toBe('401 session-expired');
  await one.begin();
  expect((await one.current()).status).toBe(200);
});

test('403 quarantined, where clients may join late; 422 wrong-clip, where they clip', async () => {
  await using own = await temporaryFolder();
  const config = configOf({
    round: { wanted: 1, quorum: 1, lateJoin: true, closing: 'all' },
    reputation: {},
    privacy: { kind: 'local', mechanism: 'laplace', epsilon: 1, clipNorm: 1 },
  });
  await using open = await ServedRun.start({ folder: own.path, config });
  const one = await TestClient.joined(open.url);
  const bad = await TestClient.joined(open.url);
  const late = await TestClient.joined(open.url);
  const now = await one.round();
  expect(now).toMatchObject({ clipNorm: 1 });
  expect(told(await late.declare(late.statement(file, now)))).toBe('422 wrong-clip');
  expect(await late.round()).toMatchObject({ selected: true });
  expect((await late.declare(late.statement(file, now, { clipNorm: 1 }))).status).toBe(201);
  for (let i = 0; i < 40; i++) await open.coordinator.penalise(bad.identity.id, 'conduct', 'test');
  expect(await bad.round()).toMatchObject({ selected: false });
  const reply = await bad.declare(bad.statement(file, now, { clipNorm: 1 }));
  expect(told(reply)).toBe('403 quarantined');
});

test('422 claims, where the optimiser asks for some', async () => {
  await using own = await temporaryFolder();
  const config = configOf({ optimizer: 'fed-nova:maxSteps=9', round: { wanted: 1 } });
  await using nova = await ServedRun.start({ folder: own.path, config });
  const one = await TestClient.joined(nova.url);
  const now = await one.round();
  expect(now.claims).toEqual(['steps']);
  expect(told(await one.declare(one.statement(file, now)))).toBe('422 claims');
  expect(told(await one.declare(one.statement(file, now, { steps: 10 })))).toBe('422 claims');
  expect((await one.declare(one.statement(file, now, { steps: 9 }))).status).toBe(201);
});

test('409 superseded: whoever sends a chunk anew takes over from a request that hangs', async () => {
  await using own = await temporaryFolder();
  const model = await modelFile([0, 0, 0, 0, 0, 0, 0]);
  await using slow = await ServedRun.start({ folder: own.path, model });
  const [a] = [await TestClient.joined(slow.url), await TestClient.joined(slow.url)];
  const { body } = await a.declare(a.statement(file, await a.round()));
  const hanging = halfSent(a, { update: body.update, bytes: file });
  await hanging.sent;
  expect((await a.chunk(body.update, 0, file)).status).toBe(204);
  expect(await hanging.finish()).toContain('"superseded"');
  seen.add('409 superseded');
});

test('507 no-space on the way in, and when the log is full: nothing is lost, and it goes on', async () => {
  await using own = await temporaryFolder();
  const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
  const logFull = Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
  let failAt: string | undefined;
  await using tight = await ServedRun.start({
    folder: own.path,
    retryMs: 50,
    onStep: (step) => {
      if (step !== failAt) return;
      throw step.startsWith('log.') ? logFull : full;
    },
  });
  const [a, b] = [await TestClient.joined(tight.url), await TestClient.joined(tight.url)];
  const now = await a.round();
  failAt = 'upload.map-written';
  const reply = await a.declare(a.statement(file, now));
  expect(told(reply)).toBe('507 no-space');
  expect(reply.headers.get('retry-after')).toBe('5');
  failAt = undefined;
  expect((await a.submit(file, now)).status).toBe(200);
  failAt = 'log.inserted';
  const statement = b.statement(file, now);
  expect(told(await b.declare(statement))).toBe('507 no-space');
  expect(told(await b.current())).toBe('507 no-space');
  failAt = undefined;
  await expect.poll(async () => (await b.current()).status, { timeout: 5_000 }).toBe(200);
  // What was answered before is still there.
  expect((await b.current()).body).toMatchObject({ round: 1, updates: 1, selected: true });
  expect((await b.submit(file, now)).status).toBe(200);
  expect((await b.round(1)).round).toBe(2);
});

test('429 no-credit, before the body is read', async () => {
  await using own = await temporaryFolder();
  const model = await modelFile([0, 0, 0, 0, 0, 0, 0], 1_200_000);
  const config = configOf({
    limits: { creditBytes: 2 ** 22, creditBytesEach: 2 ** 22 },
    wire: { chunkBytes: 2 ** 22 },
  });
  await using tight = await ServedRun.start({ folder: own.path, config, model });
  const [a] = [await TestClient.joined(tight.url), await TestClient.joined(tight.url)];
  const big = await modelFile([0, 0, 0, 0, 0, 0, 0], 1_200_000);
  const statement = a.statement(big, await a.round(), { chunkSize: 2 ** 22 });
  const { body } = await a.declare(statement);
  expect(body).toMatchObject({ chunks: 2, credit: 2 ** 22 });
  const hanging = halfSent(a, { update: body.update, bytes: big.subarray(0, 2 ** 22) });
  await hanging.sent;
  const reply = await a.chunk(body.update, 1, big.subarray(2 ** 22));
  expect(told(reply)).toBe('429 no-credit');
  expect(reply.headers.get('retry-after')).toBe('1');
  expect(await hanging.finish()).toContain('204');
  expect((await a.chunk(body.update, 1, big.subarray(2 ** 22))).status).toBe(204);
});

test('429 slow-down, with Retry-After', async () => {
  await using own = await temporaryFolder();
  const config = configOf({
    limits: { requestsPerSecond: 4, creditBytes: 2 ** 22, creditBytesEach: 2 ** 22 },
  });
  await using slow = await ServedRun.start({ folder: own.path, config });
  const replies: Reply[] = [];
  const one = await TestClient.create(slow.url);
  for (let i = 0; i < 12; i++) replies.push(await one.send('GET', '/v1/run'));
  const late = replies.find(({ status }) => status === 429)!;
  expect(told(late)).toBe('429 slow-down');
  expect(late.headers.get('retry-after')).toBe('1');
});

test('409 round-closed once the round has what it needs; 503 stopping', async () => {
  await using own = await temporaryFolder();
  const config = configOf({ rounds: 1, round: { wanted: 2, quorum: 2 } });
  await using small = await ServedRun.start({ folder: own.path, config });
  const [a, b] = [await TestClient.joined(small.url), await TestClient.joined(small.url)];
  const open = await a.round();
  const { body } = await a.declare(a.statement(file, open));
  small.coordinator.pause();
  await small.coordinator.cancel('for the test');
  expect(told(await a.chunk(body.update, 0, file))).toBe('409 round-closed');
  expect(told(await a.commit(body.update))).toBe('409 round-closed');
  small.server.app.stop();
  const stopping = await b.current();
  expect(told(stopping)).toBe('503 stopping');
  expect(stopping.headers.get('retry-after')).toBe('5');
  expect((await b.send('GET', '/healthz')).status).toBe(503);
});

test('the table of docs/protocol.md is that of the server', async () => {
  const text = await readFile(join(import.meta.dirname, '../../../docs/protocol.md'), 'utf8');
  const table = text.split('<!-- codes -->')[1]!.split('<!-- /codes -->')[0]!;
  const found = table.split('\n').flatMap((line) => {
    const [, status, codes = ''] = /^\| (\d{3}) \| (.*) \|$/.exec(line) ?? [];
    // Words in brackets explain.
    const plain = codes.replaceAll(/\([^)]*\)/g, '');
    return [...plain.matchAll(/`([a-z-]+)`/g)].map(([, code]) => `${status} ${code}`);
  });
  const known = Object.entries(PROBLEMS).map(([code, status]) => `${status} ${code}`);
  // Everything but the server's own failure is shown above, and what masks bring along in ../secure/faults.test.ts.
  const elsewhere = ['409 other-message', '409 too-early', '422 bad-key', '500 failed'];
  expect(known.filter((one) => !seen.has(one))).toEqual(elsewhere);
  expect(found.filter((one) => !one.endsWith(' Retry-After')).sort()).toEqual(known.sort());
});
