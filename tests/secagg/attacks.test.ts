/**
 * The table of attacks, a test for each row. A4, A12, A15 and A20 are in `attacks-network.test.ts`; for
 * A9 and A25 there is nothing to test but that SECURITY.md says so.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import { createBackend } from '../../src/backend/create-node.ts';
import { quantize } from '../../src/backend/secure/quantize.ts';
import { createRandom } from '../../src/core/random.ts';
import { cohortOf } from '../../src/lab/secure/cohort.ts';
import type { Tamper } from '../../src/lab/secure/faults.ts';
import { play, type Step, type Strategy, type View } from '../../src/lab/secure/hostile.ts';
import { recordFields } from '../../src/lab/secure/hostile-fields.ts';
import { searchLeaks } from '../../src/lab/secure/hostile-search.ts';
import { recordWorld, studyFederation } from '../../src/lab/secure/hostile-world.ts';
import {
  type ClientRole,
  type SimulatedRound,
  type SimulationOptions,
  simulateRound,
} from '../../src/lab/secure/simulate-round.ts';
import { type ClientOptions, SecureClient } from '../../src/secagg/client.ts';
import { contextOf, encodeConfig, encodingOf, type RoundConfig } from '../../src/secagg/config.ts';
import type { CryptoProvider } from '../../src/secagg/crypto/provider.ts';
import { encodeUpdate, slotsOk } from '../../src/secagg/encode.ts';
import { allowList, anybody } from '../../src/secagg/enrolment.ts';
import { canaryOf, pairMaskKey, roundSecrets, selfMaskKey } from '../../src/secagg/keys.ts';
import { type MaskFault, referenceMasks } from '../../src/secagg/masks.ts';
import {
  encodeMessage,
  encodeRoster,
  entryToVerify,
  HEADER_BYTES,
  NOBODY,
  openMessage,
  parseEntry,
  parseRefusal,
  parseRoster,
  parseShares,
  parseUnmask,
  placesOf,
  type RosterBody,
  rootToVerify,
  unmaskToVerify,
  unsigned,
} from '../../src/secagg/messages.ts';
import { below, checkPolicy } from '../../src/secagg/policy.ts';
import { buildTree, type Entry, encodeEntry, pathsTo, rootOf } from '../../src/secagg/roster.ts';
import { BOX_NONCE_BYTES, hex, joined, label, SLOTS } from '../../src/secagg/suite.ts';
import { backendMasks } from '../../src/secure-masks.ts';
import { withShares } from '../support/edit-message.ts';
import { roundConfig } from '../support/secure-round.ts';
import { cryptoForStudy, realProtocol } from '../support/study.ts';
import { expectSameWords } from '../support/words.ts';

const SEED = 11;
const N = 8;
const D = 5;
const crypto = await cryptoForStudy();
const cohort = await cohortOf(N, { seed: SEED, crypto });
// k = 7, c = ⌊0.15·8⌋ = 1: t = 5.
const config = roundConfig({
  clients: N,
  dimensions: D,
  corrupt: 150_000,
  minStart: 6,
  minSum: 6,
  maxSamples: 2 ** 32 - 1,
});
const context = contextOf(config, crypto);
const ALL = Array.from({ length: N }, (_, i) => i);

function round(options: Partial<SimulationOptions> = {}): Promise<SimulatedRound> {
  return simulateRound({ cohort, config, crypto, seed: SEED, ...options });
}

const clean = await round();

/** What was sent in a round, by type and client. */
function sent({ transcript }: SimulatedRound, type: string, client: number): Uint8Array {
  const found = transcript.carried.find(
    (one) => one.type === type && (one.from === client || one.to === client),
  );
  return found!.message;
}

/** Another message in the place of one that the server sends to a client. */
function instead(
  type: string,
  client: number,
  change: (message: Uint8Array) => Uint8Array | Promise<Uint8Array>,
): Tamper {
  return async (one) =>
    one.to === client && one.type === type ? [{ message: await change(one.message) }] : undefined;
}

/** Whether these are the options of that client. */
function isClient(client: number, { identity }: ClientOptions): boolean {
  return hex(identity.publicKey) === hex(cohort.clients[client]!.publicKey);
}

/** A world of the study, with a complete graph of so many clients. */
async function studied(n: number, corrupt: readonly number[], minSum: number) {
  const federation = await studyFederation(n, { seed: SEED, crypto });
  return recordWorld(federation, { corrupt, minSum, round: 1 }, realProtocol);
}

/** Everybody is told of the same sharers, and each client of survivors of its own. */
function telling(
  clients: readonly number[],
  viewOf: (client: number) => View,
): Pick<Strategy, 'boxes' | 'steps'> {
  const told = clients.map((client) => ({
    client,
    step: { kind: 'view', view: viewOf(client) } as Step,
  }));
  const asked = clients.map((client) => ({ client, step: { kind: 'consents' } as Step }));
  const boxes = clients.map((client) => {
    const others = viewOf(client).sharers.filter((other) => other !== client);
    return [client, others] as const;
  });
  return { boxes: new Map(boxes), steps: [...told, ...asked] };
}

describe('A1: a client that some are told survived, and others not,', () => {
  test('never has both its secrets told, however the others are divided', async () => {
    const n = 9;
    const world = await studied(n, [0], 5);
    const all = Array.from({ length: n }, (_, i) => i);
    const [target] = world.honest;
    const others = world.honest.filter((client) => client !== target);
    for (let division = 0; division < 2 ** others.length; division++) {
      const isTold = (client: number): boolean =>
        client === target || ((division >>> others.indexOf(client)) & 1) === 1;
      const { leak, knowledge } = await play(world, {
        name: 'divided',
        ...telling(world.honest, (client) => ({
          sharers: all,
          survivors: isTold(client) ? all : all.filter((other) => other !== target),
        })),
      });
      expect(leak).toBeUndefined();
      const [seed, mask] = [knowledge.seedShares, knowledge.maskShares].map(
        (shares) => shares.get(target!)!.size,
      );
      expect(Math.min(seed!, mask!)).toBeLessThan(world.graph.terms(0).threshold);
    }
  });
});

