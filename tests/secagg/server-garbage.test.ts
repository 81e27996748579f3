/**
 * Garbage at the server: what it costs, and that it changes nothing but has one reason.
 *
 * @module
 */

import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import type { CryptoProvider } from '../../src/secagg/crypto/provider.ts';
import {
  encodeMessage,
  HEADER_BYTES,
  type MessageType,
  openMessage,
  TYPES,
} from '../../src/secagg/messages.ts';
import type { Reason } from '../../src/secagg/reasons.ts';
import type { ServerState } from '../../src/secagg/server/state.ts';
import { SecureServer } from '../../src/secagg/server.ts';
import { extended, flipped, truncated } from '../support/edit-message.ts';
import { seededCrypto } from '../support/secure-round.ts';
import { playRound, stage } from '../support/secure-stage.ts';

const TYPE_NAMES = Object.keys(TYPES) as MessageType[];
const { options } = await stage();

/** What the server knows while it waits for some, and what one of those would say. */
interface Moment {
  readonly state: ServerState;
  readonly next: Uint8Array;
}

/** One moment of each phase in which messages are taken. */
const moments = await momentsOfRound();

async function momentsOfRound(): Promise<Moment[]> {
  const found: Moment[] = [];
  let server = SecureServer.start(options, 0);
  await playRound({
    onStep: async (one) => {
      server = one;
      return one;
    },
    said: async (message) => {
      const state = await server.snapshot();
      if (found.every((moment) => moment.state.phase !== state.phase)) {
        found.push({ state, next: message });
      }
      return [message];
    },
  });
  expect(found.map(({ state }) => state.phase)).toEqual([
    'keys',
    'shares',
    'masked',
    'consents',
    'unmask',
  ]);
  return found;
}

/** Cryptography that counts what is asked of it. */
function metered() {
  const real = seededCrypto(98);
  const meter = { hashed: 0, signed: 0, verified: 0, agreed: 0 };
  const crypto: CryptoProvider = {
    ...real,
    sha256: (...parts) => {
      meter.hashed += parts.reduce((sum, { length }) => sum + length, 0);
      return real.sha256(...parts);
    },
    sign: (message, secret) => {
      meter.signed++;
      return real.sign(message, secret);
    },
    verifyAll: (claims) => {
      meter.verified += claims.length;
      return real.verifyAll(claims);
    },
    sharedSecrets: (pairings) => {
      meter.agreed += pairings.length;
      return real.sharedSecrets(pairings);
    },
  };
  return { meter, crypto };
}

/** A server at some moment, whose meter begins at zero. */
function at({ state }: Moment) {
  const { meter, crypto } = metered();
  const server = SecureServer.resume({ ...options, crypto }, state);
  for (const name of Object.keys(meter) as (keyof typeof meter)[]) meter[name] = 0;
  return { server, meter };
}

describe('a message that is too long', () => {
  test('is malformed before anything of it is hashed or verified, whatever it calls itself', async () => {
    const { context } = moments[0]!.state.binding;
    for (const moment of moments) {
      for (const type of TYPE_NAMES) {
        for (const sender of [0, 6, 7, 2 ** 32 - 1]) {
          const { server, meter } = at(moment);
          const message = encodeMessage({ type, context, sender }, new Uint8Array(1 << 20));
          const { refused } = await server.handle(message, 0);
          expect(refused).toBe('malformed');
          expect(meter.verified).toBe(0);
          // What is signed to say so.
          expect(meter.hashed).toBeLessThan(200);
        }
      }
    }
  });

  test('is so by one byte, and not one less', async () => {
    for (const moment of moments) {
      const { server, meter } = at(moment);
      const { refused } = await server.handle(extended(moment.next, new Uint8Array(1)), 0);
      expect(refused).toBe('malformed');
      expect(meter.verified).toBe(0);
      expect((await server.handle(moment.next, 0)).refused).toBeUndefined();
    }
  });
});

