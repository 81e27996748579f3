/** `aggregis join` as a process: rounds to their end, attacks, and what is refused. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readModel } from '../../src/federation/client/model.ts';
import { writeDigitsModel } from '../../src/lab/digits-task.ts';
import { createNodeCrypto } from '../../src/secagg/crypto/create-node.ts';
import { aggregis, type Outcome } from '../support/cli.ts';
import { StrictCoordinator, type StrictOptions, sha256Hex } from '../support/strict-coordinator.ts';

const crypto = await createNodeCrypto({ threads: 0 });
let folder: string;
let model: Uint8Array;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aggregis-join-'));
  const parts: Uint8Array[] = [];
  await writeDigitsModel(async (bytes) => {
    parts.push(bytes.slice());
  });
  model = new Uint8Array(Buffer.concat(parts));
});
afterAll(async () => {
  await crypto.close();
  await rm(folder, { recursive: true, force: true });
});

function start(options: Partial<StrictOptions> = {}): Promise<StrictCoordinator> {
  return StrictCoordinator.start({ crypto, model, ...options });
}

/** All numbers of an update. */
async function rowOf(file: Uint8Array): Promise<Float64Array> {
  const { tensors } = await readModel(file, sha256Hex(file));
  const names = [...tensors.keys()].sort();
  return Float64Array.from(names.flatMap((name) => [...tensors.get(name)!.values]));
}

/** A server that is no coordinator. */
async function stranger(status: number, body: string): Promise<{ url: string; close(): void }> {
  const server = createServer((_, response) => response.writeHead(status).end(body));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${port}`, close };
}

function lines({ stdout }: Outcome): Record<string, unknown>[] {
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('aggregis join', () => {
  test('trains digits until the run is over, under a key that stays, and says what came of it', async () => {
    await using server = await start({ rounds: 2 });
    const key = join(folder, 'client.key');
    const outcome = await aggregis(['join', server.url, '--key', key, '--json', '--dtype', 'F32']);
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    expect(lines(outcome).map(({ event }) => event)).toEqual([
      'joined',
      'committed',
      'committed',
      'finished',
    ]);
    await using other = await start();
    const again = await aggregis(['join', other.url, '--key', key]);
    expect(again.code).toBe(0);
    expect(again.stdout).toContain(String(lines(outcome)[0]!.client));
  });

  test('sends as one of several attackers what they agree on, and claims what it is told', async () => {
    await using server = await start({ wanted: 3, dtypes: ['F32'] });
    const shared = ['--alpha', '5', '--seed', '7'];
    const attack = ['--attack', 'sign-flip:scale=3', '--attackers', '2', '--claim', '1000'];
    const all = await Promise.all([
      aggregis(['join', server.url, '--part', '1/3', ...shared, ...attack]),
      aggregis(['join', server.url, '--part', '2/3', ...shared, ...attack]),
      aggregis(['join', server.url, '--part', '3/3', ...shared]),
    ]);
    expect(all.map(({ code, stderr }) => [code, stderr])).toEqual(Array(3).fill([0, '']));
    const taken = server.taken.get(1)!;
    const claims = taken.map(({ statement }) => statement.samples);
    const honest = taken.find(({ statement }) => statement.samples === Math.min(...claims))!;
    const attackers = taken.filter((one) => one !== honest);
    const row = await rowOf(honest.file);
    for (const { file, statement } of attackers) {
      // −3 times the mean of the honest updates, of which there is one: f32 rounds it twice.
      const sent = await rowOf(file);
      const worst = Math.max(...sent.map((x, i) => Math.abs(x + 3 * row[i]!)));
      expect(worst).toBeLessThanOrEqual(3 * Math.max(...row.map(Math.abs)) * 2 ** -22);
      expect(statement.samples % 1000).toBe(0);
    }
  });

  test('trains by a module in a thread', async () => {
    await using server = await start();
    const module = join(folder, 'train.mjs');
    const text = `export async function train({ model, terms, round }) {
      const difference = new Map();
      for (const [name, { values }] of model.tensors) difference.set(name, values.map(() => round));
      return { difference, samples: 3 };
    }`;
    await writeFile(module, text);
    expect(await aggregis(['join', server.url, '--train', module])).toMatchObject({ code: 0 });
    const row = await rowOf(server.taken.get(1)![0]!.file);
    expect(row.every((value) => value === 1)).toBe(true);
  });

  test('ends with 130 when it is interrupted while it waits', async () => {
    await using server = await start({ wanted: 2 });
    const { code, stderr } = await aggregis(['join', server.url], {
      onStart: (child) => {
        const timer = setInterval(() => {
          // The second time that it asks for a round, it waits for one.
          const asked = server.log.filter((line) => line.includes('/current')).length;
          if (asked < 2) return;
          clearInterval(timer);
          child.kill('SIGINT');
        }, 20);
      },
    });
    expect([code, stderr]).toEqual([130, 'aggregis: interrupted\n']);
  });

  test('exits with 1 where the coordinator refuses it, sends what is none, or is not there', async () => {
    await using server = await start({
      fault: ({ path }) =>
        path === '/v1/clients' ? { kind: 'refuse', status: 403, code: 'not-enrolled' } : undefined,
    });
    const refused = await aggregis(['join', server.url]);
    expect([refused.code, refused.stderr]).toEqual([
      1,
      'aggregis: POST /v1/clients: not-enrolled: by the test\n',
    ]);
    const nobody = await aggregis(['join', 'http://127.0.0.1:9', '--patience', '0.1']);
    expect(nobody.code).toBe(1);
    expect(nobody.stderr).toMatch(
      /^aggregis: GET \/v1\/run: the connection failed .*tried (once|\d+ times)\n$/,
    );
  });

  test.each([
    [404, 'not found', 'it answers 404'],
    [200, '{"hello":"world"}', 'its answer names no run'],
    [200, '<html>', 'its answer is no JSON'],
    [200, '', 'its answer is empty'],
  ])('says that a server which answers %j with %j is no coordinator', async (status, body, why) => {
    const { url, close } = await stranger(status, body);
    try {
      const { code, stderr } = await aggregis(['join', url]);
      expect(stderr).toContain(`aggregis: ${url} is no Aggregis coordinator: ${why}`);
      expect(code).toBe(1);
    } finally {
      close();
    }
  });

  test.each([[[]], [['--fingerprint', '0'.repeat(64)]]])(
    'does not try TLS again with %j where a server speaks none',
    async (trust) => {
      const { url, close } = await stranger(200, '');
      try {
        const { code, stderr } = await aggregis(['join', url.replace('http:', 'https:'), ...trust]);
        expect(stderr).toContain('the server does not speak TLS: use http:');
        expect(code).toBe(1);
      } finally {
        close();
      }
    },
  );

  test.each([
    [['ftp://x'], 'URL'],
    [['http://x', '--part', '4/3'], 'such as 3/20'],
    [['http://x', '--attack', 'sing-flip'], '--attack'],
    [['http://x', '--attackers', '2'], '--attackers goes with --attack'],
    [['http://x', '--part', '3/4', '--attack', 'inf', '--attackers', '2'], 'from 3 to 3'],
    [['http://x', '--train', 'a.mjs', '--data', 'b.csv'], '--train does not go with --data'],
    [['http://x', '--data', 'nowhere.csv'], 'nowhere.csv'],
    [['http://x', '--part', '1/9999'], '3000 examples'],
  ])('says what is wrong with %j, and exits with 2', async (words, message) => {
    const { code, stderr } = await aggregis(['join', ...words]);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });
});