describe('A2: one client in both lists', () => {
  test('cannot be said: who survived must have shared, and one share is told of each', async () => {
    const world = await studied(5, [], 4);
    const all = [0, 1, 2, 3, 4];
    const ghost = await play(world, {
      name: 'survivor that never shared',
      ...telling(all, () => ({ sharers: [0, 1, 2, 3], survivors: all })),
    });
    expect(ghost.signed).toBe(0);
    const honest = await play(world, {
      name: 'one dropout',
      ...telling(all, () => ({ sharers: all, survivors: [0, 1, 2, 3] })),
    });
    expect(honest.revealed).toBe(4);
    for (const owner of all) {
      const holders = [...(honest.knowledge.seedShares.get(owner) ?? [])];
      const masks = honest.knowledge.maskShares.get(owner) ?? new Set();
      expect(holders.filter((holder) => masks.has(holder))).toEqual([]);
    }
  });

  test('is not in what a client reveals', () => {
    const shares = parseUnmask(openMessage(sent(clean, 'unmask', 2))!.body.slice(0, -64))!;
    expect(shares.map(({ index }) => index)).toEqual(ALL.filter((i) => i !== 2));
  });
});

describe('A3: clients that are told of different sharers', () => {
  test('refuse a view that differs from the boxes that came', async () => {
    const world = await studied(8, [], 6);
    const all = [0, 1, 2, 3, 4, 5, 6, 7];
    const view = { sharers: all, survivors: all };
    for (const missing of [1, 7]) {
      const { steps } = telling([0], () => view);
      const boxes = new Map([[0, all.filter((i) => i !== 0 && i !== missing)]]);
      expect((await play(world, { name: 'a box less', boxes, steps })).signed).toBe(0);
    }
    const fewer = { sharers: all.slice(0, 7), survivors: all.slice(0, 7) };
    const { steps } = telling([0], () => fewer);
    const boxes = new Map([[0, all.slice(1)]]);
    expect((await play(world, { name: 'a box more', boxes, steps })).signed).toBe(0);
  });

  test('cannot be cut off as an arc of a ring whose thresholds are high enough', async () => {
    const fields = await recordFields(
      [
        {
          name: 'ring',
          clients: 24,
          corrupt: 2,
          corruptNear: 1,
          minSum: 16,
          degree: 8,
          threshold: 7,
        },
      ],
      { crypto, protocol: realProtocol },
    );
    const { found, revealed } = await searchLeaks(fields, { strategies: 150, seed: SEED });
    expect(found).toBeUndefined();
    expect(revealed).toBeGreaterThan(10);
  });
});

describe('A5: keys that the server swaps', () => {
  const FIELDS = ['identity', 'maskKey', 'boxKey', 'nonce', 'signature'] as const;
  const TARGET = 3;

  /** The roster with one neighbour's entry changed, under a root that the server signs. */
  async function forged(message: Uint8Array, change: (entry: Entry) => Entry): Promise<Uint8Array> {
    const roster = parseRoster(openMessage(message)!.body, true)!;
    const neighbours = roster.neighbours.map((record, i) =>
      i === 4 ? { ...record, entry: change(record.entry) } : record,
    );
    return rosterMessage({ ...roster, neighbours }, ownEntry(TARGET));
  }

  test.each(FIELDS)('%s: the client sees it before it shares', async (field) => {
    const other = { ...ownEntry(0) };
    const result = await round({
      tamper: instead('roster', TARGET, (message) =>
        forged(message, (entry) => ({ ...entry, [field]: flipped(other[field]) })),
      ),
    });
    const { phase, refusal } = result.clients[TARGET]!;
    expect(phase).toBe('aborted');
    expect(['bad-signature', 'roster']).toContain(refusal?.reason);
    const shares = result.transcript.carried.filter(
      ({ from, type }) => from === TARGET && type === 'shares',
    );
    expect(shares).toEqual([]);
    expect(result.sums.map(({ isExact }) => isExact)).toEqual([true]);
  });

  test('its own: the client sees that, too', async () => {
    const result = await round({
      tamper: instead('roster', TARGET, async (message) => {
        const roster = parseRoster(openMessage(message)!.body, true)!;
        const own = ownEntry(TARGET);
        return rosterMessage(roster, { ...own, maskKey: flipped(own.maskKey) });
      }),
    });
    expect(result.clients[TARGET]!.refusal?.reason).toBe('roster');
  });

  test('of a round before: a signature is good for its own context alone', async () => {
    const before = await round({ config: { ...config, round: 7 } });
    const old = parseEntry(openMessage(sent(before, 'advertise', 4))!.body)!;
    const result = await round({
      tamper: instead('roster', TARGET, async (message) => {
        const body = parseRoster(openMessage(message)!.body, true)!;
        const neighbours = body.neighbours.map((record) =>
          record.index === 4 ? { ...record, entry: old } : record,
        );
        return rosterMessage({ ...body, neighbours }, ownEntry(TARGET));
      }),
    });
    expect(hex(old.identity)).toBe(hex(ownEntry(4).identity));
    expect(result.clients[TARGET]!.refusal?.reason).toBe('bad-signature');
  });
});

function flipped(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte, i) => (i === 5 ? byte ^ 1 : byte));
}

