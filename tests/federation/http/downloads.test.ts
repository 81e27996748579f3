/** Models on their way out: what holds a file open, and for how long. */

import { readdirSync, readlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MOST_DOWNLOADS } from '../../../src/federation/http/downloads.ts';
import {
  configOf,
  modelFile,
  ServedRun,
  TestClient,
  temporaryFolder,
} from '../../support/federation-server.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let run: ServedRun;
let client: TestClient;
let model = '';

beforeAll(async () => {
  folder = await temporaryFolder();
  run = await ServedRun.start({
    folder: folder.path,
    config: configOf({ limits: { requestsPerSecond: 1000 } }),
    // More than a connection takes in by itself.
    model: await modelFile([1, 2, 3, 4, 5, 6, 7], 4_000_000),
  });
  client = await TestClient.joined(run.url);
  model = (await client.current()).body.model;
});

afterAll(async () => {
  await run?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

/** How many files of the run's blobs this process has open. */
function openBlobs(): number {
  const targets = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return '';
    }
  });
  return targets.filter((path) => path.startsWith(`${folder.path}/blobs/`)).length;
}

test.runIf(process.platform === 'linux')('HEAD of a model leaves no file open', async () => {
  for (let i = 0; i < 20; i++) {
    const { status, headers } = await client.send('HEAD', `/v1/models/${model}`);
    expect([status, Number(headers.get('content-length'))]).toEqual([
      200,
      (await client.current()).body.modelBytes,
    ]);
  }
  expect(openBlobs()).toBe(0);
});

test.runIf(process.platform === 'linux')(
  'whoever reads none of what it asks for holds a few files, and is cut from the oldest',
  async () => {
    const sockets = Array.from({ length: 20 }, () => {
      const socket = connect(Number(new URL(run.url).port), '127.0.0.1').pause();
      socket.on('error', () => {});
      const head = `host: x\r\nauthorization: Bearer ${client.token}`;
      socket.write(`GET /v1/models/${model} HTTP/1.1\r\n${head}\r\n\r\n`);
      return socket;
    });
    await expect.poll(openBlobs).toBe(MOST_DOWNLOADS);
    // Another one is served in full.
    const { status, body } = await client.send('GET', `/v1/models/${model}`);
    expect([status, body.length > 16_000_000]).toEqual([200, true]);
    expect(openBlobs()).toBeLessThanOrEqual(MOST_DOWNLOADS);
    for (const socket of sockets) socket.destroy();
    await expect.poll(openBlobs).toBe(0);
  },
);
