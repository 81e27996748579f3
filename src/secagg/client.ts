/**
 * A client of SAGG1, for one round: messages and time go in, messages come out; it owns neither a
 * socket nor a clock.
 *
 * ```
 * idle → advertised → shared → masked → signed → revealed → done
 *   (config)   (roster)  (boxes)  (view)  (consents)  (result)     any → aborted
 * ```
 *
 * Secrets live in memory, are overwritten as soon as a step no longer needs them, and never leave in an
 * error. A client that crashes has dropped out; its journal keeps it from entering the same round again.
 *
 * @module
 */

import { show } from '../core/assert.ts';
import { decodeBitmap } from './bitmap.ts';
import { type Codec, hostCodec } from './codec.ts';
import { contextOf, type RoundConfig } from './config.ts';
import type { CryptoProvider } from './crypto/provider.ts';
import type { Journal } from './journal.ts';
import {
  boxAssociated,
  boxKey,
  canaryOf,
  coefficientBytes,
  commitmentTo,
  pairMaskKey,
  type RoundSecrets,
  roundSecrets,
  selfMaskKey,
  signOf,
} from './keys.ts';
import type { Mask, Masks } from './masks.ts';
import {
  type BoxRecord,
  CONFIG_MESSAGE_BYTES,
  consentToVerify,
  type Envelope,
  encodeComplaint,
  encodeMessage,
  encodeRefusal,
  encodeShares,
  encodeUnmask,
  entryToVerify,
  longestForClient,
  type MessageType,
  maskedHeader,
  maskedToVerify,
  NOBODY,
  openMessage,
  parseBoxes,
  parseConfigBody,
  parseConsents,
  parseRefusal,
  parseResult,
  parseRoster,
  parseView,
  type ResultBody,
  signedPart,
  unmaskHeader,
  unmaskToVerify,
  unsigned,
} from './messages.ts';
import { type Placed, placeIn, type Round } from './place.ts';
import { below, type ClientPolicy, checkPolicy, patienceOf, roundFault } from './policy.ts';
import { describeRefusal, type Refusal, Refused, refusal } from './reasons.ts';
import { SecretHolder, wipe } from './secrets.ts';
import { split } from './shamir.ts';
import { BOX_NONCE_BYTES, joined, KEY_BYTES, SLOTS, sameBytes } from './suite.ts';
import { neighboursHash, viewHash } from './view.ts';

