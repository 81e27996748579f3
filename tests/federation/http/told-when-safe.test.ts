/** Nobody is told of what is not on disk: not by the answer to a commit, nor by asking how it stands. */

import { expect, test } from 'vitest';
import {
  modelFile,
  ServedRun,
  TestClient,
  temporaryFolder,
} from '../../support/federation-server.ts';

test('a commit that is not on disk yet is shown to nobody', async () => {
  await using folder = await temporaryFolder();
  let held: Promise<void> | undefined;
  await using run = await ServedRun.start({ folder: folder.path });
  const append = run.store.append.bind(run.store);
  run.store.append = async (...events) => {
    await held;
    return append(...events);
  };
  const [client] = await Promise.all([TestClient.joined(run.url), TestClient.joined(run.url)]);
  const round = await client.round();
  const file = await modelFile([1, 1, 1, 1, 1, 1, 1]);
  const { update } = (await client.declare(client.statement(file, round))).body;
  await client.chunk(update, 0, file);
  let release = (): void => {};
  held = new Promise((done) => {
    release = done;
  });
  const committing = client.commit(update);
  await expect
    .poll(() => run.coordinator.state.round?.members.get(client.identity.id)?.status)
    .toBe('committed');
  const told: string[] = [];
  const asking = [
    client.send('GET', `/v1/updates/${update}`).then(({ body }) => told.push(body.state)),
    client.current().then(({ body }) => told.push(String(body.committed))),
    client.chunk(update, 0, file).then(({ body }) => told.push(body.error.code)),
    committing.then(({ status }) => told.push(String(status))),
  ];
  await new Promise((done) => setTimeout(done, 200));
  const early = [...told];
  release();
  await Promise.all(asking);
  expect(early).toEqual([]);
  expect(told.sort()).toEqual(['200', 'committed', 'replay', 'true']);
});
