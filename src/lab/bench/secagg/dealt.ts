/**
 * Clients for measuring a server: they send what real ones send, at a fraction of the cost, since one
 * dealer knows the secrets of all.
 *
 * Shares are of polynomials of degree 1, which any two restore: so do any t, by the same steps. Boxes
 * that nobody opens are empty. One client, the *carrier*, has in its input all masks that are in the
 * sum, and the inputs of the others have none: masks between survivors are in no sum and are not made.
 * Real clients may take part: their boxes are sealed and opened, and their masks made.
 *
 * @module
 */

import { decodeBitmap } from '../../../secagg/bitmap.ts';
import type { Identity } from '../../../secagg/client.ts';
import { contextOf, type RoundConfig } from '../../../secagg/config.ts';
import type { CryptoProvider, KeyPairing } from '../../../secagg/crypto/provider.ts';
import { tableMultiply } from '../../../secagg/field.ts';
import {
  type Binding,
  boxAssociated,
  boxKey,
  canaryOf,
  commitmentTo,
  type Member,
  pairMaskKey,
  selfMaskKey,
  signOf,
} from '../../../secagg/keys.ts';
import type { Mask, Masks } from '../../../secagg/masks.ts';
import {
  BOX_BYTES,
  boxAt,
  consentToVerify,
  type Envelope,
  encodeMessage,
  encodeShares,
  encodeUnmask,
  entryToVerify,
  maskedHeader,
  maskedToVerify,
  NOBODY,
  openMessage,
  parseRoster,
  parseView,
  unmaskHeader,
  unmaskToVerify,
  unsigned,
} from '../../../secagg/messages.ts';
import { pack } from '../../../secagg/packing.ts';
import { type Entry, encodeEntry } from '../../../secagg/roster.ts';
import { BOX_NONCE_BYTES, hex, joined, KEY_BYTES } from '../../../secagg/suite.ts';
import { neighboursHash, viewHash } from '../../../secagg/view.ts';
import type { Inputs } from './inputs.ts';
import type { Player } from './players.ts';

/** Clients to deal. */
export interface Deal {
  readonly config: RoundConfig;
  readonly identities: readonly Identity[];
  /** How many of them, from the end, will drop out once they have shared. */
  readonly dropped: number;
  readonly inputs: Inputs;
  readonly crypto: CryptoProvider;
  /** Makes the masks of the carrier's input. */
  readonly masks: Masks;
}

/** A dealt client. */
interface Dealt {
  readonly number: number;
  readonly identity: Identity;
  readonly isDropped: boolean;
  readonly secrets: { readonly mask: Uint8Array; readonly box: Uint8Array };
  readonly seed: Uint8Array;
  /** Coefficients of x in the shares of the mask secret and of the seed. */
  readonly slopes: { readonly mask: Uint8Array; readonly seed: Uint8Array };
  readonly entry: Entry;
  /** Boxes from real clients, by their index. */
  readonly boxes: Map<number, Uint8Array>;
}

/** What all know once there is a roster. */
interface Table {
  readonly binding: Binding;
  readonly members: readonly Member[];
  readonly byIndex: ReadonlyMap<number, Dealt>;
  readonly indexOf: ReadonlyMap<Dealt, number>;
  /** Those who are not dealt. */
  readonly real: readonly Member[];
}

/** Dealt clients as players, and what the masks of the carrier took. */
export class Dealer {
  readonly players: readonly Player[];
  readonly #deal: Deal;
  readonly #context: Uint8Array;
  readonly #canary: readonly [number, number];
  #view: Uint8Array | undefined;
  #table: Table | undefined;
  #survivors: ReadonlySet<number> = new Set();
  /** Masks that were made for the carrier, and the seconds that took. */
  made: { readonly keys: number; readonly seconds: number } = { keys: 0, seconds: 0 };

