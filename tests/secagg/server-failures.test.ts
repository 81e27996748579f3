/**
 * What fails on the server's own side: it ends in a state that has a name, with a reason that clients
 * are told, and its memory holds no half of a step.
 *
 * @module
 */

import { describe, expect, test } from 'vitest';
import type { CryptoProvider } from '../../src/secagg/crypto/provider.ts';
import { type Masks, referenceMasks } from '../../src/secagg/masks.ts';
import { openMessage, parseRefusal } from '../../src/secagg/messages.ts';
import type { Refusal } from '../../src/secagg/reasons.ts';
import type { ServerOptions } from '../../src/secagg/server/round.ts';
import { SecureServer } from '../../src/secagg/server.ts';
import { hex, SLOTS } from '../../src/secagg/suite.ts';
import { seededCrypto, sumOf } from '../support/secure-round.ts';
import { type Played, playRound, type StageOptions } from '../support/secure-stage.ts';

/** What an `abort` says. */
function reasonIn(message: Uint8Array): Refusal | undefined {
  const { type, body } = openMessage(message)!;
  expect(type).toBe('abort');
  return parseRefusal(body.slice(0, -64));
}

describe('a beacon', () => {
  const reference = new Uint8Array(32).fill(3);
  const bad: readonly (readonly [string, ServerOptions['beacon']])[] = [
    ['throws', () => Promise.reject(new Error('nobody answers'))],
    [
      'throws at once',
      () => {
        throw new Error('no such host');
      },
    ],
    ['gives too few bytes', () => new Uint8Array(31)],
    ['gives too many bytes', () => new Uint8Array(33)],
    ['gives no bytes', () => 'sixteen and sixteen characters..' as never],
    ['is not there', undefined],
  ];

  test.each(bad)(
    'that %s ends the round for everybody, before there is a roster',
    async (_, beacon) => {
      const failures: unknown[] = [];
      const { server, told, identities } = await playRound({
        config: { beacon: reference },
        server: { beacon, onFailure: (error) => failures.push(error) },
      });
      expect(server.phase).toBe('aborted');
      expect(server.refusal).toEqual({ reason: 'server-abort', have: 0, need: 0 });
      expect(failures).toHaveLength(1);
      for (const { publicKey } of identities) {
        const last = told.get(hex(publicKey))!.at(-1)!;
        expect(reasonIn(last)?.reason).toBe('server-abort');
      }
      const state = await server.snapshot();
      expect(state.roster).toEqual([]);
      expect(state.cohorts).toEqual([]);
      expect(state.rootSignature).toEqual(new Uint8Array(64));
    },
  );

  test('is copied: who changes it afterwards changes no graph', async () => {
    const value = new Uint8Array(32).fill(9);
    const { server } = await playRound({
      config: { beacon: reference },
      server: { beacon: () => value },
      until: 'shares',
      clients: { beacon: () => value },
    });
    value.fill(0);
    expect((await server.snapshot()).beacon).toEqual(new Uint8Array(32).fill(9));
  });
});

/** Four clients, all neighbours: k = 3, c = 0, t = 2. */
const FEW = { maxClients: 4, minStart: 3, minSum: 3 };

/** That a round is over, soundly: an exact sum, or a reason, and in either case no secret kept. */
async function expectDefined({ server, options, identities, config }: Played): Promise<void> {
  expect(['done', 'aborted']).toContain(server.phase);
  const state = await server.snapshot();
  expect(state.revealed.size).toBe(0);
  for (const { sum } of state.cohorts) expect(sum).toBeUndefined();
  if (server.phase === 'aborted') {
    expect(server.refusal).toBeDefined();
    expect(server.outcome).toBeUndefined();
  } else {
    const names = identities.map(({ publicKey }) => hex(publicKey));
    for (const { inputs, words } of server.outcome!.sums) {
      const numbers = inputs.map((name) => names.indexOf(name));
      expect(words.subarray(SLOTS)).toEqual(sumOf(numbers, config.dimensions));
    }
  }
  // What was written down is as good as what is in memory.
  const sound = { ...options, crypto: seededCrypto(98) };
  expect(SecureServer.resume(sound, state).phase).toBe(server.phase);
}