/** An Ed25519 identity. */
export interface Identity {
  /** 32 bytes. */
  readonly secret: Uint8Array;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** What a round asks of an input. */
export interface InputTerms {
  readonly config: RoundConfig;
  /** Values of slots 1 and 2. */
  readonly canary: readonly [number, number];
  /** Clients of the roster. */
  readonly clients: number;
}

/** What a client is made of. */
export interface ClientOptions {
  readonly identity: Identity;
  readonly policy: ClientPolicy;
  readonly crypto: CryptoProvider;
  readonly masks: Masks;
  /** What packs the masked input. Default: {@link hostCodec}. */
  readonly codec?: Codec;
  readonly journal: Journal;
  /**
   * The update as SLOTS + D words, slots first. It is asked for once others are known, and its words are
   * overwritten once they are masked.
   */
  readonly input: (terms: InputTerms) => Uint32Array | Promise<Uint32Array>;
  /** Told of what fails on this side, such as `input` or the journal; nobody else is. */
  readonly onFailure?: (error: unknown) => void;
  /** The value of a public beacon, 32 bytes; needed where configurations name one. */
  readonly beacon?: (reference: Uint8Array) => Uint8Array | Promise<Uint8Array>;
}

/** Phases of a client. */
export type ClientPhase =
  | 'idle'
  | 'advertised'
  | 'shared'
  | 'masked'
  | 'signed'
  | 'revealed'
  | 'done'
  | 'aborted';

interface Idle {
  readonly phase: 'idle';
}

/** The message that was answered last, and the answer, which is sent again if the message comes again. */
interface Answered {
  readonly until: number;
  readonly asked: Uint8Array;
  readonly reply: Uint8Array;
}

interface Advertised extends Round, Answered {
  readonly phase: 'advertised';
  readonly secrets: RoundSecrets;
}

interface Shared extends Placed, Answered {
  readonly phase: 'shared';
  readonly secrets: RoundSecrets;
  /** Keys of the boxes that neighbours send. */
  readonly keys: ReadonlyMap<number, Uint8Array>;
}

/** Two shares of a neighbour's: of its mask secret, then of its seed. */
type HeldShares = ReadonlyMap<number, Uint8Array>;

interface Masked extends Placed, Answered {
  readonly phase: 'masked';
  readonly held: HeldShares;
}

interface Signed extends Placed, Answered {
  readonly phase: 'signed';
  readonly held: HeldShares;
  readonly view: Uint8Array;
  readonly survivors: ReadonlySet<number>;
}

interface Revealed extends Placed, Answered {
  readonly phase: 'revealed';
  readonly view: Uint8Array;
  /** |U₃| by that view. */
  readonly inputs: number;
}

interface Done {
  readonly phase: 'done';
  readonly result: ResultBody | undefined;
}

interface Aborted {
  readonly phase: 'aborted';
  readonly refusal: Refusal;
}

type State = Idle | Advertised | Shared | Masked | Signed | Revealed | Done | Aborted;

/** What a step of a client gives. */
export interface ClientOutput {
  /** For the server, if anything. */
  readonly reply?: Uint8Array;
  /** Why a configuration was not entered; the client waits for another. */
  readonly declined?: string;
}

/** A step's outcome: the next state and what it says. */
interface Step extends ClientOutput {
  readonly state: State;
}

let fork: (client: SecureClient, journal: Journal) => SecureClient;

/**
 * A second client in the same state, with copies of all secrets: for studies of what a hostile server
 * could be told, and for nothing else. Two forks may sign two views, which one client never does.
 */
export function forkForStudy(client: SecureClient, journal: Journal): SecureClient {
  return fork(client, journal);
}

/** A client for one round. Calls are answered one after the other. */
export class SecureClient {
  readonly #options: ClientOptions;
  #state: State = { phase: 'idle' };
  /** Hashes of the messages that were answered in phases that are over. */
  readonly #past: Uint8Array[] = [];
  #last: Promise<unknown> = Promise.resolve();

  static {
    fork = (client, journal) => {
      const second = new SecureClient({ ...client.#options, journal });
      second.#state = copyOf(client.#state);
      return second;
    };
  }

  /** @throws {TypeError | RangeError} if the policy is none. */
  constructor(options: ClientOptions) {
    checkPolicy(options.policy);
    this.#options = options;
  }

  get phase(): ClientPhase {
    return this.#state.phase;
  }

  /** Why the round is over; `undefined` unless the phase is `aborted`. */
  get refusal(): Refusal | undefined {
    return this.#state.phase === 'aborted' ? this.#state.refusal : undefined;
  }

  /** What the server says came out; `undefined` before. */
  get result(): ResultBody | undefined {
    return this.#state.phase === 'done' ? this.#state.result : undefined;
  }

  /**
   * Takes a message of the server.
   *
   * @param now - Milliseconds on any clock that does not go backwards.
   */
  handle(message: Uint8Array, now: number): Promise<ClientOutput> {
    if (!(message instanceof Uint8Array)) {
      throw new TypeError(`message must be a Uint8Array, got ${show(message)}`);
    }
    return this.#inTurn(async () => {
      const timedOut = this.#expired(now);
      return timedOut ?? this.#take(message, now);
    });
  }

  /** Looks at the clock: gives up where the next message is overdue. */
  tick(now: number): Promise<ClientOutput> {
    return this.#inTurn(async () => this.#expired(now) ?? {});
  }

  /** Gives the round up and overwrites its secrets. */
  abort(): Promise<ClientOutput> {
    return this.#inTurn(() => this.#giveUp(refusal('local')));
  }

  #inTurn(work: () => Promise<ClientOutput>): Promise<ClientOutput> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  #expired(now: number): Promise<ClientOutput> | undefined {
    const state = this.#state;
    if (!('until' in state) || now < state.until) return undefined;
    if (state.phase === 'revealed') {
      this.#enter({ phase: 'done', result: undefined });
      return Promise.resolve({});
    }
    return this.#giveUp(refusal('timeout'));
  }

