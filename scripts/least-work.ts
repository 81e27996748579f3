/**
 * The least that updates can cost a processor: one hash of each byte, a body over loopback that nobody
 * looks at, a file written directly and synced. Each is measured alone, in this process.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, open, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { ChunkMemory } from '../src/federation/store/chunk-memory.ts';
import { DirectWrites } from '../src/federation/store/direct-writes.ts';
import { writeAt } from '../src/federation/store/files.ts';
import { RawHttp } from '../tests/support/raw-http.ts';

/** Seconds of processor time for a gigabyte. */
export interface LeastWork {
  readonly hash: number;
  /** Sending and receiving. */
  readonly loopback: number;
  /** As the store writes updates. */
  readonly file: number;
}

const CHUNK = 2 ** 20;
const FILE = 4_000_000;
const BYTES = 1e9;
const LANES = 16;

/** Measures them; files go to `folder`. */
export async function leastWork(folder: string): Promise<LeastWork> {
  return {
    hash: await costOf(() => hashed()),
    loopback: await costOf(() => sent()),
    file: await costOf(() => written(join(folder, 'least'))),
  };
}

async function costOf(work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6 / (BYTES / 1e9);
}

async function hashed(): Promise<void> {
  const chunk = new Uint8Array(CHUNK);
  for (let at = 0; at < BYTES; at += CHUNK) createHash('sha256').update(chunk).digest();
}

async function sent(): Promise<void> {
  const server = createServer((request, response) => {
    request.on('data', () => {}).on('end', () => response.writeHead(204).end());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const chunk = new Uint8Array(CHUNK);
  let left = Math.ceil(BYTES / CHUNK);
  await inLanes(async () => {
    const line = await RawHttp.connect((server.address() as AddressInfo).port);
    while (left-- > 0) await line.send({ method: 'PUT', path: '/', body: [chunk] });
    line.close();
  });
  await new Promise((done) => server.close(done));
}

async function written(folder: string): Promise<void> {
  await mkdir(folder);
  const memory = new ChunkMemory();
  const direct = new DirectWrites(memory);
  let files = 0;
  await inLanes(async () => {
    const bytes = memory.take()!.bytes.subarray(0, FILE);
    while (files * FILE < BYTES) {
      const path = join(folder, String(files++));
      const cached = await open(path, 'wx');
      const handle = await direct.open(path);
      const done = handle === undefined ? 0 : await direct.write(handle, bytes, 0);
      await writeAt(cached, bytes.subarray(done), done);
      await cached.datasync();
      await handle?.close();
      await cached.close();
    }
  });
  await rm(folder, { recursive: true });
}

async function inLanes(work: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: LANES }, work));
}
