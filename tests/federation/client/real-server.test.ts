/**
 * Clients and the real coordinator, on this machine's loopback.
 *
 * @module
 */

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { FederationClient } from '../../../src/federation/client/client.ts';
import { readModel } from '../../../src/federation/client/model.ts';
import type { OpenSocket } from '../../../src/federation/client/news.ts';
import type { Train } from '../../../src/federation/client/train.ts';
import { Identity } from '../../../src/federation/identity.ts';
import {
  configOf,
  MODEL_COLS,
  modelFile,
  nodeCrypto,
  ServedRun,
  temporaryFolder,
} from '../../support/federation-server.ts';

/** Adds `by` to all seven entries. */
function adding(by: number): Train {
  return ({ model }) => ({
    difference: Object.fromEntries(
      [...model.tensors].map(([name, { values }]) => [name, values.map(() => by)]),
    ),
    samples: 10,
  });
}

const openSocket: OpenSocket = (url) => new WebSocket(url);

test('an update in I8 is read as blocks: no entry is off by more than half a step of its block', async () => {
  const crypto = await nodeCrypto();
  await using folder = await temporaryFolder();
  const more = 600;
  const config = configOf({
    rounds: 1,
    round: { wanted: 1, quorum: 1 },
    wire: { dtypes: ['I8'] },
  });
  const model = await modelFile([0, 0, 0, 0, 0, 0, 0], more);
  await using run = await ServedRun.start({ folder: join(folder.path, 'run'), config, model });
  using client = await FederationClient.connect({
    url: run.url,
    identity: await Identity.create(crypto),
    crypto,
  });
  const sent = Float32Array.from({ length: more }, (_, i) => Math.sin(i) * 2 ** -(i >> 8));
  const train: Train = ({ model: { tensors } }) => ({
    difference: new Map(
      [...tensors].map(([name, { values }]) => [name, name === 'c' ? sent : values.map(() => 0)]),
    ),
    samples: 10,
  });
  for await (const { outcome } of client.participate({ train })) expect(outcome).toBe('committed');
  const { body } = run.events.find(({ type }) => type === 'round.published')!;
  await using source = await run.store.blobs.open(String(body.model));
  const file = await source.read(0, source.size);
  const got = (await readModel(file, String(body.model))).tensors.get('c')!.values;
  for (const [i, value] of got.entries()) {
    const block = sent.subarray(i - (i % 256), i - (i % 256) + 256);
    const largest = Math.max(...block.map(Math.abs));
    // A step is at most (1 + 2⁻¹⁰)·largest/127; roundings of f32 are far below that slack.
    expect(Math.abs(value - sent[i]!)).toBeLessThanOrEqual(((1 + 2 ** -9) * largest) / 254);
  }
  const { body: declared } = run.events.find(({ type }) => type === 'update.declared')!;
  expect(declared.dtype).toBe('I8');
  // 607 bytes of integers, five scales of two bytes, and a header.
  expect(Number(declared.bytes)).toBeLessThan(607 + 10 + 600);
});

test('two clients, one with news and f16, train two rounds, and one comes back after a new start', async () => {
  const crypto = await nodeCrypto();
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'run');
  const config = configOf({ rounds: 3 });
  const [a, b] = [await Identity.create(crypto), await Identity.create(crypto)];
  const first: (string | number)[][] = [];
  {
    await using run = await ServedRun.start({ folder: path, config });
    const news: string[] = [];
    using one = await FederationClient.connect({
      url: run.url,
      identity: a,
      crypto,
      dtype: 'F16',
      openSocket,
      onNews: ({ type }) => news.push(type),
    });
    using two = await FederationClient.connect({ url: run.url, identity: b, crypto });
    const take = async (client: FederationClient, by: number): Promise<void> => {
      for await (const { round, outcome } of client.participate({ train: adding(by), rounds: 2 })) {
        first.push([round, outcome]);
      }
    };
    await Promise.all([take(one, 1), take(two, 3)]);
    expect(first.sort()).toEqual([1, 1, 2, 2].map((round) => [round, 'committed']));
    expect(news).toContain('round.open');
    await run.coordinator.changed(AbortSignal.timeout(50));
  }
  await using again = await ServedRun.start({ folder: path, config, mode: 'resume' });
  const clients = await Promise.all(
    [a, b].map((identity) => FederationClient.connect({ url: again.url, identity, crypto })),
  );
  const seen = await Promise.all(
    clients.map(async (client) => {
      const values: number[][] = [];
      const train: Train = (task) => {
        values.push([...task.model.tensors.values()].flatMap((tensor) => [...tensor.values]));
        return adding(0)(task);
      };
      for await (const { outcome } of client.participate({ train })) {
        expect(outcome).toBe('committed');
      }
      client.close();
      return values;
    }),
  );
  // The first model is 1 … 7; each of two rounds added the mean of 1 and 3.
  const third = Array.from({ length: MODEL_COLS }, (_, i) => i + 1 + 2 * 2);
  expect(seen).toEqual([[third], [third]]);
  expect(again.types).toContain('run.finished');
});
