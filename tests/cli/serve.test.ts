/** `aggregis serve` as a process: a run to its end, kills, interrupts, and what is refused. */

import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TestClient, temporaryFolder } from '../support/federation-server.ts';
import { served } from '../support/served-process.ts';

test('a run of digits that is killed between commit and close goes on with what was answered', async () => {
  await using folder = await temporaryFolder();
  const run = ['--run', join(folder.path, 'run')];
  let [one, two]: TestClient[] = [];
  let update: string;
  let first: { update: string; sha256: string; event: number };
  {
    await using server = await served([
      ...run,
      '--clients',
      '2',
      '--rounds',
      '2',
      '--backend',
      'wasm',
    ]);
    const url = String((await server.hears('listening')).url);
    one = await TestClient.joined(url);
    two = await TestClient.joined(url);
    const round = await one.round();
    const committed = await one.submit(await one.nudge(round.model, 1), round);
    expect(committed.status).toBe(200);
    first = committed.body;
    const file = await two.nudge(round.model, 3);
    const declared = await two.declare(two.statement(file, round));
    update = declared.body.update;
    expect((await two.chunk(update, 0, file)).status).toBe(204);
    server.process.kill('SIGKILL');
    expect(await server.exit).toBe('SIGKILL');
  }
  await using server = await served([...run, '--resume']);
  const url = String((await server.hears('listening')).url);
  one = one.at(url);
  two = two.at(url);
  await one.begin();
  await two.begin();
  const before = await one.current();
  expect(before.body).toMatchObject({ round: 1, phase: 'collect', updates: 1, committed: true });
  const again = await one.commit(first.update);
  expect(again).toMatchObject({ status: 200, body: first });
  expect((await two.commit(update)).status).toBe(200);
  const next = await one.round(1);
  expect(next).toMatchObject({ round: 2, selected: true });
  for (const client of [one, two]) {
    expect((await client.submit(await client.nudge(next.model, 0.5), next)).status).toBe(200);
  }
  expect(await server.hears('finished')).toMatchObject({ reason: 'all 2 rounds are done' });
  expect(await server.exit).toBe(0);
  const told = server.told.filter(({ event }) => event === 'published');
  expect(told).toMatchObject([{ round: 1, accuracy: expect.any(Number) }, { round: 2 }]);
}, 60_000);

test('an interrupt before any round ends at once, and says how to go on', async () => {
  await using folder = await temporaryFolder();
  await using server = await served(['--run', join(folder.path, 'run')]);
  await server.hears('listening');
  server.process.kill('SIGINT');
  expect(await server.exit).toBe(130);
  expect(server.stderr).toContain('open enrolment');
  expect(server.stderr).toMatch(/to go on: aggregis serve --run \S+ --resume/);
}, 30_000);

test('a port that is in use, or a host that is none of this machine, is told with what to do', async () => {
  await using folder = await temporaryFolder();
  await using first = await served(['--run', join(folder.path, 'first')]);
  const port = new URL(String((await first.hears('listening')).url)).port;
  for (const [words, what] of [
    [['--port', port], `port ${port} of 127.0.0.1 is in use; take another with --port`],
    // RFC 5737: an address for documentation, which no machine has.
    [['--host', '192.0.2.1'], '192.0.2.1: is no address of this machine'],
  ] as const) {
    await using server = await served(['--run', join(folder.path, words[0]), ...words]);
    expect(await server.exit).toBe(2);
    expect(server.stderr).toContain(what);
  }
}, 60_000);

test('a configuration that cannot be run is refused with all that is wrong with it', async () => {
  await using folder = await temporaryFolder();
  const config = join(folder.path, 'c.json');
  const wrong = {
    model: 'm',
    rule: 'krumm',
    rounds: 1,
    enrolment: { kind: 'open' },
    optimizer: 'x',
  };
  await writeFile(config, JSON.stringify(wrong));
  await using server = await served(['--run', join(folder.path, 'run'), '--config', config]);
  expect(await server.exit).toBe(2);
  expect(server.stderr).toMatch(/rule: .*krumm.*optimizer: /);
}, 30_000);

test('a run that could not begin leaves a folder in which it can', async () => {
  await using folder = await temporaryFolder();
  const run = ['--run', join(folder.path, 'run')];
  const plain = { model: 'm', rule: 'mean', rounds: 1, enrolment: { kind: 'open' } };
  const config = join(folder.path, 'c.json');
  await writeFile(config, JSON.stringify(plain));
  await writeFile(join(folder.path, 'm'), 'no safetensors');
  {
    await using server = await served([...run, '--config', config]);
    expect(await server.exit).not.toBe(0);
  }
  const privacy = { kind: 'central', relation: 'zero-out', clipNorm: 1, noiseMultiplier: 1 };
  const budget = { epsilon: 8, delta: 1e-5 };
  const model = 'digits';
  await writeFile(config, JSON.stringify({ ...plain, model, privacy: { ...privacy, ...budget } }));
  {
    await using server = await served([...run, '--config', config]);
    expect(await server.exit).toBe(2);
    expect(server.stderr).toContain('round.wanted: is missing');
  }
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  {
    await using server = await served([...run, '--port', String(port)]);
    expect(await server.exit).not.toBe(0);
    expect(server.stderr).toContain(String(port));
  }
  taken.close();
  await using server = await served([...run, '--rule', 'trimmed-mean:f=5', '--clients', '2']);
  await server.hears('listening');
  expect(server.stderr).toContain('trimmed-mean:f=5 needs 11');
}, 60_000);