  private constructor(deal: Deal, clients: readonly Dealt[]) {
    this.#deal = deal;
    this.#context = contextOf(deal.config, deal.crypto);
    this.#canary = canaryOf(this.#context, deal.crypto);
    this.players = clients.map((client) => this.#playerOf(client, clients));
  }

  /** Makes keys and advertisements. */
  static async of(deal: Deal): Promise<Dealer> {
    const { config, crypto, identities, dropped } = deal;
    const context = contextOf(config, crypto);
    const clients: Dealt[] = [];
    for (const [number, identity] of identities.entries()) {
      const isDropped = number >= identities.length - dropped;
      clients.push(await dealt(identity, { number, isDropped, context, crypto }));
    }
    return new Dealer(deal, clients);
  }

  #playerOf(client: Dealt, clients: readonly Dealt[]): Player {
    return {
      name: hex(client.identity.publicKey),
      handle: async (message) => {
        const envelope = openMessage(message)!;
        if (envelope.type === 'roster') this.#table ??= tableOf(this.#context, envelope, clients);
        return this.#answer(client, envelope);
      },
    };
  }

  #answer(client: Dealt, envelope: Envelope): Promise<Uint8Array> | Uint8Array | undefined {
    const context = this.#context;
    switch (envelope.type) {
      case 'config': {
        const body = encodeEntry(client.entry);
        return encodeMessage({ type: 'advertise', context, sender: NOBODY }, body);
      }
      case 'roster':
        return this.#shares(client);
      case 'boxes':
        return client.isDropped ? undefined : this.#masked(client, envelope);
      case 'view':
        return this.#consent(client, envelope);
      case 'consents':
        return this.#unmask(client);
      default:
        return undefined;
    }
  }

  /** R1 */
  async #shares(client: Dealt): Promise<Uint8Array> {
    const { crypto } = this.#deal;
    const { binding, members, real } = this.#known;
    const self = this.#memberOf(client);
    const sealed = new Map<number, Uint8Array>();
    const agreed = await this.#agreed(client, real);
    for (const [i, other] of real.entries()) {
      const x = 1 + rank(self.index, other.index);
      const key = boxKey(agreed[i]!, [self, other], { binding, crypto });
      const nonce = crypto.randomBytes(BOX_NONCE_BYTES);
      const associated = boxAssociated(binding, [self, other], x);
      const content = joined(
        shareOf(client.secrets.mask, client.slopes.mask, x),
        shareOf(client.seed, client.slopes.seed, x),
      );
      sealed.set(other.index, joined(nonce, crypto.seal(content, { key, nonce, associated })));
    }
    const boxes = members
      .filter(({ index }) => index !== self.index)
      .map(({ index }) => ({ index, box: sealed.get(index) ?? EMPTY_BOX }));
    const { index } = self;
    const commitment = commitmentTo(client.seed, { context: this.#context, index }, crypto);
    const body = encodeShares({ boxes, commitment });
    const header = { type: 'shares', context: this.#context, sender: index } as const;
    const message = unsigned(header, body, crypto);
    return message.signed(await crypto.sign(message.toSign, client.identity.secret));
  }

  /** R2 */
  async #masked(client: Dealt, { body }: Envelope): Promise<Uint8Array> {
    const { crypto, config, inputs } = this.#deal;
    const { binding, members, real } = this.#known;
    const { index } = this.#memberOf(client);
    for (const other of real) {
      client.boxes.set(other.index, boxAt(body, rank(index, other.index)).slice());
    }
    let words = inputs.integers(client.number, this.#canary);
    inputs.add(words);
    if (client.number === 0) words = await this.#carried(words);
    const packed = pack(words, config.ringBits);
    const near = members.map((other) => other.index).filter((other) => other !== index);
    const view = neighboursHash(near, binding, crypto);
    const header = maskedHeader(this.#context, index, packed.length);
    const toSign = maskedToVerify(header, { view, packed }, crypto);
    return joined(header, packed, view, await crypto.sign(toSign, client.identity.secret));
  }

  /** The carrier's input: with all masks of dealt survivors that do not cancel among themselves. */
  async #carried(words: Uint32Array): Promise<Uint32Array> {
    const keys = await this.#keysInSum();
    const start = performance.now();
    let masked = words;
    for (let from = 0; from < keys.length; from += BATCH) {
      masked = await this.#deal.masks.add(masked, keys.slice(from, from + BATCH));
    }
    this.made = { keys: keys.length, seconds: (performance.now() - start) / 1000 };
    return masked;
  }

  async #keysInSum(): Promise<Mask[]> {
    const { crypto } = this.#deal;
    const { binding, byIndex, members, real } = this.#known;
    const tools = { binding, crypto };
    const everybody = [...byIndex].map(([index, client]) => ({ client, member: members[index]! }));
    const alive = everybody.filter(({ client }) => !client.isDropped);
    const gone = everybody.filter(({ client }) => client.isDropped);
    const keys: Mask[] = alive.map(({ client, member }) => ({
      key: selfMaskKey(client.seed, member, tools),
      sign: 1,
    }));
    const pairings: KeyPairing[] = [];
    const pairs: [Member, Member][] = [];
    for (const { client, member } of gone) {
      for (const { member: other } of alive) {
        pairings.push({ secret: client.secrets.mask, publicKey: other.entry.maskKey });
        pairs.push([other, member]);
      }
    }
    for (const other of real) {
      for (const { client, member } of alive) {
        pairings.push({ secret: client.secrets.mask, publicKey: other.entry.maskKey });
        pairs.push([member, other]);
      }
    }
    const agreed = await crypto.sharedSecrets(pairings);
    for (const [i, [own, other]] of pairs.entries()) {
      const key = pairMaskKey(agreed[i]!, [own, other], tools);
      keys.push({ key, sign: signOf(own.index, other.index) });
    }
    return keys;
  }

  /** R3 */
  async #consent(client: Dealt, { body }: Envelope): Promise<Uint8Array> {
    const { crypto } = this.#deal;
    const { binding, members } = this.#known;
    const bitmaps = parseView(body, members.length)!;
    this.#survivors = decodeBitmap(bitmaps.survivors, members.length)!;
    this.#view ??= viewHash(bitmaps, binding, crypto);
    const message = consentToVerify(this.#view);
    const signature = await crypto.sign(message, client.identity.secret);
    const { index } = this.#memberOf(client);
    return encodeMessage({ type: 'consent', context: this.#context, sender: index }, signature);
  }

  /** R4 */
  async #unmask(client: Dealt): Promise<Uint8Array> {
    const { crypto } = this.#deal;
    const { members, byIndex, real } = this.#known;
    const { index: own } = this.#memberOf(client);
    const opened = await this.#opened(client, real);
    const shares = members
      .filter(({ index }) => index !== own)
      .map(({ index }) => {
        const other = byIndex.get(index);
        const ofSeed = this.#survivors.has(index);
        if (other === undefined) {
          const both = opened.get(index)!;
          return { index, share: ofSeed ? both.subarray(KEY_BYTES) : both.subarray(0, KEY_BYTES) };
        }
        const { seed, secrets, slopes } = other;
        const x = 1 + rank(index, own);
        const share = ofSeed
          ? shareOf(seed, slopes.seed, x)
          : shareOf(secrets.mask, slopes.mask, x);
        return { index, share };
      });
    const content = encodeUnmask(shares);
    const header = unmaskHeader(this.#context, own, content.length);
    const toSign = unmaskToVerify(header, { view: this.#view!, content }, crypto);
    return joined(header, content, await crypto.sign(toSign, client.identity.secret));
  }

  /** What is in the boxes of real clients. */
  async #opened(client: Dealt, real: readonly Member[]): Promise<Map<number, Uint8Array>> {
    const { crypto } = this.#deal;
    const { binding } = this.#known;
    const self = this.#memberOf(client);
    const agreed = await this.#agreed(client, real);
    return new Map(
      real.map((other, i) => {
        const key = boxKey(agreed[i]!, [other, self], { binding, crypto });
        const x = 1 + rank(other.index, self.index);
        const associated = boxAssociated(binding, [other, self], x);
        const box = client.boxes.get(other.index)!;
        const nonce = box.subarray(0, BOX_NONCE_BYTES);
        const content = crypto.open(box.subarray(BOX_NONCE_BYTES), { key, nonce, associated });
        return [other.index, content!];
      }),
    );
  }

  /** What a client's box key agrees on with those of others. */
  #agreed({ secrets }: Dealt, others: readonly Member[]): Promise<(Uint8Array | undefined)[]> {
    return this.#deal.crypto.sharedSecrets(
      others.map(({ entry }) => ({ secret: secrets.box, publicKey: entry.boxKey })),
    );
  }

  get #known(): Table {
    if (this.#table === undefined) throw new Error('there is no roster yet');
    return this.#table;
  }

  #memberOf(client: Dealt): Member {
    const { indexOf, members } = this.#known;
    return members[indexOf.get(client)!]!;
  }
}

