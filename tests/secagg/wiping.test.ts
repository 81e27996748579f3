/**
 * Secrets of a client are overwritten wherever its round ends: whatever fails, and at whichever call.
 *
 * Everything that makes a secret is watched, so that it can be looked at where it lay: what cryptography
 * gives back, what it is asked to seal, the words of the input, and what masks make of them.
 *
 * @module
 */

import { describe, expect, test } from 'vitest';
import { addMasks } from '../../src/backend/secure/masks.ts';
import { streamNamed, withStream } from '../../src/lab/secure/streams.ts';
import { type ClientOptions, SecureClient } from '../../src/secagg/client.ts';
import { contextOf } from '../../src/secagg/config.ts';
import type { CryptoProvider } from '../../src/secagg/crypto/provider.ts';
import { memoryJournal } from '../../src/secagg/journal.ts';
import { roundSecrets } from '../../src/secagg/keys.ts';
import { type Masks, referenceMasks } from '../../src/secagg/masks.ts';
import { encodeRefusal, type MessageType, NOBODY, unsigned } from '../../src/secagg/messages.ts';
import { refusal } from '../../src/secagg/reasons.ts';
import { backendMasks } from '../../src/secure-masks.ts';
import { flipped } from '../support/edit-message.ts';
import { completeScene, messageOf } from '../support/secure-scene.ts';

const scene = await completeScene();
const { cohort, config, crypto, clean, backend } = scene;
const CLIENT = 3;
const SEED = 5;
/** What the server sends a client, in order. */
const SCRIPT = ['config', 'roster', 'boxes', 'view', 'consents', 'result'] as const;

class Boom extends Error {}

/** The client of the clean round, its secrets watched, whose n-th call of anything fails. */
class Watched {
  readonly secrets: Uint8Array[] = [];
  readonly words: Uint32Array[] = [];
  readonly failures: unknown[] = [];
  calls = 0;
  readonly #failsAt: number;
  readonly client: SecureClient;

  constructor(failsAt = Infinity, more: Partial<ClientOptions> = {}) {
    this.#failsAt = failsAt;
    const stream = () => streamNamed({ seed: SEED, crypto }, 'client', config.round, CLIENT, 0);
    const own = withStream(crypto, stream);
    const journal = memoryJournal();
    const options: ClientOptions = {
      identity: cohort.clients[CLIENT]!,
      policy: {
        serverKey: cohort.server.publicKey,
        federation: config.federation,
        model: config.model,
        dimensions: config.dimensions,
        enrolment: (identity) => this.#called(() => cohort.enrolment(identity)),
        minSum: config.minSum,
      },
      crypto: this.#watching(own),
      masks: referenceMasks(),
      journal: {
        read: () => this.#called(() => journal.read()),
        write: (entry) => this.#called(() => journal.write(entry)),
      },
      // Whatever it puts in: nothing here looks at sums.
      input: () => this.#called(() => new Uint32Array(4 + config.dimensions).fill(0xdeadbeef)),
      onFailure: (error) => {
        this.failures.push(error);
        throw new Boom('the owner fails, too');
      },
      ...more,
    };
    const { input, masks } = options;
    this.client = new SecureClient({
      ...options,
      input: async (terms) => this.#keepWords(await input(terms)),
      masks: {
        add: (words, keys) => {
          this.#keep(...keys.map(({ key }) => key));
          return this.#called(() => masks.add(words, keys));
        },
      },
    });
  }

  #called<T>(work: () => T): T {
    if (this.calls++ === this.#failsAt) throw new Boom(`call ${this.#failsAt}`);
    return work();
  }

