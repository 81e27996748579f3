/**
 * Groups: each gives a sum of its own, and a robust rule stands those that a liar has spoilt.
 *
 * @module
 */

import { describe, expect, test } from 'vitest';
import { aggregate, median } from '../../src/index.ts';
import { meansOf } from '../../src/secagg/means.ts';
import { hex } from '../../src/secagg/suite.ts';
import { roundConfig, runRound, seededCrypto } from '../support/secure-round.ts';

const D = 6;
const CLIENTS = 40;
// G = 5 groups of 8; ⌊0.025·40⌋ = 1 corrupt: c = 1, k = 7, t = 5.
const config = roundConfig({
  clients: CLIENTS,
  dimensions: D,
  topology: 'groups',
  groupSize: 8,
  corrupt: 25_000,
  dropout: 25_000,
  minSum: 5,
  minStart: 20,
  beacon: new Uint8Array(32).fill(1),
});
const policy = { corrupt: 0.025, minSum: 5, beacons: () => true };
const crypto = seededCrypto(77);

describe('a round in groups', () => {
  test('gives the exact mean of each, and a median stands what liars add to theirs', async () => {
    const honest = (i: number): number => 1000 + (i % 7);
    const liars = [3, 17];
    const round = await runRound({
      config,
      policy,
      lost: { masked: [30] },
      input: (i) => (liars.includes(i) ? -32_000 : honest(i)),
    });
    const outcome = round.server.outcome!;
    expect(outcome.sums.length).toBe(5);
    const names = round.identities.map(({ publicKey }) => hex(publicKey));
    const means = meansOf(outcome, { config, crypto });
    const spoilt: boolean[] = [];
    for (const [g, { inputs }] of outcome.sums.entries()) {
      const members = inputs.map((name) => names.indexOf(name));
      const sum = members.reduce(
        (total, i) => total + (liars.includes(i) ? -32_000 : honest(i)),
        0,
      );
      expect([...means[g]!.integers]).toEqual(Array(D).fill(sum));
      spoilt.push(members.some((i) => liars.includes(i)));
    }
    expect(outcome.sums.reduce((n, { inputs }) => n + inputs.length, 0)).toBe(CLIENTS - 1);
    expect(spoilt.filter(Boolean).length).toBeGreaterThanOrEqual(1);
    const updates = means.map(({ client, row }) => ({ client, row }));
    const { value } = await aggregate(updates, median(), { backend: 'reference' });
    for (const entry of value) {
      // Entries are in steps of c/32767.
      expect(entry * 32_767).toBeGreaterThanOrEqual(1000);
      expect(entry * 32_767).toBeLessThanOrEqual(1006);
    }
  });

  test('loses the group that is below its threshold, and no other', async () => {
    const first = await runRound({ config, policy });
    const names = first.identities.map(({ publicKey }) => hex(publicKey));
    const members = first.server.outcome!.sums[2]!.inputs.map((name) => names.indexOf(name));
    // Of 8 members 4 stay, and each has 3 neighbours where 5 are needed.
    const { server, clients } = await runRound({
      config,
      policy,
      lost: { masked: members.slice(0, 4) },
    });
    expect(server.phase).toBe('done');
    expect(server.outcome!.sums.map(({ cohort }) => cohort)).toEqual([0, 1, 3, 4]);
    expect(server.outcome!.lost).toEqual([
      { cohort: 2, refusal: { reason: 'too-few-inputs', have: 4, need: 5 } },
    ]);
    expect(clients[members[5]!]!.refusal?.reason).toBe('too-few-inputs');
    expect(server.outcome!.sums[0]).toEqual(
      expect.objectContaining({ words: first.server.outcome!.sums[0]!.words }),
    );
  });

  test('is refused by a client whose floor is above the size of groups', async () => {
    const { clients } = await runRound({ config, policy: { ...policy, minSum: 6 } });
    expect(clients.map(({ phase }) => phase)).toEqual(Array(CLIENTS).fill('idle'));
  });
});
