/** Hostile requests, and members that creep, hang or die: the server and its rounds go on. */

import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import {
  configOf,
  modelFile,
  ServedRun,
  TestClient,
  temporaryFolder,
} from '../../support/federation-server.ts';
import { HOSTILE } from '../../support/hostile-requests.ts';
import { hostileRun } from '../../support/hostile-run.ts';
import { RawHttp } from '../../support/raw-http.ts';

test.skipIf(process.platform !== 'linux')(
  'each kind of hostile request gets its answer, and the round goes on',
  async () => {
    await using folder = await temporaryFolder();
    // scripts/federation-hostile.ts sends ten thousand, and looks at memory.
    const requests = 6 * HOSTILE.length;
    const figures = await hostileRun({ folder: folder.path, requests, creeping: 0 });
    expect(figures.faults).toEqual([]);
    expect(figures.answers.size).toBe(HOSTILE.length);
    expect(figures.isPublished).toBe(true);
  },
  60_000,
);

/** A chunk of which a byte comes now and then, faster than what is cut. */
function creeping({ url, token }: TestClient, update: string): Socket {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.on('error', () => {});
  socket.write(
    `PUT /v1/updates/${update}/chunks/0 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n` +
      `content-length: 524288\r\nmerkle-leaf: ${'00'.repeat(32)}\r\n\r\n`,
  );
  const timer = setInterval(() => socket.write(new Uint8Array(200)), 20);
  socket.once('close', () => clearInterval(timer));
  return socket;
}

test('a member that creeps and one that died hold a round up until its deadline, and no longer', async () => {
  await using folder = await temporaryFolder();
  const cols = 140_000;
  const collectSeconds = 2;
  await using run = await ServedRun.start({
    folder: folder.path,
    config: configOf({ rounds: 1, round: { wanted: 3, quorum: 1, collectSeconds } }),
    model: await modelFile([1, 2, 3, 4, 5, 6, 7], cols),
  });
  const joined = await Promise.all([1, 2, 3].map(() => TestClient.joined(run.url)));
  const [honest, slow, dead] = joined as [TestClient, TestClient, TestClient];
  const round = await honest.round();
  const file = await modelFile([1, 1, 1, 1, 1, 1, 1], cols);
  const declared = await slow.declare(slow.statement(file, round));
  const socket = creeping(slow, declared.body.update);
  await dead.declare(dead.statement(file, round));
  expect((await honest.submit(file, round)).status).toBe(200);
  // Beyond its deadline only what it computes counts: of milliseconds, on a machine that is not busy.
  await expect.poll(() => run.types.at(-1), { timeout: 15_000 }).toBe('run.finished');
  const [opened, closed, published] = ['round.opened', 'round.closed', 'round.published'].map(
    (type) => run.events.find((event) => event.type === type)!,
  );
  const deadline = Number(opened!.body.deadline);
  expect(deadline - opened!.time).toBe(1000 * collectSeconds);
  expect(closed!.time).toBeGreaterThanOrEqual(deadline);
  expect(closed!.time).toBeLessThan(deadline + 2_000);
  expect(published!.time).toBeLessThan(deadline + 5_000);
  socket.destroy();
}, 30_000);

test('a disk that is full in the middle of a chunk: 507, and the connection serves the next request', async () => {
  await using folder = await temporaryFolder();
  let isFull = false;
  const cols = 300_000;
  await using run = await ServedRun.start({
    folder: folder.path,
    model: await modelFile([1, 2, 3, 4, 5, 6, 7], cols),
    onStep: (step) => {
      if (!isFull || step !== 'chunk.piece-written') return;
      throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
    },
  });
  const [client] = [await TestClient.joined(run.url), await TestClient.joined(run.url)];
  const round = await client.round();
  const file = await modelFile([1, 1, 1, 1, 1, 1, 1], cols);
  const { body } = await client.declare(client.statement(file, round));
  const line = await RawHttp.connect(Number(new URL(run.url).port));
  const send = () =>
    line.send({
      method: 'PUT',
      path: `/v1/updates/${body.update}/chunks/1`,
      headers: {
        authorization: `Bearer ${client.token}`,
        'content-digest': `sha-256=:${digestOf(file.subarray(524_288, 1_048_576))}:`,
      },
      body: [file.subarray(524_288, 1_048_576)],
    });
  isFull = true;
  const refused = await send();
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([507, '5']);
  isFull = false;
  expect((await send()).status).toBe(204);
  line.close();
});

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64');
}

test('who creeps through a whole window of credit does not keep others from sending', async () => {
  await using folder = await temporaryFolder();
  const cols = 140_000;
  const window = 4 * 2 ** 20;
  await using run = await ServedRun.start({
    folder: folder.path,
    config: configOf({ limits: { creditBytes: window, creditBytesEach: window } }),
    model: await modelFile([1, 2, 3, 4, 5, 6, 7], cols),
  });
  const [hostile, honest] = await Promise.all([1, 2].map(() => TestClient.joined(run.url)));
  const round = await honest!.round();
  const file = await modelFile([1, 1, 1, 1, 1, 1, 1], cols);
  const { update } = (await hostile!.declare(hostile!.statement(file, round))).body;
  const sockets = Array.from({ length: window / (512 * 1024) }, () => creeping(hostile!, update));
  // Longer than a lane is held.
  await new Promise((done) => setTimeout(done, 500));
  expect((await honest!.submit(file, round)).status).toBe(200);
  for (const socket of sockets) socket.destroy();
}, 30_000);
