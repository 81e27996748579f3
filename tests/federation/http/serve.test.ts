/** A run in one call: to its end, again from its folder, and what is left where it cannot begin. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { serveFederation } from '../../../src/federation/http/serve.ts';
import {
  configOf,
  modelFile,
  TestClient,
  temporaryFolder,
} from '../../support/federation-server.ts';

const quiet = { warn: () => {} };
const config = configOf({ rounds: 2, round: { wanted: 1 } });

test('a run is served, closed in the middle, and goes on from its folder to its end', async () => {
  await using temporary = await temporaryFolder();
  const folder = join(temporary.path, 'run');
  const model = await modelFile([0, 0, 0, 0, 0, 0, 0]);
  const seen: string[] = [];
  let identity: TestClient['identity'];
  {
    const onEvent = ({ type }: { type: string }): void => void seen.push(type);
    await using run = await serveFederation({ folder, config, model, onEvent, ...quiet });
    const client = await TestClient.joined(run.url);
    identity = client.identity;
    const round = await client.round();
    expect((await client.submit(await client.nudge(round.model, 1), round)).status).toBe(200);
    await client.round(1);
    await run.close();
  }
  expect(seen).toContain('round.published');
  await using run = await serveFederation({ folder, ...quiet });
  const client = await TestClient.create(run.url, identity);
  await client.begin();
  const round = await client.round(1);
  await client.submit(await client.nudge(round.model, 1), round);
  expect(await run.finished()).toBe('all 2 rounds are done');
});

test('what cannot begin leaves nothing open', async () => {
  await using temporary = await temporaryFolder();
  const folder = join(temporary.path, 'run');
  const model = await modelFile([0, 0, 0, 0, 0, 0, 0]);
  const refused = (more: object): Promise<unknown> =>
    serveFederation({ folder, config, model, ...quiet, ...more });
  await expect(refused({ config: { ...config, rule: 'none' } })).rejects.toThrow(/rule: /);
  expect(existsSync(folder)).toBe(false);
  await expect(refused({ config: undefined })).rejects.toThrow();
  await using run = await serveFederation({ folder, config, model, ...quiet });
  const port = Number(new URL(run.url).port);
  const other = join(temporary.path, 'other');
  await expect(refused({ folder: other, port })).rejects.toThrow(/EADDRINUSE/);
  await expect(refused({ folder: other, origins: ['*'] })).rejects.toThrow(/an origin must be/);
  expect(existsSync(other)).toBe(false);
  await expect(refused({ folder: other, model: new Uint8Array(9) })).rejects.toThrow();
  await expect(refused({ folder: other, config: undefined })).rejects.toThrow(/begin it again/);
  // The folder was let go of, both times, and the run in it can still begin.
  await using again = await serveFederation({ folder: other, config, model, ...quiet });
  expect(again.coordinator.state.model).toBeDefined();
});
