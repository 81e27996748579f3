/**
 * Frozen vectors of SAGG1: what `tests/vectors/sagg1.json` holds, computed anew. Other implementations can
 * be held against the file; this one is, by tests/secagg/vectors.test.ts.
 *
 * @module
 */

import { contextOf, encodeConfig } from '../../src/secagg/config.ts';
import { fieldTables } from '../../src/secagg/field.ts';
import { drawGraph } from '../../src/secagg/graph.ts';
import { boxKey, canaryOf, commitmentTo, pairMaskKey, selfMaskKey } from '../../src/secagg/keys.ts';
import { referenceMasks } from '../../src/secagg/masks.ts';
import { openMessage } from '../../src/secagg/messages.ts';
import { pack } from '../../src/secagg/packing.ts';
import type { Reason } from '../../src/secagg/reasons.ts';
import { buildTree, type Entry, pathsTo, rootOf } from '../../src/secagg/roster.ts';
import { split } from '../../src/secagg/shamir.ts';
import { hex } from '../../src/secagg/suite.ts';
import {
  type RoundOptions,
  roundConfig,
  runRound,
  type Sent,
  seededCrypto,
} from './secure-round.ts';

const crypto = seededCrypto(0);

/** Bytes from, from + 1, … */
const run = (from: number, length = 32): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => from + i);

/** Five entries that no signature is over: what is derived does not look at it. */
const entries: readonly Entry[] = [0, 1, 2, 3, 4].map((i) => ({
  identity: run(i),
  maskKey: run(50 + i),
  boxKey: run(100 + i),
  nonce: run(150 + i),
  signature: run(190 + i, 64),
}));

/** All vectors, as they stand in the file. */
export async function secureVectors(): Promise<Record<string, unknown>> {
  return {
    about: 'SAGG1, suite 0x0001: bytes in hexadecimal digits',
    ...derived(),
    field: {
      modulus: 0x1100b,
      sha256OfPowersOf2: hex(crypto.sha256(bytesOf(fieldTables().exp.subarray(0, 65535)))),
    },
    shares: sharesOfFixedCoefficients(),
    masks: await maskWords(),
    packing: [8, 13, 24, 32].map((bits) => ({ bits, words: WORDS, packed: hex(packed(bits)) })),
    ...(await transcripts()),
  };
}

/** Words in which every bit is set in one place at least. */
const WORDS = [0x0000_0001, 0xffff_ffff, 0x1234_5678, 0x8000_0000, 0x0bad_cafe];

function packed(bits: number): Uint8Array {
  return pack(Uint32Array.from(WORDS), bits);
}

function derived(): Record<string, unknown> {
  const config = roundConfig({ clients: 5, dimensions: 12 });
  const context = contextOf(config, crypto);
  const tree = buildTree(entries, crypto);
  const root = rootOf(tree, { context, clients: entries.length }, crypto);
  const binding = { context, root };
  const tools = { binding, crypto };
  const [first, last] = [1, 3].map((index) => ({ index, entry: entries[index]! })) as [
    { index: number; entry: Entry },
    { index: number; entry: Entry },
  ];
  const sparse = roundConfig({ clients: 300, dimensions: 12, topology: 'harary' });
  const seed = { context, root, beacon: new Uint8Array(32) };
  const graph = drawGraph(sparse, 300, { seed, crypto });
  return {
    config: hex(encodeConfig(config)),
    context: hex(context),
    canary: canaryOf(context, crypto),
    entries: entries.map((entry) =>
      hex(Uint8Array.from(Object.values(entry).flatMap((b) => [...b]))),
    ),
    root: hex(root),
    paths: entries.map((_, index) => hex(pathsTo(tree, [index]))),
    allPaths: hex(pathsTo(tree, [...entries.keys()])),
    keys: {
      clients: [first.index, last.index],
      agreed: hex(run(7)),
      seed: hex(run(9)),
      boxFromFirstToLast: hex(boxKey(run(7), [first, last], tools)),
      boxFromLastToFirst: hex(boxKey(run(7), [last, first], tools)),
      pairMask: hex(pairMaskKey(run(7), [first, last], tools)),
      selfMaskOfFirst: hex(selfMaskKey(run(9), first, tools)),
      commitmentOfFirst: hex(commitmentTo(run(9), { context, index: first.index }, crypto)),
    },
    graph: {
      clients: 300,
      ...graph.terms(0),
      neighboursOf0: graph.neighbours(0),
      neighboursOf299: graph.neighbours(299),
    },
  };
}

function sharesOfFixedCoefficients(): Record<string, unknown> {
  const coefficients = [run(11), run(77), run(201)];
  const left = coefficients.map((bytes) => bytes.slice());
  const shares = split(run(1), { threshold: 4, shares: 6, randomBytes: () => left.shift()! });
  return { secret: hex(run(1)), coefficients: coefficients.map(hex), shares: shares.map(hex) };
}

async function maskWords(): Promise<Record<string, unknown>> {
  const masks = referenceMasks();
  const words = await masks.add(new Uint32Array(33), [{ key: run(0), sign: 1 }]);
  const difference = await masks.add(Uint32Array.from(WORDS), [
    { key: run(0), sign: -1 },
    { key: run(1), sign: 1 },
  ]);
  return {
    key: hex(run(0)),
    words: [...words],
    of: WORDS,
    withoutFirstKeyAndWithSecond: { secondKey: hex(run(1)), words: [...difference] },
  };
}

