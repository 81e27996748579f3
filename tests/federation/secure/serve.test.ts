/** Rounds under masks over real HTTP. */

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ServedRun, temporaryFolder, valuesIn } from '../../support/federation-server.ts';
import { giving, secureClient, secureConfigOf, taking } from '../../support/secure-clients.ts';

test('six clients of whom all stay: the model moves by the mean of what they sent', async () => {
  await using folder = await temporaryFolder();
  await using run = await ServedRun.start({
    folder: join(folder.path, 'run'),
    config: secureConfigOf(6),
  });
  const clients = await Promise.all(Array.from({ length: 6 }, () => secureClient(run.url)));
  const parts = await Promise.all(
    clients.map((client, i) => taking(client, giving([i, -i, 0.5, 0.25, 1, -1, 0.125]))),
  );
  expect(parts.map(([part]) => part?.outcome)).toEqual(Array(6).fill('committed'));
  const { model } = run.events.findLast(({ type }) => type === 'round.published')!.body;
  await using source = await run.store.blobs.open(String(model));
  const values = await valuesIn(await source.read(0, source.size));
});
