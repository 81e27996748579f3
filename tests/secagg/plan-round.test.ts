import { expect, test } from 'vitest';
import { planRound } from '../../src/secagg/plan-round.ts';
import { below } from '../../src/secagg/policy.ts';
import { seededCrypto } from '../support/secure-round.ts';

const crypto = seededCrypto(8);
const base = {
  federation: new Uint8Array(16),
  round: 1,
  model: new Uint8Array(32),
  dimensions: 10,
  clip: 0.1,
};
const policy = {
  serverKey: new Uint8Array(32),
  federation: base.federation,
  model: base.model,
  dimensions: 10,
  enrolment: () => true,
};

test.each([
  [20, 0.1, 'complete', 40],
  [256, 0.1, 'complete', 40],
  [257, 0.1, 'harary', 80],
  [1000, 0.1, 'harary', 80],
  // No ring will do.
  [1000, 0.3, 'complete', 40],
])('%i clients of whom %f drop out: %s at σ = %i', (clients, dropout, topology, sigma) => {
  const config = planRound({ ...base, clients, dropout }, crypto);
  expect(config).toMatchObject({ topology, sigma, arcSafe: topology === 'harary', minSum: 16 });
  expect(config.clip).toBe(Math.fround(0.1));
  // 24 bits, or what sums of all clients leave.
  expect(config.valueBits + Math.ceil(Math.log2(clients))).toBeLessThanOrEqual(32);
  expect(below(policy, config)).toBeUndefined();
});

test('a beacon lowers σ, and groups have their own size', () => {
  const beacon = new Uint8Array(32).fill(1);
  expect(planRound({ ...base, clients: 1000, beacon }, crypto).sigma).toBe(40);
  const plan = { ...base, clients: 1000, corrupt: 0.05, dropout: 0.05, groupSize: 58 };
  expect(planRound(plan, crypto)).toMatchObject({ topology: 'groups', groupSize: 58, sigma: 80 });
});

test('what no threshold does for is refused with its numbers', () => {
  expect(() => planRound({ ...base, clients: 20, dropout: 0.6 }, crypto)).toThrow('t ≤ k − d');
  const groups = { ...base, clients: 100, groupSize: 20 };
  expect(() => planRound(groups, crypto)).toThrow(/groups of 20 of 100 clients: c = \d+ of 20/);
});

test('a ring of which an arc can be summed alone is declined, unless its owner takes it', () => {
  const config = { ...planRound({ ...base, clients: 1000 }, crypto), arcSafe: false };
  expect(below(policy, config)).toBe('a ring of which an arc can be summed alone');
  expect(below({ ...policy, thinRings: true }, config)).toBeUndefined();
});
