/** A coordinator at work, over HTTPS: its operator, keys that change, an interrupt; and no secret anywhere. */

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nodeFetch } from '../../src/federation/client/node-fetch.ts';
import { openIdentity, readIdentity } from '../../src/federation/identity-file.ts';
import { aggregis } from '../support/cli.ts';
import { nodeCrypto, TestClient, temporaryFolder } from '../support/federation-server.ts';
import { served } from '../support/served-process.ts';

test('an operator and clients work on a run, an interrupt ends it after its round, and nothing tells a secret', async () => {
  await using folder = await temporaryFolder();
  const run = join(folder.path, 'run');
  const options = ['--run', run, '--clients', '1', '--rounds', '3', '--backend', 'reference'];
  const secrets: string[] = [];
  const told: string[] = [];
  const sinks = ['--events', join(run, 'events.ndjson'), '--tensorboard', join(run, 'board')];
  await using server = await served([...options, ...sinks, '--log', 'debug']);
  const url = String((await server.hears('listening')).url);
  const cli = async (...words: string[]) => {
    const outcome = await aggregis(words);
    told.push(outcome.stdout, outcome.stderr);
    expect(outcome.code, outcome.stderr).toBe(0);
    return outcome.stdout;
  };
  const { token } = JSON.parse(await readFile(join(run, 'admin.json'), 'utf8'));
  secrets.push(token);
  const key = join(folder.path, 'key');
  const identity = await openIdentity(key, await nodeCrypto());
  secrets.push(...(await secretsIn(key)));
  const before = await TestClient.joined(url, identity);
  secrets.push(before.token);
  const round = await before.round();
  expect(JSON.parse(await cli('keys', 'rotate', url, '--key', key, '--json')).client).toBe(
    identity.id,
  );
  secrets.push(...(await secretsIn(key)));
  const after = await TestClient.joined(url, (await readIdentity(key, await nodeCrypto()))!);
  secrets.push(after.token);
  const stranger = await TestClient.joined(url);
  secrets.push(stranger.token);
  const status = await cli(
    'admin',
    'revoke',
    run,
    stranger.identity.id,
    '--reason',
    'for the test',
  );
  expect(status).toMatch(/phase +collect/);
  expect((await stranger.current()).body.error.code).toBe('revoked');
  // What is refused is logged, too.
  await after.declare(after.statement(new Uint8Array(8), round), { signature: '00'.repeat(64) });
  server.process.kill('SIGINT');
  await expect.poll(() => server.stderr).toContain('no further round is opened');
  expect((await after.submit(await after.nudge(round.model, 1), round)).status).toBe(200);
  expect(await server.exit).toBe(130);
  expect(server.told.map(({ event }) => event)).toContain('published');
  expect(server.stderr).toMatch(/to go on: aggregis serve --run \S+ --resume/);
  await cli('report', run);
  const logged = [server.stdout, server.stderr, ...told].join('\n');
  expect(logged).toContain('refused');
  const kept = await filesIn(run);
  expect(kept.length).toBeGreaterThan(6);
  const everything =
    logged + (await Promise.all(kept.map((path) => readFile(path, 'latin1')))).join('');
  expect(secrets.length).toBeGreaterThan(10);
  for (const secret of secrets) expect(everything.includes(secret), secret.slice(0, 4)).toBe(false);
}, 90_000);

test('over HTTPS with a certificate of its own, join takes part by the fingerprint that serve tells', async () => {
  await using folder = await temporaryFolder();
  const run = join(folder.path, 'run');
  const options = ['--run', run, '--clients', '1', '--rounds', '1', '--backend', 'reference'];
  await using server = await served([...options, '--lan', '--host', '127.0.0.1', '--log', 'debug']);
  const { url, fingerprint } = (await server.hears('listening')) as {
    url: string;
    fingerprint: string;
  };
  expect(url).toMatch(/^https:/);
  const wrong = await aggregis(['join', url, '--fingerprint', '0'.repeat(64)]);
  expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('has the fingerprint') });
  const health = await nodeFetch({ fingerprint })(`${url}/healthz`, {});
  expect(await health.json()).toMatchObject({ status: 'ok' });
  const joined = await aggregis(['join', url, '--fingerprint', fingerprint, '--part', '1/10']);
  expect(joined.code, joined.stderr).toBe(0);
  expect(await server.exit).toBe(0);
  const { code, stdout } = await aggregis(['report', run, '--ndjson']);
  expect(code).toBe(0);
  // The key's own numbers stand in no line but those of its file.
  const pem = await readFile(join(run, 'tls', 'key.pem'), 'utf8');
  const secrets = pem.split('\n').filter((line) => line !== '' && !line.startsWith('-----'));
  expect(secrets.length).toBeGreaterThan(1);
  const others = (await filesIn(run)).filter((path) => !path.endsWith('key.pem'));
  const texts = await Promise.all(others.map((path) => readFile(path, 'latin1')));
  const told = [server.stdout, server.stderr, joined.stdout, joined.stderr, stdout, ...texts];
  for (const secret of secrets) expect(told.some((text) => text.includes(secret))).toBe(false);
}, 60_000);

test("what is no client's id is wrong usage, and every part of admin tells its exit codes", async () => {
  const { code, stderr } = await aggregis(['admin', 'revoke', 'run', 'c-0000']);
  expect(stderr).toContain(`a client's id, c- and 32 hexadecimal digits, got "c-0000"`);
  expect(code).toBe(2);
  const help = await aggregis(['admin', 'revoke', '--help']);
  expect(help.stdout).toContain('Exit codes:');
}, 30_000);

async function filesIn(folder: string): Promise<string[]> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  return files.filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name));
}

/** The private parts of a key's file, as they could be written anywhere. */
async function secretsIn(path: string): Promise<string[]> {
  const bytes = await readFile(path);
  const secret = bytes.subarray(20, 52);
  return [
    secret.toString('hex'),
    secret.toString('base64'),
    secret.toString('base64url'),
    secret.toString('latin1'),
  ];
}
