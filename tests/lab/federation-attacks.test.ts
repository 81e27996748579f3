/**
 * The attack table, small: attacks are aimed at a pipeline as it is, in one process; and one run with the
 * processes of a federation, by the same code as the published figures.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { attackWithProcesses } from '../../scripts/federation-processes.ts';
import { parseAttack } from '../../src/attacks/list.ts';
import { createBackend } from '../../src/backend/create-node.ts';
import type { Backend } from '../../src/backend/kernels.ts';
import {
  ATTACKS,
  type AttackRun,
  aim,
  attackInProcess,
  PIPELINES,
  SETTING,
  type Setting,
} from '../../src/lab/federation-attacks.ts';
import { drawDigits } from '../../src/lab/glyphs.ts';
import { streamOf } from '../../src/lab/sampling.ts';
import { compiled } from '../support/program.ts';

const SEED = 3;
const small: Setting = { ...SETTING, clients: 6, attackers: 1, rounds: 5, alpha: 10, hidden: 16 };
const data = {
  source: 'drawn digits',
  train: drawDigits(360, streamOf(SEED, 'data')),
  test: drawDigits(200, streamOf(SEED, 'test')),
};
const [robust, screened, bare, fedAvg] = PIPELINES as [
  (typeof PIPELINES)[number],
  (typeof PIPELINES)[number],
  (typeof PIPELINES)[number],
  (typeof PIPELINES)[number],
];

let folder: string;
let backend: Backend;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aggregis-attacks-'));
  backend = await createBackend('reference');
});
afterAll(async () => {
  await backend.close();
  await rm(folder, { recursive: true, force: true });
});

function run(
  pipeline: AttackRun['pipeline'],
  deed: AttackRun['deed'],
): ReturnType<typeof attackInProcess> {
  return attackInProcess({ pipeline, deed, setting: small, seed: SEED, data }, { folder, backend });
}

const REVERSED = { spec: 'sign-flip:scale=100', claim: 1 };

describe('an attack on a federation', () => {
  test('ruins FedAvg, and is put out by the screen of both others', async () => {
    const control = await run(fedAvg, undefined);
    expect(control).toMatchObject({ failed: 0, excluded: { attackers: 0, honest: 0 } });
    expect(control.accuracy).toBeGreaterThan(0.5);
    expect((await run(fedAvg, REVERSED)).accuracy).toBeLessThan(0.3);
    for (const pipeline of [robust, screened]) {
      const outcome = await run(pipeline, REVERSED);
      expect(outcome.accuracy).toBeGreaterThan(control.accuracy - 0.15);
      const { excluded, quarantined } = outcome;
      // Every update of the attacker is excluded, until it is asked for none.
      expect(excluded.attackers + quarantined.attackers).toBe(small.rounds);
      expect(quarantined.attackers).toBeGreaterThan(0);
      expect(excluded.honest + quarantined.honest).toBe(0);
    }
    expect((await run(bare, REVERSED)).accuracy).toBeGreaterThan(control.accuracy - 0.15);
  }, 60_000);

  test('by claims weighs what the cap lets it', async () => {
    const claims = { spec: 'sign-flip', claim: 1000 };
    expect((await run(fedAvg, claims)).accuracy).toBeLessThan(0.3);
    expect((await run(screened, claims)).accuracy).toBeGreaterThan(0.4);
  }, 60_000);

  test('is aimed by what it leaves of the accuracy', async () => {
    const deeds = [1, 2, 3].map((claim) => ({ claim }));
    const left = [0.5, 0.25, 0.75];
    const family = { name: 'a', title: 'a', deeds };
    const aimed = await aim(family, async ({ claim }) => ({
      accuracy: left[claim - 1]!,
      loss: 1,
    }));
    expect(aimed).toEqual({ deed: { claim: 2 }, tried: left });
    const alone = { ...family, deeds: [{ claim: 7 }] };
    expect(await aim(alone, () => Promise.reject(new Error('nothing is to be tried')))).toEqual({
      deed: { claim: 7 },
      tried: [],
    });
  });

  test('has strengths that can be read', () => {
    for (const { spec } of ATTACKS.flatMap(({ deeds }) => deeds)) {
      if (spec !== undefined) expect(() => parseAttack(spec)).not.toThrow();
    }
  });
});

describe('aggregis serve with aggregis join', () => {
  test('excludes an attacker, puts it into quarantine, and goes on with the others', async () => {
    const setting = {
      ...small,
      clients: 5,
      rounds: 4,
      hidden: 8,
      training: { ...small.training, epochs: 1 },
    };
    const outcome = await attackWithProcesses(
      {
        pipeline: screened,
        deed: { spec: 'sign-flip:scale=2', claim: 1000 },
        setting,
        seed: SEED,
        data,
      },
      {
        folder: join(folder, 'processes'),
        program: await compiled('src/cli/main.ts'),
        timeoutMs: 100_000,
      },
    );
    expect(outcome).toMatchObject({
      failed: 0,
      excluded: { honest: 0 },
      quarantined: { honest: 0 },
    });
    expect(outcome.excluded.attackers + outcome.quarantined.attackers).toBe(setting.rounds);
    expect(outcome.quarantined.attackers).toBeGreaterThan(0);
  }, 120_000);
});
