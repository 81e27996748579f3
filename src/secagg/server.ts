/**
 * The server of SAGG1, for one round: messages and time go in, messages come out; it owns neither sockets
 * nor a clock.
 *
 * ```
 * keys → shares → masked → consents → unmask → done
 *   R0      R1       R2        R3        R4             any → aborted
 * ```
 *
 * Clients that are silent, late or refused drop out; the round goes on for as long as thresholds hold.
 * Inputs are added to a running sum as they arrive, so that memory is that of one sum for each cohort,
 * and of boxes and shares: 4·(D + 4) bytes and O(n·k).
 *
 * @module
 */

import { show } from '../core/assert.ts';
import { SecureError } from '../core/errors.ts';
import { isAgreementKey } from './agreement-keys.ts';
import type { Identity } from './client.ts';
import { type Codec, hostCodec } from './codec.ts';
import { contextOf, encodeConfig, encodingOf, type RoundConfig, usesBeacon } from './config.ts';
import type { CryptoProvider } from './crypto/provider.ts';
import { slotsOk } from './encode.ts';
import type { Enrolment } from './enrolment.ts';
import { drawGraph, type Graph } from './graph.ts';
import { type Binding, canaryOf, type Member } from './keys.ts';
import type { Masks } from './masks.ts';
import {
  boxAt,
  consentToVerify,
  type Envelope,
  encodeBoxes,
  encodeConsents,
  encodeMessage,
  encodeRefusal,
  encodeResult,
  encodeRoster,
  entryToVerify,
  type MessageType,
  maskedToVerify,
  NOBODY,
  openMessage,
  parseComplaint,
  parseEntry,
  parseMasked,
  parseRefusal,
  parseShares,
  parseUnmask,
  rootToVerify,
  shareAt,
  signedPart,
  unmaskToVerify,
  unsigned,
} from './messages.ts';
import { type Packing, packedBytes } from './packing.ts';
import { type Reason, type Refusal, refusal } from './reasons.ts';
import { buildTree, type Entry, pathTo, rootOf, sortEntries } from './roster.ts';
import { hex, joined, KEY_BYTES, SIGNATURE_BYTES, SLOTS, sameBytes } from './suite.ts';
import { requireTerms } from './terms.ts';
import { type HeldShare, unmaskCohort } from './unmask.ts';
import { neighboursHash, viewHash, viewOf } from './view.ts';

/** What a server is made of. */
export interface ServerOptions {
  readonly config: RoundConfig;
  readonly identity: Identity;
  readonly crypto: CryptoProvider;
  readonly masks: Masks;
  /** What unpacks inputs. Default: {@link hostCodec}. */
  readonly codec?: Codec;
  readonly enrolment: Enrolment;
  /** The value of a public beacon, 32 bytes, asked for once the roster is fixed. */
  readonly beacon?: (reference: Uint8Array) => Uint8Array | Promise<Uint8Array>;
}

/** Phases of a server; each but the last two is named after the messages that it waits for. */
export type ServerPhase = 'keys' | 'shares' | 'masked' | 'consents' | 'unmask' | 'done' | 'aborted';

/** A message for a client. */
export interface Outgoing {
  /** Its identity, in hexadecimal digits. */
  readonly to: string;
  readonly message: Uint8Array;
}

/** What a step of a server gives. */
export interface ServerOutput {
  readonly send: readonly Outgoing[];
  /** For whoever sent the message that was refused. */
  readonly reply?: Uint8Array;
  /** Why it was. */
  readonly refused?: Reason;
}

/** A sum that came out. */
export interface SecureSum {
  /** Number of the cohort: 0, or that of the group. */
  readonly cohort: number;
  /** Identities of those whose inputs are in it, in hexadecimal digits. */
  readonly inputs: readonly string[];
  /** SLOTS + D words below 2ᵇ, slots first. */
  readonly words: Uint32Array;
  /** What its clients signed. */
  readonly view: Uint8Array;
  /** Clients that sent shares that do not fit. */
  readonly liars: readonly string[];
  /**
   * For each of these, the message that it is held to, `unmask` with its signature over context, index, view and
   * shares: whoever knows its identity can verify it.
   */
  readonly evidence: readonly Uint8Array[];
}

/** A cohort that gave no sum, and why. */
export interface LostCohort {
  readonly cohort: number;
  readonly refusal: Refusal;
}

