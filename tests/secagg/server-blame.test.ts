/**
 * Who is named where shares or boxes do not fit: those of whom it is certain, with what shows it, and
 * nobody else.
 *
 * @module
 */

import { describe, expect, test } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { type Blame, judge } from '../../src/secagg/blame.ts';
import type { CryptoProvider } from '../../src/secagg/crypto/provider.ts';
import type { Graph } from '../../src/secagg/graph.ts';
import { commitmentTo } from '../../src/secagg/keys.ts';
import {
  openMessage,
  parseComplaint,
  parseUnmask,
  signedPart,
  unmaskToVerify,
  unsigned,
} from '../../src/secagg/messages.ts';
import { countAgreeing, createRecombiner } from '../../src/secagg/recombine.ts';
import type { SecureServer } from '../../src/secagg/server.ts';
import { split } from '../../src/secagg/shamir.ts';
import { hex, SLOTS, sameBytes } from '../../src/secagg/suite.ts';
import { withShares } from '../support/edit-message.ts';
import { multiply } from '../support/field.ts';
import { roundConfig, seededCrypto, sumOf } from '../support/secure-round.ts';
import { type Played, playRound } from '../support/secure-stage.ts';

const D = 6;
// k = 11, c = ⌊0.1·12⌋ = 1, t = ⌊(11 + 1)/2⌋ + 1 = 7: t + c = 8 of 11 leave no doubt.
const config = roundConfig({ clients: 12, dimensions: D, minStart: 8, minSum: 7 });
const ALL = Array.from({ length: 12 }, (_, i) => i);
const crypto = seededCrypto(5);

/** Numbers of clients, in the order of the roster. */
async function inRoster({ server, identities }: Played): Promise<number[]> {
  const { roster } = await server.snapshot();
  const names = identities.map(({ publicKey }) => hex(publicKey));
  return roster.map(({ identity }) => names.indexOf(hex(identity)));
}

const clean = await playRound({ config });
/** Numbers by index, which is the same in each round of these clients. */
const numbers = await inRoster(clean);
const nameOf = (index: number): string => hex(clean.identities[numbers[index]!]!.publicKey);

function brief(blamed: readonly Blame[]) {
  return blamed.map(({ client, fault, have, need }) => ({ client, fault, have, need }));
}

function expectExact(server: SecureServer): void {
  expect(server.phase).toBe('done');
  expect(server.outcome!.sums[0]!.inputs).toHaveLength(12);
  expect(server.outcome!.sums[0]!.words.subarray(SLOTS)).toEqual(sumOf(ALL, D));
}

/** A client that deals wrong shares of its seed, or of its mask secret, to its first neighbours. */
function dealing(index: number, wrong: number, at = 32): (number: number) => object {
  return (number) => {
    if (number !== numbers[index]) return {};
    const own = seededCrypto(100 + number);
    let dealt = 0;
    const seal: CryptoProvider['seal'] = (content, box) => {
      const changed = content.slice();
      if (dealt++ < wrong) changed[at + (dealt % 7)]! ^= dealt;
      return own.seal(changed, box);
    };
    return { crypto: { ...own, seal } };
  };
}

/** A client that reveals wrong shares of as many others, from the first on. */
function revealing(index: number, wrong: number) {
  return async (message: Uint8Array, from: number): Promise<Uint8Array[]> => {
    if (from !== numbers[index] || openMessage(message)!.type !== 'unmask') return [message];
    const { view } = clean.server.outcome!.sums[0]!;
    const own = { view, identity: clean.identities[from]!, crypto };
    const changed = await withShares(message, own, (shares) => {
      for (let i = 0; i < wrong; i++) shares[36 * i + 4]! ^= 1;
    });
    return [changed];
  };
}

