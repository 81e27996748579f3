/**
 * What a client insists on: each floor by itself, declined in words that state both numbers.
 *
 * @module
 */

import { describe, expect, test } from 'vitest';
import { below, type ClientPolicy, checkPolicy } from '../../src/secagg/policy.ts';
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
