/** What a server tells beside rounds: news, figures, its own description, parts of models. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { requestLog } from '../../../src/federation/http/log.ts';
import { CALLS } from '../../../src/federation/http/openapi.ts';
import {
  modelFile,
  ServedRun,
  TestClient,
  temporaryFolder,
} from '../../support/federation-server.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let run: ServedRun;
let client: TestClient;
let other: TestClient;

beforeAll(async () => {
  folder = await temporaryFolder();
  run = await ServedRun.start({ folder: folder.path });
  client = await TestClient.joined(run.url);
  other = await TestClient.joined(run.url);
});

afterAll(async () => {
  await run?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

/** A line that was opened with this first message. */
function line(first: string): {
  socket: WebSocket;
  news: Record<string, unknown>[];
  closed: Promise<number>;
} {
  const socket = new WebSocket(`${run.url.replace('http', 'ws')}/v1/events?token=x`);
  const news: Record<string, unknown>[] = [];
  socket.on('message', (data) => news.push(JSON.parse(String(data))));
  socket.on('open', () => socket.send(first));
  const closed = new Promise<number>((done) => socket.once('close', done));
  return { socket, news, closed };
}

test('news needs a token as the first message', async () => {
  for (const first of [
    '',
    '{',
    '{}',
    '{"token":"x"}',
    JSON.stringify({ token: client.token, more: 1 }),
  ]) {
    expect(await line(first).closed, first).toBe(4401);
  }
});

test('news tells of rounds, of the end, and of a penalty to whom it concerns', async () => {
  // News of its opening would depend on who is first.
  await client.round();
  const [mine, others] = [client, other].map(({ token }) => line(JSON.stringify({ token })));
  await new Promise((done) => setTimeout(done, 200));
  await run.coordinator.penalise(client.identity.id, 'conduct', 'for the test');
  const file = await modelFile([1, 1, 1, 1, 1, 1, 1]);
  for (let after = 0; after < 2; after++) {
    const round = await client.round(after);
    for (const one of [client, other]) await one.submit(file, round);
  }
  await expect.poll(() => mine!.news.at(-1)?.type).toBe('run.done');
  const types = mine!.news.map(({ type }) => type).filter((type) => type !== 'round.progress');
  expect(types).toEqual(['penalty', 'round.done', 'round.open', 'round.done', 'run.done']);
  expect(others!.news.map(({ type }) => type)).not.toContain('penalty');
  expect(mine!.news.find(({ type }) => type === 'round.progress')).toMatchObject({
    round: 1,
    wanted: 2,
  });
  for (const { socket } of [mine!, others!]) socket.close();
});

test('a model comes whole, by range, or not again', async () => {
  const { body } = await client.current();
  const path = `/v1/models/${body.model}`;
  const whole = await client.send('GET', path);
  const etag = whole.headers.get('etag')!;
  expect(whole.body.length).toBe(body.modelBytes);
  const part = await client.send('GET', path, { headers: { range: 'bytes=8-15' } });
  expect([part.status, part.headers.get('content-range')]).toEqual([
    206,
    `bytes 8-15/${body.modelBytes}`,
  ]);
  expect(part.body).toEqual(whole.body.subarray(8, 16));
  const tail = await client.send('GET', path, { headers: { range: 'bytes=-4' } });
  expect(tail.body).toEqual(whole.body.subarray(-4));
  const beyond = await client.send('GET', path, { headers: { range: 'bytes=999999-' } });
  expect(beyond.status).toBe(416);
  const stale = { range: 'bytes=8-15', 'if-range': '"other"' };
  expect((await client.send('GET', path, { headers: stale })).status).toBe(200);
  const known = await client.send('GET', path, { headers: { 'if-none-match': etag } });
  expect(known.status).toBe(304);
});

test('figures are for Prometheus, by route and not by path', async () => {
  const { body, headers } = await client.send('GET', '/metrics');
  const text = Buffer.from(body).toString();
  expect(headers.get('content-type')).toContain('text/plain');
  expect(text).toMatch(
    /aggregis_requests_total\{method="PUT",route="\/v1\/updates\/:update\/chunks\/:k",status="204"\} \d/,
  );
  expect(text).toMatch(/aggregis_rounds_published 2/);
  expect(text).toMatch(/aggregis_upload_bytes_in_flight 0/);
  const health = (await client.send('GET', '/healthz')).body;
  expect(health).toMatchObject({ status: 'ok', round: 2 });
  // Anybody may ask: it names nobody.
  expect(JSON.stringify(health)).not.toContain(client.identity.id);
});