/** What a client advertised in the clean round. */
function ownEntry(client: number): Entry {
  return parseEntry(openMessage(sent(clean, 'advertise', client))!.body)!;
}

/** A roster under the root that follows from it, in the server's signature. */
async function rosterMessage(body: RosterBody, own: Entry): Promise<Uint8Array> {
  const entries = body.neighbours.map(({ entry }) => entry);
  entries.splice(body.index, 0, own);
  const binding = { context, clients: body.clients };
  const root = rootOf(buildTree(entries, crypto), binding, crypto);
  const signature = await crypto.sign(rootToVerify(root), cohort.server.secret);
  return encodeMessage(
    { type: 'roster', context, sender: NOBODY },
    encodeRoster({ ...body, root, signature }),
  );
}

describe('A6: clients that the server invents', () => {
  const policy = {
    serverKey: cohort.server.publicKey,
    federation: config.federation,
    model: config.model,
    dimensions: D,
    enrolment: allowList([]),
  };

  test('are not enrolled with whom clients trust, and end the round', async () => {
    // Client 2 knows one of the others; the rest could be anybody's.
    const known = allowList([2, 3].map((i) => cohort.clients[i]!.publicKey));
    const result = await round({
      client: (options) =>
        new SecureClient({
          ...options,
          policy: { ...options.policy, ...(isClient(2, options) && { enrolment: known }) },
        }),
    });
    expect(result.clients[2]!.refusal?.reason).toBe('not-enrolled');
    const own = result.transcript.carried.filter(({ from }) => from === 2).map(({ type }) => type);
    expect(own).toEqual(['advertise', 'abort']);
  });

  test('are never assumed fewer than the client’s own floor says', () => {
    expect(below({ ...policy, minSum: 3 }, { ...config, corrupt: 99_999 })).toMatch(/corrupt/);
    expect(below({ ...policy, minSum: 3 }, { ...config, corrupt: 100_000 })).toBeUndefined();
  });

  test('are warned of, where anybody may enrol', () => {
    const warn = vi.fn();
    anybody(warn);
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('invent all other clients'));
  });
});

describe('A7: two models', () => {
  const other = { ...config, model: new Uint8Array(32).fill(77) };
  const otherContext = contextOf(other, crypto);

  test('have two contexts: a client with one model declines the round of the other', async () => {
    const result = await round({
      tamper: instead('config', 1, async () => {
        const header = { type: 'config', context: otherContext, sender: NOBODY } as const;
        const message = unsigned(header, encodeConfig(other), crypto);
        return message.signed(await crypto.sign(message.toSign, cohort.server.secret));
      }),
    });
    expect(result.clients[1]).toMatchObject({ phase: 'idle', declined: 'another model' });
  });

  test('cannot be brought into one roster: entries are signed under their own context', () => {
    const own = ownEntry(0);
    expect(entryToVerify(own, context, crypto)).not.toEqual(
      entryToVerify(own, otherContext, crypto),
    );
  });

  /** The masked sum of two clients and what stays when all that a server learns is taken off. */
  async function sumOfTwo(contexts: readonly [Uint8Array, Uint8Array]): Promise<Uint32Array> {
    const masks = referenceMasks();
    const members = [0, 1].map((index) => ({ index, entry: ownEntry(index) }));
    const agreed = new Uint8Array(32).fill(5);
    const sum = new Uint32Array(SLOTS + D);
    for (const [i, member] of members.entries()) {
      const binding = { context: contexts[i]!, root: new Uint8Array(32) };
      const pair = [member, members[1 - i]!] as const;
      const key = pairMaskKey(agreed, pair, { binding, crypto });
      const { words } = encodeUpdate(encodingOf(config), {
        // A gradient that the server suppressed for all but its victim is zero.
        update: new Float32Array(D).fill(i === 0 ? 0.5 : 0),
        samples: 2 ** 32 - 1,
        key: new Uint8Array(32).fill(1 + i),
        ctxConstants: canaryOf(contexts[i]!, crypto),
      });
      const masked = await masks.add(words, [{ key, sign: i === 0 ? 1 : -1 }]);
      for (const [j, word] of masked.entries()) sum[j]! += word;
    }
    return sum;
  }

  test('leave masks that do not cancel: the sum is refused, and is none of the victim’s update', async () => {
    const plan = encodingOf(config);
    const check = (words: Uint32Array): boolean =>
      slotsOk(plan, { words, survivors: 2, ctxConstants: canaryOf(context, crypto) });
    const same = await sumOfTwo([context, context]);
    expect(check(same)).toBe(true);
    // With one context, what is suppressed for all others shows the victim's update as it is.
    expect(same[SLOTS]! >>> 0).toBe(Math.round(0.5 * plan.scale));
    const different = await sumOfTwo([context, otherContext]);
    expect(check(different)).toBe(false);
    for (let j = SLOTS; j < SLOTS + D; j++) expect(different[j]).not.toBe(same[j]);
  });
});

describe('A8: tiny cohorts', () => {
  const policy = {
    serverKey: cohort.server.publicKey,
    federation: config.federation,
    model: config.model,
    dimensions: D,
    enrolment: cohort.enrolment,
    corrupt: 0,
  };

  test('are below a floor that a server cannot move, and an owner not below 3', () => {
    expect(below(policy, { ...config, minSum: 15 })).toBe(
      'sums of 15 inputs, where 16 are the least',
    );
    expect(below({ ...policy, minSum: 3 }, { ...config, minSum: 2 })).toMatch('3 are the least');
    expect(() => checkPolicy({ ...policy, minSum: 2 })).toThrow(RangeError);
  });

  test('are refused in a view, whatever the server calls enough', async () => {
    const world = await studied(8, [], 6);
    const all = [0, 1, 2, 3, 4, 5, 6, 7];
    const tell = (survivors: readonly number[]) =>
      play(world, { name: 'few', ...telling(all, () => ({ sharers: all, survivors })) });
    expect((await tell(all.slice(0, 5))).signed).toBe(0);
    expect((await tell(all.slice(0, 6))).signed).toBe(6);
  });
});

