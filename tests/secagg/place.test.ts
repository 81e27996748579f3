/**
 * Where rosters put clients: what is wrong with one is found before the graph of all is drawn.
 *
 * @module
 */

import { describe, expect, test } from 'vitest';
import type { RoundConfig } from '../../src/secagg/config.ts';
import { contextOf } from '../../src/secagg/config.ts';
import type { CryptoProvider } from '../../src/secagg/crypto/provider.ts';
import { drawGraph } from '../../src/secagg/graph.ts';
import {
  entryToVerify,
  placesOf,
  type RosterBody,
  rootToVerify,
} from '../../src/secagg/messages.ts';
import { type Placed, placeIn } from '../../src/secagg/place.ts';
import type { Refusal } from '../../src/secagg/reasons.ts';
import { Refused } from '../../src/secagg/reasons.ts';
import {
  buildTree,
  type Entry,
  type Leaf,
  pathsTo,
  rootOf,
  STEP_BYTES,
  stepsTo,
} from '../../src/secagg/roster.ts';
import { hex, label } from '../../src/secagg/suite.ts';
import { degreesOf } from '../../src/secagg/terms.ts';
import { roundConfig, seededCrypto, seededIdentity } from '../support/secure-round.ts';

const plain = seededCrypto(4);
const server = await seededIdentity(1);

/** Cryptography that tells whether a graph was drawn: nothing else is hashed under that label. */
function watched(): { crypto: CryptoProvider; drawn: () => boolean } {
  const graph = hex(label('graph'));
  let drawn = false;
  const sha256 = (...parts: Uint8Array[]): Uint8Array => {
    drawn ||= parts[0] !== undefined && hex(parts[0]) === graph;
    return plain.sha256(...parts);
  };
  return { crypto: { ...plain, sha256 }, drawn: () => drawn };
}

async function entryOf(seed: number, context: Uint8Array): Promise<Entry> {
  const identity = await seededIdentity(seed);
  const [maskKey, boxKey] = await plain.agreementKeys([
    plain.randomBytes(32),
    plain.randomBytes(32),
  ]);
  const blank = {
    identity: identity.publicKey,
    maskKey: maskKey!,
    boxKey: boxKey!,
    nonce: plain.randomBytes(32),
    signature: new Uint8Array(0),
  };
  const toSign = entryToVerify(blank, context, plain);
  return { ...blank, signature: await plain.sign(toSign, identity.secret) };
}

async function judged(
  roster: RosterBody,
  { config, entry, crypto }: { config: RoundConfig; entry: Entry; crypto: CryptoProvider },
): Promise<Placed | Refusal> {
  const policy = {
    serverKey: server.publicKey,
    federation: config.federation,
    model: config.model,
    dimensions: config.dimensions,
    enrolment: () => true,
  };
  const round = { config, context: contextOf(config, plain), entry };
  try {
    return await placeIn(roster, round, { crypto, policy });
  } catch (error) {
    if (error instanceof Refused) return error.refusal;
    throw error;
  }
}