  async #take(message: Uint8Array, now: number): Promise<ClientOutput> {
    const state = this.#state;
    if (state.phase === 'done' || state.phase === 'aborted') return {};
    const secrets = new SecretHolder();
    let envelope: Envelope | undefined;
    try {
      // Whatever is too long costs nothing: it is neither hashed nor looked at.
      if (message.length > longestIn(state)) return await this.#refused(new Refused('malformed'));
      const digest = this.#options.crypto.sha256(message);
      if ('asked' in state && sameBytes(state.asked, digest)) return { reply: state.reply.slice() };
      // Networks repeat: what was answered in an earlier phase may come again when that is over.
      if (this.#past.some((earlier) => sameBytes(earlier, digest))) return {};
      envelope = openMessage(message);
      if (state.phase === 'idle') return await this.#begin(envelope, { digest, now, secrets });
      if (envelope === undefined || envelope.sender !== NOBODY) throw new Refused('malformed');
      if (!sameBytes(envelope.context, state.context)) throw new Refused('wrong-context');
      const seen = { digest, now, secrets };
      const { state: next, ...output } = await this.#next(state, envelope, seen);
      this.#enter(next);
      return output;
    } catch (error) {
      return await this.#refused(error, envelope);
    } finally {
      secrets.wipeAllBut(secretsOf(this.#state));
    }
  }

  /** Ends the round over an error. */
  #refused(error: unknown, envelope?: Envelope): Promise<ClientOutput> {
    if (error instanceof Refused) {
      // Before there is a round nobody is refused anything.
      if (this.#state.phase !== 'idle') return this.#giveUp(error.refusal, envelope);
      return Promise.resolve({ declined: 'no configuration of this server' });
    }
    this.#tellOwner(error);
    return this.#giveUp(refusal('local'), envelope);
  }

  /** What failed may have secrets in its own words: they go no further than the owner, whatever he does. */
  #tellOwner(error: unknown): void {
    try {
      this.#options.onFailure?.(error);
    } catch {
      // Secrets are to be overwritten all the same, and there is nobody else to tell.
    }
  }

  /** The step that a message leads to. */
  #next(
    state: Exclude<State, Idle | Done | Aborted>,
    envelope: Envelope,
    seen: Seen,
  ): Promise<Step> {
    const { type } = envelope;
    if (type === 'abort') return this.#told(envelope);
    if (state.phase === 'advertised' && type === 'roster')
      return this.#share(state, envelope, seen);
    if (state.phase === 'shared' && type === 'boxes') return this.#mask(state, envelope, seen);
    if (state.phase === 'masked' && type === 'view') return this.#consent(state, envelope, seen);
    if (state.phase === 'signed' && type === 'consents') {
      return this.#reveal(state, envelope, seen);
    }
    if (state.phase === 'revealed' && type === 'consents') {
      return Promise.resolve({ state, reply: state.reply.slice() });
    }
    if ((state.phase === 'signed' || state.phase === 'revealed') && type === 'result') {
      return this.#end(state, envelope);
    }
    throw new Refused(type === 'view' ? 'view' : 'early');
  }

