/** Central differential privacy over loopback: the charge is in the log before noise, and stays spent. */

import { expect, test } from 'vitest';
import { PrivacyError } from '../../../src/core/errors.ts';
import type { RunConfigInput } from '../../../src/federation/run-config.ts';
import {
  configOf,
  modelFile,
  ServedRun,
  TestClient,
  temporaryFolder,
} from '../../support/federation-server.ts';

const PRIVACY: NonNullable<RunConfigInput['privacy']> = {
  kind: 'central',
  relation: 'zero-out',
  clipNorm: 1,
  noiseMultiplier: 1,
  epsilon: 20,
  delta: 1e-5,
  accountant: 'zcdp',
  noise: 'server',
};

/** Two clients that answer every round until the run is over. */
async function play(clients: readonly TestClient[]): Promise<void> {
  const file = await modelFile([0.1, 0, 0, 0, 0, 0, 0]);
  for (let after = 0; ; ) {
    const round = await clients[0]!.round(after);
    if (round.phase === 'finished') return;
    for (const client of clients) {
      const reply = await client.submit(file, round);
      expect(reply.status, JSON.stringify(reply.body)).toBe(200);
    }
    after = round.round;
  }
}

test('each round is charged, then released, then published; two rounds give other noise', async () => {
  await using folder = await temporaryFolder();
  const config = configOf({ privacy: PRIVACY, round: { wanted: 2 } });
  await using run = await ServedRun.start({ folder: folder.path, config });
  const clients = [await TestClient.joined(run.url), await TestClient.joined(run.url)];
  await play(clients);
  const order = ['ledger.line', 'privacy.reserved', 'round.aggregated', 'round.published'];
  const events: string[] = [];
  for await (const { type, body } of run.store.events()) {
    if (type === 'ledger.line') {
      const { body: record } = JSON.parse(String(body.text)) as { body: { kind: string } };
      events.push(record.kind);
    } else if (order.includes(type)) events.push(type);
  }
  const round = ['charge', 'privacy.reserved', 'commit', 'round.aggregated', 'round.published'];
  expect(events).toEqual(['open', ...round, ...round]);
  const blobs = run.events.flatMap(({ type, body }) =>
    type === 'round.aggregated' ? [body.blob] : [],
  );
  expect(new Set(blobs).size).toBe(2);
  const spent = run.events.flatMap(({ type, body }) =>
    type === 'privacy.reserved' ? [Number(body.epsilon)] : [],
  );
  expect(spent[1]).toBeGreaterThan(spent[0]!);
  expect(spent[1]).toBeLessThanOrEqual(20);
});

test('the run ends when the budget admits no further round, and says so', async () => {
  await using folder = await temporaryFolder();
  const config = configOf({
    rounds: 5,
    privacy: { ...PRIVACY, epsilon: 8 },
    round: { wanted: 2 },
  });
  await using run = await ServedRun.start({ folder: folder.path, config });
  const clients = [await TestClient.joined(run.url), await TestClient.joined(run.url)];
  await play(clients);
  const { body } = await clients[0]!.current();
  expect(body).toMatchObject({
    phase: 'finished',
    waitingFor: expect.stringContaining('the privacy budget admits no further round'),
  });
  const failed = run.events.find(({ type }) => type === 'round.failed');
  expect(failed?.body).toMatchObject({ code: 'over-budget' });
  expect(run.coordinator.state.published).toBeGreaterThanOrEqual(1);
});

test('a crash after the charge leaves it spent, and the round is released under another', async () => {
  await using folder = await temporaryFolder();
  const config = configOf({ rounds: 1, privacy: PRIVACY, round: { wanted: 2 } });
  let clients: TestClient[];
  {
    let failAt: string | undefined;
    await using run = await ServedRun.start({
      folder: folder.path,
      config,
      onEvent: ({ type }) => {
        // The last thing that this process writes is the charge.
        if (type === 'privacy.reserved') failAt = 'blob.written';
      },
      onStep: (step) => {
        if (step === failAt) void run.coordinator.close();
      },
    });
    clients = [await TestClient.joined(run.url), await TestClient.joined(run.url)];
    const file = await modelFile([0.1, 0, 0, 0, 0, 0, 0]);
    const round = await clients[0]!.round();
    for (const client of clients) await client.submit(file, round);
    await expect.poll(() => run.types.includes('privacy.reserved')).toBe(true);
    await run.coordinator.close();
    expect(run.types).not.toContain('round.aggregated');
  }
  await using run = await ServedRun.start({ folder: folder.path, config, mode: 'resume' });
  await expect.poll(() => run.types.includes('run.finished'), { timeout: 10_000 }).toBe(true);
  expect(run.types).toEqual([
    'run.resumed',
    'privacy.reserved',
    'round.aggregated',
    'round.published',
    'run.finished',
  ]);
  const charges: number[] = [];
  for await (const { type, body } of run.store.events()) {
    if (type === 'privacy.reserved') charges.push(Number(body.epsilon));
  }
  expect(charges).toHaveLength(2);
  expect(charges[1]).toBeGreaterThan(charges[0]!);
}, 20_000);

test('a budget that the whole run does not fit is refused before it begins', async () => {
  await using folder = await temporaryFolder();
  const config = configOf({
    rounds: 1000,
    privacy: { ...PRIVACY, epsilon: 1, accountant: 'rdp' },
    round: { wanted: 2 },
  });
  const looking = { ...config, privacy: { ...PRIVACY, epsilon: 1, accountant: 'pld' as const } };
  const start = ServedRun.start({ folder: folder.path, config: looking });
  await expect(start).rejects.toThrow(PrivacyError);
});

test('a disk that is full as a round is charged costs that round, and not the run', async () => {
  await using folder = await temporaryFolder();
  const full = Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
  let isFull = true;
  await using run = await ServedRun.start({
    folder: folder.path,
    retryMs: 50,
    config: configOf({ privacy: PRIVACY, round: { wanted: 2, maxFailures: 3 } }),
    onStep: (step, events) => {
      const isCharge = events?.some(({ body }) => String(body.text).includes('"kind":"charge"'));
      if (step !== 'log.inserted' || !isFull || !isCharge) return;
      isFull = false;
      throw full;
    },
  });
  const clients = [await TestClient.joined(run.url), await TestClient.joined(run.url)];
  await play(clients);
  expect(isFull).toBe(false);
  expect(run.types.filter((type) => type === 'round.failed')).toHaveLength(1);
  expect(run.types.filter((type) => type === 'round.published')).toHaveLength(2);
  // Nothing was released on the charge that is not in the log: two rounds cost what two rounds cost.
  const spent = run.events.flatMap(({ type, body }) =>
    type === 'privacy.reserved' ? [Number(body.epsilon)] : [],
  );
  expect(spent).toHaveLength(2);
  expect(spent[1]).toBeGreaterThan(spent[0]!);
});
