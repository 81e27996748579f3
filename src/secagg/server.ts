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

import { assertFinite, show } from '../core/assert.ts';
import { SecureError } from '../core/errors.ts';
import { isAgreementKey } from './agreement-keys.ts';
import { type Blame, type Finding, judge, type Verdict } from './blame.ts';
import type { Identity } from './client.ts';
import { contextOf, encodeConfig, encodingOf, type RoundConfig, usesBeacon } from './config.ts';
import type { CryptoProvider } from './crypto/provider.ts';
import { slotsOk } from './encode.ts';
import type { Enrolment } from './enrolment.ts';
import { drawGraph, type Graph, type GraphSeed } from './graph.ts';
import { type Binding, canaryOf, type Member } from './keys.ts';
import { type Masks, referenceMasks } from './masks.ts';
import {
  BOX_RECORD_BYTES,
  boxAt,
  COMPLAINT_BYTES,
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
  REFUSAL_BYTES,
  rootToVerify,
  SHARE_RECORD_BYTES,
  shareAt,
  signedPart,
  unmaskToVerify,
  unsigned,
  type ViewBody,
} from './messages.ts';
import { type Packing, pack, packedBytes, unpack } from './packing.ts';
import { type Reason, type Refusal, refusal } from './reasons.ts';
import {
  buildTree,
  ENTRY_BYTES,
  type Entry,
  pathTo,
  type RosterTree,
  rootOf,
  sortEntries,
} from './roster.ts';
import {
  compareBytes,
  hex,
  joined,
  KEY_BYTES,
  SIGNATURE_BYTES,
  SLOTS,
  sameBytes,
} from './suite.ts';
import { requireTerms } from './terms.ts';
import { type HeldShare, unmaskCohort } from './unmask.ts';
import { neighboursHash, viewHash, viewOf } from './view.ts';

/** What a server is made of. */
export interface ServerOptions {
  readonly config: RoundConfig;
  readonly identity: Identity;
  readonly crypto: CryptoProvider;
  readonly masks: Masks;
  readonly enrolment: Enrolment;
  /** The value of a public beacon, 32 bytes, asked for once the roster is fixed. */
  readonly beacon?: (reference: Uint8Array) => Uint8Array | Promise<Uint8Array>;
  /** Told of what fails on this side, such as the beacon or a device; nobody else is. */
  readonly onFailure?: (error: unknown) => void;
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
  /**
   * Clients whose shares do not fit, unless those were dealt so for certain: each lied, or was dealt a wrong
   * share. Who is in {@link Outcome.blamed} too did lie.
   */
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
  /** Clients that broke the protocol, for certain. */
  readonly blamed: readonly Blame[];
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
  /** Who was named by whom, in which words. */
  readonly complaints: Map<number, Map<number, Uint8Array>>;
  cohorts: CohortState[];
  readonly consents: Map<number, Uint8Array>;
  /** What clients revealed, as it came: a share for each neighbour that shared, in their order, and a signature. */
  readonly revealed: Map<number, Uint8Array>;
  outcome: Outcome | undefined;
  refusal: Refusal | undefined;
  /** Clients that broke the protocol, for certain. */
  blamed: readonly Blame[];
}

/** Ends the taking of a message: it is answered with the reason, and nothing changes but who is left. */
class Refused extends Error {
  readonly reason: Reason;
  /** Whether its sender is out of the round. */
  readonly isDismissal: boolean;

  constructor(reason: Reason, isDismissal = false) {
    super(reason);
    this.reason = reason;
    this.isDismissal = isDismissal;
  }
}

/** What came of a cohort. */
type CohortOutcome = { readonly blamed: readonly Blame[] } & (
  | { readonly sum: SecureSum; readonly refusal?: undefined }
  | { readonly sum?: undefined; readonly refusal: Refusal }
);

/** What came of a message. */
interface Taking {
  /** For its sender, who may not have got it. */
  readonly send: readonly Outgoing[];
  /** Whether fewer are waited for than before. */
  readonly isNews: boolean;
  readonly refused?: Reason;
  /** Whether nothing is to be said of it. */
  readonly isOurFault?: true;
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
/** What a refusal says where a client has too few neighbours that shared. */
const PRUNED = refusal('too-few-neighbours');

/**
 * A server for one round. Calls are answered one after the other, and none is rejected for what a client
 * said or because something failed: a message that could not be looked at is not taken, and a step that
 * could not be done ends the round.
 */
export class SecureServer {
  readonly #options: ServerOptions;
  readonly #context: Uint8Array;
  readonly #state: ServerState;
  #graph: Graph | undefined;
  /** What follows from the state, and is not made twice. */
  #tree: RosterTree | undefined;
  readonly #made = new Map<string, Uint8Array>();
  #last: Promise<unknown> = Promise.resolve();