  #enter(next: State): void {
    const last = this.#state;
    if ('asked' in last && last !== next) this.#past.push(last.asked);
    wipeBetween(last, next);
    this.#state = next;
  }

  async #giveUp(why: Refusal, envelope?: Envelope): Promise<ClientOutput> {
    const state = this.#state;
    if (!('context' in state)) {
      if (state.phase === 'idle') this.#enter({ phase: 'aborted', refusal: why });
      return {};
    }
    this.#enter({ phase: 'aborted', refusal: why });
    // Whoever ends the round needs not be told.
    if (envelope?.type === 'abort') return {};
    try {
      return { reply: await this.#signed(state, 'abort', encodeRefusal(why)) };
    } catch (error) {
      // The round is over without a word.
      this.#tellOwner(error);
      return {};
    }
  }

  /** R0: judges a configuration and advertises fresh keys. */
  async #begin(envelope: Envelope | undefined, seen: Seen): Promise<ClientOutput> {
    const { digest, now } = seen;
    const { policy, crypto, journal, identity } = this.#options;
    const proposed = envelope && (await this.#proposal(envelope));
    if (proposed === undefined) return { declined: 'no configuration of this server' };
    const { config, context } = proposed;
    const last = await journal.read();
    const lacks =
      roundFault(policy, { round: config.round, last: last?.round }) ?? below(policy, config);
    if (lacks !== undefined) return { declined: lacks };
    await journal.write({ round: config.round, context, view: undefined, revealed: false });
    const secrets = roundSecrets(identity.secret, context, crypto);
    seen.secrets.holdAll(Object.values(secrets));
    const [maskKey, boxPublic] = await crypto.agreementKeys([secrets.mask, secrets.box]);
    const keys = {
      identity: identity.publicKey,
      maskKey: maskKey!,
      boxKey: boxPublic!,
      nonce: crypto.randomBytes(KEY_BYTES),
    };
    const blank = { ...keys, signature: new Uint8Array(0) };
    const toSign = entryToVerify(blank, context, crypto);
    const entry = { ...keys, signature: await crypto.sign(toSign, identity.secret) };
    const reply = encodeMessage(
      { type: 'advertise', context, sender: NOBODY },
      joined(entry.identity, entry.maskKey, entry.boxKey, entry.nonce, entry.signature),
    );
    const until = now + patienceOf(policy).advertised;
    const answered = { asked: digest, reply, until };
    this.#enter({ phase: 'advertised', config, context, entry, secrets, ...answered });
    return { reply };
  }

  /** A configuration that the server has signed. */
  async #proposal(
    envelope: Envelope,
  ): Promise<{ config: RoundConfig; context: Uint8Array } | undefined> {
    const { crypto, policy } = this.#options;
    if (envelope.type !== 'config' || envelope.sender !== NOBODY) return undefined;
    const part = signedPart(envelope, crypto);
    const config = part && parseConfigBody(part.content);
    if (part === undefined || config === undefined) return undefined;
    const context = contextOf(config, crypto);
    if (!sameBytes(context, envelope.context)) return undefined;
    if (!(await this.#holds(policy.serverKey, part.toVerify, part.signature))) return undefined;
    return { config, context };
  }

  /** R1: judges the roster and shares its secrets among its neighbours. */
  async #share(state: Advertised, envelope: Envelope, seen: Seen): Promise<Step> {
    const { digest, now } = seen;
    const { config, context, entry, secrets } = state;
    const roster = parseRoster(envelope.body, config.topology === 'complete');
    if (roster === undefined) throw new Refused('malformed');
    const placed = await placeIn(roster, state, this.#options);
    const { self, neighbours, graph, binding } = placed;
    const { crypto, policy } = this.#options;
    const agreed = seen.secrets.holdAll(
      await crypto.sharedSecrets(
        [...neighbours.values()].map((other) => ({
          secret: secrets.box,
          publicKey: other.entry.boxKey,
        })),
      ),
    );
    if (agreed.includes(undefined)) throw new Refused('roster');
    const { threshold } = graph.terms(self.index);
    const hedge = {
      identitySecret: this.#options.identity.secret,
      context,
      secrets: seen.secrets,
    };
    const sharing = (info: 'maskShares' | 'seedShares') => ({
      threshold,
      shares: neighbours.size,
      randomBytes: coefficientBytes(info, hedge, crypto),
    });
    const ofMask = seen.secrets.holdAll(split(secrets.mask, sharing('maskShares')));
    const ofSeed = seen.secrets.holdAll(split(secrets.seed, sharing('seedShares')));
    const keys = new Map<number, Uint8Array>();
    const boxes: BoxRecord[] = [];
    for (const [rank, other] of [...neighbours.values()].entries()) {
      const secret = agreed[rank]!;
      const key = seen.secrets.hold(boxKey(secret, [self, other], { binding, crypto }));
      const nonce = crypto.randomBytes(BOX_NONCE_BYTES);
      const content = seen.secrets.hold(joined(ofMask[rank]!, ofSeed[rank]!));
      const associated = boxAssociated(binding, [self, other], rank + 1);
      const sealed = crypto.seal(content, { key, nonce, associated });
      boxes.push({ index: other.index, box: joined(nonce, sealed) });
      const theirs = seen.secrets.hold(boxKey(secret, [other, self], { binding, crypto }));
      keys.set(other.index, theirs);
      wipe(secret, key, content, ofMask[rank]!, ofSeed[rank]!);
    }
    const commitment = commitmentTo(secrets.seed, { context, index: self.index }, crypto);
    const body = encodeShares({ boxes, commitment });
    const reply = await this.#signed(placed, 'shares', body);
    const until = now + patienceOf(policy).shared;
    return {
      state: {
        phase: 'shared',
        ...placed,
        config,
        entry,
        secrets,
        keys,
        asked: digest,
        reply,
        until,
      },
      reply,
    };
  }

  /** R2: opens the boxes of its neighbours and sends its input under all masks. */
  async #mask(state: Shared, { body }: Envelope, seen: Seen): Promise<Step> {
    const { digest, now } = seen;
    const { config, graph, self, binding, neighbours } = state;
    const { crypto, policy } = this.#options;
    const boxes = parseBoxes(body);
    if (boxes === undefined) throw new Refused('malformed');
    const from = boxes.map(({ index }) => index);
    if (from.some((v, i) => !neighbours.has(v) || (i > 0 && v <= from[i - 1]!))) {
      throw new Refused('boxes');
    }
    const { threshold } = graph.terms(self.index);
    if (from.length < threshold) throw new Refused('boxes', from.length, threshold);
    const held = new Map<number, Uint8Array>();
    for (const { index, box } of boxes) {
      const shares = this.#opened(state, index, box);
      if (shares === undefined) return this.#complain(state, index);
      held.set(index, seen.secrets.hold(shares));
    }
    const packed = await this.#maskedInput(state, from, seen);
    const view = neighboursHash(from, binding, crypto);
    const header = maskedHeader(state.context, self.index, packed.length);
    const toSign = maskedToVerify(header, { view, packed }, crypto);
    const signature = await crypto.sign(toSign, this.#options.identity.secret);
    const reply = joined(header, packed, view, signature);
    const until = now + patienceOf(policy).masked;
    const { context, entry } = state;
    const placed = { config, context, entry, binding, graph, self, neighbours };
    return { state: { phase: 'masked', ...placed, held, asked: digest, reply, until }, reply };
  }

  #opened(state: Shared, index: number, box: Uint8Array): Uint8Array | undefined {
    const { binding, graph, self, neighbours, keys } = state;
    const x = 1 + graph.rank(index, self.index);
    const associated = boxAssociated(binding, [neighbours.get(index)!, self], x);
    const nonce = box.subarray(0, BOX_NONCE_BYTES);
    const sealed = box.subarray(BOX_NONCE_BYTES);
    return this.#options.crypto.open(sealed, { key: keys.get(index)!, nonce, associated });
  }

  async #complain(state: Shared, accused: number): Promise<Step> {
    const reply = await this.#signed(state, 'complaint', encodeComplaint(accused));
    return { state: { phase: 'aborted', refusal: refusal('bad-box') }, reply };
  }

  /** x̃ + PRG(K_u) + Σ s(u, v)·PRG(K_uv), packed. */
  async #maskedInput(
    state: Shared,
    from: readonly number[],
    { secrets: made }: Seen,
  ): Promise<Uint8Array> {
    const { config, context, self, binding, neighbours, secrets, graph } = state;
    const { crypto, masks, codec = hostCodec(), input } = this.#options;
    const others = from.map((v) => neighbours.get(v)!);
    const agreed = made.holdAll(
      await crypto.sharedSecrets(
        others.map(({ entry }) => ({ secret: secrets.mask, publicKey: entry.maskKey })),
      ),
    );
    if (agreed.includes(undefined)) throw new Refused('roster');
    const tools = { binding, crypto };
    const keys: Mask[] = [{ key: made.hold(selfMaskKey(secrets.seed, self, tools)), sign: 1 }];
    for (const [i, other] of others.entries()) {
      const key = made.hold(pairMaskKey(agreed[i]!, [self, other], tools));
      keys.push({ key, sign: signOf(self.index, other.index) });
      wipe(agreed[i]!);
    }
    const canary = canaryOf(context, crypto);
    const words = await input({ config, canary, clients: graph.clients });
    if (!(words instanceof Uint32Array)) throw new Refused('local');
    made.hold(words);
    if (words.length !== SLOTS + config.dimensions) throw new Refused('local');
    const masked = await masks.add(words, keys);
    // As soon as they have served, and not only when the step is over.
    wipe(words, ...keys.map(({ key }) => key));
    return codec.pack(masked, config.ringBits);
  }

  /** R3: signs who shared and who survived, if that is what it saw itself. */
  async #consent(state: Masked, { body }: Envelope, { digest, now }: Seen): Promise<Step> {
    const { config, context, binding, graph, self, held } = state;
    const { crypto, policy, journal, identity } = this.#options;
    const bitmaps = parseView(body, graph.clients);
    const sharers = bitmaps && decodeBitmap(bitmaps.sharers, graph.clients);
    const survivors = bitmaps && decodeBitmap(bitmaps.survivors, graph.clients);
    if (bitmaps === undefined || sharers === undefined || survivors === undefined) {
      throw new Refused('malformed');
    }
    this.#requireView(state, { sharers, survivors });
    const view = viewHash(bitmaps, binding, crypto);
    await journal.write({ round: config.round, context, view, revealed: false });
    const signature = await crypto.sign(consentToVerify(view), identity.secret);
    const reply = encodeMessage({ type: 'consent', context, sender: self.index }, signature);
    const until = now + patienceOf(policy).signed;
    const { asked: _, reply: __, ...kept } = state;
    return {
      state: { ...kept, phase: 'signed', held, view, survivors, asked: digest, reply, until },
      reply,
    };
  }

  #requireView(
    { config, graph, self, held }: Masked,
    { sharers, survivors }: { sharers: ReadonlySet<number>; survivors: ReadonlySet<number> },
  ): void {
    const isSubset = [...survivors].every((v) => sharers.has(v));
    const cohort = graph.cohortOf(self.index);
    const isHome = [...sharers].every((v) => graph.cohortOf(v) === cohort);
    if (!survivors.has(self.index) || !isSubset || !isHome) throw new Refused('view');
    if (survivors.size < config.minSum) {
      throw new Refused('too-few-inputs', survivors.size, config.minSum);
    }
    const near = graph.neighbours(self.index);
    const shared = near.filter((v) => sharers.has(v));
    if (shared.length !== held.size || shared.some((v) => !held.has(v))) throw new Refused('view');
    const alive = near.filter((v) => survivors.has(v)).length;
    const { threshold } = graph.terms(self.index);
    if (alive < threshold) throw new Refused('too-few-neighbours', alive, threshold);
  }

  /** R4: reveals one share for each neighbour, once enough of them have signed the same view. */
  async #reveal(state: Signed, { body }: Envelope, seen: Seen): Promise<Step> {
    const { digest, now } = seen;
    const { config, context, self, graph, neighbours, held, view, survivors } = state;
    const { crypto, policy, journal, identity } = this.#options;
    const consents = parseConsents(body);
    if (consents === undefined) throw new Refused('malformed');
    const signers = new Map(
      consents
        .filter(({ index }) => neighbours.has(index) && survivors.has(index))
        .map((consent) => [consent.index, consent.signature]),
    );
    const valid = await crypto.verifyAll(
      [...signers].map(([index, signature]) => ({
        publicKey: neighbours.get(index)!.entry.identity,
        message: consentToVerify(view),
        signature,
      })),
    );
    const count = valid.filter(Boolean).length;
    const { threshold } = graph.terms(self.index);
    if (count < threshold) throw new Refused('consents', count, threshold);
    await journal.write({ round: config.round, context, view, revealed: true });
    // Of those who survived the share of the seed, of those who dropped out that of the mask secret: one
    // for each, by the view that was signed.
    const shares = [...held].map(([index, both]) => ({
      index,
      share: survivors.has(index) ? both.subarray(KEY_BYTES) : both.subarray(0, KEY_BYTES),
    }));
    const content = seen.secrets.hold(encodeUnmask(shares));
    const header = unmaskHeader(context, self.index, content.length);
    const toSign = unmaskToVerify(header, { view, content }, crypto);
    const reply = joined(header, content, await crypto.sign(toSign, identity.secret));
    const until = now + patienceOf(policy).revealed;
    const { held: _, survivors: __, ...kept } = state;
    // What is kept is overwritten in the end; what is sent may still be on its way then.
    const sent = reply.slice();
    const inputs = survivors.size;
    return {
      state: { ...kept, phase: 'revealed', inputs, asked: digest, reply, until },
      reply: sent,
    };
  }

  /** R5: what came out, by the server's signature. */
  async #end(state: Signed | Revealed, envelope: Envelope): Promise<Step> {
    const { crypto, policy } = this.#options;
    const part = signedPart(envelope, crypto);
    const result = part && parseResult(part.content);
    if (part === undefined || result === undefined) throw new Refused('malformed');
    if (!(await this.#holds(policy.serverKey, part.toVerify, part.signature))) {
      throw new Refused('bad-signature');
    }
    if (!sameBytes(result.root, state.binding.root) || !sameBytes(result.view, state.view)) {
      throw new Refused('view');
    }
    // Of whose inputs a sum under this view must be, this client has signed.
    const inputs = state.phase === 'signed' ? state.survivors.size : state.inputs;
    if (result.inputs !== inputs) throw new Refused('view', result.inputs, inputs);
    return { state: { phase: 'done', result } };
  }

  /** The server ended the round. */
  async #told(envelope: Envelope): Promise<Step> {
    const { crypto, policy } = this.#options;
    const part = signedPart(envelope, crypto);
    const why = part && parseRefusal(part.content);
    if (part === undefined || why === undefined) throw new Refused('malformed');
    if (!(await this.#holds(policy.serverKey, part.toVerify, part.signature))) {
      throw new Refused('bad-signature');
    }
    return { state: { phase: 'aborted', refusal: why } };
  }

  async #holds(
    publicKey: Uint8Array,
    message: Uint8Array,
    signature: Uint8Array,
  ): Promise<boolean> {
    const [valid] = await this.#options.crypto.verifyAll([{ publicKey, message, signature }]);
    return valid === true;
  }

  async #signed(
    state: Round & Partial<Pick<Placed, 'self'>>,
    type: MessageType,
    body: Uint8Array,
  ): Promise<Uint8Array> {
    const { crypto, identity } = this.#options;
    const sender = state.self?.index ?? NOBODY;
    const message = unsigned({ type, context: state.context, sender }, body, crypto);
    return message.signed(await crypto.sign(message.toSign, identity.secret));
  }

  /** For people: the phase, and nothing that is secret. */
  toString(): string {
    const why = this.refusal;
    return `SecureClient (${this.phase}${why === undefined ? '' : `, ${describeRefusal(why)}`})`;
  }
}

