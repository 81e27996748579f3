/**
 * Attacks by whoever carries messages, and by a server that waits: replays in every state, secrets that
 * come again, sums at the edge of the ring, and inputs that come after their sender was declared dead.
 *
 * @module
 */

import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import { silent } from '../../src/lab/secure/faults.ts';
import { integerInputs } from '../../src/lab/secure/inputs.ts';
import type { ClientRole, SimulatedRound } from '../../src/lab/secure/simulate-round.ts';
import { streamNamed, withStream } from '../../src/lab/secure/streams.ts';
import { type ClientOptions, SecureClient } from '../../src/secagg/client.ts';
import { checkConfig, contextOf } from '../../src/secagg/config.ts';
import type { CryptoProvider } from '../../src/secagg/crypto/provider.ts';
import { memoryJournal } from '../../src/secagg/journal.ts';
import {
  type Member,
  pairMaskKey,
  roundSecrets,
  selfMaskKey,
  signOf,
} from '../../src/secagg/keys.ts';
import { referenceMasks } from '../../src/secagg/masks.ts';
import {
  type MessageType,
  openMessage,
  parseMasked,
  parseUnmask,
} from '../../src/secagg/messages.ts';
import { packedBytes, unpack } from '../../src/secagg/packing.ts';
import { createRecombiner } from '../../src/secagg/recombine.ts';
import type { ServerState } from '../../src/secagg/server/state.ts';
import { SecureServer } from '../../src/secagg/server.ts';
import { hex, SLOTS } from '../../src/secagg/suite.ts';
import { completeScene, messageOf } from '../support/secure-scene.ts';

const scene = await completeScene();
const { cohort, config, crypto, graph, clean, earlier } = scene;
const SEED = 5;

/** A message from the past, and where it was. */
interface Recorded {
  readonly name: string;
  readonly message: Uint8Array;
}