describe('a dealer', () => {
  test('of wrong shares to more than may lie is named; the sum is exact, and holders are not blamed', async () => {
    const { server } = await playRound({ config, clients: dealing(9, 2) });
    expectExact(server);
    expect(brief(server.blamed)).toEqual([{ client: nameOf(9), fault: 'dealt', have: 2, need: 2 }]);
    expect(server.outcome!.blamed).toBe(server.blamed);
    expect(server.outcome!.sums[0]!.liars).toEqual([]);
    expect(server.evicted).toEqual([nameOf(9)]);
    // Whoever has what is shown finds the same.
    const { evidence } = server.blamed[0]!;
    expect(evidence).toHaveLength(11);
    const shares = await sharesIn(evidence, 9, server);
    expect(countAgreeing(shares, 7)).toBe(9);
  });

  test('of one wrong share is not: its holder may have lied, and is listed, not evicted', async () => {
    const { server } = await playRound({ config, clients: dealing(9, 1) });
    expectExact(server);
    expect(server.blamed).toEqual([]);
    expect(server.outcome!.sums[0]!.liars).toEqual([nameOf(0)]);
    expect(server.evicted).toEqual([]);
  });

  test('of a secret that is not what it committed to ends the round, with numbers, and is named', async () => {
    const { server } = await playRound({
      config,
      said: async (message, from) => {
        if (from !== numbers[5] || openMessage(message)!.type !== 'shares') return [message];
        const { header, body } = openMessage(message)!;
        const content = body.slice(0, -64);
        content[content.length - 1]! ^= 1;
        const { context, sender } = openMessage(message)!;
        expect(header.length + body.length).toBe(message.length);
        const own = unsigned({ type: 'shares', context, sender }, content, crypto);
        const { secret } = clean.identities[from]!;
        return [own.signed(await crypto.sign(own.toSign, secret))];
      },
    });
    expect(server.phase).toBe('aborted');
    expect(server.refusal).toEqual({ reason: 'missing-shares', have: 0, need: 7 });
    expect(brief(server.blamed)).toEqual([
      { client: nameOf(5), fault: 'secret', have: 11, need: 8 },
    ]);
    expect(server.evicted).toEqual([nameOf(5)]);
    const shares = await sharesIn(server.blamed[0]!.evidence, 5, server);
    expect(countAgreeing(shares, 7)).toBe(11);
    const { shared, binding } = await server.snapshot();
    const seed = createRecombiner().recombine(shares, 7);
    const { context } = binding;
    const commitment = commitmentTo(seed, { context, index: 5 }, crypto);
    expect(sameBytes(commitment, shared.get(5)!.commitment)).toBe(false);
  });

  test('of another mask secret than its key’s is named when it drops out', async () => {
    const other = crypto.randomBytes(32);
    const { server } = await playRound({
      config,
      clients: (number) => {
        if (number !== numbers[4]) return {};
        const own = seededCrypto(100 + number);
        const shares = split(other, { threshold: 7, shares: 11, randomBytes: own.randomBytes });
        let dealt = 0;
        const seal: CryptoProvider['seal'] = (content, box) => {
          const changed = content.slice();
          changed.set(shares[dealt++]!, 0);
          return own.seal(changed, box);
        };
        return { crypto: { ...own, seal } };
      },
      said: (message, from) =>
        from === numbers[4] && openMessage(message)!.type === 'masked' ? [] : [message],
    });
    expect(server.refusal).toEqual({ reason: 'missing-shares', have: 0, need: 7 });
    expect(brief(server.blamed)).toEqual([
      { client: nameOf(4), fault: 'secret', have: 11, need: 8 },
    ]);
  });

  test('is not the only one to be named: a round that is lost names all', async () => {
    const spoilt = [2, 5, 7];
    const { server } = await playRound({
      config,
      clients: (number) =>
        spoilt.includes(numbers.indexOf(number))
          ? { crypto: lyingHash(seededCrypto(100 + number)) }
          : {},
    });
    expect(server.refusal?.reason).toBe('missing-shares');
    expect(server.evicted).toEqual(spoilt.map(nameOf));
  });
});

/** Commits to something else than to its seed. */
function lyingHash(own: CryptoProvider): CryptoProvider {
  const isCommitment = (part: Uint8Array | undefined): boolean =>
    part !== undefined && new TextDecoder().decode(part) === 'SAGG1 b';
  return {
    ...own,
    sha256: (...parts) => {
      const digest = own.sha256(...parts);
      if (isCommitment(parts[0])) digest[0]! ^= 1;
      return digest;
    },
  };
}