describe('A9 and A25', () => {
  test('are told of in SECURITY.md, as there is nothing here that withstands them', () => {
    const text = readFileSync(join(import.meta.dirname, '../../SECURITY.md'), 'utf8');
    expect(text).toMatch(/A9\b/);
    expect(text).toMatch(/A25\b/);
  });
});

describe('A10: weak streams', () => {
  test('a seed that was folded to 20 bits is found from one masked vector', async () => {
    // As the scheme of old does it: 32 bytes of text, folded into one word; here a shorter one yet.
    const bits = 20;
    const fold = (key: Uint8Array): number => {
      const view = new DataView(key.buffer, key.byteOffset);
      let seed = 0;
      for (let at = 0; at < key.length; at += 4) seed ^= view.getUint32(at, true);
      return (seed & (2 ** bits - 1)) >>> 0;
    };
    const weakStream = (seed: number, length: number): Uint32Array => {
      let state = seed;
      return Uint32Array.from({ length }, () => {
        state = (state + 0x9e37_79b9) | 0;
        let word = state;
        word = Math.imul(word ^ (word >>> 16), 0x21f0_aaad);
        word = Math.imul(word ^ (word >>> 15), 0x735a_2d97);
        return (word ^ (word >>> 15)) >>> 0;
      });
    };
    const secret = Uint32Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    const key = new Uint8Array(32).map((_, i) => (i * 37 + 11) & 0xff);
    const mask = weakStream(fold(key), secret.length);
    const masked = secret.map((word, j) => word + mask[j]!);
    // Whoever sees it tries all seeds and keeps that whose rest is as small as updates are.
    const found: number[] = [];
    for (let seed = 0; seed < 2 ** bits; seed++) {
      const stream = weakStream(seed, secret.length);
      if (masked.every((word, j) => (word - stream[j]!) >>> 0 < 2 ** 16)) found.push(seed);
    }
    expect(found).toEqual([fold(key)]);
    const stream = weakStream(found[0]!, secret.length);
    expect(masked.map((word, j) => word - stream[j]!)).toEqual(secret);
  });

  test('here each of 256 bits of a key changes the stream, in about half of its bits', async () => {
    const masks = referenceMasks();
    const key = crypto.sha256(new Uint8Array(1));
    const words = new Uint32Array(16);
    const stream = await masks.add(words, [{ key, sign: 1 }]);
    for (let bit = 0; bit < 256; bit++) {
      const near = key.map((byte, i) => (i === bit >>> 3 ? byte ^ (1 << (bit & 7)) : byte));
      const other = await masks.add(words, [{ key: near, sign: 1 }]);
      const changed = other.reduce((sum, word, j) => sum + ones(word ^ stream[j]!), 0);
      // Binomial(512, ½): 8 standard deviations of 11.3 on either side, 256 times, in 10¹².
      expect(Math.abs(changed - 256)).toBeLessThan(91);
    }
  });

  test('here each of 256 bits of a secret changes every key that comes of it', () => {
    const members = [0, 1].map((index) => ({ index, entry: ownEntry(index) }));
    const binding = { context, root: context };
    const tools = { binding, crypto };
    const keysOf = (secret: Uint8Array): string[] => [
      hex(selfMaskKey(secret, members[0]!, tools)),
      hex(pairMaskKey(secret, [members[0]!, members[1]!], tools)),
    ];
    const secret = crypto.sha256(new Uint8Array(2));
    const seen = new Set(keysOf(secret));
    for (let bit = 0; bit < 256; bit++) {
      const near = secret.map((byte, i) => (i === bit >>> 3 ? byte ^ (1 << (bit & 7)) : byte));
      for (const key of keysOf(near)) seen.add(key);
    }
    expect(seen.size).toBe(2 * 257);
  });
});

function ones(word: number): number {
  let count = 0;
  for (let rest = word >>> 0; rest !== 0; rest &= rest - 1) count++;
  return count;
}

describe('A11: masks', () => {
  test('show nothing of how large an input is: words are uniform whatever it is', async () => {
    const words = 4096;
    for (const [i, value] of [0, 1, 0x7fff_ffff].entries()) {
      const input = new Uint32Array(words).fill(value);
      const key = crypto.sha256(Uint8Array.of(3, i));
      const masked = await referenceMasks().add(input, [{ key, sign: 1 }]);
      const bins = new Uint32Array(16);
      for (const word of masked) bins[word >>> 28]!++;
      const expected = words / 16;
      const chiSquare = bins.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
      // 15 degrees of freedom: above 60 once in 4·10⁶.
      expect(chiSquare).toBeLessThan(60);
    }
  });

  test('cancel to the last bit, in any order', async () => {
    const masks = referenceMasks();
    const input = Uint32Array.of(0, 1, 2 ** 31, 2 ** 32 - 1);
    const keys = Array.from({ length: 9 }, (_, i) => crypto.sha256(Uint8Array.of(4, i)));
    const masked = await masks.add(
      input,
      keys.map((key) => ({ key, sign: 1 })),
    );
    const back = await masks.add(
      masked,
      keys.toReversed().map((key) => ({ key, sign: -1 })),
    );
    expectSameWords(back, input);
  });
});

