/** Measured rounds of secure aggregation: sums are exact, and parts of times are all of them. */

import { beforeAll, expect, test } from 'vitest';
import { createBackend } from '../../../src/backend/create-node.ts';
import type { Settings, Timing } from '../../../src/lab/bench/bench.ts';
import { Ledger, since, totalOf } from '../../../src/lab/bench/secagg/ledger.ts';
import { expectedBytes, LINES } from '../../../src/lab/bench/secagg/lines.ts';
import { measureDealt, measureReal } from '../../../src/lab/bench/secagg/rounds.ts';
import { secaggTimes } from '../../../src/lab/bench/secagg/secagg.ts';
import { nobleCrypto } from '../../../src/secagg/crypto/noble.ts';
import { type Masks, referenceMasks } from '../../../src/secagg/masks.ts';

const settings: Settings = {
  shapes: [],
  backends: ['wasm'],
  threads: [1],
  cores: 1,
  repeats: { rounds: 1, seconds: 1 },
  seed: 7,
  quick: true,
};

const timings: Timing[] = [];

beforeAll(async () => {
  await secaggTimes.ask({
    settings,
    createBackend,
    bandwidth: { copy: 1, bytes: 1 },
    record: (timing) => timings.push(timing),
  });
}, 60_000);

test('answers with exact sums, with parts that add up, and in tables', () => {
  expect(timings.filter(({ problem }) => problem !== undefined)).toEqual([]);
  expect(new Set(timings.map(({ what }) => what))).toEqual(new Set(Object.values(LINES)));
  for (const { parts, seconds } of timings) {
    if (parts === undefined) continue;
    const sum = Object.values(parts).reduce((total, part) => total + part, 0);
    // Ten additions round by less.
    expect(Math.abs(sum - seconds!.median)).toBeLessThanOrEqual(1e-12 * sum);
  }
  const server = timings.filter(({ what }) => what === LINES.server);
  expect(server.map(({ dropped }) => dropped)).toEqual([0, 2, 6]);
  const table = secaggTimes.table!(timings);
  expect(table).toMatch(/^\| 20 +\| 30 % +\| /m);
  expect(table).toContain('| by noble |');
});

test('the server holds one sum and the shares, whatever arrives', () => {
  const held = timings.filter(({ what }) => what === LINES.held);
  expect(held.length).toBeGreaterThan(1);
  for (const { n, d, heldBytes } of held) {
    // A roster entry is 192 bytes, and of each message a hash is kept: below 1 KiB a client, written down.
    expect(heldBytes).toBeLessThan(expectedBytes({ n, d }) + 1024 * n);
    expect(heldBytes).toBeGreaterThan(expectedBytes({ n, d }));
  }
});

test('expands a mask for each survivor, and one for each pair of it with one that dropped out', async () => {
  const tools = { crypto: nobleCrypto(), masks: referenceMasks() };
  const round = { n: 10, d: 100, dropped: 2, seed: 1, server: tools };
  const { counts, unmasking, seconds, problem, dealer } = await measureDealt({
    ...round,
    dealer: tools,
  });
  expect(problem).toBeUndefined();
  expect(counts.expansion).toBe(8 + 2 * 8);
  // As many as are in the sum, made by the dealer.
  expect(dealer.made.keys).toBe(counts.expansion);
  // Signatures: 10 advertisements, 10 on shares, 8 inputs, 8 consents, 8 on what was revealed; of its own
  // 1 configuration, 1 root, 1 result.
  expect(counts.signatures).toBe(10 + 10 + 8 + 8 + 8 + 3);
  expect(totalOf(unmasking)).toBeLessThan(totalOf(seconds));
});

test('a real client among dealt ones, and a round of real ones, come to exact sums', async () => {
  const tools = { crypto: nobleCrypto(), masks: referenceMasks() };
  const round = { n: 8, d: 50, dropped: 1, seed: 3, server: tools };
  const dealt = await measureDealt({ ...round, dealer: tools, real: [tools, tools] });
  expect(dealt.problem).toBeUndefined();
  // Masks with those who dropped out are made by real clients themselves, with each other they cancel.
  expect(dealt.dealer.made.keys).toBe(5 + 5 + 2 * 5);
  const real = await measureReal({ ...round, client: tools });
  expect(real.problem).toBeUndefined();
  expect(real.clients).toHaveLength(8);
});

test('a mask that is wrong is told', async () => {
  const masks: Masks = {
    async add(words, keys) {
      const sum = await referenceMasks().add(words, keys);
      // Behind the slots, which would tell so themselves.
      sum[20]! ^= 1;
      return sum;
    },
  };
  const right = { crypto: nobleCrypto(), masks: referenceMasks() };
  const { problem } = await measureDealt({
    ...{ n: 6, d: 50, dropped: 0, seed: 1, dealer: right },
    server: { ...right, masks },
  });
  expect(problem).toBe('1 of 54 words of the sum are wrong');
});

test('a ledger books what is between parts, and nothing outside of a whole', async () => {
  const ledger = new Ledger();
  const busy = (ms: number): void => {
    const end = performance.now() + ms;
    while (performance.now() < end);
  };
  const start = performance.now();
  ledger.part('hashing', 5, () => busy(2));
  expect(ledger.seconds).toEqual({});
  await ledger.whole('reconstruction', async () => {
    busy(2);
    ledger.part('derivation', 1, () => busy(2));
    busy(2);
    ledger.outside(() => busy(50));
  });
  const { seconds, counts } = ledger;
  // Without what was outside, of which there were 52 ms.
  expect(totalOf(seconds)).toBeLessThan((performance.now() - start - 51) / 1000);
  expect(counts).toEqual({ derivation: 1 });
  // After the first key is derived, secrets are restored.
  expect(Object.keys(seconds).sort()).toEqual(['derivation', 'messages', 'reconstruction']);
  for (const some of Object.values(seconds)) expect(some).toBeGreaterThanOrEqual(0.0019);
  expect(since(seconds, ledger.seconds)).toEqual({ derivation: 0, messages: 0, reconstruction: 0 });
});