describe('a holder', () => {
  test('of wrong shares of more than may have dealt it such is named, with its own message', async () => {
    const { server } = await playRound({ config, said: revealing(0, 2) });
    expectExact(server);
    expect(brief(server.blamed)).toEqual([
      { client: nameOf(0), fault: 'revealed', have: 2, need: 2 },
    ]);
    expect(server.outcome!.sums[0]!.liars).toEqual([nameOf(0)]);
    const { evidence } = server.blamed[0]!;
    const own = evidence.find((message) => openMessage(message)!.sender === 0)!;
    expect(await isSigned(own, 0, server)).toBe(true);
  });

  test('of one wrong share is listed, and not evicted', async () => {
    const { server } = await playRound({ config, said: revealing(0, 1) });
    expectExact(server);
    expect(server.blamed).toEqual([]);
    expect(server.outcome!.sums[0]!.liars).toEqual([nameOf(0)]);
  });
});

describe('boxes that do not open', () => {
  const spoiling = (index: number, wrong: number) => (number: number) => {
    if (number !== numbers[index]) return {};
    const own = seededCrypto(100 + number);
    let dealt = 0;
    const seal: CryptoProvider['seal'] = (content, box) => {
      const sealed = own.seal(content, box);
      if (dealt++ < wrong) sealed[3]! ^= 1;
      return sealed;
    };
    return { crypto: { ...own, seal } };
  };

  test('for more than may lie end the round, and the complaints show whose they were', async () => {
    const { server } = await playRound({ config, clients: spoiling(6, 2) });
    expect(server.phase).toBe('aborted');
    expect(server.refusal).toEqual({ reason: 'complaints', have: 2, need: 1 });
    expect(brief(server.blamed)).toEqual([{ client: nameOf(6), fault: 'boxes', have: 2, need: 2 }]);
    expect(server.evicted).toEqual([nameOf(6)]);
    for (const message of server.blamed[0]!.evidence) {
      const envelope = openMessage(message)!;
      const { content, signature, toVerify } = signedPart(envelope, crypto)!;
      expect(parseComplaint(content)).toBe(6);
      const { publicKey } = clean.identities[numbers[envelope.sender]!]!;
      expect(await crypto.verifyAll([{ publicKey, message: toVerify, signature }])).toEqual([true]);
    }
  });

  test('for one cost it that one neighbour, and nobody is named', async () => {
    const { server } = await playRound({ config, clients: spoiling(6, 1) });
    expect(server.phase).toBe('done');
    expect(server.blamed).toEqual([]);
    expect(server.outcome!.sums[0]!.inputs).toHaveLength(11);
  });

  test('in one group cost that group its sum, and no other', async () => {
    // G = 5 groups of 8: c = 1.
    const groups = roundConfig({
      clients: 40,
      dimensions: D,
      topology: 'groups',
      groupSize: 8,
      corrupt: 25_000,
      dropout: 25_000,
      sigma: 80,
      minSum: 5,
      minStart: 20,
    });
    const { server, identities } = await playRound({
      config: groups,
      policy: { corrupt: 0.025, minSum: 5 },
      clients: (number) => {
        if (number !== 3) return {};
        const own = seededCrypto(100 + number);
        return { crypto: { ...own, seal: (content, box) => own.seal(content, box).fill(0) } };
      },
    });
    expect(server.phase).toBe('done');
    expect(server.outcome!.sums).toHaveLength(4);
    expect(server.outcome!.lost.map(({ refusal }) => refusal)).toEqual([
      { reason: 'complaints', have: 7, need: 1 },
    ]);
    expect(server.outcome!.blamed.map(({ client }) => client)).toEqual([
      hex(identities[3]!.publicKey),
    ]);
  });
});

describe('a complaint', () => {
  test.each([
    ['of more bytes', Uint8Array.of(1, 0, 0, 0, 0)],
    ['of fewer', Uint8Array.of(1, 0, 0)],
    ['about a stranger', Uint8Array.of(200, 0, 0, 0)],
  ])('%s is malformed, and its sender is out', async (_, content) => {
    const refusals: (string | undefined)[] = [];
    const { server } = await playRound({
      config,
      said: async (message, from) => {
        if (from !== numbers[3] || openMessage(message)!.type !== 'masked') return [message];
        const { context, sender } = openMessage(message)!;
        const own = unsigned({ type: 'complaint', context, sender }, content, crypto);
        return [own.signed(await crypto.sign(own.toSign, clean.identities[from]!.secret))];
      },
      onStep: async (one, { refused }) => {
        if (refused !== undefined) refusals.push(refused);
        return one;
      },
    });
    expect(refusals).toEqual(['malformed']);
    expect(server.phase).toBe('done');
    expect(server.outcome!.sums[0]!.inputs).toHaveLength(11);
  });
});

