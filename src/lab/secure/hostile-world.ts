/**
 * Rounds that a hostile server has brought to the point where lying begins: real clients have
 * advertised and shared, some of them are in league with the server, and from here on it may tell each
 * of the others what it likes.
 *
 * Rounds are recorded once; every strategy is then tried on forks of the clients.
 *
 * @module
 */

import { createRandom, type Random } from '../../core/random.ts';
import type {
  ClientOptions,
  ClientOutput,
  forkForStudy,
  SecureClient,
} from '../../secagg/client.ts';
import { contextOf, encodeConfig, type RoundConfig, usesBeacon } from '../../secagg/config.ts';
import type { CryptoProvider } from '../../secagg/crypto/provider.ts';
import { allowList } from '../../secagg/enrolment.ts';
import type { drawGraph, Graph } from '../../secagg/graph.ts';
import { type Journal, type JournalEntry, memoryJournal } from '../../secagg/journal.ts';
import { type Binding, boxAssociated, boxKey, type Member } from '../../secagg/keys.ts';
import { type Masks, referenceMasks } from '../../secagg/masks.ts';
import {
  type BoxRecord,
  consentToVerify,
  encodeBoxes,
  encodeMessage,
  encodeRoster,
  type MessageType,
  NOBODY,
  openMessage,
  parseEntry,
  parseMasked,
  parseShares,
  placesOf,
  rootToVerify,
  signedPart,
  unsigned,
} from '../../secagg/messages.ts';
import { packedBytes, unpack } from '../../secagg/packing.ts';
import { buildTree, type Entry, pathsTo, rootOf, sortEntries } from '../../secagg/roster.ts';
import { compareBytes, hex, joined, KEY_BYTES, label, SLOTS } from '../../secagg/suite.ts';
import { blankMemory, type Memory, studyCrypto } from './hostile-crypto.ts';

/** The code that is attacked: that of `secagg`, or a copy with a fault planted in it. */
export interface Protocol {
  readonly SecureClient: new (options: ClientOptions) => SecureClient;
  readonly forkForStudy: typeof forkForStudy;
  readonly drawGraph: typeof drawGraph;
}

