/** What an operator asks of a server that runs, and who is no operator. */

import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_FILE, AdminServer, adminFile } from '../../../src/federation/http/admin.ts';
import {
  configOf,
  ServedRun,
  TestClient,
  temporaryFolder,
} from '../../support/federation-server.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let run: ServedRun;
let admin: AdminServer;
let word: { readonly url: string; readonly token: string };

beforeAll(async () => {
  folder = await temporaryFolder();
  run = await ServedRun.start({ folder: folder.path, config: configOf({ round: { wanted: 1 } }) });
  admin = await AdminServer.start(run.coordinator);
  word = adminFile.parse(JSON.parse(await readFile(join(folder.path, ADMIN_FILE), 'utf8')));
});

afterAll(async () => {
  await admin?.stop();
  await run?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

async function ask(path: string, body: unknown = {}, token = word.token) {
  const response = await fetch(`${word.url}/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  // biome-ignore lint/suspicious/noExplicitAny: tests look at what came.
  return { status: response.status, body: (await response.json()) as any };
}

test('the word is for its owner alone, and without it nothing is answered', async () => {
  expect((await stat(join(folder.path, ADMIN_FILE))).mode & 0o077).toBe(0);
  const others = ['', 'x', `${word.token}x`, word.token.slice(1), word.token.toLowerCase()];
  for (const token of others) expect((await ask('pause', {}, token)).status).toBe(401);
  expect(run.coordinator.isPaused).toBe(false);
  // Nor does the clients' socket know of it.
  const there = await fetch(`${run.url}/pause`, {
    method: 'POST',
    headers: { authorization: `Bearer ${word.token}` },
  });
  expect(there.status).toBe(404);
});

test('a pause opens no round, and rounds go on after it', async () => {
  expect((await ask('pause')).body).toMatchObject({
    paused: true,
    waitingFor: 'the run is paused',
  });
  const client = await TestClient.joined(run.url);
  expect((await client.current()).body.round).toBe(0);
  expect((await ask('cancel', { reason: 'none' })).status).toBe(409);
  expect((await ask('unpause')).body).toMatchObject({ paused: false });
  expect(await client.round()).toMatchObject({ round: 1, phase: 'collect' });
});

test('a round is cancelled and a client put out, with reasons in the log', async () => {
  await ask('pause');
  expect((await ask('cancel', { reason: 'a rehearsal' })).body).toMatchObject({ phase: 'failed' });
  const client = await TestClient.joined(run.url);
  const reason = 'it was stolen';
  expect((await ask('revoke', { client: client.identity.id, reason })).status).toBe(200);
  expect(run.events.slice(-3).map(({ type, body }) => [type, body.reason])).toContainEqual([
    'client.revoked',
    reason,
  ]);
  expect(run.events.find(({ type }) => type === 'round.failed')?.body).toMatchObject({
    code: 'cancelled',
    reason: 'a rehearsal',
  });
  const refused = await client.current();
  expect([refused.status, refused.body.error.code]).toEqual([403, 'revoked']);
  expect((await client.begin()).body.error.code).toBe('revoked');
});

test('what is no request of an operator is told why, and changes nothing', async () => {
  const { seq } = run.store.head;
  const cases: [string, unknown, number][] = [
    ['status', '{', 400],
    ['status', { more: 1 }, 400],
    ['cancel', {}, 400],
    ['revoke', { client: 'x', reason: 'x' }, 400],
    ['revoke', { client: `c-${'0'.repeat(32)}`, reason: 'x' }, 403],
    ['revoke', { client: `c-${'0'.repeat(32)}`, reason: 'x'.repeat(401) }, 400],
    ['cancel', 'x'.repeat(5000), 413],
    ['constructor', {}, 404],
  ];
  for (const [path, body, status] of cases) {
    const reply = await ask(path, body);
    expect([path, reply.status]).toEqual([path, status]);
    expect(reply.body.error.message).toBeTruthy();
  }
  expect(run.store.head.seq).toBe(seq);
});

test('the word goes with the server', async () => {
  await admin.stop();
  await expect(stat(join(folder.path, ADMIN_FILE))).rejects.toMatchObject({ code: 'ENOENT' });
});
