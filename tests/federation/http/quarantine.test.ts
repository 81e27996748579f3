/** Detection and quarantine in a served run: who is put out, and that the others are not held up by it. */

import { expect, test } from 'vitest';
import {
  codeOf,
  configOf,
  modelFile,
  ServedRun,
  TestClient,
  temporaryFolder,
} from '../../support/federation-server.ts';

/** One suspicion is enough, so that the tests are short. */
const STRICT = { quarantineBelow: 0.9, releaseAt: 0.95 } as const;

/** An honest client's update, each a little different. */
const honest = (i: number): Promise<Uint8Array> =>
  modelFile([1, 1, 1, 1, 1, 1, 1].map((value, k) => value + 0.1 * Math.sin(i + 3 * k)));
const reversed = (): Promise<Uint8Array> => modelFile([-1, -1, -1, -1, -1, -1, -1]);

test('an attacker is excluded, and not asked again; a restart knows what is held against it', async () => {
  await using folder = await temporaryFolder();
  const config = configOf({
    rounds: 3,
    round: { wanted: 5, quorum: 2 },
    selection: { scheme: 'everybody', from: 'enrolled' },
    detectors: { use: 'all', act: 'exclude' },
    reputation: { evidence: 'content', ...STRICT },
  });
  let before: unknown;
  let attacker: TestClient;
  {
    await using run = await ServedRun.start({ folder: folder.path, config });
    const all = [];
    for (let i = 0; i < 5; i++) all.push(await TestClient.joined(run.url));
    attacker = all[0]!;
    const round = await attacker.round();
    for (const [i, client] of all.entries()) {
      const file = await (client === attacker ? reversed() : honest(i));
      expect((await client.submit(file, round)).status).toBe(200);
    }
    // It opens without the fifth, though five are wanted.
    const second = await all[1]!.round(1);
    expect(second).toMatchObject({ round: 2, phase: 'collect', wanted: 4, selected: true });
    expect((await attacker.current()).body).toMatchObject({ round: 2, selected: false });
    expect(codeOf(await attacker.submit(await reversed(), second))).toBe('403 not-selected');
    // The mean of the four others.
    const model = await attacker.model(second.model);
    for (const [k, value] of model.entries()) expect(value).toBeCloseTo(k + 2, 0);
    before = run.coordinator.state.reputation.standing(attacker.identity.id);
    expect(before).toMatchObject({ quarantined: true, items: 1 });
  }
  await using run = await ServedRun.start({ folder: folder.path, config, mode: 'resume' });
  expect(run.coordinator.state.reputation.standing(attacker.identity.id)).toEqual(before);
  expect(run.coordinator.state.memories).toMatch(/^[0-9a-f]{64}$/);
  // What is remembered is for nobody else.
  const client = attacker.at(run.url);
  await client.begin();
  const path = `/v1/models/${run.coordinator.state.memories}`;
  expect((await client.send('GET', path)).status).toBe(404);
}, 30_000);

test.each([
  [1, 'opens without it'],
  [2, 'waits, and says what for'],
])(
  'with %i of 4 in quarantine a round %s',
  async (count) => {
    await using folder = await temporaryFolder();
    const config = configOf({
      round: { wanted: 4, quorum: 2 },
      selection: { scheme: 'everybody', from: 'enrolled' },
      reputation: STRICT,
    });
    await using run = await ServedRun.start({ folder: folder.path, config });
    for (let i = 0; i < 3; i++) {
      const client = await TestClient.joined(run.url);
      if (i < count) await run.coordinator.penalise(client.identity.id, 'test', 'test: of it');
    }
    const last = await TestClient.joined(run.url);
    if (count === 1) {
      expect(await last.round()).toMatchObject({ round: 1, phase: 'collect', wanted: 3 });
    } else {
      expect((await last.current()).body).toMatchObject({ round: 0, phase: 'idle' });
      expect(run.coordinator.waitingFor).toBe(
        '2 clients are there, 3 are needed for the next round; 2 are in quarantine',
      );
    }
  },
  20_000,
);
