/**
 * Detection in rounds: what is excluded, what is held against whom, what is remembered; and that nothing
 * of it happens where updates are protected from the server.
 *
 * Everything runs as in a served run, in one process.
 */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { createBackend } from '../../src/backend/create-node.ts';
import { detectionPowers } from '../../src/federation/composition.ts';
import { parseConfig } from '../../src/federation/config.ts';
import { Detection, type DetectionReport } from '../../src/federation/detection.ts';
import { parseEvent } from '../../src/federation/events.ts';
import type { Evidence } from '../../src/federation/reputation.ts';
import type { RoundWork } from '../../src/federation/round-io.ts';
import { RoundWorker, type WorkFacts } from '../../src/federation/round-work.ts';
import type { RunConfig } from '../../src/federation/run-config.ts';
import { emptyRun, fold } from '../../src/federation/run-state.ts';
import { servedProblems } from '../../src/federation/served-config.ts';
import { openStore, type Store } from '../../src/federation/store/store.ts';
import {
  bodiesOf,
  crowd,
  honest,
  reversed,
  sometimes,
  trial,
  trialConfig,
  zeroModel,
} from '../support/trial.ts';

vi.setConfig({ testTimeout: 60_000 });

const DETECTORS = { use: 'all', act: 'exclude' } as const;
const CONTENT = { evidence: 'content' } as const;

interface ScreenedBody {
  readonly kept: readonly string[];
  readonly excluded: readonly { client: string; reason: string }[];
  readonly report?: string;
  readonly memories?: string;
}

