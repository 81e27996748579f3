/** `aggregis report` as a process: the page, checks, events and models of a run that a server has open. */

import { cp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { aggregis } from '../support/cli.ts';
import { ServedRun, temporaryFolder, valuesIn } from '../support/federation-server.ts';
import { play } from '../support/told-run.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let run: ServedRun;
let path: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  path = join(folder.path, 'run');
  run = await ServedRun.start({ folder: path });
  await play(run);
}, 30_000);

afterAll(async () => {
  await run?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

test('a page is written for the operator alone', async () => {
  const { code, stdout } = await aggregis(['report', path]);
  expect(code).toBe(0);
  expect(stdout).toContain('2 of 2 rounds published');
  const page = join(path, 'report.html');
  expect(await readFile(page, 'utf8')).toContain('<!doctype html>');
  expect((await stat(page)).mode & 0o077).toBe(0);
}, 30_000);

test('figures and events are JSON', async () => {
  const figures = await aggregis(['report', path, '--json', '--public']);
  expect(JSON.parse(figures.stdout)).toMatchObject({ audience: 'public', rounds: [{}, {}] });
  const events = await aggregis(['report', path, '--ndjson']);
  const lines = events.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.map(({ seq }) => seq)).toEqual(lines.map((_, i) => i + 1));
  expect(lines.at(-1)).toMatchObject({ type: 'run.finished' });
}, 30_000);

test('the model of a round is written as it was published', async () => {
  const out = join(folder.path, 'model.safetensors');
  const { code, stdout } = await aggregis([
    'report',
    path,
    '--model',
    out,
    '--round',
    '1',
    '--json',
  ]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ round: 1, file: out });
  // The mean of 0.1 and 0.2 is added to the first entry, 1.
  expect((await valuesIn(new Uint8Array(await readFile(out))))[0]).toBeCloseTo(1.15, 6);
  const none = await aggregis(['report', path, '--model', out, '--round', '9']);
  expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining('round 9 has not') });
}, 30_000);

test('checks print a line each, and the first that fails ends them with 1', async () => {
  const good = await aggregis(['report', path, '--verify']);
  expect(good.code).toBe(0);
  expect(good.stdout.trim().split('\n')).toHaveLength(8);
  const update = run.events.find(({ type }) => type === 'update.committed')!;
  await writeFile(join(path, 'blobs', String(update.body.blob)), 'other');
  const bad = await aggregis(['report', path, '--verify', '--json']);
  expect(bad.code).toBe(1);
  const last = JSON.parse(bad.stdout.trim().split('\n').at(-1)!);
  expect(last).toMatchObject({ check: 'files', ok: false, event: update.seq });
}, 30_000);

test('a folder without its configuration fails in its check, and is no wrong usage', async () => {
  const copy = join(folder.path, 'copy');
  await cp(path, copy, { recursive: true, filter: (from) => !from.endsWith('-shm') });
  await rm(join(copy, 'run.json'));
  const { code, stdout, stderr } = await aggregis(['report', copy, '--verify']);
  expect([code, stderr]).toEqual([1, '']);
  expect(stdout).toMatch(/^FAIL {2}config .*run\.json: is missing$/m);
}, 30_000);

test('what does not go together, and what is no run, is told', async () => {
  const both = await aggregis(['report', path, '--verify', '--ndjson']);
  expect(both).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--verify does not go with'),
  });
  const none = await aggregis(['report', folder.path]);
  expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining('holds no run') });
}, 30_000);