describe('A4: a replayed message', () => {
  const CLIENT = 3;
  /** What the server sends a client, in order; each leads to the next phase. */
  const SCRIPT = ['config', 'roster', 'boxes', 'view', 'consents', 'result'] as const;
  const PHASES = ['idle', 'advertised', 'shared', 'masked', 'signed', 'revealed', 'done'] as const;

  function recorded(): Recorded[] {
    const rounds: [string, SimulatedRound][] = [
      ['this round', clean],
      ['the round before', earlier],
    ];
    return rounds.flatMap(([round, { transcript }]) =>
      transcript.carried
        .filter(({ from, to }) => [CLIENT, 0].includes((from === 'server' ? to : from) as number))
        .map(({ type, from, to, message }) => ({
          name: `${type} from ${from} to ${to} of ${round}`,
          message,
        })),
    );
  }

  /** The client as it was in the clean round, brought to a phase. */
  async function clientAt(phase: number): Promise<{ client: SecureClient; said: Set<string> }> {
    const client = new SecureClient(await optionsOf(CLIENT));
    const said = new Set<string>();
    for (const type of SCRIPT.slice(0, phase)) {
      note(said, await client.handle(messageOf(clean, type, CLIENT).slice(), 0));
    }
    expect(client.phase).toBe(PHASES[phase]);
    return { client, said };
  }

  /** What proves enough, to whomever it was sent: signatures on this view, and the server's word. */
  function leadsTo(phase: string, what: string): string | undefined {
    if (phase !== 'signed' || !what.endsWith('of this round')) return undefined;
    return { consents: 'revealed', result: 'done' }[what.split(' ')[0]!];
  }

  function note(said: Set<string>, { reply }: { reply?: Uint8Array }): void {
    if (reply !== undefined) said.add(hex(reply));
  }

  /** Types of which a client must never say two different things. */
  const ONCE: readonly MessageType[] = ['advertise', 'shares', 'masked', 'consent', 'unmask'];

  test.each(PHASES.map((name, phase) => [name, phase] as const))(
    'to a client that is %s changes nothing, or ends the round for it',
    async (name, phase) => {
      const next = hex(messageOf(clean, SCRIPT[phase] ?? 'result', CLIENT));
      for (const { name: what, message } of recorded()) {
        if (hex(message) === next) continue;
        const { client, said } = await clientAt(phase);
        note(said, await client.handle(message.slice(), 0));
        expect([name, 'aborted', leadsTo(name, what)], what).toContain(client.phase);
        // What was to come anyway comes.
        for (const type of SCRIPT.slice(phase)) {
          note(said, await client.handle(messageOf(clean, type, CLIENT).slice(), 0));
        }
        expect(['done', 'aborted'], what).toContain(client.phase);
        for (const type of ONCE) {
          const replies = [...said].filter((reply) => typeOf(reply) === type);
          expect(replies.length, `${type} after ${what}`).toBeLessThanOrEqual(1);
        }
      }
    },
  );

  test('to the server is taken once if it is of this round and due, and else changes nothing', async () => {
    for (const before of await serverStates()) {
      for (const { name, message } of recorded()) {
        const server = SecureServer.resume(serverOptions(), before);
        const { refused } = await server.handle(message.slice(), 0);
        const after = await server.snapshot();
        const isDue = name.endsWith('of this round') && taken(before, after) > 0;
        const isSame = isDeepStrictEqual(after, before);
        expect(isSame || isDue, `${name} while ${before.phase}`).toBe(true);
        // The same again.
        await server.handle(message.slice(), 0);
        expect(isDeepStrictEqual(await server.snapshot(), after), `${name} again`).toBe(true);
        if (isDue) expect(refused).toBeUndefined();
        else if (name.includes('round before')) expect(refused).toBe('wrong-context');
      }
    }
  });

  function typeOf(reply: string): MessageType | undefined {
    return openMessage(Uint8Array.from(Buffer.from(reply, 'hex')))?.type;
  }

  function taken(before: ServerState, after: ServerState): number {
    return after.taken.size - before.taken.size;
  }

  /** What the server of the clean round knew at the beginning of each phase. */
  async function serverStates(): Promise<ServerState[]> {
    const server = SecureServer.start(serverOptions(), 0);
    const states = [await server.snapshot()];
    for (const { to, message } of clean.transcript.carried) {
      if (to !== 'server') continue;
      await server.handle(message.slice(), 0);
      if (server.phase !== states.at(-1)!.phase) states.push(await server.snapshot());
    }
    expect(states.map(({ phase }) => phase)).toEqual([
      'keys',
      'shares',
      'masked',
      'consents',
      'unmask',
      'done',
    ]);
    return states;
  }
});