describe('cryptography that fails', () => {
  const WAYS = [
    'randomBytes',
    'sha256',
    'hkdf',
    'agreementKeys',
    'sharedSecrets',
    'sign',
    'verifyAll',
  ];

  /** A provider of which calls fail, counted from when it is armed. */
  function failing(isFatal: (call: number) => boolean) {
    const real = seededCrypto(98);
    const meter = { calls: 0, isArmed: false };
    const broken = Object.fromEntries(
      WAYS.map((name) => [
        name,
        (...args: never[]) => {
          if (meter.isArmed && isFatal(meter.calls++)) throw new Error(`${name} failed`);
          return (real[name as 'sha256'] as (...given: never[]) => unknown)(...args);
        },
      ]),
    );
    return { meter, crypto: { ...real, ...broken } as CryptoProvider };
  }

  async function played(isFatal: (call: number) => boolean, more: StageOptions = {}) {
    const { meter, crypto } = failing(isFatal);
    const failures: unknown[] = [];
    const round = await playRound({
      config: FEW,
      server: { crypto, onFailure: (error) => failures.push(error) },
      ...more,
      said: (message, from) => {
        // Whoever is invited has got an invitation.
        meter.isArmed = true;
        return more.said?.(message, from) ?? [message];
      },
    });
    meter.isArmed = false;
    return { round, failures, calls: meter.calls };
  }

  const oneOut: NonNullable<StageOptions['said']> = (message, from) =>
    from === 1 && openMessage(message)!.type === 'masked' ? [] : [message];

  test('at any one call leaves a state that has a name, and tells the owner', async () => {
    const more = { said: oneOut };
    const { calls, round: clean } = await played(() => false, more);
    expect(clean.server.phase).toBe('done');
    expect(calls).toBeGreaterThan(60);
    for (let fatal = 0; fatal < calls; fatal++) {
      const { round, failures } = await played((call) => call === fatal, more);
      await expectDefined(round);
      expect(failures.length, `call ${fatal}`).toBe(1);
    }
  });

  test('from any call on, for ever, ends the round all the same', async () => {
    const { calls } = await played(() => false);
    for (let first = 0; first < calls; first += 5) {
      const { round, failures } = await played((call) => call >= first);
      await expectDefined(round);
      expect(failures.length).toBeGreaterThan(0);
    }
  });

  test('every second time that a signature is looked at loses nobody who tries again', async () => {
    const real = seededCrypto(98);
    let looks = 0;
    const refusals: unknown[] = [];
    const { server } = await playRound({
      server: {
        crypto: {
          ...real,
          verifyAll: (claims) =>
            looks++ % 2 === 0 ? Promise.reject(new Error('no')) : real.verifyAll(claims),
        },
      },
      said: (message) => [message, message],
      onStep: async (one, { refused, reply }) => {
        if (refused !== undefined) refusals.push([refused, reply]);
        return one;
      },
    });
    expect(server.outcome!.sums[0]!.inputs).toHaveLength(7);
    // Nothing is said of it: whoever is refused gives up.
    expect(refusals).toEqual(Array(7 * 5).fill(['local', undefined]));
  });

  test('leaves no secret that was put together, wherever it fails', async () => {
    const real = seededCrypto(98);
    const held: Uint8Array[] = [];
    const watched: CryptoProvider = {
      ...real,
      sha256: (...parts) => {
        if (new TextDecoder().decode(parts[0]) === 'SAGG1 b') held.push(parts.at(-1)!);
        return real.sha256(...parts);
      },
      hkdf: (secret, terms) => {
        const key = real.hkdf(secret, terms);
        held.push(secret, key);
        if (held.length > limit) throw new Error('enough');
        return key;
      },
      agreementKeys: (secrets) => {
        held.push(...secrets);
        if (held.length > limit) throw new Error('enough');
        return real.agreementKeys(secrets);
      },
    };
    let limit = Infinity;
    await playRound({ config: FEW, server: { crypto: watched }, said: oneOut });
    const all = held.length;
    expect(all).toBeGreaterThan(8);
    for (limit = 1; limit < all; limit++) {
      held.length = 0;
      const round = await playRound({ config: FEW, server: { crypto: watched }, said: oneOut });
      expect(round.server.refusal?.reason).toBe('server-abort');
      // The key of which the call failed has never been given to anybody.
      for (const secret of held.slice(0, -1)) {
        expect(
          secret.every((byte) => byte === 0),
          `${limit} of ${all}`,
        ).toBe(true);
      }
    }
  });
});

describe('a device', () => {
  const broken: readonly (readonly [string, Masks])[] = [
    ['is lost', { add: () => Promise.reject(new Error('the device was taken away')) }],
    [
      'throws at once',
      {
        add: () => {
          throw new Error('closed');
        },
      },
    ],
    ['is lost half way', lostAfter(1)],
  ];

  function lostAfter(calls: number): Masks {
    let left = calls;
    return {
      add: async (words, masks) => {
        if (left-- <= 0) throw new Error('the device was taken away');
        return referenceMasks().add(words, masks);
      },
    };
  }

  test.each(broken)(
    'that %s is replaced by portable code: the sum is the same',
    async (_, masks) => {
      const failures: unknown[] = [];
      const { server } = await playRound({
        server: { masks, onFailure: (error) => failures.push(error) },
        said: (message, from) =>
          from === 1 && openMessage(message)!.type === 'masked' ? [] : [message],
      });
      expect(failures.length).toBeGreaterThan(0);
      expect(server.outcome!.sums[0]!.words.subarray(SLOTS)).toEqual(sumOf([0, 2, 3, 4, 5, 6], 6));
    },
  );
});

describe('the owner’s own code', () => {
  test('that throws in onFailure changes nothing', async () => {
    const { server } = await playRound({
      server: {
        masks: { add: () => Promise.reject(new Error('lost')) },
        onFailure: () => {
          throw new Error('and this, too');
        },
      },
    });
    expect(server.phase).toBe('done');
  });

  test('that throws when it is asked who is enrolled keeps that one out, and no other', async () => {
    const failures: unknown[] = [];
    let asked = 0;
    const { server } = await playRound({
      server: {
        enrolment: async () => {
          if (++asked === 3) throw new Error('the list could not be read');
          return true;
        },
        onFailure: (error) => failures.push(error),
      },
      policy: { enrolment: () => true },
    });
    expect(failures).toHaveLength(1);
    expect(server.phase).toBe('done');
    expect(server.outcome!.sums[0]!.inputs).toHaveLength(6);
  });

  test('that uses the bytes of a message again changes no sum', async () => {
    const { server } = await playRound({
      onHandled: (message) => message.fill(0xee),
    });
    expect(server.phase).toBe('done');
    expect(server.outcome!.sums[0]!.words.subarray(SLOTS)).toEqual(sumOf([0, 1, 2, 3, 4, 5, 6], 6));
  });

  test.each([Number.NaN, Infinity, '5' as never])(
    'whose clock says %s hears of it',
    async (now) => {
      const { server } = await playRound({ until: 'shares' });
      expect(() => server.tick(now)).toThrow(/now/);
      expect(() => server.handle(new Uint8Array(3), now)).toThrow(/now/);
      expect(server.phase).toBe('shares');
    },
  );
});