/** What a round came to. */
export interface Outcome {
  readonly sums: readonly SecureSum[];
  readonly lost: readonly LostCohort[];
}

/** What a client shared, as it came: boxes for all neighbours in their order, and a commitment. */
export interface SharedBoxes {
  readonly boxes: Uint8Array;
  readonly commitment: Uint8Array;
}

/** Clients whose inputs go into one sum. */
export interface CohortState {
  readonly members: readonly number[];
  sum: Uint32Array | undefined;
  view: Uint8Array | undefined;
  refusal: Refusal | undefined;
}

/** All that a server knows: data alone, which `structuredClone` can copy. */
export interface ServerState {
  phase: ServerPhase;
  /** When the phase ends. */
  until: number;
  /** Advertisements, by identity. */
  readonly advertised: Map<string, Entry>;
  /** Mask keys and box keys among them. */
  readonly agreementKeys: Set<string>;
  /** Hashes of what was taken, by phase and sender: what comes again is not taken again. */
  readonly taken: Map<string, Uint8Array>;
  /** In order of identity, once they are fixed. */
  roster: readonly Entry[];
  binding: Binding;
  beacon: Uint8Array;
  rootSignature: Uint8Array;
  readonly shared: Map<number, SharedBoxes>;
  /** U₂ and U₃. */
  readonly sharers: Set<number>;
  readonly survivors: Set<number>;
  /** Clients that said, or showed, that nothing more comes from them. */
  readonly gone: Set<number>;
  /** Who named whom. */
  readonly complaints: Map<number, Set<number>>;
  cohorts: CohortState[];
  readonly consents: Map<number, Uint8Array>;
  /** What clients revealed, as it came: a share for each neighbour that shared, in their order, and a signature. */
  readonly revealed: Map<number, Uint8Array>;
  outcome: Outcome | undefined;
  refusal: Refusal | undefined;
  /** Identities that sent boxes which do not open, by more complaints than liars can make. */
  evicted: readonly string[];
}

/** Ends the taking of a message: it is answered with the reason, and nothing changes. */
class Refused extends Error {
  readonly reason: Reason;

  constructor(reason: Reason) {
    super(reason);
    this.reason = reason;
  }
}

/** Which messages of clients a phase takes. */
const TAKEN: Readonly<Record<ServerPhase, readonly MessageType[]>> = {
  keys: ['advertise'],
  shares: ['shares', 'abort'],
  masked: ['masked', 'complaint', 'abort'],
  consents: ['consent', 'abort'],
  unmask: ['unmask', 'abort'],
  done: [],
  aborted: [],
};
const ORDER: readonly MessageType[] = ['advertise', 'shares', 'masked', 'consent', 'unmask'];
const PHASES: readonly ServerPhase[] = ['keys', 'shares', 'masked', 'consents', 'unmask', 'done'];