describe('A13: wrong shares', () => {
  test.each([0, 7, 100, 255])(
    'with bit %i flipped are set right, and the liar is named',
    async (bit) => {
      // Its shares come first, and so are among those that are tried first.
      const liar = 0;
      const result = await round({
        tamper: (one) => {
          if (one.from !== liar || one.type !== 'unmask') return undefined;
          return signedBy(liar, one.message, (shares) => {
            for (let at = 0; at < shares.length; at += 36) {
              shares[at + 4 + (bit >>> 3)]! ^= 1 << (bit & 7);
            }
          });
        },
      });
      expect(result.sums.map(({ isExact }) => isExact)).toEqual([true]);
      // t = 5 of 7 came: one wrong one can be told.
      expect(result.sums[0]!.liars).toEqual([hex(cohort.clients[liar]!.publicKey)]);
    },
  );

  /** What a liar reveals, in its own signature. */
  async function signedBy(
    liar: number,
    message: Uint8Array,
    change: (shares: Uint8Array) => void,
  ): Promise<{ message: Uint8Array }[]> {
    const own = { view: clean.sums[0]!.view, identity: cohort.clients[liar]!, crypto };
    return [{ message: await withShares(message, own, change) }];
  }

  test('are shown with the liar’s signature over them, the view and the context', async () => {
    const liar = 4;
    let told: Uint8Array | undefined;
    const result = await round({
      tamper: async (one) => {
        if (one.from !== liar || one.type !== 'unmask') return undefined;
        const deliveries = await signedBy(liar, one.message, (shares) => {
          shares[4]! ^= 1;
        });
        told = deliveries[0]!.message;
        return deliveries;
      },
    });
    const [sum] = result.sums;
    expect(sum!.evidence).toEqual([told]);
    const { header, body } = openMessage(sum!.evidence[0]!)!;
    const [content, signature] = [body.slice(0, -64), body.slice(-64)];
    const { publicKey } = cohort.clients[liar]!;
    const holds = (view: Uint8Array) =>
      crypto.verifyAll([
        { publicKey, message: unmaskToVerify(header, { view, content }, crypto), signature },
      ]);
    expect(await holds(sum!.view)).toEqual([true]);
    expect(await holds(flipped(sum!.view))).toEqual([false]);
  });

  test('in the name of another are refused: that one is heard, and nobody is blamed', async () => {
    const victim = 3;
    const before = await round({ config: { ...config, round: 7 } });
    const old = openMessage(sent(before, 'unmask', victim))!.body;
    const own = openMessage(sent(clean, 'unmask', victim))!.body;
    const header = { type: 'unmask', context, sender: victim } as const;
    const forgeries = [
      // Its own message with another share, by 5 in its name, and what it revealed in a round before.
      joined(own.map((byte, i) => (i === 4 ? byte ^ 1 : byte))),
      (await signedBy(5, encodeMessage(header, own), () => {}))[0]!.message.slice(HEADER_BYTES),
      old,
    ].map((body) => encodeMessage(header, body));
    for (const forgery of forgeries) {
      const result = await round({
        tamper: (one) =>
          one.from === victim && one.type === 'unmask'
            ? [{ message: forgery }, { message: one.message, delayMs: 1 }]
            : undefined,
      });
      expect(result.sums.map(({ members, isExact }) => [members, isExact])).toEqual([[ALL, true]]);
      expect(result.sums[0]!.liars).toEqual([]);
      expect(result.evicted).toEqual([]);
      const answers = result.transcript.carried.filter(
        ({ to, type, comesAt }) => to === victim && type === 'abort' && comesAt !== undefined,
      );
      expect(answers.map(({ message }) => reasonIn(message))).toContain('bad-signature');
    }
  });

  function reasonIn(message: Uint8Array) {
    return parseRefusal(openMessage(message)!.body.slice(0, -64))?.reason;
  }

  test('of more liars than can be told end the round, and give no wrong sum', async () => {
    const result = await round({
      tamper: (one) => {
        if (one.type !== 'unmask' || (one.from as number) > 3) return undefined;
        return signedBy(one.from as number, one.message, (shares) => {
          for (let at = 0; at < shares.length; at += 36) {
            shares[at + 4 + (one.from as number)]! ^= 0xff;
          }
        });
      },
    });
    expect(result.sums).toEqual([]);
    expect(result.refusal?.reason).toBe('missing-shares');
  });

  test('dealt by their owner: what does not fit its commitment is not taken for its seed', async () => {
    const result = await round({
      tamper: async (one) => {
        if (one.from !== 5 || one.type !== 'shares') return undefined;
        const body = openMessage(one.message)!.body;
        const content = body.slice(0, -64);
        content[content.length - 1]! ^= 1;
        const header = { type: 'shares', context, sender: 5 } as const;
        const message = unsigned(header, content, crypto);
        const signature = await crypto.sign(message.toSign, cohort.clients[5]!.secret);
        return [{ message: message.signed(signature) }];
      },
    });
    expect(result.sums).toEqual([]);
    expect(result.refusal?.reason).toBe('missing-shares');
  });
});

describe('A14: garbage from a client', () => {
  test('whose slots are wrong loses the round, with its reason', async () => {
    const result = await round({
      inputs: (client, { config: terms, canary }) =>
        encodeUpdate(encodingOf(terms), {
          update: new Float32Array(D),
          samples: 1,
          key: new Uint8Array(32).fill(1),
          ctxConstants: client === 3 ? [1, 2] : canary,
        }).words,
    });
    expect(result.sums).toEqual([]);
    expect(result.refusal?.reason).toBe('canary');
  });

  test('whose slots are right is in the sum: that is what groups and robust rules are for', async () => {
    // `groups-round.test.ts` has a median over groups that stands it.
    const result = await round({
      inputs: (client, { config: terms, canary }) => {
        const { words } = encodeUpdate(encodingOf(terms), {
          update: new Float32Array(D),
          samples: 1,
          key: new Uint8Array(32).fill(1),
          ctxConstants: canary,
        });
        if (client === 3) words.fill(0xdead_beef, SLOTS);
        return words;
      },
    });
    expect([...result.sums[0]!.words.subarray(SLOTS)]).toEqual(Array(D).fill(0xdead_beef));
  });
});