test('figures are as the text format of Prometheus wants them', async () => {
  const { body } = await client.send('GET', '/metrics');
  const text = Buffer.from(body).toString();
  expect(text.endsWith('\n')).toBe(true);
  const types = new Map<string, string>();
  const seen = new Set<string>();
  const counts = new Map<string, number[]>();
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line) ?? [];
    if (kind === 'TYPE') {
      expect(types.has(name), line).toBe(false);
      expect(rest).toMatch(/^(counter|gauge|histogram)$/);
      types.set(name, rest);
    }
    if (kind !== undefined) continue;
    const sample =
      /^([a-z_]+)(\{(?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)*\})? (\d[\d.e+-]*|\+Inf|NaN)$/.exec(line);
    expect(sample, line).not.toBeNull();
    const [, own = '', labels = '', value] = sample!;
    const family = own.replace(/_(bucket|sum|count)$/, '');
    const type = types.get(own) ?? types.get(family);
    expect(type, line).toBeDefined();
    expect(type === 'counter', line).toBe(own.endsWith('_total'));
    expect(seen.has(own + labels), line).toBe(false);
    seen.add(own + labels);
    if (own.endsWith('_bucket')) {
      const of = labels.replace(/le="[^"]*",?/, '');
      counts.set(of, [...(counts.get(of) ?? []), Number(value)]);
    }
  }
  expect(counts.size).toBeGreaterThan(0);
  for (const buckets of counts.values()) {
    expect(buckets).toEqual([...buckets].sort((a, b) => a - b));
  }
});

test('the description for machines names every call that the server answers', async () => {
  const { body } = await client.send('GET', '/v1/openapi.json');
  const described = Object.entries(body.paths).flatMap(([path, calls]) =>
    Object.keys(calls as object).map(
      (method) => `${method} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
    ),
  );
  expect(described).toHaveLength(CALLS.length);
  const served = run.server.app.hono.routes
    .filter(({ method, path }) => method !== 'ALL' && /^\/v1\/(?!openapi)/.test(path))
    .map(({ method, path }) => `${method.toLowerCase()} ${path}`);
  expect(described.sort()).toEqual([...new Set(served)].sort());
  const { schema } = body.paths['/v1/challenge'].post.requestBody.content['application/json'];
  expect(schema).toMatchObject({ additionalProperties: false, required: ['publicKey'] });
});

test('docs/protocol.md names every call, and every field that an answer may have', async () => {
  const text = await readFile(join(import.meta.dirname, '../../../docs/protocol.md'), 'utf8');
  const calls = run.server.app.hono.routes
    .filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => `${method} ${path}`);
  expect(calls.length).toBeGreaterThan(CALLS.length);
  expect([...calls, 'GET /v1/events'].filter((call) => !text.includes(`\`${call}`))).toEqual([]);
  const { body } = await client.send('GET', '/v1/openapi.json');
  const fields = Object.values<Record<string, { responses: Record<string, unknown> }>>(
    body.paths,
  ).flatMap((path) => Object.values(path).flatMap(({ responses }) => fieldsOf(responses)));
  expect(fields).toContain('waitingFor');
  expect(fields.filter((name) => !new RegExp(`\\b${name}\\b`).test(text))).toEqual([]);
});

/** Names of the fields that answers hold. */
function fieldsOf(responses: Record<string, unknown>): string[] {
  return Object.values(responses).flatMap((response) => {
    // biome-ignore lint/suspicious/noExplicitAny: a document that was made by schemas.
    const schema = (response as any).content?.['application/json']?.schema;
    return Object.keys(schema?.properties ?? {});
  });
}

test('the log has no secret, at whatever depth up to two', () => {
  const lines: string[] = [];
  const log = requestLog('info', { write: (text) => void lines.push(text) });
  log.info({ token: 'tell-1', request: { authorization: 'tell-2', body: { proof: 'tell-3' } } });
  expect(lines[0]).toContain('(secret)');
  expect(lines[0]).not.toContain('tell');
});