describe('an update that is unlike all others', () => {
  test('does not go on, and the log says whose and why', async () => {
    const config = trialConfig({ detectors: DETECTORS, rounds: 2 });
    await trial({ config, clients: crowd(8, [reversed()]) }, ({ events, failed }) => {
      const rounds = bodiesOf<ScreenedBody>(events, 'round.screened');
      expect(failed).toBe(0);
      for (const { kept, excluded } of rounds) {
        expect(excluded).toEqual([
          { client: 'client-1', reason: expect.stringMatching(/^detected: [a-z-]+: .* \(score/) },
        ]);
        expect(kept).toHaveLength(7);
      }
      // No reputation is configured: nothing is held against anybody.
      expect(bodiesOf(events, 'client.penalised')).toEqual([]);
    });
  });

  test('goes on where detectors report alone, and the report tells of it', async () => {
    const config = trialConfig({ detectors: { use: 'all' }, reputation: CONTENT, rounds: 1 });
    await trial({ config, clients: crowd(8, [reversed()]) }, async ({ events, blob }) => {
      const [screened] = bodiesOf<ScreenedBody>(events, 'round.screened');
      expect(screened).toMatchObject({ excluded: [] });
      const report = JSON.parse(await blob(screened!.report!)) as DetectionReport;
      expect(report).toMatchObject({ act: 'report', threshold: 1, f: 2 });
      const [first, ...others] = report.clients;
      expect(first).toMatchObject({ client: 'client-1', suspected: true });
      expect(first!.findings.some(({ detector, fired }) => fired && detector === 'direction')).toBe(
        true,
      );
      expect(others.filter(({ suspected }) => suspected)).toEqual([]);
      // What was only reported is held against its client all the same.
      expect(bodiesOf(events, 'client.penalised')).toMatchObject([
        { client: 'client-1', round: 1, kind: expect.stringMatching(/^[a-z-]+$/) },
      ]);
    });
  });

  test('leaves no report where figures of clients are not wanted', async () => {
    const config = trialConfig({
      detectors: DETECTORS,
      reports: { clients: false },
      rounds: 1,
    });
    await trial({ config, clients: crowd(8, [reversed()]) }, ({ events }) => {
      const [screened] = bodiesOf<ScreenedBody>(events, 'round.screened');
      expect(screened!.report).toBeUndefined();
      expect(screened!.excluded).toHaveLength(1);
    });
  });

  test('as large as numbers are is excluded like any other, and held against its client in words', async () => {
    const config = trialConfig({ detectors: DETECTORS, reputation: CONTENT, rounds: 1 });
    const clients = crowd(8, [reversed(3e38), reversed(3e38)]);
    await trial({ config, clients }, ({ events, state, failed }) => {
      expect(failed).toBe(0);
      const [screened] = bodiesOf<ScreenedBody>(events, 'round.screened');
      expect(screened!.excluded.map(({ client }) => client)).toEqual(['client-1', 'client-2']);
      expect(state.reputation.explain('client-1')).toMatch(
        /; 1 item, of which round 1 neighbours: is \S+ times as far from its \d nearest others/,
      );
    });
  });

  test('that holds no numbers is held against its client, and the others are inspected', async () => {
    const broken = () => ({
      difference: new Map([['w', new Float32Array(48).fill(Number.NaN)]]),
      samples: 10,
    });
    const config = trialConfig({ detectors: DETECTORS, reputation: CONTENT, rounds: 1 });
    await trial({ config, clients: crowd(8, [broken, reversed()]) }, ({ events }) => {
      const [screened] = bodiesOf<ScreenedBody>(events, 'round.screened');
      expect(screened!.excluded.map(({ client }) => client)).toEqual(['client-1', 'client-2']);
      expect(bodiesOf(events, 'client.penalised')).toMatchObject([
        { client: 'client-1', kind: 'non-finite', weight: 0.5 },
        { client: 'client-2' },
      ]);
    });
  });
});

describe('reputation', () => {
  test('ends in quarantine where evidence comes again, and rounds go on without the client', async () => {
    const config = trialConfig({ detectors: DETECTORS, reputation: CONTENT, rounds: 6 });
    await trial({ config, clients: crowd(8, [reversed()]) }, ({ events, state, failed }) => {
      expect(failed).toBe(0);
      expect(state.reputation.isQuarantined('client-1')).toBe(true);
      const opened = bodiesOf<{ selected: string[]; excluded: { client: string }[] }>(
        events,
        'round.opened',
      );
      // One suspicion is not enough.
      expect(opened[1]!.selected).toContain('client-1');
      expect(opened[5]!.selected).not.toContain('client-1');
      expect(opened[5]!.excluded).toMatchObject([{ client: 'client-1' }]);
      expect(opened[5]!.selected).toHaveLength(7);
    });
  });

  test('lets a client that is honest again come back', async () => {
    const config = trialConfig({
      detectors: DETECTORS,
      reputation: { ...CONTENT, halfLife: 2, quarantineRounds: 2 },
      rounds: 14,
    });
    const turned = sometimes('client-1', (round) => round <= 3);
    await trial({ config, clients: crowd(8, [turned]) }, ({ events, state }) => {
      const members = bodiesOf<{ selected: string[] }>(events, 'round.opened').map(
        ({ selected }) => selected.length,
      );
      expect(members).toContain(7);
      expect(members.at(-1)).toBe(8);
      expect(state.reputation.isQuarantined('client-1')).toBe(false);
    });
  });

  test('makes whoever has little of it be selected less', async () => {
    const config = trialConfig({
      detectors: { use: 'all', act: 'report' },
      reputation: { ...CONTENT, quarantineBelow: 0.001, releaseAt: 0.5, recovery: 0 },
      selection: { scheme: 'reputation', count: 6, seed: 3 },
      rounds: 20,
    });
    await trial({ config, clients: crowd(8, [reversed()]) }, ({ events }) => {
      const opened = bodiesOf<{ selected: string[] }>(events, 'round.opened');
      const times = (client: string) =>
        opened.filter(({ selected }) => selected.includes(client)).length;
      // Of 20 rounds with 6 of 8: 15 times each if nobody were preferred.
      expect(times('client-1')).toBeLessThan(10);
      expect(times('client-1')).toBeGreaterThan(0);
      expect(times('client-2')).toBeGreaterThan(12);
    });
  });

  test('counts claims as capped: who claims a thousand times the samples gets what the cap says', async () => {
    const config = trialConfig({
      rule: 'weighted-mean',
      limits: { samplesCap: 20 },
      rounds: 1,
    });
    const clients = crowd(4, [reversed()]);
    clients.set('client-1', { train: reversed(), claim: 1000 });
    await trial({ config, clients }, async ({ events, blob }) => {
      const [{ report }] = bodiesOf<{ report: string }>(events, 'round.aggregated') as [
        { report: string },
      ];
      const { clients: told } = JSON.parse(await blob(report)) as {
        clients: { client: string; weight: number }[];
      };
      // 20 of 20 + 3 × 10.
      expect(told[0]).toMatchObject({ client: 'client-1', weight: expect.closeTo(0.4, 6) });
    });
  });
});

describe('an honest client', () => {
  test('is suspected by none of many rounds, and keeps its trust', async () => {
    const config = trialConfig({ detectors: DETECTORS, reputation: CONTENT, rounds: 12 });
    await trial({ config, clients: crowd(8) }, ({ events, state }) => {
      const rounds = bodiesOf<ScreenedBody>(events, 'round.screened');
      expect(rounds.flatMap(({ excluded }) => excluded)).toEqual([]);
      expect(state.reputation.clients).toEqual([]);
    });
  });
});

describe('what is remembered', () => {
  test('is a blob of each round, and a process that takes over finds the same', async () => {
    const config = trialConfig({ detectors: DETECTORS, reputation: CONTENT, rounds: 7 });
    const late = sometimes('client-1', (round) => round >= 6);
    const clients = crowd(8, [late]);
    await trial({ config, clients }, async ({ events, blob }) => {
      const rounds = bodiesOf<ScreenedBody>(events, 'round.screened');
      expect(new Set(rounds.map(({ memories }) => memories)).size).toBe(7);
      const before = rounds[4]!.memories!;
      expect(await blob(before)).toContain('"format":"aggregis/memories/v1"');
      const report = JSON.parse(await blob(rounds[5]!.report!)) as DetectionReport;
      const history = report.clients[0]!.findings.find(({ detector }) => detector === 'history');
      expect(history).toMatchObject({ fired: true });
    });
  });

  test('makes of a round that is screened twice, by two processes, the same scores and memories', async () => {
    await withStore(async (folder) => {
      const config = trialConfig({ detectors: DETECTORS, reputation: CONTENT, rounds: 3 });
      const work = await begun(folder, config);
      const once = await worked(folder, config, work);
      const again = await worked(folder, config, work);
      expect(once).toMatchObject({ kind: 'screened', excluded: [{ client: 'client-1' }] });
      expect(again).toEqual(once);
    });
  });

  test('holds neither an update nor anything that is logged', async () => {
    const config = trialConfig({ detectors: DETECTORS, rounds: 1 });
    await trial({ config, clients: crowd(8) }, async ({ events, blob }) => {
      const { memories } = bodiesOf<ScreenedBody>(events, 'round.screened')[0]!;
      const { sketch, clients } = JSON.parse(await blob(memories!)) as {
        sketch: { seed: number; width: number };
        clients: [string, { sum: number[] }][];
      };
      expect(clients.map(([, { sum }]) => sum.length)).toEqual(Array(8).fill(sketch.width));
      expect(JSON.stringify(events)).not.toContain(String(sketch.seed));
    });
  });

  test('is not kept where no detector asks for it', async () => {
    const config = trialConfig({ detectors: { use: 'norm+neighbours' }, rounds: 1 });
    await trial({ config, clients: crowd(8) }, ({ events }) => {
      expect(bodiesOf<ScreenedBody>(events, 'round.screened')[0]!.memories).toBeUndefined();
    });
  });
});

const CENTRAL = {
  kind: 'central',
  relation: 'replace-one',
  clipNorm: 1,
  noiseMultiplier: 1,
  epsilon: 8,
  delta: 1e-5,
  noise: 'server',
  accountant: 'rdp',
} as const;
const SAGG1 = { kind: 'sagg1', clip: 1, corrupt: 0.1, dropout: 0.1, minSum: 3 } as const;
const GROUPS = { ...SAGG1, kind: 'groups', groupSize: 3, byzantine: 1 } as const;

describe('protection of updates', () => {
  const asked = trialConfig({ detectors: DETECTORS, reputation: CONTENT });

  test.each([
    ['none', {}, { looks: true, excludes: true, holds: true }],
    [
      'noise at clients',
      { privacy: { kind: 'local', mechanism: 'priv-unit', epsilon: 8, clipNorm: 1 } },
      { looks: true, excludes: true, holds: true },
    ],
    ['noise at the server', { privacy: CENTRAL }, { looks: true, excludes: false, holds: false }],
    ['sums alone', { secure: SAGG1 }, { looks: false, excludes: false, holds: false }],
    ['sums of groups', { secure: GROUPS }, { looks: true, excludes: false, holds: true }],
    [
      'noise in sums alone',
      { secure: SAGG1, privacy: { ...CENTRAL, noise: 'shares' } },
      { looks: false, excludes: false, holds: false },
    ],
  ])('%s: leaves detectors what may be, whatever the configuration asks', (_, changes, powers) => {
    expect(detectionPowers({ ...asked, ...changes } as RunConfig)).toEqual(powers);
  });

  test.each([
    [{ privacy: CENTRAL, detectors: DETECTORS }, /detectors\.act: /],
    [{ privacy: CENTRAL, reputation: CONTENT }, /reputation\.evidence: /],
    [{ secure: SAGG1, detectors: { use: 'all' } }, /detectors: there are no detectors/],
    [{ secure: SAGG1, reputation: CONTENT }, /reputation\.evidence: /],
    [{ secure: GROUPS, detectors: DETECTORS }, /detectors\.act: /],
    [{ secure: GROUPS, detectors: { use: 'history' } }, /no detector is called "history"/],
    [
      { detectors: { use: 'crystal-ball' } },
      /detectors\.use: no detector is called "crystal-ball"/,
    ],
    [{ detectors: { use: 'root' } }, /detectors\.use: no detector is called "root"/],
  ])('refuses the configuration %j', (changes, message) => {
    const input = {
      model: 'm',
      rule: 'mean',
      rounds: 3,
      enrolment: { kind: 'open' },
      selection: { scheme: 'uniform', count: 8 },
      ...changes,
    };
    expect(() => parseConfig(input, servedProblems)).toThrow(message);
  });

  test('under secure aggregation there is no detection to be run', async () => {
    await using backend = await createBackend('reference');
    const config = { ...asked, secure: SAGG1 } as RunConfig;
    const store = undefined as unknown as Store;
    expect(Detection.of({ config, store, backend })).toBeUndefined();
  });

  test('of sums of groups one that stands out is told, and held against its members by shares', async () => {
    await withStore(async (folder) => {
      const config = { ...asked, secure: GROUPS } as RunConfig;
      const { work: screen, facts } = await begun(folder, config);
      const rows = screen.rows.map(({ clients: [first], ...row }) => ({
        ...row,
        clients: [`${first}a`, `${first}b`],
      }));
      const work = { kind: 'aggregate', round: 1, rows, cohort: [] } as const;
      const result = await worked(folder, config, { work, facts });
      // Beside each other alone: no group has a past.
      expect(result).not.toHaveProperty('memories');
      const { evidence, report } = result as unknown as {
        evidence: Evidence[];
        report: string;
      };
      expect(evidence.map(({ client }) => client)).toEqual(['client-1a', 'client-1b']);
      // Nothing in the log names it, so that whoever opens the store next sweeps it away.
      const reported = await readFile(join(folder, 'blobs', report), 'utf8');
      const alone = await worked(folder, asked, { work: screen, facts });
      const [whole] = (alone as unknown as { evidence: Evidence[] }).evidence;
      for (const { weight } of evidence) expect(weight).toBeLessThan(whole!.weight);
      expect(JSON.parse(reported).sums.groups['client-1a']).toEqual(['client-1a', 'client-1b']);
      // The aggregate is what it is without them: the rule alone decides.
      const { detectors: _, ...unaware } = config;
      const without = await worked(folder, unaware as RunConfig, { work, facts });
      expect((without as { blob: string }).blob).toBe((result as { blob: string }).blob);
    });
  });

  test('under noise at the server a worker only tells the operator, even if it is asked for more', async () => {
    await withStore(async (folder) => {
      const work = await begun(folder, asked);
      // A configuration that no reader would let through.
      const config = { ...asked, privacy: CENTRAL } as RunConfig;
      const result = await worked(folder, config, work);
      expect(result).toMatchObject({ kind: 'screened', excluded: [], evidence: [] });
      expect(result).toHaveProperty('report', expect.stringMatching(/^[0-9a-f]{64}$/));
    });
  });

  test('under noise at the server an update that cannot be inspected changes nothing', async () => {
    await withStore(async (folder) => {
      const { work, facts } = await begun(folder, asked);
      const config = { ...asked, privacy: CENTRAL } as RunConfig;
      const result = await worked(folder, config, {
        work,
        facts: { ...facts, memories: work.rows[0]!.blob },
      });
      expect(result).toMatchObject({ kind: 'screened', excluded: [], evidence: [] });
    });
  });
});

// A round that is screened by hand.

async function withStore(body: (folder: string) => Promise<void>): Promise<void> {
  const parent = await mkdtemp(join(tmpdir(), 'aggregis-detection-'));
  try {
    await body(join(parent, 'run'));
  } finally {
    await rm(parent, { recursive: true, force: true });
  }
}

/** A run of which a round was screened, and one more is to be. */
async function begun(folder: string, config: RunConfig) {
  const store = await openStore(folder, {
    mode: 'create',
    config: JSON.parse(JSON.stringify(config)),
    now: 0,
  });
  const { name: model } = await store.blobs.putBytes(await zeroModel());
  const trains = [reversed(), ...Array.from({ length: 7 }, (_, i) => honest(`client-${i + 2}`))];
  const rows = [];
  for (const [i, train] of trains.entries()) {
    const update = await train({ round: 1 } as never);
    const values = (update!.difference as Map<string, Float32Array>).get('w')!;
    const file = await zeroModel();
    file.set(new Uint8Array(values.slice().buffer), file.length - 4 * values.length);
    const { name: blob } = await store.blobs.putBytes(file);
    rows.push({ clients: [`client-${i + 1}`], blob, samples: 10 });
  }
  const work = { kind: 'screen', round: 1, rows } as const;
  // The log holds them, else they were swept.
  await store.append(
    [
      { type: 'run.opened', body: { model } },
      { type: 'test.note', body: { blobs: rows.map(({ blob }) => blob) } },
    ],
    1,
  );
  await store.close();
  const facts = { participants: 8, population: 8, model };
  return { work, facts };
}

/** Does work in a process of its own: nothing but the folder is common. */
async function worked(
  folder: string,
  config: RunConfig,
  { work, facts }: { work: RoundWork; facts: Omit<WorkFacts, 'signal'> },
) {
  await using store = await openStore(folder, { mode: 'resume' });
  await using backend = await createBackend('reference');
  const worker = new RoundWorker({ store, config, backend });
  const { signal } = new AbortController();
  return await worker.do(work, { ...facts, signal });
}

describe('the log', () => {
  test('gives what is held against clients back, fold for fold', async () => {
    const config = trialConfig({ detectors: DETECTORS, reputation: CONTENT, rounds: 5 });
    await trial({ config, clients: crowd(8, [reversed()]) }, ({ events, state }) => {
      const anew = emptyRun();
      for (const { time, type, body } of events)
        fold(anew, { time, event: parseEvent(type, body) });
      expect(anew.reputation.standing('client-1')).toEqual(state.reputation.standing('client-1'));
      expect(anew.memories).toBe(state.memories);
      expect(anew.memories).toBeDefined();
    });
  });
});
