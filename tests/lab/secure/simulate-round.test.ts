/**
 * Simulated rounds: exact sums with dropouts at every stage, crashes, bad networks, and the same
 * transcript twice.
 *
 * @module
 */

import { describe, expect, test } from 'vitest';
import { cohortOf } from '../../../src/lab/secure/cohort.ts';
import { type Crash, dropouts } from '../../../src/lab/secure/faults.ts';
import { type SimulationOptions, simulateRound } from '../../../src/lab/secure/simulate-round.ts';
import { createNodeCrypto } from '../../../src/secagg/crypto/create-node.ts';
import { memoryJournal } from '../../../src/secagg/journal.ts';
import { roundConfig } from '../../support/secure-round.ts';

const crypto = await createNodeCrypto({ threads: 0 });
const seed = 7;
const cohort = await cohortOf(8, { seed, crypto });
const config = roundConfig({
  clients: 8,
  dimensions: 21,
  ringBits: 20,
  maxSamples: 100,
  minStart: 4,
});
const ALL = [0, 1, 2, 3, 4, 5, 6, 7];

function round(options: Partial<SimulationOptions> = {}): ReturnType<typeof simulateRound> {
  return simulateRound({ cohort, config, crypto, seed, ...options });
}

describe('a simulated round', () => {
  test('gives the exact sum of all inputs, and every party is done', async () => {
    const { phase, sums, clients } = await round();
    expect(phase).toBe('done');
    expect(sums.map(({ members, isExact }) => [members, isExact])).toEqual([[ALL, true]]);
    expect(clients.map((client) => client.phase)).toEqual(Array(8).fill('done'));
  });

  test.each([
    ['advertise', ALL.slice(2)],
    ['shares', ALL.slice(2)],
    ['masked', ALL.slice(2)],
    ['consent', ALL],
    ['unmask', ALL],
  ] as const)('gives the exact sum where two clients owe their %s', async (stage, members) => {
    const { sums, phase } = await round({ tamper: dropouts({ [stage]: [0, 1] }) });
    expect(phase).toBe('done');
    expect(sums.map((sum) => [sum.members, sum.isExact])).toEqual([[members, true]]);
  });

  test('knows what the sum of inputs must be', async () => {
    const { sums } = await round({
      inputs: (client, { config: { dimensions }, canary }) => {
        const words = new Uint32Array(4 + dimensions).fill(client);
        words.set([1, ...canary, 1]);
        return words;
      },
    });
    expect(sums[0]!.expected.slice(4)).toEqual(new Uint32Array(21).fill(28));
    expect(sums[0]!.words.slice(4)).toEqual(new Uint32Array(21).fill(28));
  });

  test('goes the same way twice, byte by byte, and another way for another seed', async () => {
    const network = { latencyMs: [1, 400], loss: 0.05, duplication: 0.2 } as const;
    const first = await round({ network });
    const second = await round({ network });
    const other = await round({ network, seed: 8 });
    expect(second.transcript.digest()).toBe(first.transcript.digest());
    expect(other.transcript.digest()).not.toBe(first.transcript.digest());
  });

  test('never gives a wrong sum on a network that loses, repeats and reorders', async () => {
    const ends: string[] = [];
    for (let trial = 0; trial < 20; trial++) {
      const network = { latencyMs: [1, 600], loss: 0.04, duplication: 0.3 } as const;
      const { phase, sums } = await round({ network, seed: trial });
      expect(sums.every(({ isExact }) => isExact)).toBe(true);
      expect(['done', 'aborted']).toContain(phase);
      ends.push(phase);
    }
    expect(ends.filter((phase) => phase === 'done').length).toBeGreaterThan(10);
  });
});

describe('a client that crashes', () => {
  test.each(['advertise', 'roster', 'shares', 'boxes', 'masked', 'view', 'consent'] as const)(
    'at its %s and comes back declines the same round',
    async (at) => {
      const crash: Crash = { party: 3, at, restartAfterMs: 10 };
      const { clients, sums } = await round({ crashes: [crash] });
      expect(clients[3]!.phase).toBe('idle');
      expect(clients[3]!.declined).toBe('round 1, where 1 was the last');
      expect(sums.map(({ isExact }) => isExact)).toEqual([true]);
    },
  );

  test('takes part in the next round', async () => {
    const journals = ALL.map(() => memoryJournal());
    const crashes: Crash[] = [{ party: 3, at: 'roster', restartAfterMs: 10 }];
    await round({ journals, crashes });
    const { sums } = await round({ journals, config: { ...config, round: 2 } });
    expect(sums.map(({ members, isExact }) => [members, isExact])).toEqual([[ALL, true]]);
  });
});

describe('a server that crashes', () => {
  test.each([
    ['advertise', 4],
    ['shares', 8],
    ['masked', 1],
    ['masked', 8],
    ['consent', 3],
    ['unmask', 8],
  ] as const)('at %s number %i goes on from its checkpoint', async (at, nth) => {
    const crash: Crash = { party: 'server', at, nth, restartAfterMs: 300 };
    const { sums, phase, clients } = await round({ crashes: [crash] });
    expect(phase).toBe('done');
    expect(sums.map(({ members, isExact }) => [members, isExact])).toEqual([[ALL, true]]);
    expect(clients.map((client) => client.phase)).toEqual(Array(8).fill('done'));
  });

  test('and does not come back leaves clients that give up in time', async () => {
    const { phase, clients } = await round({ crashes: [{ party: 'server', at: 'masked' }] });
    expect(phase).toBe('down');
    expect(clients.map(({ refusal }) => refusal?.reason)).toEqual(Array(8).fill('timeout'));
  });
});