  #keep(...secrets: readonly (Uint8Array | undefined)[]): void {
    for (const secret of secrets) if (secret !== undefined) this.secrets.push(secret);
  }

  #keepWords(words: Uint32Array): Uint32Array {
    this.words.push(words);
    return words;
  }

  #watching(own: CryptoProvider): CryptoProvider {
    const kept = <T extends readonly (Uint8Array | undefined)[]>(made: T): T => {
      this.#keep(...made);
      return made;
    };
    return {
      ...own,
      randomBytes: (length) => this.#called(() => own.randomBytes(length)),
      sha256: (...parts) => this.#called(() => own.sha256(...parts)),
      hkdf: (secret, terms) => this.#called(() => kept([own.hkdf(secret, terms)])[0]!),
      seal: (content, terms) => {
        this.#keep(content, terms.key);
        return this.#called(() => own.seal(content, terms));
      },
      open: (sealed, terms) => this.#called(() => kept([own.open(sealed, terms)])[0]),
      agreementKeys: async (secrets) => {
        this.#keep(...secrets);
        return this.#called(() => own.agreementKeys(secrets));
      },
      sharedSecrets: async (pairs) => kept(await this.#called(() => own.sharedSecrets(pairs))),
      sign: async (message, secret) => this.#called(() => own.sign(message, secret)),
      verifyAll: async (claims) => this.#called(() => own.verifyAll(claims)),
    };
  }

  /** Takes the messages of the clean round, up to one of a type. */
  async take(until?: MessageType): Promise<void> {
    for (const type of SCRIPT) {
      if (type === until) return;
      await this.client.handle(messageOf(clean, type, CLIENT).slice(), 0);
    }
  }

  expectWiped(what: string): void {
    const left = this.secrets.filter((secret) => secret.some((byte) => byte !== 0));
    const words = this.words.filter((some) => some.some((word) => word !== 0));
    expect([left.length, words.length], what).toEqual([0, 0]);
  }
}

describe('a client’s secrets', () => {
  test('are overwritten whichever call fails, and though its owner’s ear fails, too', async () => {
    let failsAt = 0;
    const phases = new Set<string>();
    for (; ; failsAt++) {
      const watched = new Watched(failsAt);
      await watched.take();
      if (watched.calls <= failsAt) break;
      const { phase } = watched.client;
      phases.add(phase);
      expect(watched.client.refusal?.reason ?? phase, `call ${failsAt}`).toBe('local');
      expect(watched.failures[0], `call ${failsAt}`).toBeInstanceOf(Boom);
      watched.expectWiped(`call ${failsAt}`);
    }
    expect(phases).toEqual(new Set(['aborted']));
    // Three secrets, and of 7 neighbours two agreements, three keys, two boxes each.
    expect(failsAt).toBeGreaterThan(60);
  });

  test('are there until then', async () => {
    const watched = new Watched();
    await watched.take('boxes');
    expect(
      new Set(watched.secrets.filter((secret) => secret.some((byte) => byte !== 0))).size,
    ).toBe(
      // Mask secret, box secret and seed; a key for the box of each of 7 neighbours.
      3 + 7,
    );
    // What comes again is answered as before; what is left brings it to the end.
    await watched.take();
    expect(watched.client.phase).toBe('done');
    watched.expectWiped('the end');
  });

  test.each([
    ['a roster', 'roster'],
    ['boxes', 'boxes'],
    ['a view', 'view'],
    ['consents', 'consents'],
  ] as const)('are overwritten when %s is refused', async (_, type) => {
    const watched = new Watched();
    await watched.take(type);
    await watched.client.handle(messageOf(clean, type, CLIENT).slice(0, -1), 0);
    expect(watched.client.phase).toBe('aborted');
    watched.expectWiped(type);
  });

  test('are overwritten when a box does not open, with what was in those before it', async () => {
    const watched = new Watched();
    await watched.take('boxes');
    // In the last box.
    await watched.client.handle(flipped(messageOf(clean, 'boxes', CLIENT), -1), 0);
    expect(watched.client.refusal?.reason).toBe('bad-box');
    watched.expectWiped('complaint');
  });

  test.each([
    ['an update of another length', () => new Uint32Array(3).fill(7)],
    ['no words at all', () => [1, 2, 3] as unknown as Uint32Array],
  ])('are overwritten when its input gives %s', async (_, input) => {
    const watched = new Watched(Infinity, { input });
    await watched.take();
    expect(watched.client.refusal?.reason).toBe('local');
    watched.words.length = watched.words[0] instanceof Uint32Array ? 1 : 0;
    watched.expectWiped('input');
  });

  test('are overwritten when time is up, when it gives up, and when the server does', async () => {
    const header = { type: 'abort', context: contextOf(config, crypto), sender: NOBODY } as const;
    const farewell = unsigned(header, encodeRefusal(refusal('server-abort')), crypto);
    const bytes = farewell.signed(await crypto.sign(farewell.toSign, cohort.server.secret));
    const ends: readonly ((client: SecureClient) => Promise<unknown>)[] = [
      (client) => client.tick(1e12),
      (client) => client.abort(),
      (client) => client.handle(bytes, 0),
    ];
    for (const type of ['roster', 'boxes', 'view', 'consents', 'result'] as const) {
      for (const [i, end] of ends.entries()) {
        const watched = new Watched();
        await watched.take(type);
        await end(watched.client);
        expect(['aborted', 'done']).toContain(watched.client.phase);
        watched.expectWiped(`${type}, ${i}`);
      }
    }
  });

  test('are hedged with random bytes that are overwritten, too', () => {
    for (const failsAt of [Infinity, 1, 2, 3, 4, 5]) {
      const made: Uint8Array[] = [];
      let calls = 0;
      const watching: CryptoProvider = {
        ...crypto,
        randomBytes: (length) => {
          made.push(new Uint8Array(length).fill(0xaa));
          return made.at(-1)!;
        },
        hkdf: (secret, terms) => {
          if (calls++ === failsAt) throw new Boom();
          made.push(crypto.hkdf(secret, terms));
          return made.at(-1)!;
        },
      };
      const derive = () => roundSecrets(new Uint8Array(32).fill(1), new Uint8Array(32), watching);
      const kept = failsAt === Infinity ? Object.values(derive()) : [];
      if (failsAt < Infinity) expect(derive).toThrow(Boom);
      for (const secret of made.filter((one) => !kept.includes(one))) {
        expect(secret.every((byte) => byte === 0)).toBe(true);
      }
    }
  });
});