describe('A16: the number of samples', () => {
  test('is on the wire in no shape', async () => {
    const samples = 0x5a17_c3b9;
    const result = await round({
      inputs: (client, { config: terms, canary }) =>
        encodeUpdate(encodingOf(terms), {
          update: new Float32Array(D).fill(0.25),
          samples: client === 4 ? samples : 1,
          key: new Uint8Array(32).fill(9),
          ctxConstants: canary,
        }).words,
    });
    expect(result.phase).toBe('done');
    const plan = encodingOf(config);
    const weight = Math.round((samples / (2 ** 32 - 1)) * 2 ** plan.weightBits);
    const shapes = [samples, weight].flatMap(shapesOf);
    for (const { message, type } of result.transcript.carried) {
      const wire = hex(message);
      for (const shape of shapes) expect(wire.includes(shape), type).toBe(false);
    }
    // The look would find it: in the words before they are masked.
    const { words } = encodeUpdate(plan, {
      update: new Float32Array(D),
      samples,
      key: new Uint8Array(32).fill(9),
      ctxConstants: canaryOf(context, crypto),
    });
    expect(shapes.some((shape) => hex(new Uint8Array(words.buffer)).includes(shape))).toBe(true);
  });
});

/** A number as it may stand in bytes: either end first, as floats, in digits. */
function shapesOf(value: number): string[] {
  const view = new DataView(new ArrayBuffer(8));
  const shapes: string[] = [];
  for (const little of [true, false]) {
    view.setUint32(0, value, little);
    shapes.push(hex(new Uint8Array(view.buffer, 0, 4)));
    view.setFloat32(0, value, little);
    shapes.push(hex(new Uint8Array(view.buffer, 0, 4)));
    view.setFloat64(0, value, little);
    shapes.push(hex(new Uint8Array(view.buffer)));
  }
  return [...shapes, hex(new TextEncoder().encode(`${value}`))];
}

describe('A17: inputs that are not numbers', () => {
  const encoded = (update: Float32Array) =>
    encodeUpdate(encodingOf(config), {
      update,
      samples: 2 ** 32 - 1,
      key: new Uint8Array(32).fill(7),
      ctxConstants: [1, 2],
    });

  test('NaN: the client drops out without a word of why, and the others have their sum', async () => {
    const result = await round({
      inputs: (client, { config: terms, canary }) =>
        encodeUpdate(encodingOf(terms), {
          update: new Float32Array(D).fill(client === 2 ? Number.NaN : 0.5),
          samples: 1,
          key: new Uint8Array(32).fill(7),
          ctxConstants: canary,
        }).words,
    });
    expect(result.clients[2]!.refusal?.reason).toBe('local');
    expect(result.sums.map(({ members }) => members)).toEqual([ALL.filter((i) => i !== 2)]);
  });

  test('infinities are clipped, and what is next to 0 is 0 or one step, never more', () => {
    const tiny = 2 ** -149;
    const { words, clippedFraction } = encoded(
      Float32Array.of(Infinity, -Infinity, tiny, -tiny, -0),
    );
    expect([...new Int32Array(words.buffer, 4 * SLOTS)].slice(0, 2)).toEqual([32_767, -32_767]);
    for (const word of new Int32Array(words.buffer, 4 * (SLOTS + 2))) {
      expect(Math.abs(word)).toBeLessThanOrEqual(1);
    }
    expect(words[SLOTS + 4]).toBe(0);
    expect(clippedFraction).toBe(0.4);
  });

  test('are rounded the same on every backend', async () => {
    const values = Float32Array.of(0.1, -0.9, 1e-40, 3, -0, 0.5, -(2 ** -24), 0.999_999_9);
    const plan = encodingOf({ ...config, dimensions: values.length, maxSamples: 0 });
    const key = new Uint8Array(32).fill(3);
    const { words } = encodeUpdate(plan, { update: values, key, ctxConstants: [1, 2] });
    for (const name of ['reference', 'wasm'] as const) {
      await using backend = await createBackend(name);
      const quantized = quantize(backend.matrix([values]), { ...plan, key });
      expectSameWords(await backend.readWords(quantized), words.subarray(SLOTS));
    }
  });
});

describe('A18: nonces of boxes', () => {
  test('never come twice, and a retry sends the same bytes', async () => {
    const seen = new Set<string>();
    let boxes = 0;
    for (const result of [clean, await round({ config: { ...config, round: 2 } })]) {
      for (const client of ALL) {
        const body = openMessage(sent(result, 'shares', client))!.body;
        for (const { box } of parseShares(body.slice(0, -64))!.boxes) {
          seen.add(hex(box.subarray(0, BOX_NONCE_BYTES)));
          boxes++;
        }
      }
    }
    expect(boxes).toBe(2 * N * (N - 1));
    expect(seen.size).toBe(boxes);
    const again = await round({
      tamper: (one) =>
        one.type === 'roster'
          ? [{ message: one.message }, { message: one.message, delayMs: 1 }]
          : undefined,
    });
    const shares = again.transcript.carried.filter(
      ({ from, type }) => from === 1 && type === 'shares',
    );
    expect(shares.length).toBe(2);
    expect(shares[1]!.message).toEqual(shares[0]!.message);
    expect(again.sums.map(({ isExact }) => isExact)).toEqual([true]);
  });
});

