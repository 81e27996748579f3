/** HTTPS with real handshakes: certificates that are pinned, vouched for, asked for, and wrong. */

import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { cp, stat, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { FederationClient } from '../../../src/federation/client/client.ts';
import type { Fetch } from '../../../src/federation/client/http.ts';
import { nodeFetch, type ServerTrust } from '../../../src/federation/client/node-fetch.ts';
import {
  fingerprintOf,
  ownTls,
  readTls,
  type ServerTls,
} from '../../../src/federation/http/certificate.ts';
import { selfSigned } from '../../../src/federation/http/self-signed.ts';
import { Identity } from '../../../src/federation/identity.ts';
import {
  configOf,
  nodeCrypto,
  ServedRun,
  temporaryFolder,
} from '../../support/federation-server.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let own: ServerTls;
let other: ServerTls;
let client: { cert: string; key: string };
let run: ServedRun;
/** A run whose server asks for the certificate of `client`. */
let asking: ServedRun;

beforeAll(async () => {
  folder = await temporaryFolder();
  own = await ownTls(join(folder.path, 'tls'), Date.now());
  const hour = { notBefore: Date.now() - 3600e3, notAfter: Date.now() + 3600e3 };
  other = selfSigned({ names: ['localhost', '127.0.0.1'], ...hour });
  client = selfSigned({ names: ['client'], purpose: 'client', ...hour });
  const one = configOf({ rounds: 1, round: { wanted: 1 } });
  run = await ServedRun.start({ folder: join(folder.path, 'run'), tls: own, config: one });
  const tls = { ...own, clientCa: client.cert };
  asking = await ServedRun.start({ folder: join(folder.path, 'asking'), tls, config: one });
}, 30_000);

afterAll(async () => {
  await run?.[Symbol.asyncDispose]();
  await asking?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

async function joined(url: string, trust: ServerTrust): Promise<FederationClient> {
  const crypto = await nodeCrypto();
  const identity = await Identity.create(crypto);
  return FederationClient.connect({
    url,
    identity,
    crypto,
    fetch: nodeFetch(trust),
    patienceMs: 3000,
  });
}

test('a client that knows the fingerprint takes part in a round', async () => {
  expect(run.url).toMatch(/^https:/);
  const fingerprint = fingerprintOf(own.cert)
    .toUpperCase()
    .replaceAll(/..(?=.)/g, '$&:');
  using client = await joined(run.url, { fingerprint });
  const train = async () => ({
    difference: { a: new Float32Array(6).fill(1), b: Float32Array.of(2) },
    samples: 3,
  });
  const parts = [];
  for await (const part of client.participate({ train })) parts.push(part.outcome);
  expect(parts).toEqual(['committed']);
});

test('a server with another certificate is sent nothing, and not asked again', async () => {
  const wrong = { fingerprint: fingerprintOf(other.cert) };
  const before = await countRequests(run);
  const begun = performance.now();
  await expect(joined(run.url, wrong)).rejects.toMatchObject({
    code: 'untrusted',
    message: expect.stringContaining(fingerprintOf(own.cert)),
  });
  await expect(joined(run.url, {})).rejects.toMatchObject({ code: 'untrusted' });
  await expect(joined(run.url, { ca: other.cert })).rejects.toMatchObject({ code: 'untrusted' });
  expect(performance.now() - begun).toBeLessThan(2900);
  // The figures themselves are the one request since.
  expect(await countRequests(run)).toBe(before + 1);
});

test('a certificate that an authority vouches for does, for the name that is asked', async () => {
  using client = await joined(run.url, { ca: own.cert });
  expect(client.info.run).toBe(run.store.run);
  const named = run.url.replace('127.0.0.1', 'localhost');
  using again = await joined(named, { ca: own.cert });
  expect(again.info.run).toBe(run.store.run);
});

test('a server that asks for certificates turns away who has none, or another one', async () => {
  const fingerprint = fingerprintOf(own.cert);
  for (const trust of [{}, { cert: own.cert, key: own.key }]) {
    await expect(joined(asking.url, { fingerprint, ...trust })).rejects.toMatchObject({
      code: expect.stringMatching(/unreachable|untrusted/),
      message: expect.stringContaining('certificate of this client'),
    });
  }
  using known = await joined(asking.url, { fingerprint, ...client });
  expect(known.info.run).toBe(asking.store.run);
});

test('the certificate of a run stays, shut to others, and is made anew before it ends', async () => {
  const path = join(folder.path, 'tls');
  expect(await ownTls(path, Date.now())).toEqual(own);
  expect((await stat(join(path, 'key.pem'))).mode & 0o077).toBe(0);
  expect((await stat(path)).mode & 0o077).toBe(0);
  const copy = join(folder.path, 'later');
  await cp(path, copy, { recursive: true });
  const later = await ownTls(copy, Date.now() + 396.5 * 24 * 3600 * 1000);
  expect(later.cert).not.toBe(own.cert);
});

test('a certificate says what it is for, whenever that is, and names of no kind are refused', () => {
  const names = [
    'example.org',
    '10.1.2.3',
    '2001:db8::5',
    '::1',
    '::ffff:1.2.3.4',
    '1:2:3:4:5:6:7:8',
  ];
  const { cert } = selfSigned({
    names,
    notBefore: Date.UTC(2049, 11, 31),
    notAfter: Date.UTC(2051, 0, 2),
  });
  const read = new X509Certificate(cert);
  expect(read.subjectAltName).toBe(
    'DNS:example.org, IP Address:10.1.2.3, IP Address:2001:DB8:0:0:0:0:0:5, IP Address:0:0:0:0:0:0:0:1, ' +
      'IP Address:0:0:0:0:0:FFFF:102:304, IP Address:1:2:3:4:5:6:7:8',
  );
  expect([read.validFrom, read.validTo]).toEqual([
    'Dec 31 00:00:00 2049 GMT',
    'Jan  2 00:00:00 2051 GMT',
  ]);
  expect([read.ca, read.keyUsage]).toEqual([false, ['1.3.6.1.5.5.7.3.1']]);
  expect(() => selfSigned({ names: ['a b'], notBefore: 0, notAfter: 1 })).toThrow(TypeError);
});

test('files that hold no certificate, or the key of another, are named', async () => {
  const files = { cert: join(folder.path, 'c.pem'), key: join(folder.path, 'k.pem') };
  await writeFile(files.cert, own.cert);
  await writeFile(files.key, other.key);
  await expect(readTls(files)).rejects.toThrow(/k\.pem: is not the key of .*c\.pem/);
  await writeFile(files.key, 'SECRET');
  const error = await readTls(files).catch((cause: Error) => cause);
  expect(String(error)).toMatch(/k\.pem: holds no PEM/);
  expect(String(error)).not.toContain('SECRET');
});

test('the Python client pins a certificate, sends nothing to another, and shows its own', async () => {
  const script = `
import sys
sys.path.insert(0, "python")
from aggregis_client import FederationClient, FederationError, Identity
run, asking, pin, cafile, cert, key = sys.argv[1:]
pinned = {"fingerprint": pin}
asked = [(run, pinned), (run, {"cafile": cafile}), (run, {"fingerprint": "00" * 32}), (run, {})]
asked += [(asking, {**pinned, "certificate": (cert, key)}), (asking, pinned)]
for url, trust in asked:
    try:
        print("joined", FederationClient(url, Identity.create(), patience=2, **trust).run)
    except FederationError as error:
        print(error.code)
`;
  const ca = join(folder.path, 'tls', 'cert.pem');
  const shown = { cert: join(folder.path, 'client.pem'), key: join(folder.path, 'client-key.pem') };
  await writeFile(shown.cert, client.cert);
  await writeFile(shown.key, client.key);
  const words = [run.url, asking.url, fingerprintOf(own.cert), ca, shown.cert, shown.key];
  const child = spawn('python3', ['-c', script, ...words]);
  let [out, complaints] = ['', ''];
  child.stdout.on('data', (text) => {
    out += text;
  });
  child.stderr.on('data', (text) => {
    complaints += text;
  });
  await once(child, 'close');
  const joinedRun = `joined ${run.store.run}`;
  expect(out.trim().split('\n'), complaints).toEqual([
    joinedRun,
    joinedRun,
    'untrusted',
    'untrusted',
    `joined ${asking.store.run}`,
    expect.stringMatching(/^(unreachable|untrusted)$/),
  ]);
}, 30_000);

describe('a long body', () => {
  const body = new Uint8Array(300_000).fill(7);
  let server: Server;
  let url: string;
  let send: Fetch;
  /** Requests, and bytes of all their bodies. */
  let came: string[];
  let bytes: number;

  beforeEach(async () => {
    came = [];
    bytes = 0;
    const take = (incoming: IncomingMessage, response: ServerResponse, how: string): void => {
      came.push(`${how} ${incoming.url}`);
      incoming.on('data', (piece: Uint8Array) => {
        bytes += piece.length;
      });
      incoming.on('end', () => response.end('taken'));
    };
    server = createServer({ cert: own.cert, key: own.key });
    server.on('request', (incoming, response) => take(incoming, response, 'sent'));
    server.on('checkContinue', (incoming: IncomingMessage, response: ServerResponse) => {
      const { url: path = '' } = incoming;
      take(incoming, response, 'waited');
      if (path === '/ask') response.writeContinue();
      if (path === '/refuse') response.writeHead(429).end('no');
      if (path === '/keep') response.writeHead(429, { connection: 'keep-alive' }).end('no');
      if (path === '/picky') response.writeHead(417).end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    send = nodeFetch({ fingerprint: fingerprintOf(own.cert) });
  });
  afterEach(() => {
    vi.useRealTimers();
    server.closeAllConnections();
    server.close();
  });

  const put = async (path: string, all = body): Promise<string> => {
    const response = await send(url + path, { method: 'PUT', body: all });
    return `${response.status} ${await response.text()}`;
  };
  const connections = promisify((done: (error: Error | null, count: number) => void) =>
    server.getConnections(done),
  );

  test('is sent once it is asked for; a short one at once', async () => {
    expect(await put('/ask')).toBe('200 taken');
    expect(await put('/short', body.subarray(0, 1000))).toBe('200 taken');
    expect([came, bytes]).toEqual([['waited /ask', 'sent /short'], 301_000]);
  });

  test('that is refused is not sent, and holds no connection', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    expect(await put('/refuse')).toBe('429 no');
    expect(await put('/keep')).toBe('429 no');
    await vi.advanceTimersByTimeAsync(20_000);
    expect(await put('/ask')).toBe('200 taken');
    expect(bytes).toBe(300_000);
    vi.useRealTimers();
    // The one that is kept for the next request.
    await vi.waitFor(async () => expect(await connections()).toBe(1));
  });

  test('waits no more for a server that does not ask', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const silent = put('/silence');
    await once(server, 'checkContinue');
    await vi.advanceTimersByTimeAsync(10_999);
    expect(bytes).toBe(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(await silent).toBe('200 taken');
    expect(await put('/next')).toBe('200 taken');
    expect([came, bytes]).toEqual([['waited /silence', 'sent /next'], 600_000]);
  });

  test('is sent again to servers that take no expectations, as are others then', async () => {
    expect(await Promise.all([put('/picky'), put('/picky')])).toEqual(['200 taken', '200 taken']);
    expect(await put('/picky')).toBe('200 taken');
    expect(came.filter((what) => what === 'waited /picky')).toHaveLength(2);
    expect([came.length, bytes]).toEqual([5, 900_000]);
  });
});

/** Requests that a server has answered. */
async function countRequests(served: ServedRun): Promise<number> {
  const get = nodeFetch({ fingerprint: fingerprintOf(own.cert) });
  const text = await (await get(`${served.url}/metrics`, {})).text();
  const counts = [...text.matchAll(/^aggregis_requests_total\{.*\} (\d+)$/gm)];
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}