  private constructor(options: ServerOptions, state: ServerState, context: Uint8Array) {
    this.#options = options;
    this.#state = state;
    this.#context = context;
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
    const until = assertFinite('now', now) + options.config.deadlines.advertise;
    const context = contextOf(options.config, options.crypto);
    return new SecureServer(options, blankState(until, context), context);
  }

  /**
   * Goes on where {@link snapshot} was taken. The clock must be the same. What the server had sent may not
   * have arrived: send what {@link due} gives.
   *
   * @throws {SecureError} `malformed` if the snapshot is of another round or configuration.
   */
  static resume(options: ServerOptions, state: ServerState): SecureServer {
    const context = contextOf(options.config, options.crypto);
    const before: unknown = state.binding.context;
    if (!(before instanceof Uint8Array) || !sameBytes(before, context)) {
      throw new SecureError('malformed', 'the snapshot is of another round or configuration');
    }
    const server = new SecureServer(options, structuredClone(state), context);
    if (!server.#isOver()) server.#drawAgain();
    return server;
  }

  /**
   * A copy of all that the server knows, between two messages. It holds no secret but those that clients
   * revealed. Written after each step and before what the step says is sent, it keeps a server that crashed
   * from saying two different things.
   */
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

  /** Who broke the protocol for certain, and what shows it. A round that gives sums may have such, too. */
  get blamed(): readonly Blame[] {
    return this.#state.blamed;
  }

  /** Identities not to invite again: those of {@link blamed}, each once. */
  get evicted(): readonly string[] {
    return [...new Set(this.#state.blamed.map(({ client }) => client))];
  }

  /** The signed configuration: what every client is to get first. */
  async invitation(): Promise<Uint8Array> {
    return this.#signed('config', encodeConfig(this.#options.config));
  }

  /**
   * What each client is to answer now and has not answered, or the last word to it: what is to be sent after
   * {@link resume}. Nothing while keys are awaited; whoever has not advertised is to get the invitation.
   */
  due(): Promise<readonly Outgoing[]> {
    return this.#inTurn(async () => {
      const { phase, roster } = this.#state;
      if (roster.length === 0) return phase === 'aborted' ? this.#toAdvertised() : [];
      return this.#deliver([...roster.keys()].filter((index) => this.#mayLack(index)));
    });
  }

  /**
   * Takes a message of some client. The same message again changes nothing; its sender gets what it is to
   * answer next once more, for it may have been lost.
   *
   * @param now - Milliseconds, as for {@link start}.
   */
  handle(message: Uint8Array, now: number): Promise<ServerOutput> {
    if (!(message instanceof Uint8Array)) {
      throw new TypeError(`message must be a Uint8Array, got ${show(message)}`);
    }
    assertFinite('now', now);
    return this.#inTurn(async () => {
      const before = await this.#passTime(now);
      const { send: again, isNews, refused, isOurFault } = await this.#taking(message);
      const after = isNews && this.#isComplete() ? await this.#close(now) : [];
      const send = [...before, ...again, ...after];
      if (refused === undefined) return { send };
      const reply = isOurFault ? undefined : await this.#farewell(refusal(refused));
      return { send, refused, ...(reply !== undefined && { reply }) };
    });
  }

  /** Looks at the clock: ends a phase whose time is over. */
  tick(now: number): Promise<ServerOutput> {
    assertFinite('now', now);
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

  /** Takes a message, or says why not. What fails here fails before anything has changed. */
  async #taking(message: Uint8Array): Promise<Taking> {
    try {
      return await this.#take(message);
    } catch (error) {
      if (error instanceof Refused) {
        return { send: [], isNews: error.isDismissal, refused: error.reason };
      }
      this.#failed(error);
      return { send: [], isNews: false, refused: 'local', isOurFault: true };
    }
  }

