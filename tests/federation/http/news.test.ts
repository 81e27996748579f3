/** Lines of news that are refused, broken or too many: the server stays, and lets go of them. */

import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { ServedRun, TestClient, temporaryFolder } from '../../support/federation-server.ts';
import { ServedProcess } from '../../support/served-process.ts';

/** Asks for a line that there is not, and sends on until its connection is reset. */
function resetWhileRefused(port: number, ms: number): Promise<void> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(
        'GET /none HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
      );
      socket.write(Buffer.alloc(1_000_000));
      setTimeout(() => socket.resetAndDestroy(), ms);
    });
    socket.on('error', () => {}).once('close', () => done());
  });
}

test('a connection that breaks while its upgrade is refused does not end the server', async () => {
  await using folder = await temporaryFolder();
  const words = ['--run', join(folder.path, 'run'), '--clients', '2'];
  await using server = await ServedProcess.start(words, { complaints: 'dropped' });
  for (let i = 0; i < 20; i++) await resetWhileRefused(server.port, i % 5);
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
}, 30_000);

test('a connection whose upgrade is refused is closed, also if its other end stays open', async () => {
  await using folder = await temporaryFolder();
  await using run = await ServedRun.start({ folder: folder.path });
  const port = Number(new URL(run.url).port);
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let answer = '';
  socket.on('data', (bytes) => {
    answer += String(bytes);
  });
  const ended = new Promise((done) => socket.once('end', done));
  socket.write(
    'GET /none HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
  );
  await ended;
  expect(answer).toMatch(/^HTTP\/1\.1 404 /);
  // What is written to a connection that is gone is answered by a reset.
  const broken = new Promise<NodeJS.ErrnoException>((done) => socket.once('error', done));
  const timer = setInterval(() => socket.write('x'), 10);
  expect((await broken).code).toMatch(/^(ECONNRESET|EPIPE)$/);
  clearInterval(timer);
  socket.destroy();
});

test('a client has eight lines: with one more, the oldest ends', async () => {
  await using folder = await temporaryFolder();
  await using run = await ServedRun.start({ folder: folder.path });
  const { token } = await TestClient.joined(run.url);
  const lines: WebSocket[] = [];
  for (let i = 0; i < 9; i++) {
    const line = new WebSocket(`${run.url.replace('http', 'ws')}/v1/events`);
    lines.push(line);
    await new Promise((done) => line.once('open', done));
    line.send(JSON.stringify({ token }));
    // Each is greeted before the next: what is sent on a line is read in order.
    const greeted = new Promise((done) => line.once('pong', done));
    line.ping();
    await greeted;
  }
  const oldest = lines[0]!;
  if (oldest.readyState !== WebSocket.CLOSED)
    await new Promise((done) => oldest.once('close', done));
  expect(lines.map(({ readyState }) => readyState === WebSocket.OPEN)).toEqual([
    false,
    ...Array.from({ length: 8 }, () => true),
  ]);
  for (const line of lines) line.terminate();
});