describe('verdicts', () => {
  /** k = 11, t = 7, c = 1 around each. */
  const graph = {
    terms: () => ({ degree: 11, threshold: 7, corrupt: 1 }),
  } as Partial<Graph> as Graph;

  test.each([
    [7, 0],
    [8, 1],
  ])('where %i shares agree on a secret that is not the owner’s: %i', (agreeing, verdicts) => {
    const finding = { owner: 3, wrong: [], agreeing, isCommitted: false };
    expect(judge([finding], graph)).toHaveLength(verdicts);
  });

  test('t that lie together can make honest shares look wrong: then nobody is named', async () => {
    // Shares of an honest dealer at x = 1 … 9. Two liars, where one is assumed, hold 8 and 9.
    const secret = crypto.randomBytes(32);
    const threshold = 7;
    const honest = split(secret, { threshold, shares: 9, randomBytes: crypto.randomBytes });
    // A polynomial of degree 6 that is 0 at 0 and at the honest 1 … 5: the sum of both has the same secret.
    const zeroed = (x: number): number =>
      [0, 1, 2, 3, 4, 5].reduce((product, root) => multiply(product, x ^ root), 1);
    const shares = honest.map((share, i) => {
      const lies = share.slice();
      if (i >= 7) for (let at = 0; at < 32; at += 2) addWord(lies, at, zeroed(i + 1));
      return { x: i + 1, share: lies };
    });
    const accept = (found: Uint8Array): boolean => sameBytes(found, secret);
    const order = [8, 9, 1, 2, 3, 4, 5, 6, 7].map((x) => shares[x - 1]!);
    const found = await createRecombiner().recombineVerified(order, { threshold, accept });
    expect(found!.secret).toEqual(secret);
    // The liars' polynomial goes through 1 … 5, 8 and 9: it is tried first, and 6 and 7 are not looked at.
    const wrong = [6, 7];
    const finding = { owner: 0, wrong, agreeing: 7, isCommitted: true };
    expect(judge([finding], graph)).toEqual([]);
  });

  function addWord(bytes: Uint8Array, at: number, word: number): void {
    bytes[at]! ^= word & 0xff;
    bytes[at + 1]! ^= word >>> 8;
  }

  test('never name the honest, whatever as many as are assumed do', () => {
    const random = createRandom(9);
    const clients = 12;
    for (let trial = 0; trial < 2000; trial++) {
      // One client is in league with the server: it deals and reveals what it likes.
      const liar = random.below(clients);
      const findings = ALL.flatMap((owner) => {
        const wrong =
          owner === liar
            ? ALL.filter((i) => i !== owner && random.below(4) === 0)
            : random.below(2) === 0
              ? [liar]
              : [];
        const isCommitted = owner !== liar || random.below(2) === 0;
        const agreeing = 11 - wrong.length;
        return wrong.length === 0 && isCommitted ? [] : [{ owner, wrong, agreeing, isCommitted }];
      });
      const named = judge(findings, graph).map(({ client }) => client);
      expect(named.filter((client) => client !== liar)).toEqual([]);
    }
  });
});

/** The shares of an owner in messages that were revealed, each with its signature looked at. */
async function sharesIn(messages: readonly Uint8Array[], owner: number, server: SecureServer) {
  const shares = [];
  for (const message of messages) {
    const { sender, body } = openMessage(message)!;
    expect(await isSigned(message, sender, server)).toBe(true);
    const record = parseUnmask(body.slice(0, -64))!.find(({ index }) => index === owner)!;
    // On the complete graph others are ranked by index.
    shares.push({ x: 1 + sender - Number(sender > owner), share: record.share });
  }
  return shares;
}

async function isSigned(message: Uint8Array, sender: number, server: SecureServer) {
  const { header, body } = openMessage(message)!;
  const [content, signature] = [body.slice(0, -64), body.slice(-64)];
  const { cohorts } = await server.snapshot();
  const view = cohorts[0]!.view!;
  const { publicKey } = clean.identities[numbers[sender]!]!;
  const toVerify = unmaskToVerify(header, { view, content }, crypto);
  const [holds] = await crypto.verifyAll([{ publicKey, message: toVerify, signature }]);
  return holds;
}
