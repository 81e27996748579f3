/**
 * Detection on honest clients that differ as much as clients may: false alarms are rare, nobody is
 * suspected for what its data are, and attacks that can be seen are.
 *
 * Seeds are not those that thresholds were chosen with.
 */

import { describe, expect, test, vi } from 'vitest';
import { createBackend } from '../../src/backend/create-node.ts';
import { loadData } from '../../src/lab/data-files.ts';
import type { Dataset } from '../../src/lab/dataset.ts';
import { type DetectionOptions, ratesOver, sightings } from '../../src/lab/detection.ts';
import { drawDigits } from '../../src/lab/glyphs.ts';
import { dirichletPartition } from '../../src/lab/partition.ts';
import { streamOf } from '../../src/lab/sampling.ts';
import { itShared } from '../support/shared.ts';

vi.setConfig({ testTimeout: 120_000 });

const DIGITS = 'data/digits.csv.gz';
const SEED = 8123;

async function digits(file: string): Promise<Dataset> {
  return (await loadData(file, { random: streamOf(1, 'split') })).train;
}

type Chosen = Pick<DetectionOptions, 'data' | 'attack' | 'rounds'>;

async function rates(chosen: Chosen, clients = 20, seed = SEED) {
  await using backend = await createBackend('wasm', { threads: 1 });
  const attackers = Math.floor(clients / 5);
  const training = { alpha: 0.1 };
  return await ratesOver([{ ...chosen, clients, attackers, seed, training, backend }]);
}

/**
 * Clients of which the first alone has the label 9, and nothing else; the others share the other labels
 * by a Dirichlet distribution of parameter 0.1.
 */
function withOneOfItsOwn({ labels }: Dataset, clients: number): number[][] {
  const own = [...labels.keys()].filter((i) => labels[i] === 9);
  const others = [...labels.keys()].filter((i) => labels[i] !== 9);
  const parts = dirichletPartition(
    others.map((i) => labels[i]!),
    { clients: clients - 1, alpha: 0.1, random: streamOf(SEED, 'partition') },
  );
  return [own, ...parts.map((part) => part.map((k) => others[k]!))];
}

describe('false alarms', () => {
  itShared('are at most 1 % on digits dealt out by Dirichlet 0.1', [DIGITS], async ([file]) => {
    const data = await digits(file);
    for (const clients of [10, 20, 40]) {
      const found = await rates({ data, attack: 'none', rounds: 12 }, clients);
      expect(found.falseAlarms / found.honest).toBeLessThanOrEqual(0.01);
    }
  });

  test('are at most 1 % on digits that the thresholds have not seen', async () => {
    const data = drawDigits(1500, streamOf(3, 'digits'));
    const found = await rates({ data, attack: 'none', rounds: 8 }, 15);
    expect(found.falseAlarms / found.honest).toBeLessThanOrEqual(0.01);
  });

  itShared(
    'never come twice running upon a client that alone has its label, in 100 rounds',
    [DIGITS],
    async ([file]) => {
      const data = await digits(file);
      await using backend = await createBackend('wasm', { threads: 1 });
      const clients = 10;
      const parts = withOneOfItsOwn(data, clients);
      const rounds = 100;
      const options = { data, clients, attackers: 0, attack: 'none', rounds, seed: SEED, backend };
      const alarms: number[] = [];
      for await (const { round, inspection } of sightings({ ...options, parts })) {
        if (inspection.client === 'client-01' && inspection.suspected) alarms.push(round);
      }
      expect(alarms.filter((round, k) => round === alarms[k - 1]! + 1)).toEqual([]);
      expect(alarms.length).toBeLessThanOrEqual(rounds / 100);
    },
  );
});

describe('attackers', () => {
  itShared('that reverse the mean are found, however short the row', [DIGITS], async ([file]) => {
    const data = await digits(file);
    for (const attack of ['sign-flip', 'ipm:tau=0.1']) {
      const { found, hostile } = await rates({ data, attack, rounds: 10 });
      expect(found / hostile, attack).toBeGreaterThan(0.8);
    }
  });

  itShared(
    'that stay within the cloud are not: the limits that are published',
    [DIGITS],
    async ([file]) => {
      const data = await digits(file);
      for (const attack of ['alie', 'mimic']) {
        const { found, hostile, falseAlarms, honest } = await rates({ data, attack, rounds: 8 });
        expect(found / hostile, attack).toBeLessThan(0.2);
        expect(falseAlarms / honest, attack).toBeLessThanOrEqual(0.01);
      }
    },
  );
});