describe('A19: keys of low order, and keys that have another encoding', () => {
  const P = 2n ** 255n - 19n;
  const LOW: readonly (readonly [string, bigint])[] = [
    ['0', 0n],
    ['1', 1n],
    ['p − 1', P - 1n],
    ['p', P],
    ['p + 1', P + 1n],
    ['of order 8', 325606250916557431795983626356110631294008115727848805560023387167927233504n],
    [
      'of order 8, the other',
      39382357235489614581723060781553021112529911719440698176882885853963445705823n,
    ],
    ['p + 9, which is 9', P + 9n],
    ['9 and the top bit', 9n + 2n ** 255n],
    ['0 and the top bit', 2n ** 255n],
    ['2²⁵⁶ − 1', 2n ** 256n - 1n],
  ];
  const bytesOf = (value: bigint): Uint8Array =>
    Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));

  async function lowEntry(client: number, low: Uint8Array): Promise<Entry> {
    const entry = { ...ownEntry(client), maskKey: low };
    const toSign = entryToVerify(entry, context, crypto);
    return { ...entry, signature: await crypto.sign(toSign, cohort.clients[client]!.secret) };
  }

  test.each(LOW)('%s is refused by the server', async (_, value) => {
    const low = bytesOf(value);
    const result = await round({
      tamper: async (one) => {
        if (one.from !== 7 || one.type !== 'advertise') return undefined;
        const header = { type: 'advertise', context, sender: NOBODY } as const;
        return [{ message: encodeMessage(header, encodeEntry(await lowEntry(7, low))) }];
      },
    });
    expect(result.sums.map(({ members, isExact }) => [members, isExact])).toEqual([
      [ALL.slice(0, 7), true],
    ]);
    const told = result.transcript.carried
      .filter(({ to, type }) => to === 7 && type === 'abort')
      .map(({ message }) => parseRefusal(openMessage(message)!.body.slice(0, -64))?.reason);
    expect(told).toEqual(['bad-key']);
  });

  test.each(LOW)(
    '%s, shown by a server in league with its owner, stops the client',
    async (_, value) => {
      const low = await lowEntry(7, bytesOf(value));
      const result = await round({
        tamper: instead('roster', 2, (message) => {
          const body = parseRoster(openMessage(message)!.body, true)!;
          const neighbours = body.neighbours.map((record) =>
            record.index === 7 ? { ...record, entry: low } : record,
          );
          return rosterMessage({ ...body, neighbours }, ownEntry(2));
        }),
      });
      expect(result.clients[2]!.phase).toBe('aborted');
      // And says whose key it is.
      expect(result.clients[2]!.refusal).toEqual({ reason: 'bad-key', have: 7, need: 0 });
      expect(
        result.transcript.carried.some(({ from, type }) => from === 2 && type === 'masked'),
      ).toBe(false);
    },
  );
});

describe('A21: secrets', () => {
  /** A round in which the secrets of client 1 are watched where they lie. */
  async function watchedRound(tamper?: Tamper) {
    const held: Uint8Array[] = [];
    const copies: string[] = [];
    const looks: string[] = [];
    const result = await round({
      ...(tamper && { tamper }),
      client: (options) => {
        if (!isClient(1, options)) return new SecureClient(options);
        const keep = (secret: Uint8Array): void => {
          held.push(secret);
          copies.push(hex(secret));
        };
        const watching: CryptoProvider = {
          ...options.crypto,
          agreementKeys: (secrets) => {
            secrets.forEach(keep);
            return options.crypto.agreementKeys(secrets);
          },
          sharedSecrets: async (pairings) => {
            const agreed = await options.crypto.sharedSecrets(pairings);
            for (const secret of agreed) if (secret !== undefined) keep(secret);
            return agreed;
          },
          open: (sealed, terms) => {
            const content = options.crypto.open(sealed, terms);
            if (content !== undefined) keep(content);
            return content;
          },
        };
        const client = new SecureClient({ ...options, crypto: watching });
        return lookedAt(client, (look) => looks.push(look));
      },
    });
    return { result, held, copies, looks };
  }

  /** A client that is looked at after each message, by all means that show objects. */
  function lookedAt(client: SecureClient, onLook: (look: string) => void): ClientRole {
    return {
      get phase() {
        return client.phase;
      },
      get refusal() {
        return client.refusal;
      },
      get result() {
        return client.result;
      },
      tick: (now) => client.tick(now),
      async handle(message, now) {
        const output = await client.handle(message, now);
        onLook(`${client} ${inspect(client, { depth: 20, showHidden: true })}`);
        onLook(JSON.stringify(client));
        return output;
      },
    };
  }

  test('are overwritten once the round is over, and shown to nobody who looks', async () => {
    const { result, held, copies, looks } = await watchedRound();
    expect(result.clients[1]!.phase).toBe('done');
    expect(held.length).toBeGreaterThan(2 * (N - 1));
    for (const secret of held) expect(secret.every((byte) => byte === 0)).toBe(true);
    for (const look of looks) {
      for (const secret of copies) {
        expect(look.includes(secret)).toBe(false);
        expect(look.includes(secret.slice(0, 16))).toBe(false);
      }
      expect(look).not.toMatch(/Uint8Array\(32\)/);
    }
  });

  test('are overwritten too where the round ends early', async () => {
    const { result, held } = await watchedRound(instead('view', 1, (m) => m.slice(0, -1)));
    expect(result.clients[1]!.phase).toBe('aborted');
    for (const secret of held) expect(secret.every((byte) => byte === 0)).toBe(true);
  });

  test('meet neither tables nor branches in the code that clients share them with', () => {
    const code = (file: string): string =>
      readFileSync(join(import.meta.dirname, '../../src/secagg', file), 'utf8');
    // `split` takes tables for public powers of x alone.
    const multiplied = code('shamir.ts').match(/tableMultiply\(([^)]*)\)/g);
    expect(multiplied).toEqual(['tableMultiply(powers[i]!, i + 1)']);
    expect(code('client.ts')).not.toMatch(/recombine|fieldTables|BigInt/);
  });
});

