/** Whole runs over loopback: register, declare, send, commit, close, publish, and again. */

import { expect, test } from 'vitest';
import {
  codeOf,
  configOf,
  modelFile,
  ServedRun,
  TestClient,
  temporaryFolder,
} from '../../support/federation-server.ts';

test('two clients make two rounds, and each model is the one before plus the mean of updates', async () => {
  await using folder = await temporaryFolder();
  await using run = await ServedRun.start({ folder: folder.path });
  const [a, b] = [await TestClient.joined(run.url), await TestClient.joined(run.url)];
  let model = [1, 2, 3, 4, 5, 6, 7];
  for (const number of [1, 2]) {
    const round = await a.round(number - 1);
    expect(round).toMatchObject({ round: number, phase: 'collect', selected: true, wanted: 2 });
    expect(await a.model(round.model)).toEqual(model);
    const one = await a.submit(await modelFile([1, 1, 1, 1, 1, 1, 1]), round);
    expect(one).toMatchObject({ status: 200, body: { event: expect.any(Number) } });
    const two = await b.submit(await modelFile([3, 3, 3, 3, 3, 3, 5]), round);
    expect(two.status).toBe(200);
    model = model.map((value, i) => value + (i === 6 ? 3 : 2));
  }
  const last = await a.round(2);
  expect(last).toMatchObject({
    round: 2,
    phase: 'finished',
    waitingFor: expect.stringContaining('over'),
  });
  expect(await a.model(last.model)).toEqual(model);
  expect(codeOf(await a.send('GET', '/v1/nothing'))).toBe('404 no-such-path');
}, 20_000);

test('what was answered is there after the process stops, and the round goes on', async () => {
  await using folder = await temporaryFolder();
  const config = configOf({ rounds: 1 });
  const file = await modelFile([1, 1, 1, 1, 1, 1, 1]);
  let identity: TestClient;
  let other: TestClient;
  let update: string;
  {
    await using run = await ServedRun.start({ folder: folder.path, config });
    identity = await TestClient.joined(run.url);
    other = await TestClient.joined(run.url);
    const round = await identity.round();
    expect((await identity.submit(file, round)).status).toBe(200);
    const declared = await other.declare(other.statement(file, round));
    update = declared.body.update;
    expect((await other.chunk(update, 0, file)).status).toBe(204);
  }
  await using run = await ServedRun.start({ folder: folder.path, config, mode: 'resume' });
  const back = other.at(run.url);
  expect(codeOf(await back.current())).toBe('401 no-session');
  await back.begin();
  expect((await back.send('GET', `/v1/updates/${update}`)).body).toMatchObject({
    state: 'open',
    missing: 'AA==',
  });
  expect((await back.commit(update)).status).toBe(200);
  const last = await back.round(1);
  expect(await back.model(last.model)).toEqual([2, 3, 4, 5, 6, 7, 8]);
}, 20_000);