/** A server for one round. Calls are answered one after the other. */
export class SecureServer {
  readonly #options: ServerOptions;
  readonly #context: Uint8Array;
  readonly #state: ServerState;
  #graph: Graph | undefined;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(options: ServerOptions, state: ServerState) {
    this.#options = options;
    this.#state = state;
    this.#context = contextOf(options.config, options.crypto);
    if (state.roster.length > 0) this.#graph = this.#draw(state.roster.length);
  }

  /**
   * Begins a round.
   *
   * @param now - Milliseconds on any clock that does not go backwards.
   * @throws {TypeError | RangeError} if the configuration is none.
   * @throws {SecureError} `infeasible` if no threshold does even where everybody comes; states the numbers.
   */
  static start(options: ServerOptions, now: number): SecureServer {
    requireTerms(options.config, options.config.maxClients);
    const until = now + options.config.deadlines.advertise;
    return new SecureServer(options, blankState(until));
  }

  /** Goes on where {@link snapshot} was taken. The clock must be the same. */
  static resume(options: ServerOptions, state: ServerState): SecureServer {
    return new SecureServer(options, structuredClone(state));
  }

  /** A copy of all that the server knows, between two messages. It holds no secret but those that clients revealed. */
  snapshot(): Promise<ServerState> {
    return this.#inTurn(async () => structuredClone(this.#state));
  }

  get phase(): ServerPhase {
    return this.#state.phase;
  }

  /** When the phase ends by itself: call `tick` then. */
  get until(): number {
    return this.#state.until;
  }

  /** What came out, once the phase is `done`. */
  get outcome(): Outcome | undefined {
    return this.#state.outcome;
  }

  /** Why there is nothing, once the phase is `aborted`. */
  get refusal(): Refusal | undefined {
    return this.#state.refusal;
  }

  /** Identities not to invite again: more named them than may lie. */
  get evicted(): readonly string[] {
    return this.#state.evicted;
  }

  /** The signed configuration: what every client is to get first. */
  async invitation(): Promise<Uint8Array> {
    return this.#signed('config', encodeConfig(this.#options.config));
  }

  /** Takes a message of some client. */
  handle(message: Uint8Array, now: number): Promise<ServerOutput> {
    if (!(message instanceof Uint8Array)) {
      throw new TypeError(`message must be a Uint8Array, got ${show(message)}`);
    }
    return this.#inTurn(async () => {
      const send = [...(await this.#passTime(now))];
      const refused = await this.#refusing(message);
      if (this.#isComplete()) send.push(...(await this.#close(now)));
      if (refused === undefined) return { send };
      return { send, refused, reply: await this.#refusal(refusal(refused)) };
    });
  }

  /** Looks at the clock: ends a phase whose time is over. */
  tick(now: number): Promise<ServerOutput> {
    return this.#inTurn(async () => ({ send: await this.#passTime(now) }));
  }

  /** Gives the round up. */
  abort(): Promise<ServerOutput> {
    return this.#inTurn(async () => ({ send: await this.#giveUp(refusal('server-abort')) }));
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  async #passTime(now: number): Promise<readonly Outgoing[]> {
    const { phase, until } = this.#state;
    if (phase === 'done' || phase === 'aborted' || now < until) return [];
    return this.#close(now);
  }

  // Taking messages

  /** Takes a message, or says why not. */
  async #refusing(message: Uint8Array): Promise<Reason | undefined> {
    try {
      await this.#take(message);
      return undefined;
    } catch (error) {
      if (error instanceof Refused) return error.reason;
      throw error;
    }
  }

  async #take(message: Uint8Array): Promise<void> {
    const { crypto } = this.#options;
    const state = this.#state;
    const envelope = openMessage(message);
    if (envelope === undefined) throw new Refused('malformed');
    if (!sameBytes(envelope.context, this.#context)) throw new Refused('wrong-context');
    const { type, sender } = envelope;
    const digest = crypto.sha256(message);
    const key = `${type} ${type === 'advertise' ? hex(envelope.body.subarray(0, KEY_BYTES)) : sender}`;
    const before = state.taken.get(key);
    if (before !== undefined) {
      if (sameBytes(before, digest)) return;
      throw new Refused('conflict');
    }
    if (state.phase === 'aborted') throw new Refused(state.refusal?.reason ?? 'server-abort');
    if (!TAKEN[state.phase].includes(type)) throw new Refused(this.#timing(type));
    if (type === 'advertise') await this.#advertised(envelope);
    else await this.#fromMember(envelope, this.#member(sender));
    state.taken.set(key, digest);
  }

  #timing(type: MessageType): Reason {
    if (type === 'abort' || type === 'complaint') return 'late';
    const due = ORDER.indexOf(type);
    if (due < 0) return 'malformed';
    return due < PHASES.indexOf(this.#state.phase) ? 'late' : 'early';
  }

  /** R0 */
  async #advertised(envelope: Envelope): Promise<void> {
    const { crypto, enrolment } = this.#options;
    const { advertised, agreementKeys } = this.#state;
    const entry = parseEntry(envelope.body);
    if (entry === undefined || envelope.sender !== NOBODY) throw new Refused('malformed');
    const { identity, maskKey, boxKey, signature } = entry;
    if (![maskKey, boxKey].every(isAgreementKey)) throw new Refused('bad-key');
    if (!(await enrolment(identity))) throw new Refused('not-enrolled');
    const message = entryToVerify(entry, this.#context, crypto);
    await this.#requireSignature({ publicKey: identity, message, signature });
    const keys = [hex(maskKey), hex(boxKey)];
    if (keys[0] === keys[1] || keys.some((key) => agreementKeys.has(key))) {
      throw new Refused('conflict');
    }
    // A key of low order would stop all its neighbours.
    const secret = crypto.randomBytes(KEY_BYTES);
    const agreed = await crypto.sharedSecrets([
      { secret, publicKey: maskKey },
      { secret, publicKey: boxKey },
    ]);
    if (agreed.includes(undefined)) throw new Refused('malformed');
    advertised.set(hex(identity), entry);
    for (const key of keys) agreementKeys.add(key);
  }

  #member(sender: number): Member {
    const { roster, gone } = this.#state;
    const entry = roster[sender];
    if (entry === undefined || gone.has(sender)) throw new Refused('outsider');
    return { index: sender, entry };
  }

  async #fromMember(envelope: Envelope, member: Member): Promise<void> {
    switch (envelope.type) {
      case 'shares':
        return this.#shared(envelope, member);
      case 'masked':
        return this.#masked(envelope, member);
      case 'consent':
        return this.#consented(envelope, member);
      case 'unmask':
        return this.#unmasked(envelope, member);
      case 'complaint':
        return this.#complained(envelope, member);
      default:
        return this.#left(envelope, member);
    }
  }

  /** R1 */
  async #shared(envelope: Envelope, member: Member): Promise<void> {
    const content = await this.#content(envelope, member);
    const shares = parseShares(content);
    const expected = this.#drawn.neighbours(member.index);
    const fits =
      shares !== undefined &&
      shares.boxes.length === expected.length &&
      shares.boxes.every(({ index }, i) => index === expected[i]);
    if (!fits) return this.#dismiss(member);
    const { commitment } = shares;
    const boxes = content.slice(0, content.length - commitment.length);
    this.#state.shared.set(member.index, { boxes, commitment });
  }

  /** R2: verified before it is added. */
  async #masked(envelope: Envelope, member: Member): Promise<void> {
    const { config, crypto } = this.#options;
    const { sharers, survivors, binding } = this.#state;
    if (!sharers.has(member.index)) throw new Refused('outsider');
    const entries = SLOTS + config.dimensions;
    const body = parseMasked(envelope.body, packedBytes(entries, config.ringBits));
    if (body === undefined) throw new Refused('malformed');
    const message = maskedToVerify(envelope.header, body, crypto);
    const { signature } = body;
    await this.#requireSignature({ publicKey: member.entry.identity, message, signature });
    const near = this.#near(member.index, sharers);
    const words = await this.#unpacked(body.packed, { bits: config.ringBits, entries });
    if (words === undefined || !sameBytes(body.view, neighboursHash(near, binding, crypto))) {
      return this.#dismiss(member);
    }
    const cohort = this.#cohort(member.index);
    if (cohort.refusal !== undefined) throw new Refused(cohort.refusal.reason);
    cohort.sum ??= new Uint32Array(entries);
    addTo(cohort.sum, words);
    survivors.add(member.index);
  }

  /** The entries of a packed input, `undefined` where its padding is not zero. */
  async #unpacked(bytes: Uint8Array, packing: Packing): Promise<Uint32Array | undefined> {
    const { codec = hostCodec() } = this.#options;
    try {
      return await codec.unpack(bytes, packing);
    } catch (error) {
      if (error instanceof SecureError && error.code === 'malformed') return undefined;
      throw error;
    }
  }

  /** R3 */
  async #consented({ body }: Envelope, member: Member): Promise<void> {
    const { survivors, consents } = this.#state;
    if (!survivors.has(member.index)) throw new Refused('outsider');
    const { view, refusal: why } = this.#cohort(member.index);
    if (why !== undefined || view === undefined) throw new Refused(why?.reason ?? 'outsider');
    if (body.length !== SIGNATURE_BYTES) throw new Refused('malformed');
    const signature = body.slice();
    const message = consentToVerify(view);
    await this.#requireSignature({ publicKey: member.entry.identity, message, signature });
    consents.set(member.index, signature);
  }

  /** R4 */
  async #unmasked({ header, body }: Envelope, member: Member): Promise<void> {
    const { consents, sharers, revealed } = this.#state;
    if (!consents.has(member.index)) throw new Refused('outsider');
    const { view, refusal: why } = this.#cohort(member.index);
    if (why !== undefined || view === undefined) throw new Refused(why?.reason ?? 'outsider');
    if (body.length < SIGNATURE_BYTES) throw new Refused('malformed');
    const content = body.subarray(0, -SIGNATURE_BYTES);
    const message = unmaskToVerify(header, { view, content }, this.#options.crypto);
    const signature = body.slice(-SIGNATURE_BYTES);
    await this.#requireSignature({ publicKey: member.entry.identity, message, signature });
    const shares = parseUnmask(content);
    const near = this.#near(member.index, sharers);
    const fits =
      shares !== undefined &&
      shares.length === near.length &&
      shares.every(({ index }, i) => index === near[i]);
    if (!fits) return this.#dismiss(member);
    revealed.set(member.index, body.slice());
  }

  async #complained(envelope: Envelope, member: Member): Promise<void> {
    const { complaints, sharers } = this.#state;
    const accused = parseComplaint(await this.#content(envelope, member));
    const isNear = accused !== undefined && this.#near(member.index, sharers).includes(accused);
    if (isNear) {
      complaints.set(accused, new Set([...(complaints.get(accused) ?? []), member.index]));
    }
    this.#state.gone.add(member.index);
  }

  async #left(envelope: Envelope, member: Member): Promise<void> {
    const why = parseRefusal(await this.#content(envelope, member));
    if (why === undefined) throw new Refused('malformed');
    this.#state.gone.add(member.index);
  }

  /** The body of a message that its sender has signed, without the signature. */
  async #content(envelope: Envelope, { entry }: Member): Promise<Uint8Array> {
    const part = signedPart(envelope, this.#options.crypto);
    if (part === undefined) throw new Refused('malformed');
    const { signature, toVerify, content } = part;
    await this.#requireSignature({ publicKey: entry.identity, message: toVerify, signature });
    return content;
  }

  async #requireSignature(claim: {
    publicKey: Uint8Array;
    message: Uint8Array;
    signature: Uint8Array;
  }): Promise<void> {
    const [valid] = await this.#options.crypto.verifyAll([claim]);
    if (valid !== true) throw new Refused('bad-signature');
  }

  /** Who signs what makes no sense has left: nobody waits for it. */
  #dismiss({ index }: Member): never {
    this.#state.gone.add(index);
    throw new Refused('malformed');
  }

  // Ending phases

  #isComplete(): boolean {
    const { phase, advertised, roster, shared, gone, sharers, survivors, consents, revealed } =
      this.#state;
    const all = (expected: Iterable<number>, have: { has(i: number): boolean }): boolean =>
      [...expected].every((i) => have.has(i) || gone.has(i));
    switch (phase) {
      case 'keys':
        return advertised.size >= this.#options.config.maxClients;
      case 'shares':
        return all(roster.keys(), shared);
      case 'masked':
        return all(sharers, survivors);
      case 'consents':
        return all(this.#living(survivors), consents);
      case 'unmask':
        return all(this.#living(consents.keys()), revealed);
      default:
        return false;
    }
  }

  async #close(now: number): Promise<readonly Outgoing[]> {
    const state = this.#state;
    const { deadlines } = this.#options.config;
    const next = (phase: ServerPhase, wait: number): void => {
      state.phase = phase;
      state.until = now + wait;
    };
    switch (state.phase) {
      case 'keys':
        next('shares', deadlines.shares);
        return this.#fixRoster();
      case 'shares':
        next('masked', deadlines.masked);
        return this.#fixSharers();
      case 'masked':
        next('consents', deadlines.consent);
        return this.#fixSurvivors();
      case 'consents':
        next('unmask', deadlines.unmask);
        return this.#fixConsents();
      case 'unmask':
        return this.#unmask();
      default:
        return [];
    }
  }

  /** U₁: sorted, committed to and shown. */
  async #fixRoster(): Promise<readonly Outgoing[]> {
    const { config, crypto, identity, beacon } = this.#options;
    const state = this.#state;
    const clients = state.advertised.size;
    if (clients < config.minStart) {
      return this.#giveUp(refusal('too-few-clients', clients, config.minStart));
    }
    state.roster = sortEntries([...state.advertised.values()]);
    state.advertised.clear();
    const tree = buildTree(state.roster, crypto);
    const root = rootOf(tree, { context: this.#context, clients }, crypto);
    state.binding = { context: this.#context, root };
    state.rootSignature = await crypto.sign(rootToVerify(root), identity.secret);
    if (usesBeacon(config)) {
      if (beacon === undefined) return this.#giveUp(refusal('server-abort'));
      state.beacon = await beacon(config.beacon);
    }
    try {
      this.#graph = this.#draw(clients);
    } catch {
      return this.#giveUp(refusal('infeasible', clients, config.maxClients));
    }
    state.cohorts = this.#graph.cohorts.map((members) => ({
      members,
      sum: undefined,
      view: undefined,
      refusal: undefined,
    }));
    const isWhole = config.topology === 'complete';
    const pathOf = (index: number): Uint8Array =>
      isWhole ? new Uint8Array(0) : pathTo(tree, index);
    return state.roster.map((_, index) => {
      const neighbours = this.#drawn.neighbours(index).map((other) => ({
        index: other,
        entry: state.roster[other]!,
        path: pathOf(other),
      }));
      const signature = state.rootSignature;
      const path = pathOf(index);
      const body = encodeRoster({ clients, index, root, signature, path, neighbours });
      return this.#to(index, 'roster', body);
    });
  }

  /** U₂: those who shared, without those who have too few neighbours left. */
  async #fixSharers(): Promise<readonly Outgoing[]> {
    const { config } = this.#options;
    const state = this.#state;
    const { shared, gone, sharers } = state;
    for (const index of shared.keys()) if (!gone.has(index)) sharers.add(index);
    const pruned = pruneToCore(sharers, this.#drawn);
    if (sharers.size < config.minStart) {
      return this.#giveUp(refusal('too-few-neighbours', sharers.size, config.minStart));
    }
    const farewell = await this.#refusal(refusal('too-few-neighbours'));
    const send = pruned.map((index) => this.#address(index, farewell));
    for (const index of sharers) {
      const boxes = this.#near(index, sharers).map((other) => ({
        index: other,
        box: boxAt(shared.get(other)!.boxes, this.#drawn.rank(other, index)),
      }));
      send.push(this.#to(index, 'boxes', encodeBoxes(boxes)));
    }
    return send;
  }

  /** U₃: those whose inputs are in the sums. */
  async #fixSurvivors(): Promise<readonly Outgoing[]> {
    const { crypto } = this.#options;
    const state = this.#state;
    const { complaints, sharers, survivors, binding, roster } = state;
    // Boxes are not needed any more; they were the larger part of the memory.
    for (const [index, { commitment }] of state.shared) {
      state.shared.set(index, { boxes: new Uint8Array(0), commitment });
    }
    const guilty = [...complaints].filter(
      ([accused, by]) => by.size > this.#drawn.terms(accused).corrupt,
    );
    if (guilty.length > 0) {
      state.evicted = guilty.map(([accused]) => hex(roster[accused]!.identity));
      const [accused, by] = guilty[0]!;
      return this.#giveUp(refusal('complaints', by.size, this.#drawn.terms(accused).corrupt));
    }
    const send: Outgoing[] = [];
    for (const cohort of state.cohorts) {
      const why = this.#lacksInputs(cohort);
      if (why !== undefined) {
        send.push(...(await this.#lose(cohort, why)));
        continue;
      }
      const inCohort = (set: ReadonlySet<number>): number[] =>
        cohort.members.filter((i) => set.has(i));
      const bitmaps = viewOf(
        { sharers: inCohort(sharers), survivors: inCohort(survivors) },
        roster.length,
      );
      cohort.view = viewHash(bitmaps, binding, crypto);
      const body = joined(bitmaps.sharers, bitmaps.survivors);
      for (const index of inCohort(survivors)) send.push(this.#to(index, 'view', body));
    }
    return [...send, ...(await this.#giveUpIfNothingLives())];
  }

  #lacksInputs({ members }: CohortState): Refusal | undefined {
    const { config } = this.#options;
    const { sharers, survivors } = this.#state;
    const inputs = members.filter((i) => survivors.has(i)).length;
    if (inputs < config.minSum) return refusal('too-few-inputs', inputs, config.minSum);
    for (const index of members) {
      if (!sharers.has(index)) continue;
      const alive = this.#near(index, survivors).length;
      const { threshold } = this.#drawn.terms(index);
      if (alive < threshold) return refusal('too-few-neighbours', alive, threshold);
    }
    return undefined;
  }

  /** Who signed, and whether that is enough around each secret that is needed. */
  async #fixConsents(): Promise<readonly Outgoing[]> {
    const { sharers, consents, cohorts } = this.#state;
    const send: Outgoing[] = [];
    for (const cohort of cohorts.filter(isLiving)) {
      const lacking = cohort.members
        .filter((index) => sharers.has(index))
        .map((index) =>
          refusal(
            'no-consent',
            this.#near(index, consents).length,
            this.#drawn.terms(index).threshold,
          ),
        )
        .find(({ have, need }) => have < need);
      if (lacking !== undefined) {
        send.push(...(await this.#lose(cohort, lacking)));
        continue;
      }
      for (const index of cohort.members.filter((i) => consents.has(i))) {
        const records = this.#near(index, consents).map((other) => ({
          index: other,
          signature: consents.get(other)!,
        }));
        send.push(this.#to(index, 'consents', encodeConsents(records)));
      }
    }
    return [...send, ...(await this.#giveUpIfNothingLives())];
  }

  /** R5: takes the masks off each sum. */
  async #unmask(): Promise<readonly Outgoing[]> {
    const { config, crypto, masks, codec = hostCodec() } = this.#options;
    const state = this.#state;
    const sums: SecureSum[] = [];
    const send: Outgoing[] = [];
    for (const [number, cohort] of state.cohorts.entries()) {
      if (!isLiving(cohort)) continue;
      const survivors = cohort.members.filter((i) => state.survivors.has(i));
      const outcome = await unmaskCohort({
        sum: cohort.sum!,
        survivors,
        dropped: cohort.members.filter((i) => state.sharers.has(i) && !state.survivors.has(i)),
        graph: this.#drawn,
        roster: state.roster,
        binding: state.binding,
        commitments: (index) => state.shared.get(index)!.commitment,
        shares: this.#revealedShares(cohort),
        crypto,
        masks,
      });
      if ('refusal' in outcome) {
        send.push(...(await this.#lose(cohort, outcome.refusal)));
        continue;
      }
      const words = reduced(outcome.words, config.ringBits);
      const ctxConstants = canaryOf(this.#context, crypto);
      if (!slotsOk(encodingOf(config), { words, survivors: survivors.length, ctxConstants })) {
        send.push(...(await this.#lose(cohort, refusal('canary'))));
        continue;
      }
      const names = (indices: readonly number[]): string[] =>
        indices.map((i) => hex(state.roster[i]!.identity));
      const view = cohort.view!;
      const liars = names(outcome.liars);
      const evidence = outcome.liars.map((sender) => {
        const header = { type: 'unmask', context: this.#context, sender } as const;
        return encodeMessage(header, state.revealed.get(sender)!);
      });
      sums.push({ cohort: number, inputs: names(survivors), words, view, liars, evidence });
      const { root } = state.binding;
      const sum = crypto.sha256(await codec.pack(words, config.ringBits));
      const result = await this.#signed(
        'result',
        encodeResult({ root, view, sum, inputs: survivors.length }),
      );
      const signers = survivors.filter((index) => state.consents.has(index));
      send.push(...signers.map((index) => this.#address(index, result)));
    }
    state.revealed.clear();
    const given = await this.#giveUpIfNothingLives();
    if (given.length > 0) return [...send, ...given];
    if (state.phase !== 'aborted') {
      const lost = state.cohorts.flatMap(({ refusal: why }, cohort) =>
        why === undefined ? [] : [{ cohort, refusal: why }],
      );
      state.phase = 'done';
      state.outcome = { sums, lost };
    }
    for (const cohort of state.cohorts) cohort.sum = undefined;
    return send;
  }

  /** The shares of a member's secret that its neighbours revealed, found when they are asked for. */
  #revealedShares({ members }: CohortState): (index: number) => HeldShare[] {
    const { revealed, sharers } = this.#state;
    const near = new Map(members.map((from) => [from, this.#near(from, sharers)]));
    return (index) =>
      this.#near(index, revealed).map((from) => {
        const x = 1 + this.#drawn.rank(index, from);
        const place = placeIn(near.get(from)!, index);
        return { x, share: shareAt(revealed.get(from)!, place), from };
      });
  }

  /** A cohort that gives no sum; its members are told. */
  async #lose(cohort: CohortState, why: Refusal): Promise<readonly Outgoing[]> {
    cohort.refusal = why;
    cohort.sum = undefined;
    const message = await this.#refusal(why);
    return cohort.members
      .filter((index) => this.#state.sharers.has(index))
      .map((index) => this.#address(index, message));
  }

  /** The round is over once no cohort can give a sum. */
  async #giveUpIfNothingLives(): Promise<readonly Outgoing[]> {
    const { cohorts } = this.#state;
    if (cohorts.some(isLiving)) return [];
    this.#state.phase = 'aborted';
    this.#state.refusal = cohorts[0]!.refusal;
    return [];
  }

  async #giveUp(why: Refusal): Promise<readonly Outgoing[]> {
    const state = this.#state;
    if (state.phase === 'done' || state.phase === 'aborted') return [];
    state.phase = 'aborted';
    state.refusal = why;
    for (const cohort of state.cohorts) cohort.sum = undefined;
    state.revealed.clear();
    const message = await this.#refusal(why);
    const all =
      state.roster.length > 0
        ? state.roster.map(({ identity }) => hex(identity))
        : [...state.advertised.keys()];
    return all.map((to) => ({ to, message }));
  }

  // Small things

  get #drawn(): Graph {
    if (this.#graph === undefined) throw new Error('there is no graph before there is a roster');
    return this.#graph;
  }

  #draw(clients: number): Graph {
    const { config, crypto } = this.#options;
    const { binding, beacon } = this.#state;
    return drawGraph(config, clients, { seed: { ...binding, beacon }, crypto });
  }

  #cohort(index: number): CohortState {
    return this.#state.cohorts[this.#drawn.cohortOf(index)]!;
  }

  #living(indices: Iterable<number>): number[] {
    return [...indices].filter((index) => isLiving(this.#cohort(index)));
  }

  /** Neighbours that are in a set. */
  #near(index: number, set: { has(i: number): boolean }): number[] {
    return this.#drawn.neighbours(index).filter((other) => set.has(other));
  }

  #address(index: number, message: Uint8Array): Outgoing {
    return { to: hex(this.#state.roster[index]!.identity), message };
  }

  #to(index: number, type: MessageType, body: Uint8Array): Outgoing {
    const header = { type, context: this.#context, sender: NOBODY };
    return this.#address(index, encodeMessage(header, body));
  }

  #refusal(why: Refusal): Promise<Uint8Array> {
    return this.#signed('abort', encodeRefusal(why));
  }

  async #signed(type: MessageType, body: Uint8Array): Promise<Uint8Array> {
    const { crypto, identity } = this.#options;
    const message = unsigned({ type, context: this.#context, sender: NOBODY }, body, crypto);
    return message.signed(await crypto.sign(message.toSign, identity.secret));
  }
}

function blankState(until: number): ServerState {
  return {
    phase: 'keys',
    until,
    advertised: new Map(),
    agreementKeys: new Set(),
    taken: new Map(),
    roster: [],
    binding: { context: new Uint8Array(KEY_BYTES), root: new Uint8Array(KEY_BYTES) },
    beacon: new Uint8Array(KEY_BYTES),
    rootSignature: new Uint8Array(SIGNATURE_BYTES),
    shared: new Map(),
    sharers: new Set(),
    survivors: new Set(),
    gone: new Set(),
    complaints: new Map(),
    cohorts: [],
    consents: new Map(),
    revealed: new Map(),
    outcome: undefined,
    refusal: undefined,
    evicted: [],
  };
}

function isLiving({ refusal: why }: CohortState): boolean {
  return why === undefined;
}

/** Takes out of `members` whoever has too few neighbours among them, until nobody has. */
function pruneToCore(members: Set<number>, graph: Graph): number[] {
  const pruned: number[] = [];
  const isSafe = (index: number): boolean =>
    graph.neighbours(index).filter((other) => members.has(other)).length >=
    graph.terms(index).threshold;
  for (let again = true; again; ) {
    const lonely = [...members].filter((index) => !isSafe(index));
    for (const index of lonely) members.delete(index);
    pruned.push(...lonely);
    again = lonely.length > 0;
  }
  return pruned;
}

/** The place of one of many ascending numbers. */
function placeIn(ascending: readonly number[], one: number): number {
  let low = 0;
  for (let high = ascending.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if (ascending[middle]! < one) low = middle + 1;
    else high = middle;
  }
  return low;
}

function addTo(sum: Uint32Array, words: Uint32Array): void {
  for (let j = 0; j < sum.length; j++) sum[j]! += words[j]!;
}

/** The lowest bits of each word. */
function reduced(words: Uint32Array, bits: number): Uint32Array {
  const mask = bits === 32 ? 0xffff_ffff : 2 ** bits - 1;
  return words.map((word) => word & mask);
}
