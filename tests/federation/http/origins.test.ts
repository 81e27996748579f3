/** Which pages may talk to the server. */

import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { assertOrigin } from '../../../src/federation/http/origins.ts';
import {
  configOf,
  modelFile,
  ServedRun,
  TestClient,
  temporaryFolder,
} from '../../support/federation-server.ts';

const PAGE = 'https://app.example';

test.each([PAGE, 'http://localhost:5173', 'https://app.example:8443'])(
  '%s is an origin',
  (text) => {
    expect(assertOrigin(text)).toBe(text);
  },
);

test.each([
  '*',
  'null',
  '',
  'app.example',
  'https://app.example/',
  'ftp://app.example',
  'HTTPS://a',
])('%j is none', (text) => {
  expect(() => assertOrigin(text)).toThrow(/an origin must be scheme, host and port/);
});

/** What a page of this origin is told of an answer. */
async function asked(url: string, origin: string, init: RequestInit = {}): Promise<unknown[]> {
  const { headers: more, ...rest } = init;
  const response = await fetch(url, { ...rest, headers: { origin, ...(more as object) } });
  await response.arrayBuffer();
  const { status, headers } = response;
  return [status, headers.get('access-control-allow-origin')];
}

const PREFLIGHT: RequestInit = {
  method: 'OPTIONS',
  headers: {
    'access-control-request-method': 'PUT',
    'access-control-request-headers': 'authorization,content-digest,content-type,merkle-leaf',
  },
};

test('pages of listed origins may ask and read, refusals too; others may not, nor may any of them sign in by cookie', async () => {
  await using folder = await temporaryFolder();
  await using run = await ServedRun.start({ folder: join(folder.path, 'run'), origins: [PAGE] });
  const { url } = run;
  expect(await asked(`${url}/v1/run`, PAGE)).toEqual([200, PAGE]);
  expect(await asked(`${url}/v1/rounds/current`, PAGE)).toEqual([401, PAGE]);
  expect(await asked(`${url}/v1/nowhere`, PAGE)).toEqual([404, PAGE]);
  expect(await asked(`${url}/v1/updates/0/chunks/0`, PAGE, PREFLIGHT)).toEqual([204, PAGE]);
  const preflight = await fetch(`${url}/v1/run`, {
    ...PREFLIGHT,
    headers: { ...(PREFLIGHT.headers as object), origin: PAGE },
  });
  const allowed = preflight.headers.get('access-control-allow-headers')!.split(',');
  // All that clients send: browsers hold back a request with any other.
  expect(allowed).toEqual(
    expect.arrayContaining(['authorization', 'content-type', 'merkle-leaf', 'range']),
  );
  expect(preflight.headers.get('access-control-allow-methods')).toBe('GET,POST,PUT');
  expect(preflight.headers.get('access-control-allow-credentials')).toBeNull();
  for (const stranger of ['https://evil.example', 'https://app.example:8443', 'null']) {
    expect((await asked(`${url}/v1/run`, stranger))[1]).toBeNull();
    expect((await asked(`${url}/v1/run`, stranger, PREFLIGHT))[1]).toBeNull();
  }
  // Figures for operators are for no page.
  expect((await asked(`${url}/metrics`, PAGE))[1]).toBeNull();
});

test('pages may read the answers to their updates', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'run');
  const config = configOf({ round: { wanted: 1, quorum: 1 } });
  await using run = await ServedRun.start({ folder: path, config, origins: [PAGE] });
  const client = await TestClient.joined(run.url);
  client.origin = PAGE;
  const file = await modelFile([1, 1, 1, 1, 1, 1, 1]);
  const declared = await client.declare(client.statement(file, await client.round()));
  const { update } = declared.body;
  const answers = [declared, await client.chunk(update, 0, file), await client.commit(update)];
  expect(answers.map(({ status }) => status)).toEqual([201, 204, 200]);
  for (const { headers } of answers) {
    expect(headers.get('access-control-allow-origin')).toBe(PAGE);
  }
});

test('without a list no page may ask', async () => {
  await using folder = await temporaryFolder();
  await using run = await ServedRun.start({ folder: join(folder.path, 'run') });
  expect(await asked(`${run.url}/v1/run`, PAGE)).toEqual([200, null]);
  expect((await asked(`${run.url}/v1/run`, PAGE, PREFLIGHT))[1]).toBeNull();
});

test('news is for listed origins, and for programs that have none', async () => {
  await using folder = await temporaryFolder();
  await using run = await ServedRun.start({ folder: join(folder.path, 'run'), origins: [PAGE] });
  const address = `${run.url.replace('http', 'ws')}/v1/events`;
  const opened = async (options: object): Promise<string> => {
    const socket = new WebSocket(address, options);
    try {
      await once(socket, 'open');
      return 'open';
    } catch (error) {
      return (error as Error).message;
    } finally {
      socket.terminate();
    }
  };
  expect(await opened({})).toBe('open');
  expect(await opened({ origin: PAGE })).toBe('open');
  expect(await opened({ origin: run.url })).toBe('open');
  expect(await opened({ origin: 'https://evil.example' })).toMatch(/403/);
});