const EMPTY_BOX = new Uint8Array(BOX_BYTES);
/** As many masks at one time as the server takes off. */
const BATCH = 4096;

async function dealt(
  identity: Identity,
  {
    context,
    crypto,
    ...rest
  }: { context: Uint8Array; crypto: CryptoProvider; number: number; isDropped: boolean },
): Promise<Dealt> {
  const fresh = (): Uint8Array => crypto.randomBytes(KEY_BYTES);
  const secrets = { mask: fresh(), box: fresh() };
  const [maskKey, boxPublic] = await crypto.agreementKeys([secrets.mask, secrets.box]);
  const keys = {
    identity: identity.publicKey,
    maskKey: maskKey!,
    boxKey: boxPublic!,
    nonce: fresh(),
  };
  const toSign = entryToVerify({ ...keys, signature: new Uint8Array(0) }, context, crypto);
  const entry = { ...keys, signature: await crypto.sign(toSign, identity.secret) };
  const slopes = { mask: fresh(), seed: fresh() };
  return { ...rest, identity, secrets, seed: fresh(), slopes, entry, boxes: new Map() };
}

/** Who is who, by the roster that one of them was shown. */
function tableOf(context: Uint8Array, { body }: Envelope, clients: readonly Dealt[]): Table {
  const { root, index, neighbours } = parseRoster(body, true)!;
  const byName = new Map(clients.map((client) => [hex(client.identity.publicKey), client]));
  const shown = new Map(neighbours.map(({ index: other, entry }) => [other, entry]));
  const names = new Set(neighbours.map(({ entry }) => hex(entry.identity)));
  const own = clients.find(({ identity }) => !names.has(hex(identity.publicKey)))!;
  shown.set(index, own.entry);
  const members = [...shown]
    .map(([at, entry]) => ({ index: at, entry }))
    .sort((a, b) => a.index - b.index);
  const byIndex = new Map<number, Dealt>();
  for (const { index: at, entry } of members) {
    const client = byName.get(hex(entry.identity));
    if (client !== undefined) byIndex.set(at, client);
  }
  return {
    binding: { context, root },
    members,
    byIndex,
    indexOf: new Map([...byIndex].map(([at, client]) => [client, at])),
    real: members.filter(({ index: at }) => !byIndex.has(at)),
  };
}

/** The place of another among a client's neighbours: on a complete graph, all but itself. */
function rank(client: number, other: number): number {
  return other - Number(other > client);
}

/** secret + slope·x, in words of 16 bits. */
function shareOf(secret: Uint8Array, slope: Uint8Array, x: number): Uint8Array {
  const share = new Uint8Array(KEY_BYTES);
  for (let i = 0; i < KEY_BYTES; i += 2) {
    const product = tableMultiply(slope[i]! | (slope[i + 1]! << 8), x);
    share[i] = secret[i]! ^ (product & 0xff);
    share[i + 1] = secret[i + 1]! ^ (product >>> 8);
  }
  return share;
}