describe('A22: a source of randomness that repeats itself', () => {
  const constant: CryptoProvider = {
    ...crypto,
    randomBytes: (length) => new Uint8Array(length).fill(0xaa),
  };

  test('gives no key twice, of any client in any round', () => {
    const seen = new Set<string>();
    for (const { secret } of cohort.clients) {
      for (const round of [1, 2, 3]) {
        const terms = contextOf({ ...config, round }, crypto);
        for (const key of Object.values(roundSecrets(secret, terms, constant))) seen.add(hex(key));
      }
    }
    expect(seen.size).toBe(3 * 3 * N);
  });

  test('gives none that an outsider could compute: each depends on the identity’s secret', () => {
    const [one, two] = cohort.clients;
    const first = roundSecrets(one!.secret, context, constant);
    const second = roundSecrets(two!.secret, context, constant);
    expect(first.seed).not.toEqual(second.seed);
  });
});

describe('A23: the graph', () => {
  const sparse: RoundConfig = roundConfig({
    clients: 24,
    dimensions: D,
    topology: 'harary',
    degree: 8,
    threshold: 7,
    corrupt: 40_000,
    dropout: 0,
    sigma: 1,
    eta: 1,
    minStart: 24,
    minSum: 16,
    beacon: new Uint8Array(32).fill(1),
  });

  test('follows from the transcript and the beacon, for whoever looks', async () => {
    const many = await cohortOf(24, { seed: SEED, crypto });
    const beacon = new Uint8Array(32).fill(0x42);
    const policy = { minSum: 16, corrupt: 0, sigma: 1 };
    const options = { cohort: many, config: sparse, crypto, seed: SEED, policy, beacon };
    const result = await simulateRound(options);
    expect(result.phase).toBe('done');
    const rosterOf = (client: number) =>
      parseRoster(openMessage(sent(result, 'roster', client))!.body, false)!;
    const { root } = rosterOf(0);
    // The ring as the specification has it, drawn here once more.
    const seed = crypto.sha256(label('graph'), contextOf(sparse, crypto), root, beacon);
    const ring = createRandom(seed).permutation(24);
    for (const client of many.clients.keys()) {
      const roster = rosterOf(client);
      expect(roster.root).toEqual(root);
      const at = ring.indexOf(roster.index);
      const near = [1, 2, 3, 4].flatMap((step) => [
        ring[(at + step) % 24]!,
        ring[(at - step + 24) % 24]!,
      ]);
      expect(roster.neighbours.map(({ index }) => index)).toEqual(near.sort((a, b) => a - b));
    }
    // A server that gives a client other neighbours than these, genuine ones, is refused.
    const victim = 5;
    const stranger = rosterOf(victim).neighbours[0]!;
    const forged = await simulateRound({
      ...options,
      tamper: instead('roster', victim, async (message) => {
        const body = parseRoster(openMessage(message)!.body, false)!;
        const mine = new Set([body.index, ...body.neighbours.map(({ index }) => index)]);
        const leaves = [...many.clients.keys()].flatMap((client) => rosterOf(client).neighbours);
        const entries = new Map(leaves.map(({ index, entry }) => [index, entry]));
        const from = leaves.find(({ index }) => !mine.has(index))!;
        const neighbours = body.neighbours
          .map((record) => (record.index === stranger.index ? from : record))
          .sort((a, b) => a.index - b.index);
        const all = [...entries.keys()].sort((a, b) => a - b).map((index) => entries.get(index)!);
        const places = placesOf({ ...body, neighbours });
        const paths = pathsTo(buildTree(all, crypto), places);
        return encodeMessage(
          { type: 'roster', context: contextOf(sparse, crypto), sender: NOBODY },
          encodeRoster({ ...body, neighbours, paths }),
        );
      }),
    });
    expect(forged.clients[victim]!.refusal?.reason).toBe('roster');
  });
});

describe('A24: a device that gets masks wrong', () => {
  test('is found by the blocks that are looked at, and the sum is exact', async () => {
    const faults: MaskFault[] = [];
    const reference = await createBackend('reference');
    const wrong = {
      info: reference.info,
      words: reference.words.bind(reference),
      release: reference.release.bind(reference),
      readWords: async (x: never) => {
        const words = await reference.readWords(x);
        words[4]! ^= 2 ** 9;
        return words;
      },
    };
    const result = await round({
      masks: (party) =>
        party === 2 || party === 'server'
          ? backendMasks(wrong as never, {
              randomBytes: crypto.randomBytes,
              onFault: (fault) => faults.push(fault),
            })
          : referenceMasks(),
    });
    expect(faults.map(({ kind }) => kind)).toEqual(['wrong', 'wrong']);
    expect(result.sums.map(({ isExact }) => isExact)).toEqual([true]);
  });

  test('in a slot is found by the slots, where nobody looked', async () => {
    const result = await round({
      masks: (party) => ({
        add: async (words, masks) => {
          const masked = await referenceMasks().add(words, masks);
          if (party === 2) masked[1]! ^= 1;
          return masked;
        },
      }),
    });
    expect(result.sums).toEqual([]);
    expect(result.refusal?.reason).toBe('canary');
  });
});