describe('a roster that claims 2²⁴ clients', () => {
  const clients = 2 ** 24;
  const config = roundConfig({
    clients,
    dimensions: 1,
    topology: 'harary',
    valueBits: 8,
    sigma: 80,
    arcSafe: true,
  });
  const context = contextOf(config, plain);
  const [degree] = degreesOf(config, clients);

  /** In the server's signature, with so many entries that stand nowhere. */
  async function claimed(neighbours: number): Promise<{ roster: RosterBody; entry: Entry }> {
    const entry = await entryOf(2, context);
    const root = new Uint8Array(32).fill(1);
    const signature = await plain.sign(rootToVerify(root), server.secret);
    const records = Array.from({ length: neighbours }, (_, i): Leaf => {
      const identity = new Uint8Array(32);
      new DataView(identity.buffer).setUint32(0, i);
      const [maskKey, boxKey] = [plain.randomBytes(32), plain.randomBytes(32)];
      return { index: i, entry: { ...entry, identity, maskKey, boxKey } };
    });
    const index = clients - 1;
    const steps = stepsTo(placesOf({ index, neighbours: records }), clients);
    const paths = new Uint8Array(steps * STEP_BYTES);
    return {
      roster: { clients, index, root, signature, neighbours: records, paths },
      entry,
    };
  }

  test.each([
    ['too few', -1],
    ['as many as there must be, under no root', 0],
  ])('and shows %s is declined before any graph is drawn', async (_, more) => {
    const { roster, entry } = await claimed(degree! + more);
    const { crypto, drawn } = watched();
    const before = process.memoryUsage();
    const refusal = await judged(roster, { config, entry, crypto });
    const after = process.memoryUsage();
    expect(refusal).toMatchObject({ reason: 'roster' });
    expect(drawn()).toBe(false);
    // The order of the ring alone has 4 bytes for each of 2²⁴.
    const grown = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
    expect(grown).toBeLessThan(4 * clients);
  });

  test('is declined by its signature first', async () => {
    const { roster, entry } = await claimed(1);
    const { crypto, drawn } = watched();
    const signature = new Uint8Array(64);
    expect(await judged({ ...roster, signature }, { config, entry, crypto })).toMatchObject({
      reason: 'bad-signature',
    });
    expect(drawn()).toBe(false);
  });
});

describe('a roster of a ring', () => {
  const n = 24;
  const config = roundConfig({
    clients: n,
    dimensions: 1,
    topology: 'harary',
    degree: 8,
    threshold: 7,
    corrupt: 40_000,
    dropout: 0,
    sigma: 1,
    eta: 1,
  });

  test('puts a client among the neighbours that follow from it, whose signatures hold', async () => {
    const context = contextOf(config, plain);
    const entries: Entry[] = [];
    for (let i = 0; i < n; i++) entries.push(await entryOf(100 + i, context));
    entries.sort((a, b) => (hex(a.identity) < hex(b.identity) ? -1 : 1));
    const tree = buildTree(entries, plain);
    const root = rootOf(tree, { context, clients: n }, plain);
    const seed = { context, root, beacon: new Uint8Array(32) };
    const near = drawGraph(config, n, { seed, crypto: plain }).neighbours(5);
    const record = (index: number): Leaf => ({ index, entry: entries[index]! });
    const places = [...near, 5].sort((a, b) => a - b);
    const roster: RosterBody = {
      clients: n,
      index: 5,
      root,
      signature: await plain.sign(rootToVerify(root), server.secret),
      neighbours: near.map(record),
      paths: pathsTo(tree, places),
    };
    const entry = entries[5]!;
    const placed = await judged(roster, { config, entry, crypto: plain });
    expect('neighbours' in placed && [...placed.neighbours.keys()]).toEqual(near);
    // One whose signature is another's, under a root that says so too: no graph is drawn for it.
    const [first] = near;
    const forged = entries.with(first!, { ...entries[first!]!, signature: entry.signature });
    const forgedTree = buildTree(forged, plain);
    const forgedRoot = rootOf(forgedTree, { context, clients: n }, plain);
    const { crypto, drawn } = watched();
    const refusal = await judged(
      {
        ...roster,
        root: forgedRoot,
        signature: await plain.sign(rootToVerify(forgedRoot), server.secret),
        neighbours: near.map((index) => ({ index, entry: forged[index]! })),
        paths: pathsTo(forgedTree, places),
      },
      { config, entry, crypto },
    );
    expect(refusal).toMatchObject({ reason: 'bad-signature' });
    expect(drawn()).toBe(false);
  });
});

test('a complete graph is drawn from nothing, and is in memory once somebody asks for it', () => {
  const config = roundConfig({ clients: 100, dimensions: 1 });
  const { crypto, drawn } = watched();
  const seed = {
    context: new Uint8Array(32),
    root: new Uint8Array(32),
    beacon: new Uint8Array(32),
  };
  const graph = drawGraph(config, 100, { seed, crypto });
  expect(drawn()).toBe(false);
  expect(graph.cohorts).toBe(graph.cohorts);
  expect(graph.cohorts[0]!.length).toBe(100);
});
