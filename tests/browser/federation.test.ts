/**
 * A tab takes part in a federation: the coordinator and the other client are processes, the tab trains
 * in a Web Worker.
 *
 * @module
 */

import { expect, test } from 'vitest';
import { commands } from 'vitest/browser';
import {
  type ClientStatus,
  createCrypto,
  FederationClient,
  Identity,
  trainInWorker,
} from '../../src/client.ts';
import type { ServedFederation } from '../support/served-commands.ts';

declare module 'vitest/browser' {
  interface BrowserCommands extends ServedFederation {}
}

const ROUNDS = 3;

test('a tab joins, trains in a worker, submits, and sees the new model', async () => {
  const url = await commands.serveFederation({ origin: location.origin, rounds: ROUNDS });
  const crypto = await createCrypto({ threads: 0 });
  const doing: ClientStatus['doing'][] = [];
  const news: string[] = [];
  using client = await FederationClient.connect({
    url,
    crypto,
    identity: await Identity.create(crypto),
    dtype: 'F16',
    openSocket: (address) => new WebSocket(address),
    onStatus: (status) => doing.push(status.doing),
    onNews: ({ type }) => news.push(type),
  });
  const worker = trainInWorker(new URL('../support/train-in-tab.ts', import.meta.url));
  const models: string[] = [];
  const outcomes: string[] = [];
  for await (const { round, outcome } of client.participate({
    train: async (task) => {
      models.push(task.model.sha256);
      return worker.train(task);
    },
  })) {
    outcomes.push(`${round} ${outcome}`);
  }
  await worker.close();
  expect(outcomes).toEqual(['1 committed', '2 committed', '3 committed']);
  expect(new Set(doing)).toEqual(
    new Set(['enrolling', 'waiting', 'downloading', 'training', 'uploading']),
  );
  expect(news).toContain('round.done');

  const told = await commands.endFederation();
  const published = told.server.filter(({ event }) => event === 'published');
  // Each model that was published is the one that the next round began with.
  expect(published.map(({ model }) => model).slice(0, -1)).toEqual(models.slice(1));
  expect(new Set(models).size).toBe(ROUNDS);
  expect(told.client.filter(({ event }) => event === 'committed').length).toBe(ROUNDS);
});