/** A message that must not pass, in the place of one of the transcript. */
export interface BadMessage {
  /** What is wrong with it. */
  readonly what: string;
  /** Number of the message in the transcript that it takes the place of. */
  readonly step: number;
  readonly message: string;
  readonly reason: Reason;
}

/** How the round of the transcript is run. */
export const TRANSCRIPT: RoundOptions = {
  config: roundConfig({ clients: 5, dimensions: 3, ringBits: 20, valueBits: 11, minSum: 3 }),
  seed: 5,
  // k = 4, c = 0, t = 3: client 1 shares and drops out.
  lost: { masked: [1] },
};

async function transcripts(): Promise<Record<string, unknown>> {
  const { server, transcript } = await runRound(TRANSCRIPT);
  const [sum] = server.outcome!.sums;
  return {
    transcript: transcript.map(({ from, to, message }) => ({ from, to, message: hex(message) })),
    sum: { words: [...sum!.words], inputs: sum!.inputs, view: hex(sum!.view) },
    bad: badMessages(transcript),
  };
}

const HEADER = 48;

/** The first message of a type to or from a client, and its number. */
function find(
  transcript: readonly Sent[],
  type: string,
  client: number,
): { step: number; message: Uint8Array } {
  const step = transcript.findIndex(
    ({ from, to, message }) =>
      openMessage(message)!.type === type && (from === client || to === client),
  );
  return { step, message: transcript[step]!.message };
}

function badMessages(transcript: readonly Sent[]): BadMessage[] {
  const bad: BadMessage[] = [];
  const add = (
    what: string,
    { type, client, reason }: { type: string; client: number; reason: Reason },
    change: (message: Uint8Array) => Uint8Array,
  ): void => {
    const { step, message } = find(transcript, type, client);
    bad.push({ what, step, reason, message: hex(change(message.slice())) });
  };
  const flip =
    (at: number) =>
    (message: Uint8Array): Uint8Array => {
      message[at < 0 ? message.length + at : at]! ^= 1;
      return message;
    };
  const cut = (message: Uint8Array): Uint8Array => message.subarray(0, -1);
  const grow = (message: Uint8Array): Uint8Array => Uint8Array.from([...message, 0]);
  for (const [type, client] of [
    ['advertise', 0],
    ['roster', 0],
    ['shares', 0],
    ['boxes', 0],
    ['masked', 0],
    ['view', 0],
    ['consent', 0],
    ['consents', 0],
    ['unmask', 0],
  ] as const) {
    add(`${type} cut by a byte`, { type, client, reason: 'malformed' }, cut);
    add(`${type} with a byte too many`, { type, client, reason: 'malformed' }, grow);
    add(`${type} of another version`, { type, client, reason: 'malformed' }, flip(4));
    add(`${type} of another round`, { type, client, reason: 'wrong-context' }, flip(8));
  }
  const signed = 'bad-signature';
  add(
    'an identity that is not the signer',
    { type: 'advertise', client: 0, reason: 'not-enrolled' },
    flip(HEADER),
  );
  for (const [what, at] of [
    ['mask key', 32],
    ['box key', 64],
    ['nonce', 96],
    ['signature', -1],
  ] as const) {
    const place = at < 0 ? at : HEADER + at;
    add(
      `advertised ${what} changed`,
      { type: 'advertise', client: 0, reason: signed },
      flip(place),
    );
  }
  add('root changed', { type: 'roster', client: 0, reason: signed }, flip(HEADER + 8));
  add('root signature changed', { type: 'roster', client: 0, reason: signed }, flip(HEADER + 40));
  add('own index changed', { type: 'roster', client: 0, reason: 'roster' }, flip(HEADER + 4));
  add(
    "a neighbour's mask key changed",
    { type: 'roster', client: 0, reason: 'roster' },
    flip(HEADER + 104 + 4 + 32),
  );
  add("a neighbour's signature changed", { type: 'roster', client: 0, reason: 'roster' }, flip(-1));
  add('a box changed', { type: 'shares', client: 0, reason: signed }, flip(HEADER + 40));
  add(
    'a box that does not open',
    { type: 'boxes', client: 0, reason: 'bad-box' },
    flip(HEADER + 40),
  );
  add('a box from elsewhere', { type: 'boxes', client: 0, reason: 'boxes' }, flip(HEADER));
  add('an input changed', { type: 'masked', client: 0, reason: signed }, flip(HEADER));
  add('a bitmap changed', { type: 'view', client: 0, reason: 'view' }, flip(HEADER));
  add('a consent changed', { type: 'consent', client: 0, reason: signed }, flip(-1));
  add('a revealed share changed', { type: 'unmask', client: 0, reason: signed }, flip(HEADER + 4));
  add(
    'revealed shares’ signature changed',
    { type: 'unmask', client: 0, reason: signed },
    flip(-1),
  );
  return bad;
}

function bytesOf(words: Uint16Array): Uint8Array {
  const bytes = new Uint8Array(2 * words.length);
  const view = new DataView(bytes.buffer);
  words.forEach((word, i) => {
    view.setUint16(2 * i, word, true);
  });
  return bytes;
}
