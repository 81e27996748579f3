/**
 * What a client insists on: each floor by itself, declined in words that state both numbers.
 *
 * @module
 */

import { describe, expect, test } from 'vitest';
import { memoryJournal } from '../../src/secagg/journal.ts';
import { below, type ClientPolicy, checkPolicy, roundFault } from '../../src/secagg/policy.ts';
import { hex } from '../../src/secagg/suite.ts';
import { roundConfig, runRound } from '../support/secure-round.ts';

const config = roundConfig({ clients: 300, dimensions: 4, minSum: 20, minStart: 20 });
const policy: ClientPolicy = {
  serverKey: new Uint8Array(32),
  federation: config.federation,
  model: config.model,
  dimensions: config.dimensions,
  enrolment: () => true,
};

describe('σ of rings and groups', () => {
  const beacon = new Uint8Array(32).fill(5);
  const ring = { ...config, topology: 'harary', arcSafe: true, beacon } as const;
  const groups = { ...config, topology: 'groups', groupSize: 20, beacon } as const;
  const known = (reference: Uint8Array): boolean => hex(reference) === hex(beacon);

  test('is 80 whatever beacon the server names, unless the owner accepts that one', () => {
    for (const sparse of [ring, groups]) {
      expect(below(policy, sparse)).toBe(
        'σ = 40 with a beacon that its owner does not accept, where 80 is the least',
      );
      expect(below({ ...policy, beacons: known }, sparse)).toBeUndefined();
      const another = { ...sparse, beacon: new Uint8Array(32).fill(6) };
      expect(below({ ...policy, beacons: known }, another)).toMatch('where 80 is the least');
      expect(below(policy, { ...sparse, sigma: 80 })).toBeUndefined();
      expect(below(policy, { ...sparse, sigma: 79 })).toMatch('σ = 79');
    }
  });

  test('is 80 without a beacon, whatever the owner would accept', () => {
    const none = { ...ring, beacon: new Uint8Array(32) };
    expect(below({ ...policy, beacons: () => true }, none)).toBe(
      'σ = 40 with no beacon, where 80 is the least',
    );
  });

  test('is no lower than the owner’s own, and that of complete graphs is no concern of beacons', () => {
    expect(below({ ...policy, beacons: known, sigma: 41 }, ring)).toBe(
      'σ = 40, where 41 is the least',
    );
    expect(below({ ...policy, sigma: 90 }, { ...ring, sigma: 80 })).toMatch('90 is the least');
    expect(below(policy, { ...config, beacon })).toBeUndefined();
  });

  test('is what a client declines by in the round itself', async () => {
    const sparse = {
      ...groups,
      maxClients: 20,
      minSum: 5,
      minStart: 10,
      groupSize: 10,
      corrupt: 0,
    };
    const { clients, server } = await runRound({
      config: { ...sparse, dropout: 0 },
      policy: { corrupt: 0 },
    });
    expect(new Set(clients.map(({ phase }) => phase))).toEqual(new Set(['idle']));
    expect(server.phase).toBe('aborted');
  });

  test('cannot be asked of something that is no function', () => {
    const wrong = { ...policy, beacons: [beacon] } as unknown as ClientPolicy;
    expect(() => checkPolicy(wrong)).toThrow('beacons must be a function, got an array of 1');
  });
});

describe('noise', () => {
  // Clip 1 in steps of 1/32767: a deviation of 3276.7 steps is a tenth of the clip.
  const shareVariance = 3276.7 ** 2;
  const noisy = { ...config, noise: { law: 'skellam', shareVariance, minHonest: 10 } } as const;

  test('that an owner asks for must be there, and a round without it is declined', () => {
    const asking = { ...policy, noise: { shareMultiplier: 0.1 } };
    expect(below(asking, config)).toBe('noise of law none, where one is asked for');
    expect(below(asking, noisy)).toBeUndefined();
    expect(below(policy, config)).toBeUndefined();
  });

  test('must be of the law that is asked for', () => {
    const noise = { shareMultiplier: 0.1, law: 'discrete-gaussian' } as const;
    expect(below({ ...policy, noise }, noisy)).toBe(
      'noise of law skellam, where discrete-gaussian is asked for',
    );
  });

  test('is measured in clips: smaller steps make so many of them less', () => {
    const asking = { ...policy, noise: { shareMultiplier: 0.1 } };
    const less = { ...noisy.noise, shareVariance: 3276 ** 2 };
    expect(below(asking, { ...noisy, noise: less })).toBe(
      `noise of ${3276 / 32767} clips from each client, where 0.1 is the least`,
    );
    const finer = { ...noisy, valueBits: 20 };
    expect(below(asking, finer)).toMatch(/noise of 0\.00624\d* clips/);
  });

  test('can be no less than some', () => {
    for (const shareMultiplier of [0, -1, Number.NaN, Infinity]) {
      expect(() => checkPolicy({ ...policy, noise: { shareMultiplier } })).toThrow(
        'noise.shareMultiplier must be',
      );
    }
  });
});

describe('the number of a round', () => {
  const FAR = 2 ** 53 - 1;

  test('may not be so far up that none is left for the rounds to come', () => {
    expect(roundFault(policy, { round: FAR, last: undefined })).toBe(
      `round ${FAR}, where ${2 ** 32} is the most after none`,
    );
    expect(roundFault(policy, { round: 2 ** 32, last: undefined })).toBeUndefined();
    const own = { ...policy, maxRoundStep: 3 };
    expect(roundFault(own, { round: 10, last: 7 })).toBeUndefined();
    expect(roundFault(own, { round: 11, last: 7 })).toBe('round 11, where 10 is the most after 7');
    expect(roundFault(own, { round: 7, last: 7 })).toBe('round 7, where 7 was the last');
    expect(() => checkPolicy({ ...policy, maxRoundStep: 0 })).toThrow('maxRoundStep must be');
  });

  test('is judged before it is written down: the next round is entered as if there had been none', async () => {
    const small = roundConfig({ clients: 5, dimensions: 3 });
    const kept = Array.from({ length: 5 }, () => memoryJournal());
    const far = await runRound({ config: { ...small, round: FAR }, journals: kept });
    expect(new Set(far.clients.map(({ phase }) => phase))).toEqual(new Set(['idle']));
    expect(await kept[0]!.read()).toBeUndefined();
    const next = await runRound({ config: small, journals: kept });
    expect(next.server.phase).toBe('done');
    expect((await kept[0]!.read())?.round).toBe(1);
  });
});

describe('the clients of a round', () => {
  test('are no more than the owner admits: 2¹⁶ unless he says so', () => {
    const many = { ...config, maxClients: 2 ** 16 + 1, valueBits: 8 };
    expect(below(policy, many)).toBe('65537 clients, where 65536 are the most');
    expect(below(policy, { ...many, maxClients: 2 ** 16 })).toBeUndefined();
    expect(below({ ...policy, maxClients: 2 ** 17 }, many)).toBeUndefined();
    expect(() => checkPolicy({ ...policy, maxClients: 2 ** 25 })).toThrow('maxClients must be');
  });
});