  /**
   * What costs least is looked at first: whoever sends garbage can have a header read, and in the name of
   * somebody who is waited for one hash and one signature checked of a message as long as right ones.
   */
  async #take(message: Uint8Array): Promise<Taking> {
    const { crypto } = this.#options;
    const { taken, phase, refusal: why } = this.#state;
    const envelope = openMessage(message);
    if (envelope === undefined) throw new Refused('malformed');
    const { type, sender, context, body } = envelope;
    if (!sameBytes(context, this.#context)) throw new Refused('wrong-context');
    if (body.length > this.#longestBody(type, sender)) throw new Refused('malformed');
    const key = `${type} ${type === 'advertise' ? hex(body.subarray(0, KEY_BYTES)) : sender}`;
    const before = taken.get(key);
    if (before !== undefined) {
      if (!sameBytes(before, crypto.sha256(message))) throw new Refused('conflict');
      return { send: await this.#again(envelope), isNews: false };
    }
    if (phase === 'aborted') throw new Refused(why?.reason ?? 'server-abort');
    if (!TAKEN[phase].includes(type)) throw new Refused(this.#timing(type));
    const member = type === 'advertise' ? undefined : this.#member(sender);
    const digest = crypto.sha256(message);
    if (member === undefined) await this.#advertised(envelope);
    else await this.#fromMember(envelope, member);
    taken.set(key, digest);
    return { send: [], isNews: true };
  }

  /** Bytes that a body of that type has at most; none of what clients do not send. */
  #longestBody(type: MessageType, sender: number): number {
    const { config } = this.#options;
    const clients = this.#state.roster.length;
    const degree = sender < clients ? (this.#graph?.terms(sender).degree ?? clients - 1) : 0;
    switch (type) {
      case 'advertise':
        return ENTRY_BYTES;
      case 'shares':
        return degree * BOX_RECORD_BYTES + KEY_BYTES + SIGNATURE_BYTES;
      case 'masked':
        return (
          packedBytes(SLOTS + config.dimensions, config.ringBits) + KEY_BYTES + SIGNATURE_BYTES
        );
      case 'consent':
        return SIGNATURE_BYTES;
      case 'unmask':
        return degree * SHARE_RECORD_BYTES + SIGNATURE_BYTES;
      case 'complaint':
        return COMPLAINT_BYTES + SIGNATURE_BYTES;
      case 'abort':
        return REFUSAL_BYTES + SIGNATURE_BYTES;
      default:
        return -1;
    }
  }

  /** What the sender of a message that came before may not have got, if anything. */
  async #again({ type, sender, body }: Envelope): Promise<readonly Outgoing[]> {
    const { phase, roster } = this.#state;
    if (roster.length === 0) {
      const name = hex(body.subarray(0, KEY_BYTES));
      return phase === 'aborted' ? this.#toAdvertised([name]) : [];
    }
    const index = type === 'advertise' ? placeOf(roster, body.subarray(0, KEY_BYTES)) : sender;
    return this.#mayLack(index) ? this.#deliver([index]) : [];
  }

  /** Whether a client has not yet shown that it got what it is to answer now. */
  #mayLack(index: number): boolean {
    const { phase, gone, taken } = this.#state;
    const awaited = ORDER[PHASES.indexOf(phase)];
    if (awaited === undefined) return true;
    return !gone.has(index) && !taken.has(`${awaited} ${index}`);
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
    // Read before anything is waited for: what is added is what the signature is over, even if the caller
    // uses these bytes for something else in the meantime.
    const message = maskedToVerify(envelope.header, body, crypto);
    const words = unpacked(body.packed, { bits: config.ringBits, entries });
    const near = neighboursHash(this.#near(member.index, sharers), binding, crypto);
    const { signature, view } = body;
    await this.#requireSignature({ publicKey: member.entry.identity, message, signature });
    if (words === undefined || !sameBytes(view, near)) return this.#dismiss(member);
    const cohort = this.#cohort(member.index);
    if (cohort.refusal !== undefined) throw new Refused(cohort.refusal.reason);
    cohort.sum ??= new Uint32Array(entries);
    addTo(cohort.sum, words);
    survivors.add(member.index);
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
  async #unmasked(envelope: Envelope, member: Member): Promise<void> {
    const { header } = envelope;
    const body = envelope.body.slice();
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
    revealed.set(member.index, body);
  }

  async #complained(envelope: Envelope, member: Member): Promise<void> {
    const { complaints, sharers } = this.#state;
    const words = encodeMessage(envelope, envelope.body);
    const accused = parseComplaint(await this.#content(envelope, member));
    if (accused === undefined || !this.#near(member.index, sharers).includes(accused)) {
      return this.#dismiss(member);
    }
    complaints.set(accused, new Map([...(complaints.get(accused) ?? []), [member.index, words]]));
    this.#state.gone.add(member.index);
  }

  async #left(envelope: Envelope, member: Member): Promise<void> {
    const why = parseRefusal(await this.#content(envelope, member));
    if (why === undefined) return this.#dismiss(member);
    this.#state.gone.add(member.index);
  }

  /** A copy of the body of a message that its sender has signed, without the signature. */
  async #content(envelope: Envelope, { entry }: Member): Promise<Uint8Array> {
    const part = signedPart(envelope, this.#options.crypto);
    if (part === undefined) throw new Refused('malformed');
    const { signature, toVerify } = part;
    const content = part.content.slice();
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
    throw new Refused('malformed', true);
  }

  // Ending phases

  #isComplete(): boolean {
    const { phase, advertised, roster, shared, gone, sharers, survivors, consents, revealed } =
      this.#state;
    const all = (expected: Iterable<number>, have: { has(i: number): boolean }): boolean =>
      every(expected, (i) => have.has(i) || gone.has(i));
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

  /**
   * Ends a phase. Each way of doing so computes first, and changes what the server knows at its end, at
   * one go: what fails on the way leaves nothing half done, and ends the round.
   */
  async #close(now: number): Promise<readonly Outgoing[]> {
    try {
      return await this.#closed(now);
    } catch (error) {
      this.#failed(error);
      return this.#giveUp(refusal('server-abort'));
    }
  }

  async #closed(now: number): Promise<readonly Outgoing[]> {
    switch (this.#state.phase) {
      case 'keys':
        return this.#fixRoster(now);
      case 'shares':
        return this.#fixSharers(now);
      case 'masked':
        return this.#fixSurvivors(now);
      case 'consents':
        return this.#fixConsents(now);
      case 'unmask':
        return this.#unmask();
      default:
        return [];
    }
  }

  #enter(phase: ServerPhase, until: number): void {
    this.#state.phase = phase;
    this.#state.until = until;
  }