describe('many packets of garbage', () => {
  test('cost a signature checked and a message hashed each, and are signed for once', async () => {
    const random = createRandom(3);
    for (const moment of moments) {
      const { server, meter } = at(moment);
      const packets = 200;
      for (let i = 0; i < packets; i++) {
        // In the right form, in the name of one who is waited for.
        const place = HEADER_BYTES + random.below(moment.next.length - HEADER_BYTES);
        await server.handle(flipped(moment.next, place, random.below(8)), 0);
      }
      expect(meter.verified).toBeLessThanOrEqual(packets);
      expect(meter.hashed).toBeLessThanOrEqual(packets * (2 * moment.next.length + 500));
      expect(meter.agreed).toBe(0);
      // Reasons differ: malformed, bad signature, not enrolled.
      expect(meter.signed).toBeLessThanOrEqual(3);
    }
  });

  test('after a message was taken are a conflict, and no signature is looked at', async () => {
    for (const moment of moments) {
      const { server, meter } = at(moment);
      expect((await server.handle(moment.next, 0)).refused).toBeUndefined();
      meter.verified = 0;
      // An advertisement is known by the identity that it begins with.
      const { refused } = await server.handle(flipped(moment.next, -1), 0);
      expect(refused).toBe('conflict');
      expect(meter.verified).toBe(0);
    }
  });
});

describe('every malformed byte', () => {
  /** Reasons of what is no right message, by where it is wrong. */
  const HEADER_REASONS: readonly (readonly [number, number, readonly Reason[]])[] = [
    [0, 5, ['malformed']],
    // Another type: one that nobody sends, or not now, or not in this form, or with this signature.
    [5, 6, ['malformed', 'early', 'late', 'bad-signature', 'outsider']],
    [6, 8, ['malformed']],
    [8, 40, ['wrong-context']],
    // Another sender: nobody, or one who did not sign this.
    [40, 44, ['malformed', 'outsider', 'bad-signature', 'conflict']],
    [44, 48, ['malformed']],
  ];

  test('of a header has its reason, and changes nothing', async () => {
    for (const moment of moments) {
      const { server } = at(moment);
      const before = await server.snapshot();
      for (const [from, to, reasons] of HEADER_REASONS) {
        for (let place = from; place < to; place++) {
          for (const bit of [0, 3, 7]) {
            const { refused, send } = await server.handle(flipped(moment.next, place, bit), 0);
            expect(reasons, `${moment.state.phase}, byte ${place}`).toContain(refused);
            expect(send).toEqual([]);
          }
        }
      }
      expect(isDeepStrictEqual(await server.snapshot(), before)).toBe(true);
    }
  });

  test('and every missing one is malformed, wherever the message ends', async () => {
    for (const moment of moments) {
      const { server } = at(moment);
      const before = await server.snapshot();
      for (let length = 0; length < moment.next.length; length += 7) {
        const { refused } = await server.handle(moment.next.slice(0, length), 0);
        expect(refused).toBe('malformed');
      }
      for (const cut of [1, 4, 36, 64]) {
        // With a header that agrees with what is left.
        const { type, context, sender, body } = openMessage(moment.next)!;
        const left = encodeMessage(
          { type, context, sender },
          truncated(body, Math.min(cut, body.length)),
        );
        const { refused } = await server.handle(left, 0);
        expect(['malformed', 'bad-signature']).toContain(refused);
      }
      expect(isDeepStrictEqual(await server.snapshot(), before)).toBe(true);
    }
  });

  test('of random bytes of any length is malformed', async () => {
    const random = createRandom(8);
    const { server } = at(moments[2]!);
    for (let i = 0; i < 300; i++) {
      const bytes = Uint8Array.from({ length: random.below(400) }, () => random.uint32());
      expect((await server.handle(bytes, 0)).refused).toBe('malformed');
    }
  });
});