describe('words that have some of their masks', () => {
  const KEYS = Array.from({ length: 1030 }, (_, i) => ({
    key: new Uint8Array(32).fill(1 + (i % 250)),
    sign: 1 as const,
  }));

  test('are overwritten when a stream fails', async () => {
    // A second chunk of the words fails: the first has all its masks, and the second none.
    const words = new Uint32Array(2 ** 15).fill(1);
    const slices: Uint32Array[] = [];
    words.slice = () => {
      slices.push(new Uint32Array(words));
      return slices[0]! as Uint32Array<ArrayBuffer>;
    };
    const { masksBy } = await import('../../src/secagg/masks.ts');
    const failing: Masks = masksBy((_, { block, bytes }) => {
      if (block > 0) throw new Boom();
      return new Uint8Array(bytes);
    });
    await expect(failing.add(words, KEYS.slice(0, 1))).rejects.toThrow(Boom);
    expect(slices[0]!.every((word) => word === 0)).toBe(true);
  });

  test('are overwritten when a device and what is behind it fail at a later batch', async () => {
    const made: Uint32Array[] = [];
    let batches = 0;
    const device = {
      info: backend.info,
      words: backend.words.bind(backend),
      release: backend.release.bind(backend),
      addMasks: (...args: Parameters<typeof addMasks>) => {
        if (batches++ > 0) throw new Boom();
        return addMasks(...args);
      },
      readWords: async (x: Parameters<typeof backend.readWords>[0]) => {
        made.push(await backend.readWords(x));
        return made.at(-1)!;
      },
    };
    const masks = backendMasks(device, { randomBytes: (length) => new Uint8Array(length) });
    await expect(masks.add(new Uint32Array(20).fill(9), KEYS)).rejects.toThrow(Boom);
    expect(made.length).toBe(1);
    expect(made[0]!.every((word) => word === 0)).toBe(true);
  });

  test('are never keys that a device would not take', async () => {
    const given: Uint8Array[] = [];
    const device = {
      info: backend.info,
      words: backend.words.bind(backend),
      release: backend.release.bind(backend),
      readWords: backend.readWords.bind(backend),
      addMasks: (_: unknown, { keys }: { keys: Uint8Array }): never => {
        given.push(keys);
        throw new Boom();
      },
    };
    const masks = backendMasks(device, { randomBytes: (length) => new Uint8Array(length) });
    await expect(masks.add(new Uint32Array(20), KEYS.slice(0, 3))).rejects.toThrow(Boom);
    expect(given[0]!.every((byte) => byte === 0)).toBe(true);
  });
});
