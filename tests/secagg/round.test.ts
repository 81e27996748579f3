/**
 * A round from keys to sums, in one place.
 *
 * @module
 */

import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { coefficientBytes } from '../../src/secagg/keys.ts';
import { hex, SLOTS } from '../../src/secagg/suite.ts';
import {
  type RanRound,
  roundConfig,
  runRound,
  seededCrypto,
  sumOf,
} from '../support/secure-round.ts';

const D = 40;

/** Numbers of the clients in each sum. */
function inputsOf({ server, identities }: RanRound): number[][] {
  const names = identities.map(({ publicKey }) => hex(publicKey));
  return (server.outcome?.sums ?? []).map(({ inputs }) =>
    inputs.map((name) => names.indexOf(name)).sort((a, b) => a - b),
  );
}

/** That each sum is exactly that of the inputs that it names. */
function expectExact(round: RanRound): void {
  for (const [s, inputs] of inputsOf(round).entries()) {
    const words = round.server.outcome!.sums[s]!.words;
    expect(words.subarray(SLOTS)).toEqual(sumOf(inputs, D));
    expect(words[0]).toBe(inputs.length);
  }
}

describe('a round on the complete graph', () => {
  const config = roundConfig({ clients: 7, dimensions: D });

  test('sums all inputs, and every client learns what came out', async () => {
    const round = await runRound({ config });
    expect(inputsOf(round)).toEqual([[0, 1, 2, 3, 4, 5, 6]]);
    expectExact(round);
    expect(round.clients.map(({ phase }) => phase)).toEqual(Array(7).fill('done'));
    expect(round.clients[3]!.result?.inputs).toBe(7);
  });

  // k = 6, c = 0, t = 4: two may drop out after they shared.
  test.each([
    ['advertise', [0]],
    ['roster', [1]],
    ['shares', [2]],
    ['boxes', [3]],
    ['masked', [4]],
    ['view', [5]],
    ['consent', [6]],
    ['consents', [0]],
    ['unmask', [1]],
  ] as const)('survives the loss of %s', async (type, who) => {
    const round = await runRound({ config, lost: { [type]: who } });
    expect(round.server.phase).toBe('done');
    const early = ['advertise', 'roster', 'shares', 'boxes', 'masked'].includes(type);
    const expected = [0, 1, 2, 3, 4, 5, 6].filter((i) => !early || i !== who[0]);
    expect(inputsOf(round)).toEqual([expected]);
    expectExact(round);
  });

  test('is given up below the threshold, with the numbers', async () => {
    const round = await runRound({ config, lost: { masked: [0, 1, 2] } });
    expect(round.server.refusal).toEqual({ reason: 'too-few-neighbours', have: 3, need: 4 });
    expect(round.server.outcome).toBeUndefined();
    expect(round.clients[5]!.phase).toBe('aborted');
  });

  test('is given up where too few consent, or reveal', async () => {
    const silent = await runRound({ config, lost: { consent: [0, 1, 2] } });
    expect(silent.server.refusal).toEqual({ reason: 'no-consent', have: 3, need: 4 });
    const withheld = await runRound({ config, lost: { unmask: [0, 1, 2] } });
    expect(withheld.server.refusal).toEqual({ reason: 'missing-shares', have: 3, need: 4 });
  });

  test('is given up below the least sum', async () => {
    const strict = roundConfig({ clients: 7, dimensions: D, minSum: 6, minStart: 6 });
    const round = await runRound({ config: strict, lost: { masked: [0, 1] } });
    expect(round.server.refusal).toEqual({ reason: 'too-few-inputs', have: 5, need: 6 });
  });

  test('gives the same sum again from the same seed, byte for byte on the wire', async () => {
    const [first, second] = [await runRound({ config }), await runRound({ config })];
    expect(second.transcript).toEqual(first.transcript);
  });
});

test.each([8, 13, 20, 27])('a ring of %i bits gives the sum modulo 2^b', async (ringBits) => {
  const config = roundConfig({ clients: 5, dimensions: D, ringBits, valueBits: 5 });
  const small = (i: number): number => ((i * 7) % 31) - 15;
  expect(small(2)).toBe(-1);
  const round = await runRound({ config, input: small });
  const sum = round.server.outcome!.sums[0]!;
  const expected = [0, 1, 2, 3, 4].reduce((total, i) => total + small(i), 0);
  expect(sum.words[SLOTS]).toBe((expected & (2 ** ringBits - 1)) >>> 0);
});

test('neither client nor server shows a secret to who inspects it', async () => {
  const config = roundConfig({ clients: 4, dimensions: D });
  const round = await runRound({ config, lost: { unmask: [0, 1, 2, 3] } });
  const shown = inspect([round.clients, round.server], { depth: 9, showHidden: true });
  for (const { secret } of round.identities) {
    expect(shown).not.toContain(hex(secret).slice(0, 8));
    expect(shown).not.toContain([...secret.subarray(0, 4)].join(', '));
  }
});

test('coefficients of shares differ between rounds and secrets where the random generator repeats itself', () => {
  const crypto = {
    ...seededCrypto(1),
    randomBytes: (length: number) => new Uint8Array(length).fill(7),
  };
  const identitySecret = new Uint8Array(32).fill(1);
  const drawn = [1, 2].flatMap((round) => {
    const context = new Uint8Array(32).fill(round);
    return (['maskShares', 'seedShares'] as const).map((info) =>
      hex(coefficientBytes(info, { identitySecret, context }, crypto)(32)),
    );
  });
  expect(new Set(drawn).size).toBe(4);
});