/** An identity that a study made. */
interface StudyIdentity {
  readonly secret: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** Whose rounds they are: identities stay, rounds come and go. */
export interface Federation {
  readonly server: StudyIdentity;
  /** In order of their public keys, which is that of the roster. */
  readonly clients: readonly StudyIdentity[];
  readonly crypto: CryptoProvider;
  readonly random: Random;
  readonly memory: Memory;
}

/** A federation of `clients` identities from a seed. Nothing that is made so is secret. */
export async function studyFederation(
  clients: number,
  { seed, crypto }: { readonly seed: number; readonly crypto: CryptoProvider },
): Promise<Federation> {
  const random = createRandom(seed);
  const identity = async (): Promise<StudyIdentity> => {
    const secret = bytesFrom(random, KEY_BYTES);
    return { secret, publicKey: await crypto.signingKey(secret) };
  };
  const server = await identity();
  const all: StudyIdentity[] = [];
  for (let i = 0; i < clients; i++) all.push(await identity());
  all.sort((a, b) => compareBytes(a.publicKey, b.publicKey));
  const memory = blankMemory();
  const remembering = studyCrypto(crypto, memory, {
    randomBytes: (length) => bytesFrom(random, length),
  });
  return { server, clients: all, crypto: remembering, random, memory };
}

/** What a recorded round is. */
export interface WorldOptions {
  /** Indices in league with the server. */
  readonly corrupt: readonly number[];
  /** n_sum_min. */
  readonly minSum: number;
  readonly round: number;
  readonly topology?: 'complete' | 'harary';
  /** k and t, where they are stated. */
  readonly degree?: number;
  readonly threshold?: number;
  /** γ in millionths; by default the least that admits so many in league. */
  readonly corruptMillionths?: number;
  /** σ: small ones give rings of few neighbours. Default 40. */
  readonly sigma?: number;
  /** SHA-256 of the model that this client was shown; the same for all unless given. */
  readonly modelOf?: (client: number) => Uint8Array;
  /** Clients whose advertisements are those of an earlier round, from which their secrets leaked. */
  readonly replayed?: { readonly from: World; readonly clients: readonly number[] };
}

/** A round after R1, and all that the server knows of it. */
export interface World {
  readonly protocol: Protocol;
  readonly federation: Federation;
  readonly config: RoundConfig;
  readonly binding: Binding;
  readonly graph: Graph;
  readonly roster: readonly Entry[];
  /** In league with the server, and impersonated clients with them. */
  readonly known: ReadonlySet<number>;
  /** Of those, the ones that can sign. */
  readonly signers: ReadonlySet<number>;
  /** The others: those that got as far as R1, in state `shared`, and those that gave up. */
  readonly honest: readonly number[];
  readonly clients: ReadonlyMap<number, SecureClient>;
  /** What went into the box `from → to`: the share of the mask secret, then that of the seed. */
  readonly contents: ReadonlyMap<string, Uint8Array>;
  /** Sealed boxes, by `from → to`. */
  readonly boxes: ReadonlyMap<string, Uint8Array>;
  readonly commitments: ReadonlyMap<number, Uint8Array>;
  /** Secrets for masks and for boxes, of every client: what a study may look at. */
  readonly secrets: ReadonlyMap<number, { readonly mask: Uint8Array; readonly box: Uint8Array }>;
  /** Inputs as words, slots first. */
  readonly inputs: ReadonlyMap<number, Uint32Array>;
  readonly masks: Masks;
  /** Every message to clients so far, by round step: material for replays. */
  readonly messages: {
    readonly config: Uint8Array;
    readonly roster: ReadonlyMap<number, Uint8Array>;
  };
  /** Forks that have masked their input, by client and boxes. */
  readonly masked: Map<string, MaskedClient | undefined>;
}

/** A client after R2. */
export interface MaskedClient {
  readonly client: SecureClient;
  /** y: its input under all masks, as words. */
  readonly words: Uint32Array;
  /** What it sent. */
  readonly message: Uint8Array;
}

/** Entries of an update: there are no more secrets in more of them. */
const DIMENSIONS = 1;
const DEADLINE = 1000;
const MILLION = 1_000_000;

/** Name of a box. */
export function way(from: number, to: number): string {
  return `${from} ${to}`;
}

/** Records a round up to R1, with all clients told the truth. */
export async function recordWorld(
  federation: Federation,
  options: WorldOptions,
  protocol: Protocol,
): Promise<World> {
  const { crypto, server, clients: identities } = federation;
  const config = configOf(federation, options);
  const context = contextOf(config, crypto);
  const masks = referenceMasks();
  const contents = new Map<string, Uint8Array>();
  const secrets = new Map<number, { mask: Uint8Array; box: Uint8Array }>();
  const inputs = new Map<number, Uint32Array>();
  const impersonated = options.replayed?.clients ?? [];
  const real = identities.map((_, i) => i).filter((i) => !impersonated.includes(i));
  const clients = new Map<number, SecureClient>();
  const enrolment = allowList(identities.map(({ publicKey }) => publicKey));
  for (const index of real) {
    const own = studyCrypto(crypto, federation.memory, {
      randomBytes: (length) => bytesFrom(federation.random, length),
      onSeal: (content, associated) => contents.set(wayOf(associated), content),
      onSecrets: ([mask, box]) => secrets.set(index, { mask: mask!, box: box! }),
    });
    const words = Uint32Array.from({ length: SLOTS + DIMENSIONS }, () =>
      federation.random.uint32(),
    );
    inputs.set(index, words);
    clients.set(
      index,
      new protocol.SecureClient({
        identity: identities[index]!,
        crypto: own,
        masks,
        journal: memoryJournal(),
        policy: {
          serverKey: server.publicKey,
          federation: config.federation,
          model: options.modelOf?.(index) ?? config.model,
          dimensions: DIMENSIONS,
          enrolment,
          minSum: 3,
          // What makes an arc of a ring safe is what is studied here.
          thinRings: true,
          beacons: () => true,
          corrupt: 0,
          sigma: 1,
        },
        input: () => words.slice(),
        beacon: () => config.beacon,
      }),
    );
  }
  const invitation = await signedBy(federation, { context, type: 'config' }, encodeConfig(config));
  const entries = new Map<number, Entry>();
  for (const index of impersonated) {
    entries.set(index, options.replayed!.from.roster[index]!);
    secrets.set(index, options.replayed!.from.secrets.get(index)!);
  }
  for (const [index, client] of clients) {
    const { reply, declined } = await client.handle(invitation, 0);
    const entry = reply && parseEntry(openMessage(reply)!.body);
    if (entry === undefined) throw new Error(`client ${index} declines: ${declined}`);
    entries.set(index, entry);
  }
  const roster = sortEntries([...entries.values()]);
  const tree = buildTree(roster, crypto);
  const root = rootOf(tree, { context, clients: roster.length }, crypto);
  const binding = { context, root };
  const graph = protocol.drawGraph(config, roster.length, {
    seed: { context, root, beacon: config.beacon },
    crypto,
  });
  const signature = await crypto.sign(rootToVerify(root), server.secret);
  const isWhole = config.topology === 'complete';
  const boxes = new Map<string, Uint8Array>();
  const commitments = new Map<number, Uint8Array>();
  const rosterMessages = new Map<number, Uint8Array>();
  for (const [index, client] of clients) {
    const neighbours = graph
      .neighbours(index)
      .map((other) => ({ index: other, entry: roster[other]! }));
    const places = placesOf({ index, neighbours });
    const paths = isWhole ? new Uint8Array(0) : pathsTo(tree, places);
    const message = encodeMessage(
      { type: 'roster', context, sender: NOBODY },
      encodeRoster({ clients: roster.length, index, root, signature, neighbours, paths }),
    );
    rosterMessages.set(index, message);
    const { reply } = await client.handle(message, 0);
    const envelope = openMessage(reply!)!;
    if (envelope.type !== 'shares') continue;
    const shares = parseShares(signedPart(envelope, crypto)!.content)!;
    commitments.set(index, shares.commitment);
    for (const record of shares.boxes) boxes.set(way(index, record.index), record.box);
  }
  const known = new Set([...options.corrupt, ...impersonated]);
  const world: World = {
    protocol,
    federation,
    config,
    binding,
    graph,
    roster,
    known,
    signers: new Set(options.corrupt),
    honest: real.filter((i) => !known.has(i)),
    clients,
    contents,
    boxes,
    commitments,
    secrets,
    inputs,
    masks,
    messages: { config: invitation, roster: rosterMessages },
    masked: new Map(),
  };
  await addBoxesOf(impersonated, boxes, world);
  return world;
}

/** The same round with other clients in league with the server: they did nothing so far that others see. */
export function inLeagueWith(world: World, corrupt: readonly number[]): World {
  const impersonated = [...world.known].filter((index) => !world.clients.has(index));
  const known = new Set([...corrupt, ...impersonated]);
  const honest = [...world.clients.keys()].filter((index) => !known.has(index));
  return { ...world, known, signers: new Set(corrupt), honest };
}

/** The order of the ring that a graph was drawn as; of a complete graph, some order. */
export function ringOf({ binding, config, graph, federation: { crypto } }: World): number[] {
  const { context, root } = binding;
  const seed = crypto.sha256(label('graph'), context, root, config.beacon);
  return createRandom(seed).permutation(graph.clients);
}

/** Boxes that the server makes in the name of clients whose box secrets it has. */
async function addBoxesOf(
  impersonated: readonly number[],
  boxes: Map<string, Uint8Array>,
  { graph, roster, binding, secrets, federation }: World,
): Promise<void> {
  const { crypto, random } = federation;
  const member = (index: number): Member => ({ index, entry: roster[index]! });
  for (const from of impersonated) {
    const others = graph.neighbours(from);
    const agreed = await crypto.sharedSecrets(
      others.map((to) => ({ secret: secrets.get(from)!.box, publicKey: roster[to]!.boxKey })),
    );
    for (const [rank, to] of others.entries()) {
      const pair = [member(from), member(to)] as const;
      const key = boxKey(agreed[rank]!, pair, { binding, crypto });
      const nonce = bytesFrom(random, 24);
      const associated = boxAssociated(binding, pair, rank + 1);
      const content = bytesFrom(random, 2 * KEY_BYTES);
      boxes.set(way(from, to), joined(nonce, crypto.seal(content, { key, nonce, associated })));
    }
  }
}

/** How many clients of a world may be told apart as the server likes: n_sum_min less those it knows. */
export function honestFloor({ config, signers }: World): number {
  return config.minSum - signers.size;
}

/** What client `to` sends when it is given these boxes, in a fork; `undefined` if it refuses. */
export async function maskedClient(
  world: World,
  to: number,
  from: readonly number[],
): Promise<MaskedClient | undefined> {
  const name = `${to}: ${from.join()}`;
  if (world.masked.has(name)) return world.masked.get(name);
  if (world.masked.size > MASKED_KEPT) world.masked.clear();
  const masked = await maskIn(world, to, from);
  world.masked.set(name, masked);
  return masked;
}

const MASKED_KEPT = 4096;

async function maskIn(
  world: World,
  to: number,
  from: readonly number[],
): Promise<MaskedClient | undefined> {
  const records: BoxRecord[] = from.flatMap((index) => {
    const box = world.boxes.get(way(index, to));
    return box === undefined ? [] : [{ index, box }];
  });
  const client = forkOf(world, to);
  const { reply } = await tell(client, messageTo(world, 'boxes', encodeBoxes(records)));
  if (client.phase !== 'masked' || reply === undefined) return undefined;
  const entries = SLOTS + DIMENSIONS;
  const bits = world.config.ringBits;
  const body = parseMasked(openMessage(reply)!.body, packedBytes(entries, bits))!;
  return { client, words: unpack(body.packed, { bits, entries }), message: reply };
}

/** Objects to nothing: what is judged is what clients know by themselves. */
const NO_JOURNAL: Journal = watchedJournal(() => {});

/** A fork of a client after R1. */
export function forkOf(world: World, index: number): SecureClient {
  return world.protocol.forkForStudy(world.clients.get(index)!, NO_JOURNAL);
}

/** A fork of a fork; with a journal that can be looked at. */
export function forkAgain(
  { protocol }: World,
  client: SecureClient,
  journal: Journal = NO_JOURNAL,
): SecureClient {
  return protocol.forkForStudy(client, journal);
}

/** Journal entries as they are written. */
export function watchedJournal(onWrite: (entry: JournalEntry) => void): Journal {
  return { read: async () => undefined, write: async (entry) => onWrite(entry) };
}

/** Gives a client a message, before any of its deadlines. */
export function tell(client: SecureClient, message: Uint8Array): Promise<ClientOutput> {
  return client.handle(message, 0);
}

/** A message of the server under the context of a round. */
export function messageTo({ binding }: World, type: MessageType, body: Uint8Array): Uint8Array {
  return encodeMessage({ type, context: binding.context, sender: NOBODY }, body);
}

/** What a client in league with the server signs: anything. */
export function consentOf(world: World, signer: number, view: Uint8Array): Promise<Uint8Array> {
  const { clients, crypto } = world.federation;
  return crypto.sign(consentToVerify(view), clients[signer]!.secret);
}

function configOf(federation: Federation, options: WorldOptions): RoundConfig {
  const n = federation.clients.length;
  const { corrupt, minSum, round, topology = 'complete', sigma = 40 } = options;
  const config: RoundConfig = {
    federation: new Uint8Array(16).fill(7),
    round,
    nonce: bytesFrom(federation.random, KEY_BYTES),
    model: new Uint8Array(KEY_BYTES).fill(9),
    dimensions: DIMENSIONS,
    ringBits: 32,
    valueBits: 16,
    clip: 1,
    maxSamples: 0,
    maxClients: n,
    // The least γ with ⌊γn⌋ = c.
    corrupt: options.corruptMillionths ?? Math.ceil((corrupt.length * MILLION) / n),
    dropout: 0,
    sigma,
    eta: 1,
    topology,
    degree: options.degree ?? 0,
    threshold: options.threshold ?? 0,
    arcSafe: false,
    minStart: minSum,
    minSum,
    groupSize: 0,
    noise: { law: 'none', shareVariance: 0, minHonest: 0 },
    deadlines: {
      advertise: DEADLINE,
      shares: DEADLINE,
      masked: DEADLINE,
      consent: DEADLINE,
      unmask: DEADLINE,
    },
    beacon: topology === 'complete' ? new Uint8Array(KEY_BYTES) : bytesFrom(federation.random, 32),
  };
  if (topology !== 'complete' && !usesBeacon(config)) throw new Error('a beacon of zeros is none');
  return config;
}

async function signedBy(
  { server, crypto }: Federation,
  { context, type }: { readonly context: Uint8Array; readonly type: MessageType },
  body: Uint8Array,
): Promise<Uint8Array> {
  const message = unsigned({ type, context, sender: NOBODY }, body, crypto);
  return message.signed(await crypto.sign(message.toSign, server.secret));
}

/** Name of the box that is bound to this: context, root, from, to and x. */
function wayOf(associated: Uint8Array): string {
  const view = new DataView(associated.buffer, associated.byteOffset);
  return way(view.getUint32(2 * KEY_BYTES, true), view.getUint32(2 * KEY_BYTES + 4, true));
}

/** Bytes of a seeded stream. */
export function bytesFrom(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(256));
}

/** An identity as the server names it. */
export function nameOf({ roster }: World, index: number): string {
  return hex(roster[index]!.identity);
}