  /** Tells the owner, who must not make it worse. */
  #failed(error: unknown): void {
    try {
      this.#options.onFailure?.(error);
    } catch {
      // What it throws has nowhere to go.
    }
  }

  /** U₁: sorted, committed to and shown. */
  async #fixRoster(now: number): Promise<readonly Outgoing[]> {
    const { config, crypto, identity } = this.#options;
    const state = this.#state;
    const clients = state.advertised.size;
    if (clients < config.minStart) {
      return this.#giveUp(refusal('too-few-clients', clients, config.minStart));
    }
    const roster = sortEntries([...state.advertised.values()]);
    const tree = buildTree(roster, crypto);
    const binding = {
      context: this.#context,
      root: rootOf(tree, { context: this.#context, clients }, crypto),
    };
    const rootSignature = await crypto.sign(rootToVerify(binding.root), identity.secret);
    const beacon = await this.#beaconValue();
    const graph = this.#draw(clients, { ...binding, beacon });
    if (graph === undefined) {
      return this.#giveUp(refusal('infeasible', clients, config.maxClients));
    }
    const cohorts = graph.cohorts.map((members) => ({
      members,
      sum: undefined,
      view: undefined,
      refusal: undefined,
    }));
    Object.assign(state, { roster, binding, rootSignature, beacon, cohorts });
    state.advertised.clear();
    this.#graph = graph;
    this.#tree = tree;
    this.#enter('shares', now + config.deadlines.shares);
    return this.#deliver(roster.keys());
  }

  /** @throws {SecureError} `unavailable` if the beacon has no value of 32 bytes. */
  async #beaconValue(): Promise<Uint8Array> {
    const { config, beacon } = this.#options;
    if (!usesBeacon(config)) return new Uint8Array(KEY_BYTES);
    const value: unknown = await beacon?.(config.beacon);
    if (value instanceof Uint8Array && value.length === KEY_BYTES) return value.slice();
    throw new SecureError(
      'unavailable',
      `the beacon's value must be ${KEY_BYTES} bytes, got ${show(value)}`,
    );
  }

  /** U₂: those who shared, without those who have too few neighbours left. */
  async #fixSharers(now: number): Promise<readonly Outgoing[]> {
    const { config } = this.#options;
    const { shared, gone, sharers } = this.#state;
    const core = new Set([...shared.keys()].filter((index) => !gone.has(index)));
    const pruned = pruneToCore(core, this.#drawn);
    if (core.size < config.minStart) {
      return this.#giveUp(refusal('too-few-neighbours', core.size, config.minStart));
    }
    for (const index of core) sharers.add(index);
    this.#tree = undefined;
    this.#enter('masked', now + config.deadlines.masked);
    return this.#deliver([...pruned, ...core]);
  }

  /** U₃: those whose inputs are in the sums. */
  async #fixSurvivors(now: number): Promise<readonly Outgoing[]> {
    const { config, crypto } = this.#options;
    const state = this.#state;
    const { binding, cohorts } = state;
    const fates = cohorts.map((cohort) => ({
      refusal: this.#complainedOf(cohort) ?? this.#lacksInputs(cohort),
      view: viewHash(this.#bitmapsOf(cohort), binding, crypto),
    }));
    state.blamed = this.#accused();
    for (const [i, cohort] of cohorts.entries()) {
      const { refusal: why, view } = fates[i]!;
      if (why === undefined) cohort.view = view;
      else lose(cohort, why);
    }
    this.#forgetBoxes();
    this.#enter('consents', now + config.deadlines.consent);
    this.#endIfNothingLives();
    return this.#deliver(this.#sharersIn(cohorts));
  }

  /** Whom more neighbours complain of than may lie. */
  #accused(): Blame[] {
    return [...this.#state.complaints].flatMap(([accused, by]): Blame[] => {
      const need = this.#drawn.terms(accused).corrupt + 1;
      if (by.size < need) return [];
      const client = this.#nameOf(accused);
      return [{ client, fault: 'boxes', have: by.size, need, evidence: [...by.values()] }];
    });
  }

  #complainedOf({ members }: CohortState): Refusal | undefined {
    const { complaints } = this.#state;
    for (const [accused, { size }] of complaints) {
      const { corrupt } = this.#drawn.terms(accused);
      if (size > corrupt && members.includes(accused)) return refusal('complaints', size, corrupt);
    }
    return undefined;
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
  async #fixConsents(now: number): Promise<readonly Outgoing[]> {
    const living = this.#state.cohorts.filter(isLiving);
    for (const cohort of living) {
      const why = this.#lacksConsents(cohort);
      if (why !== undefined) lose(cohort, why);
    }
    this.#enter('unmask', now + this.#options.config.deadlines.unmask);
    this.#endIfNothingLives();
    return this.#deliver(this.#sharersIn(living));
  }

  #lacksConsents({ members }: CohortState): Refusal | undefined {
    const { sharers, consents } = this.#state;
    for (const index of members) {
      if (!sharers.has(index)) continue;
      const have = this.#near(index, consents).length;
      const { threshold } = this.#drawn.terms(index);
      if (have < threshold) return refusal('no-consent', have, threshold);
    }
    return undefined;
  }

  /** R5: takes the masks off each sum. */
  async #unmask(): Promise<readonly Outgoing[]> {
    const state = this.#state;
    const { cohorts } = state;
    const living = cohorts.filter(isLiving);
    const sums: SecureSum[] = [];
    const failed = new Map<CohortState, Refusal>();
    const blamed = [...state.blamed];
    for (const cohort of living) {
      const { sum, refusal: why, blamed: more } = await this.#sumOf(cohort);
      if (sum === undefined) failed.set(cohort, why);
      else sums.push(sum);
      blamed.push(...more);
    }
    for (const [cohort, why] of failed) lose(cohort, why);
    state.blamed = blamed;
    this.#forgetSecrets();
    if (sums.length > 0) {
      const lost = cohorts.flatMap(({ refusal: why }, cohort) =>
        why === undefined ? [] : [{ cohort, refusal: why }],
      );
      state.outcome = { sums, lost, blamed };
      this.#enter('done', state.until);
    }
    this.#endIfNothingLives();
    return this.#deliver(this.#sharersIn(living));
  }

  /** The sum of a cohort, or why there is none. Changes nothing. */
  async #sumOf(cohort: CohortState): Promise<CohortOutcome> {
    const { config, crypto } = this.#options;
    const state = this.#state;
    const survivors = cohort.members.filter((i) => state.survivors.has(i));
    const { findings, ...outcome } = await unmaskCohort({
      sum: cohort.sum!,
      survivors,
      dropped: cohort.members.filter((i) => state.sharers.has(i) && !state.survivors.has(i)),
      graph: this.#drawn,
      roster: state.roster,
      binding: state.binding,
      commitments: (index) => state.shared.get(index)!.commitment,
      shares: this.#revealedShares(cohort),
      crypto,
      masks: this.#masks(),
    });
    const verdicts = judge(findings, this.#drawn);
    const blamed = verdicts.map((verdict) => this.#blame(verdict));
    if ('refusal' in outcome) return { refusal: outcome.refusal, blamed };
    const words = reduced(outcome.words, config.ringBits);
    const ctxConstants = canaryOf(this.#context, crypto);
    if (!slotsOk(encodingOf(config), { words, survivors: survivors.length, ctxConstants })) {
      return { refusal: refusal('canary'), blamed };
    }
    const liars = liarsOf(findings, verdicts);
    const sum = {
      cohort: state.cohorts.indexOf(cohort),
      inputs: survivors.map((index) => this.#nameOf(index)),
      words,
      view: cohort.view!,
      liars: liars.map((index) => this.#nameOf(index)),
      evidence: liars.map((index) => this.#revealedMessage(index)),
    };
    return { sum, blamed };
  }

  /** Masks that a device makes, or portable code where it fails: of the same words. */
  #masks(): Masks {
    const { masks } = this.#options;
    return {
      add: async (words, keys) => {
        try {
          return await masks.add(words, keys);
        } catch (error) {
          this.#failed(error);
          return await referenceMasks().add(words, keys);
        }
      },
    };
  }

  #blame({ client, fault, have, need, owners }: Verdict): Blame {
    const { revealed } = this.#state;
    const witnesses = new Set(owners.flatMap((owner) => this.#near(owner, revealed)));
    const evidence = [...witnesses].map((index) => this.#revealedMessage(index));
    return { client: this.#nameOf(client), fault, have, need, evidence };
  }

  /** The shares that a client revealed, in the message that they came in. */
  #revealedMessage(sender: number): Uint8Array {
    const header = { type: 'unmask', context: this.#context, sender } as const;
    return encodeMessage(header, this.#state.revealed.get(sender)!);
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

  /** The round is over once no cohort can give a sum. */
  #endIfNothingLives(): void {
    const { cohorts } = this.#state;
    if (!cohorts.some(isLiving)) this.#end(cohorts[0]!.refusal!);
  }

  async #giveUp(why: Refusal): Promise<readonly Outgoing[]> {
    const { roster } = this.#state;
    if (this.#isOver()) return [];
    this.#end(why);
    return roster.length > 0 ? this.#deliver(roster.keys()) : this.#toAdvertised();
  }

  #end(why: Refusal): void {
    this.#state.refusal = why;
    this.#state.phase = 'aborted';
    this.#forgetSecrets();
    this.#forgetBoxes();
  }

  /** Sums under masks, and shares of what could take the masks off. */
  #forgetSecrets(): void {
    const { cohorts, revealed } = this.#state;
    for (const cohort of cohorts) {
      cohort.sum?.fill(0);
      cohort.sum = undefined;
    }
    for (const shares of revealed.values()) shares.fill(0);
    revealed.clear();
  }

  /** They are the larger part of the memory. */
  #forgetBoxes(): void {
    const { shared } = this.#state;
    for (const [index, { commitment }] of shared) {
      shared.set(index, { boxes: new Uint8Array(0), commitment });
    }
  }

  // What clients are told: all of it follows from what the server knows, and is the same each time.

  async #deliver(indices: Iterable<number>): Promise<Outgoing[]> {
    const send: Outgoing[] = [];
    for (const index of indices) {
      const message = await this.#current(index);
      if (message === undefined) continue;
      send.push({ to: this.#nameOf(index), message });
    }
    return send;
  }

  /** The end of a round that has no roster. */
  async #toAdvertised(
    names: Iterable<string> = this.#state.advertised.keys(),
  ): Promise<readonly Outgoing[]> {
    const message = await this.#farewell(this.#state.refusal!);
    return message === undefined ? [] : [...names].map((to) => ({ to, message }));
  }

  #sharersIn(cohorts: readonly CohortState[]): number[] {
    const { sharers } = this.#state;
    return cohorts.flatMap(({ members }) => members.filter((index) => sharers.has(index)));
  }

  /** What a client is to answer in this phase, or the last word to it; nothing where it is out. */
  async #current(index: number): Promise<Uint8Array | undefined> {
    const { phase, gone, sharers, survivors, consents } = this.#state;
    const why = this.#whyOver(index);
    if (why !== undefined) return this.#farewell(why);
    switch (phase) {
      case 'shares':
        return gone.has(index) ? undefined : this.#message('roster', this.#rosterBody(index));
      case 'masked':
        return sharers.has(index) ? this.#message('boxes', this.#boxesBody(index)) : undefined;
      case 'consents':
        return survivors.has(index) ? this.#view(this.#cohort(index)) : undefined;
      case 'unmask':
        return consents.has(index)
          ? this.#message('consents', this.#consentsBody(index))
          : undefined;
      case 'done':
        return consents.has(index) ? this.#result(this.#cohort(index)) : undefined;
      default:
        return undefined;
    }
  }

  /** Why nothing more can come of a client's part in the round, if so. */
  #whyOver(index: number): Refusal | undefined {
    const { phase, shared, gone, sharers, refusal: why } = this.#state;
    if (sharers.has(index)) {
      const { refusal: lost } = this.#cohort(index);
      if (lost !== undefined) return lost;
    }
    if (phase === 'aborted') return why;
    const isPruned = sharers.size > 0 && shared.has(index) && !sharers.has(index);
    return isPruned && !gone.has(index) ? PRUNED : undefined;
  }

  /** R1 */
  #rosterBody(index: number): Uint8Array {
    const { config, crypto } = this.#options;
    const { roster, binding, rootSignature: signature } = this.#state;
    const isWhole = config.topology === 'complete';
    if (!isWhole) this.#tree ??= buildTree(roster, crypto);
    const pathOf = (one: number): Uint8Array =>
      isWhole ? new Uint8Array(0) : pathTo(this.#tree!, one);
    const neighbours = this.#drawn.neighbours(index).map((other) => ({
      index: other,
      entry: roster[other]!,
      path: pathOf(other),
    }));
    const clients = roster.length;
    const { root } = binding;
    return encodeRoster({ clients, index, root, signature, path: pathOf(index), neighbours });
  }

  /** R2 */
  #boxesBody(index: number): Uint8Array {
    const { shared, sharers } = this.#state;
    return encodeBoxes(
      this.#near(index, sharers).map((other) => ({
        index: other,
        box: boxAt(shared.get(other)!.boxes, this.#drawn.rank(other, index)),
      })),
    );
  }

  #bitmapsOf({ members }: CohortState): ViewBody {
    const { sharers, survivors, roster } = this.#state;
    const among = (set: ReadonlySet<number>): number[] => members.filter((i) => set.has(i));
    return viewOf({ sharers: among(sharers), survivors: among(survivors) }, roster.length);
  }

  /** R3: the same for a whole cohort. */
  #view(cohort: CohortState): Uint8Array {
    return this.#once(`view ${this.#state.cohorts.indexOf(cohort)}`, () => {
      const { sharers, survivors } = this.#bitmapsOf(cohort);
      return this.#message('view', joined(sharers, survivors));
    });
  }

  /** R4 */
  #consentsBody(index: number): Uint8Array {
    const { consents } = this.#state;
    return encodeConsents(
      this.#near(index, consents).map((other) => ({
        index: other,
        signature: consents.get(other)!,
      })),
    );
  }

  /** R5 */
  #result(cohort: CohortState): Promise<Uint8Array | undefined> {
    const { config, crypto } = this.#options;
    const { binding, outcome, cohorts } = this.#state;
    const number = cohorts.indexOf(cohort);
    return this.#signedOnce(`result ${number}`, 'result', () => {
      const { words, view, inputs } = outcome!.sums.find((sum) => sum.cohort === number)!;
      const sum = crypto.sha256(pack(words, config.ringBits));
      return encodeResult({ root: binding.root, view, sum, inputs: inputs.length });
    });
  }

  #farewell(why: Refusal): Promise<Uint8Array | undefined> {
    const { reason, have, need } = why;
    return this.#signedOnce(`abort ${reason} ${have} ${need}`, 'abort', () => encodeRefusal(why));
  }

  /** A last word. Where it cannot be signed there is none: whoever is not told gives up in time. */
  async #signedOnce(
    name: string,
    type: MessageType,
    body: () => Uint8Array,
  ): Promise<Uint8Array | undefined> {
    const known = this.#made.get(name);
    if (known !== undefined) return known.slice();
    try {
      const message = await this.#signed(type, body());
      this.#made.set(name, message);
      return message.slice();
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  /** A copy: whoever sends may overwrite what was sent. */
  #once(name: string, make: () => Uint8Array): Uint8Array {
    const message = this.#made.get(name) ?? make();
    this.#made.set(name, message);
    return message.slice();
  }

  // Small things

  get #drawn(): Graph {
    if (this.#graph === undefined) throw new Error('there is no graph before there is a roster');
    return this.#graph;
  }

  /** The graph, unless no threshold does for so many clients. */
  #draw(clients: number, seed: GraphSeed): Graph | undefined {
    const { config, crypto } = this.#options;
    try {
      return drawGraph(config, clients, { seed, crypto });
    } catch (error) {
      if (error instanceof SecureError && error.code === 'infeasible') return undefined;
      throw error;
    }
  }

  #drawAgain(): void {
    const { roster, binding, beacon } = this.#state;
    if (roster.length > 0) this.#graph = this.#draw(roster.length, { ...binding, beacon });
  }

  /** An identity, in hexadecimal digits. */
  #nameOf(index: number): string {
    return hex(this.#state.roster[index]!.identity);
  }

  #isOver(): boolean {
    return this.#state.phase === 'done' || this.#state.phase === 'aborted';
  }

  #cohort(index: number): CohortState {
    const { cohorts } = this.#state;
    // Of a round that is over no graph is drawn again.
    if (this.#graph === undefined) return cohorts.find(({ members }) => members.includes(index))!;
    return cohorts[this.#graph.cohortOf(index)]!;
  }

  *#living(indices: Iterable<number>): Generator<number> {
    for (const index of indices) if (isLiving(this.#cohort(index))) yield index;
  }

  /** Neighbours that are in a set. */
  #near(index: number, set: { has(i: number): boolean }): number[] {
    return this.#drawn.neighbours(index).filter((other) => set.has(other));
  }

  #message(type: MessageType, body: Uint8Array): Uint8Array {
    return encodeMessage({ type, context: this.#context, sender: NOBODY }, body);
  }

  async #signed(type: MessageType, body: Uint8Array): Promise<Uint8Array> {
    const { crypto, identity } = this.#options;
    const message = unsigned({ type, context: this.#context, sender: NOBODY }, body, crypto);
    return message.signed(await crypto.sign(message.toSign, identity.secret));
  }
}

function blankState(until: number, context: Uint8Array): ServerState {
  return {
    phase: 'keys',
    until,
    advertised: new Map(),
    agreementKeys: new Set(),
    taken: new Map(),
    roster: [],
    binding: { context, root: new Uint8Array(KEY_BYTES) },
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
    blamed: [],
  };
}

/** A cohort that gives no sum. */
function lose(cohort: CohortState, why: Refusal): void {
  cohort.refusal = why;
  cohort.sum?.fill(0);
  cohort.sum = undefined;
}

/** Who revealed shares that do not fit, but for those of owners who certainly dealt wrong ones. */
function liarsOf(findings: readonly Finding[], verdicts: readonly Verdict[]): number[] {
  const dealers = new Set(
    verdicts.filter(({ fault }) => fault !== 'revealed').map(({ client }) => client),
  );
  const open = findings.filter(({ owner }) => !dealers.has(owner));
  return [...new Set(open.flatMap(({ wrong }) => wrong))].sort((a, b) => a - b);
}

function every<T>(items: Iterable<T>, holds: (item: T) => boolean): boolean {
  for (const item of items) if (!holds(item)) return false;
  return true;
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

/** The index of an identity that is in the roster. */
function placeOf(roster: readonly Entry[], identity: Uint8Array): number {
  let low = 0;
  for (let high = roster.length - 1; low < high; ) {
    const middle = (low + high) >>> 1;
    if (compareBytes(roster[middle]!.identity, identity) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
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

/** The entries of a packed input, `undefined` where its padding is not zero. */
function unpacked(bytes: Uint8Array, packing: Packing): Uint32Array | undefined {
  try {
    return unpack(bytes, packing);
  } catch {
    return undefined;
  }
}

/** The lowest bits of each word. */
function reduced(words: Uint32Array, bits: number): Uint32Array {
  const mask = bits === 32 ? 0xffff_ffff : 2 ** bits - 1;
  return words.map((word) => word & mask);
}