/** The message at hand, when it came, and what is made of it that must not stay. */
interface Seen {
  readonly digest: Uint8Array;
  readonly now: number;
  readonly secrets: SecretHolder;
}

/** Bytes of the longest message that a client looks at. */
function longestIn(state: State): number {
  if (!('config' in state)) return CONFIG_MESSAGE_BYTES;
  return longestForClient(state.config.maxClients);
}

/** Overwrites what the next state does not hold. */
function wipeBetween(last: State, next: State): void {
  const kept = new Set(secretsOf(next));
  wipe(...secretsOf(last).filter((secret) => !kept.has(secret)));
}

/** A state that shares none of its secrets' bytes with this one. */
function copyOf(state: State): State {
  const copied = (secrets: ReadonlyMap<number, Uint8Array>): Map<number, Uint8Array> =>
    new Map([...secrets].map(([index, secret]) => [index, secret.slice()]));
  return {
    ...state,
    ...('secrets' in state && {
      secrets: {
        mask: state.secrets.mask.slice(),
        box: state.secrets.box.slice(),
        seed: state.secrets.seed.slice(),
      },
    }),
    ...('keys' in state && { keys: copied(state.keys) }),
    ...('held' in state && { held: copied(state.held) }),
    ...('reply' in state && { reply: state.reply.slice() }),
  } as State;
}

function secretsOf(state: State): Uint8Array[] {
  const secrets = 'secrets' in state ? Object.values(state.secrets) : [];
  const keys = 'keys' in state ? [...state.keys.values()] : [];
  const held = 'held' in state ? [...state.held.values()] : [];
  const reply = state.phase === 'revealed' ? [state.reply] : [];
  return [...secrets, ...keys, ...held, ...reply];
}
