/** Files that follow a run: its events, and its figures for TensorBoard. */

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Sinks } from '../../src/cli/sinks.ts';
import { parseConfig } from '../../src/federation/config.ts';
import { aggregis } from '../support/cli.ts';
import { readEventFile } from '../support/event-file-reader.ts';
import { ServedRun, temporaryFolder } from '../support/federation-server.ts';
import { play, privateConfig } from '../support/told-run.ts';

test('events are all there, and figures of each round as it ends, as the report gives them later', async () => {
  await using folder = await temporaryFolder();
  const at = (name: string) => join(folder.path, name);
  let sinks: Sinks | undefined;
  const warnings: string[] = [];
  {
    await using run = await ServedRun.start({
      folder: at('run'),
      config: privateConfig(),
      onEvent: (event) => sinks?.happened(event),
    });
    const { config } = parseConfig(run.store.config);
    const options = { events: at('events.ndjson'), tensorboard: at('board') };
    const warn = (text: string) => void warnings.push(text);
    sinks = await Sinks.open(options, { store: run.store, config, warn });
    await play(run);
    await sinks.close();
    const lines = (await readFile(at('events.ndjson'), 'utf8')).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).seq)).toEqual(lines.map((_, i) => i + 1));
    expect(lines).toHaveLength(run.store.head.seq);
  }
  expect(warnings).toEqual([]);
  const [head, ...rounds] = await boardIn(at('board'));
  expect(head?.version).toBe('brain.Event:2');
  expect(rounds.map(({ step }) => step)).toEqual([1, 2]);
  const [one, two] = rounds.map(({ values }) => values);
  expect(one).toMatchObject({ 'clients/selected': 2, 'clients/counted': 2 });
  expect(one!['seconds/collect']).toBeGreaterThan(0);
  expect(two!['privacy/epsilon']).toBeGreaterThan(one!['privacy/epsilon']!);
  const { code, stderr } = await aggregis(['report', at('run'), '--tensorboard', at('later')]);
  expect(code, stderr).toBe(0);
  expect((await boardIn(at('later'))).slice(1)).toEqual(rounds);
  await aggregis(['report', at('run'), '--tensorboard', at('public'), '--public']);
  for (const { values } of (await boardIn(at('public'))).slice(1)) {
    expect(Object.keys(values)).toEqual(['privacy/epsilon']);
  }
}, 60_000);

test('a file that cannot be written any more is told of once, and the run goes on', async () => {
  const warnings: string[] = [];
  await using folder = await temporaryFolder();
  await using run = await ServedRun.start({ folder: join(folder.path, 'run') });
  const { config } = parseConfig(run.store.config);
  const warn = (text: string) => void warnings.push(text);
  const sinks = await Sinks.open({ events: '/dev/full' }, { store: run.store, config, warn }).catch(
    (error: NodeJS.ErrnoException) => error,
  );
  // The first events go there at once.
  expect(sinks).toMatchObject({ code: 'ENOSPC' });
  const own = await Sinks.open(
    { tensorboard: join(folder.path, 'b') },
    { store: run.store, config, warn },
  );
  own.happened({ seq: 9, time: 1, type: 'no.such', body: {} });
  own.happened({ seq: 10, time: 1, type: 'no.such', body: {} });
  await own.close();
  expect(warnings).toHaveLength(1);
});

async function boardIn(folder: string): Promise<ReturnType<typeof readEventFile>> {
  const [name] = await readdir(folder);
  expect(name).toMatch(/^events\.out\.tfevents\./);
  if (!folder.endsWith('public')) expect((await stat(join(folder, name!))).mode & 0o077).toBe(0);
  return readEventFile(await readFile(join(folder, name!)));
}
