/**
 * What a client looks at before it believes or spends anything: results against the view that it signed, and
 * messages that are longer than any can be.
 *
 * @module
 */

import { describe, expect, test } from 'vitest';
import { type ClientOptions, SecureClient } from '../../src/secagg/client.ts';
import { contextOf } from '../../src/secagg/config.ts';
import type { CryptoProvider } from '../../src/secagg/crypto/provider.ts';
import { memoryJournal } from '../../src/secagg/journal.ts';
import { referenceMasks } from '../../src/secagg/masks.ts';
import {
  encodeResult,
  longestForClient,
  NOBODY,
  openMessage,
  parseRefusal,
  parseResult,
  type ResultBody,
  unsigned,
} from '../../src/secagg/messages.ts';
import { completeScene, messageOf, sparseScene } from '../support/secure-scene.ts';

const scene = await completeScene();
const { cohort, config, crypto, clean } = scene;
const CLIENT = 2;
const SCRIPT = ['config', 'roster', 'boxes', 'view', 'consents', 'result'] as const;

function newClient(more: Partial<ClientOptions> = {}): SecureClient {
  return new SecureClient({
    identity: cohort.clients[CLIENT]!,
    policy: {
      serverKey: cohort.server.publicKey,
      federation: config.federation,
      model: config.model,
      dimensions: config.dimensions,
      enrolment: cohort.enrolment,
      minSum: config.minSum,
    },
    crypto,
    masks: referenceMasks(),
    journal: memoryJournal(),
    input: () => new Uint32Array(4 + config.dimensions),
    ...more,
  });
}

describe('a result', () => {
  const before = parseResult(openMessage(messageOf(clean, 'result', CLIENT))!.body.slice(0, -64))!;

  async function resultMessage(result: ResultBody): Promise<Uint8Array> {
    const header = {
      type: 'result',
      context: contextOf(config, crypto),
      sender: NOBODY,
    } as const;
    const message = unsigned(header, encodeResult(result), crypto);
    return message.signed(await crypto.sign(message.toSign, cohort.server.secret));
  }

  test.each([-1, 1, -before.inputs, 1_000_000])(
    'of %i inputs more than survived by the view that was signed is refused',
    async (more) => {
      const told: SecureClient[] = [];
      for (const phase of ['signed', 'revealed'] as const) {
        const one = await atPhase(phase);
        await one.handle(await resultMessage({ ...before, inputs: before.inputs + more }), 0);
        told.push(one);
      }
      for (const one of told) {
        expect(one.phase).toBe('aborted');
        expect(one.refusal).toEqual({
          reason: 'view',
          have: before.inputs + more,
          need: before.inputs,
        });
      }
    },
  );

  test('of as many as that is believed', async () => {
    for (const phase of ['signed', 'revealed'] as const) {
      const one = await atPhase(phase);
      await one.handle(await resultMessage(before), 0);
      expect(one.result).toEqual(before);
    }
  });

  /** The client of the clean round, brought to a phase. */
  async function atPhase(phase: 'signed' | 'revealed'): Promise<SecureClient> {
    const made: ClientOptions[] = [];
    await scene.play({
      client: (options, name) => {
        if (name === `${CLIENT} 0`) made.push(options);
        return new SecureClient(options);
      },
      crashes: cohort.clients.map((_, party) => ({ party, at: 'config' })),
    });
    const client = new SecureClient({ ...made[0]!, journal: memoryJournal() });
    for (const type of SCRIPT.slice(0, phase === 'signed' ? 4 : 5)) {
      await client.handle(messageOf(clean, type, CLIENT).slice(), 0);
    }
    expect(client.phase).toBe(phase);
    return client;
  }
});

describe('a message that is longer than any', () => {
  /** Cryptography that counts what it is asked for. */
  function counting(): { crypto: CryptoProvider; bytes: () => number; claims: () => number } {
    let [bytes, claims] = [0, 0];
    return {
      crypto: {
        ...crypto,
        sha256: (...parts) => {
          for (const part of parts) bytes += part.length;
          return crypto.sha256(...parts);
        },
        verifyAll: (all) => {
          claims += all.length;
          return crypto.verifyAll(all);
        },
      },
      bytes: () => bytes,
      claims: () => claims,
    };
  }

  test('is neither hashed nor verified, before there is a round', async () => {
    const counted = counting();
    const client = newClient({ crypto: counted.crypto });
    const message = messageOf(clean, 'config', CLIENT);
    for (const length of [message.length + 1, 10_000_000]) {
      const output = await client.handle(new Uint8Array(length), 0);
      expect(output).toEqual({ declined: 'no configuration of this server' });
    }
    expect([counted.bytes(), counted.claims()]).toEqual([0, 0]);
    expect((await client.handle(message.slice(), 0)).reply).toBeDefined();
  });

  test('is neither hashed nor verified in one, and ends it with one refusal', async () => {
    const counted = counting();
    const client = newClient({ crypto: counted.crypto });
    await client.handle(messageOf(clean, 'config', CLIENT).slice(), 0);
    const before = [counted.bytes(), counted.claims()];
    const { reply } = await client.handle(new Uint8Array(20_000_000), 0);
    expect(parseRefusal(openMessage(reply!)!.body.slice(0, -64))?.reason).toBe('malformed');
    // What its own refusal is made of.
    expect(counted.bytes() - before[0]!).toBeLessThan(200);
    expect(counted.claims()).toBe(before[1]);
    for (let i = 0; i < 3; i++) expect(await client.handle(new Uint8Array(9), 0)).toEqual({});
    expect(counted.bytes() - before[0]!).toBeLessThan(200);
  });

  test('is longer than all that a server sends', async () => {
    for (const { clean: round, config: terms } of [scene, await sparseScene()]) {
      const lengths = round.transcript.carried
        .filter(({ from }) => from === 'server')
        .map(({ message }) => message.length);
      expect(Math.max(...lengths)).toBeLessThanOrEqual(longestForClient(terms.maxClients));
    }
  });
});