describe('A12: no key, seed or nonce comes again', () => {
  /** What may be used once. */
  class Uses {
    readonly #used = new Map<string, string[]>();

    note(bytes: Uint8Array, use: string): void {
      const name = hex(bytes);
      this.#used.set(name, [...(this.#used.get(name) ?? []), use]);
    }

    /** How often each thing was used, with the uses of what came most often. */
    most(): { times: number; uses: readonly string[] } {
      const uses = [...this.#used.values()].sort((a, b) => b.length - a.length)[0] ?? [];
      return { times: uses.length, uses };
    }

    get size(): number {
      return this.#used.size;
    }
  }

  /** Plays rounds in which clients drop out and come back, and notes all that clients use. */
  async function watched(randomBytes?: CryptoProvider['randomBytes']) {
    const uses = {
      boxKeys: new Uses(),
      nonces: new Uses(),
      secrets: new Uses(),
      masks: new Uses(),
    };
    const journals = cohort.clients.map(() => memoryJournal());
    const client = (options: ClientOptions, name: string): ClientRole => {
      const watching: CryptoProvider = {
        ...options.crypto,
        ...(randomBytes === undefined ? {} : { randomBytes }),
        seal(content, box) {
          uses.boxKeys.note(box.key, name);
          uses.nonces.note(box.nonce, name);
          return options.crypto.seal(content, box);
        },
        agreementKeys(secrets) {
          for (const secret of secrets) uses.secrets.note(secret, name);
          return options.crypto.agreementKeys(secrets);
        },
      };
      const masks = referenceMasks();
      return new SecureClient({
        ...options,
        crypto: watching,
        masks: {
          add(words, keys) {
            for (const { key, sign } of keys) uses.masks.note(key, `${name} ${sign}`);
            return masks.add(words, keys);
          },
        },
      });
    };
    for (const round of [1, 2, 3]) {
      const { sums } = await scene.play({
        client,
        journals,
        config: { ...config, round },
        tamper: silent([0], 'consent'),
        crashes: [{ party: 1, at: 'shares', restartAfterMs: 10 }],
      });
      expect(sums.map(({ isExact }) => isExact)).toEqual([true]);
    }
    return uses;
  }

  test('over rounds with dropouts and clients that come back', async () => {
    const { boxKeys, nonces, secrets, masks } = await watched();
    // Two secrets of each client in each round.
    expect(secrets.most().times).toBe(1);
    expect(secrets.size).toBe(3 * 8 * 2);
    // A box from each to each, of those who came so far.
    expect(boxKeys.most().times).toBe(1);
    expect(boxKeys.size).toBe(3 * 8 * 7);
    expect(nonces.most().times).toBe(1);
    // The seven that go on: one of each and one of each pair, which both ends use with opposite signs.
    expect(masks.size).toBe(3 * (7 + (7 * 6) / 2));
    expect(masks.most().times).toBe(2);
    const [first, second] = masks.most().uses.map((use) => use.split(' '));
    expect(first![0]).not.toBe(second![0]);
    expect(Number(first![2]) + Number(second![2])).toBe(0);
  });

  test('even where the random generator of all clients says one thing for ever', async () => {
    const { boxKeys, secrets, masks } = await watched((length) => new Uint8Array(length).fill(9));
    expect(secrets.most().times).toBe(1);
    expect(boxKeys.most().times).toBe(1);
    expect(masks.most().times).toBe(2);
  });
});

describe('A15: sums at the edge of the ring', () => {
  // n = 2³ values of q = 17 bits in b = 20: the last that fit.
  const edge = checkConfig({ ...config, valueBits: 17 });
  const limit = 2 ** 16 - 1;

  test.each([limit, -limit])('do not wrap around where all give %i', async (value) => {
    const { sums } = await scene.play({
      config: edge,
      client: (options) => new SecureClient(options),
      inputs: async (client, terms) => {
        const words = await integerInputs({ seed: SEED, crypto })(client, terms);
        return words.fill(value, SLOTS);
      },
    });
    const [sum] = sums;
    expect(sum!.isExact).toBe(true);
    expect((sum!.words[SLOTS]! << 12) >> 12).toBe(8 * value);
  });

  test('are refused in a configuration with one bit more', () => {
    expect(() => checkConfig({ ...config, valueBits: 18 })).toThrow(RangeError);
    expect(() => checkConfig({ ...config, valueBits: 17, maxClients: 9 })).toThrow(RangeError);
  });
});

describe('A20: an input that comes after its sender was declared dead', () => {
  test('stays under its own mask, whoever has its other secrets', async () => {
    const late = 2;
    const { deadlines } = config;
    const round = await scene.play({
      client: (options) => new SecureClient(options),
      tamper: ({ from, type, message }) =>
        from === late && type === 'masked'
          ? [{ message, delayMs: deadlines.masked + 1 }]
          : undefined,
    });
    expect(round.sums[0]!.members).not.toContain(late);
    expect(round.sums[0]!.isExact).toBe(true);

    // The server has the input under its masks, and t shares of the secret of the pair masks.
    const masked = maskedWords(round, late);
    const secret = revealedSecret(round, late);
    const [publicKey] = await crypto.agreementKeys([secret]);
    expect(publicKey).toEqual(scene.entries[late]!.maskKey);

    const left = await masksOff(masked, { secret, client: late });
    const input = await inputOf(late);
    expect(left.filter((word, j) => word === input[j])).toHaveLength(0);
    // Nothing is missing but the seed, of which nobody has revealed a share.
    const { seed } = secretsOf(late);
    const key = selfMaskKey(seed, memberOf(late), bound());
    const open = await referenceMasks().add(left, [{ key, sign: -1 }]);
    expect(open.map(lowBits)).toEqual(input.map(lowBits));
  });

  /** The words of a masked input as it went over the wire. */
  function maskedWords(round: SimulatedRound, client: number): Uint32Array {
    const entries = SLOTS + config.dimensions;
    const { body } = openMessage(messageOf(round, 'masked', client))!;
    const { packed } = parseMasked(body, packedBytes(entries, config.ringBits))!;
    return unpack(packed, { bits: config.ringBits, entries });
  }

  function revealedSecret(round: SimulatedRound, owner: number): Uint8Array {
    const shares = round.transcript.carried
      .filter(({ type }) => type === 'unmask')
      .map(({ from, message }) => ({
        x: 1 + graph.rank(owner, from as number),
        share: parseUnmask(openMessage(message)!.body.slice(0, -64))!.find(
          ({ index }) => index === owner,
        )!.share,
      }));
    return createRecombiner().recombine(shares, graph.terms(owner).threshold);
  }

  async function masksOff(
    words: Uint32Array,
    { secret, client }: { secret: Uint8Array; client: number },
  ): Promise<Uint32Array> {
    const others = graph.neighbours(client);
    const agreed = await crypto.sharedSecrets(
      others.map((other) => ({ secret, publicKey: scene.entries[other]!.maskKey })),
    );
    const masks = others.map((other, i) => ({
      key: pairMaskKey(agreed[i]!, [memberOf(client), memberOf(other)], bound()),
      sign: signOf(other, client),
    }));
    const left = await referenceMasks().add(words, masks);
    return left.map(lowBits);
  }

  async function inputOf(client: number): Promise<Uint32Array> {
    const round = await scene.play();
    expect(round.sums[0]!.members).toContain(client);
    const without = await scene.play({ tamper: silent([client], 'masked') });
    const words = round.sums[0]!.words.map((word, j) => word - without.sums[0]!.words[j]!);
    return words.map(lowBits);
  }

  function secretsOf(client: number): ReturnType<typeof roundSecrets> {
    const stream = (): ReturnType<typeof streamNamed> =>
      streamNamed({ seed: SEED, crypto }, 'client', config.round, client, 0);
    const drawing = withStream(crypto, stream);
    return roundSecrets(cohort.clients[client]!.secret, contextOf(config, crypto), drawing);
  }

  function memberOf(index: number): Member {
    return { index, entry: scene.entries[index]! };
  }

  function bound() {
    return { binding: { context: contextOf(config, crypto), root: scene.root }, crypto };
  }

  function lowBits(word: number): number {
    return word & (2 ** config.ringBits - 1);
  }
});

/** What the client of the clean round was made of, after the round before. */
async function optionsOf(number: number): Promise<ClientOptions> {
  const made: ClientOptions[] = [];
  await scene.play({
    client: (options, name) => {
      if (name === `${number} 0`) made.push(options);
      return new SecureClient(options);
    },
    crashes: cohort.clients.map((_, party) => ({ party, at: 'config' })),
  });
  const journal = memoryJournal();
  const context = contextOf({ ...config, round: config.round - 1 }, crypto);
  await journal.write({ round: config.round - 1, context, view: undefined, revealed: true });
  return { ...made[0]!, journal };
}

function serverOptions() {
  return {
    config,
    identity: cohort.server,
    crypto,
    masks: referenceMasks(),
    enrolment: cohort.enrolment,
  };
}
