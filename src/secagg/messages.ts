/**
 * The messages of SAGG1, byte by byte: a header of 48 bytes and a body of fixed fields, little-endian,
 * nothing optional, nothing after the end.
 *
 * | round | from → to | message | body |
 * |---|---|---|---|
 * | – | S → C | `config` | configuration 207, signature 64 |
 * | R0 | C → S | `advertise` | entry 192, signature included |
 * | R1 | S → C | `roster` | clients 4, own index 4, root 32, signature 64, neighbours 4, then of each index 4 and entry 192; steps of paths |
 * | R1 | C → S | `shares` | per neighbour: index 4, box 104; commitment 32, signature 64 |
 * | R2 | S → C | `boxes` | per neighbour: index 4, box 104 |
 * | R2 | C → S | `masked` | packed input, hash of the neighbours 32, signature 64 |
 * | R3 | S → C | `view` | bitmaps of U₂ and of U₃ |
 * | R3 | C → S | `consent` | signature 64 |
 * | R4 | S → C | `consents` | per neighbour: index 4, signature 64 |
 * | R4 | C → S | `unmask` | per neighbour: index 4, share 32; signature 64 |
 * | R5 | S → C | `result` | root 32, view 32, hash of the sum 32, inputs 4, signature 64 |
 * | any | C → S | `complaint` | accused 4, signature 64 |
 * | any | both | `abort` | reason 2, have 4, need 4, signature 64 |
 *
 * Paths are left out where a client sees the whole roster.
 *
 * @module
 */

import { bitmapBytes } from './bitmap.ts';
import { malformed, parsed, type Reader, Writer } from './bytes.ts';
import { CONFIG_BYTES, parseConfig, type RoundConfig } from './config.ts';
import type { CryptoProvider } from './crypto/provider.ts';
import { REASONS, type Reason, type Refusal, reasonOf } from './reasons.ts';
import {
  ENTRY_BYTES,
  type Entry,
  encodeEntry,
  type Leaf,
  pathLength,
  readEntry,
  SIGNED_ENTRY_BYTES,
  STEP_BYTES,
  stepsTo,
  writeEntry,
} from './roster.ts';
import { MAX_SHARES } from './shamir.ts';
import {
  BOX_NONCE_BYTES,
  BOX_TAG_BYTES,
  joined,
  KEY_BYTES,
  label,
  SIGNATURE_BYTES,
} from './suite.ts';

/** Types of messages; numbers are on the wire. */
export const TYPES = {
  config: 0x01,
  advertise: 0x10,
  roster: 0x11,
  shares: 0x12,
  boxes: 0x13,
  masked: 0x14,
  view: 0x15,
  consent: 0x16,
  consents: 0x17,
  unmask: 0x18,
  result: 0x19,
  complaint: 0x1e,
  abort: 0x1f,
} as const;

/** A name among {@link TYPES}. */
export type MessageType = keyof typeof TYPES;

/** What stands before each body. */
export interface Header {
  readonly type: MessageType;
  readonly context: Uint8Array;
  /** Index in the roster; {@link NOBODY} for the server and before there is a roster. */
  readonly sender: number;
}

/** A message whose header makes sense. */
export interface Envelope extends Header {
  /** Where it lies in the bytes that came. */
  readonly body: Uint8Array;
  /** The same. */
  readonly header: Uint8Array;
}

/** The sender that has no index. */
export const NOBODY: number = 2 ** 32 - 1;
export const HEADER_BYTES = 48;
const VERSION = 1;
/** A configuration invites no more. */
const MAX_ROSTER = 2 ** 24;
const MAGIC = new TextEncoder().encode('SAG1');
const typeOf = new Map(
  Object.entries(TYPES).map(([name, code]) => [code as number, name as MessageType]),
);

/** Bytes of a box: nonce, two shares, tag. */
export const BOX_BYTES: number = BOX_NONCE_BYTES + 2 * KEY_BYTES + BOX_TAG_BYTES;
/** Bytes of a box with the index of whom it is for. */
export const BOX_RECORD_BYTES: number = 4 + BOX_BYTES;

/** Bytes of a `roster` besides neighbours and paths. */
const ROSTER_FIELDS: number = 12 + KEY_BYTES + SIGNATURE_BYTES;
/** Bytes of a share with the index of whose it is. */
export const SHARE_RECORD_BYTES: number = 4 + KEY_BYTES;
/** Bytes of a complaint and of a refusal, without signatures. */
export const COMPLAINT_BYTES = 4;
export const REFUSAL_BYTES = 10;

/**
 * Bytes of the longest message that the server has for a client of a round of at most so many clients:
 * whatever is longer is none, and need not be looked at.
 */
export function longestForClient(clients: number): number {
  const neighbours = Math.min(clients - 1, MAX_SHARES);
  const paths = (neighbours + 1) * pathLength(clients) * STEP_BYTES;
  const roster = ROSTER_FIELDS + neighbours * (4 + ENTRY_BYTES) + paths;
  // Boxes and consents have less for each neighbour; configurations, results and refusals less at all.
  return HEADER_BYTES + Math.max(roster, 2 * bitmapBytes(clients));
}

/** Bytes of a configuration's message, and of no other that comes before there is a round. */
export const CONFIG_MESSAGE_BYTES: number = HEADER_BYTES + CONFIG_BYTES + SIGNATURE_BYTES;

/** A header and a body. */
export function encodeMessage(header: Header, body: Uint8Array): Uint8Array {
  return joined(encodeHeader(header, body.length), body);
}

function encodeHeader({ type, context, sender }: Header, length: number): Uint8Array {
  return new Writer(HEADER_BYTES)
    .bytes(MAGIC)
    .u8(VERSION)
    .u8(TYPES[type])
    .u16(0)
    .bytes(context)
    .u32(sender)
    .u32(length)
    .end();
}

/** Takes a message apart, if it is one. */
export function openMessage(bytes: Uint8Array): Envelope | undefined {
  return parsed(bytes, (reader) => {
    const header = reader.view(Math.min(HEADER_BYTES, reader.left));
    const fields = parsed(header, readHeader) ?? malformed();
    return { ...fields.header, header, body: reader.view(fields.length) };
  });
}

function readHeader(reader: Reader): { header: Header; length: number } {
  for (const byte of MAGIC) if (reader.u8() !== byte) malformed();
  if (reader.u8() !== VERSION) malformed();
  const type = typeOf.get(reader.u8()) ?? malformed();
  if (reader.u16() !== 0) malformed();
  const context = reader.bytes(KEY_BYTES);
  const sender = reader.u32();
  return { header: { type, context, sender }, length: reader.u32() };
}

// Signatures

/** What is signed for a message: its type, and the hash of its header and of its body before the signature. */
export function signedBytes(
  type: MessageType,
  crypto: CryptoProvider,
  ...parts: readonly Uint8Array[]
): Uint8Array {
  return joined(label('signature'), Uint8Array.of(TYPES[type]), crypto.sha256(...parts));
}

/** A message whose body ends in a signature: what to sign, and how to end it. */
export interface Unsigned {
  readonly toSign: Uint8Array;
  signed(signature: Uint8Array): Uint8Array;
}

/** Prepares a message whose signature is over header and body. */
export function unsigned(header: Header, body: Uint8Array, crypto: CryptoProvider): Unsigned {
  const head = encodeHeader(header, body.length + SIGNATURE_BYTES);
  return {
    toSign: signedBytes(header.type, crypto, head, body),
    signed: (signature) => joined(head, body, signature),
  };
}

/** A body that ends in a signature, and what that is over. */
export interface Signed {
  readonly content: Uint8Array;
  readonly signature: Uint8Array;
  readonly toVerify: Uint8Array;
}

/** Takes the signature off a body, if it is long enough for one. */
export function signedPart(
  { type, header, body }: Envelope,
  crypto: CryptoProvider,
): Signed | undefined {
  const length = body.length - SIGNATURE_BYTES;
  if (length < 0) return undefined;
  const content = body.subarray(0, length);
  return {
    content,
    signature: body.slice(length),
    toVerify: signedBytes(type, crypto, header, content),
  };
}

/** What an entry's signature is over. It is made before there is an index. */
export function entryToVerify(
  entry: Entry,
  context: Uint8Array,
  crypto: CryptoProvider,
): Uint8Array {
  const header = encodeHeader({ type: 'advertise', context, sender: NOBODY }, ENTRY_BYTES);
  const content = encodeEntry(entry).subarray(0, SIGNED_ENTRY_BYTES);
  return signedBytes('advertise', crypto, header, content);
}

/** What the signature of a masked input is over: so that who holds the hash need not keep the input. */
export function maskedToVerify(
  header: Uint8Array,
  { view, packed }: Pick<MaskedBody, 'view' | 'packed'>,
  crypto: CryptoProvider,
): Uint8Array {
  return signedBytes('masked', crypto, header, view, crypto.sha256(packed));
}

/**
 * What the signature of revealed shares is over: the header, which names context and sender, the view that
 * says which secret each share is of, and the shares. A sender can be held to no other shares than these.
 *
 * @param content - The body without its signature.
 */
export function unmaskToVerify(
  header: Uint8Array,
  { view, content }: { view: Uint8Array; content: Uint8Array },
  crypto: CryptoProvider,
): Uint8Array {
  return joined(label('unmask'), crypto.sha256(header, view, content));
}

/** The header of revealed shares of so many bytes, as their sender writes it. */
export function unmaskHeader(context: Uint8Array, sender: number, shares: number): Uint8Array {
  return encodeHeader({ type: 'unmask', context, sender }, shares + SIGNATURE_BYTES);
}

/** The header of a masked input, as its sender writes it. */
export function maskedHeader(context: Uint8Array, sender: number, packed: number): Uint8Array {
  return encodeHeader({ type: 'masked', context, sender }, packed + KEY_BYTES + SIGNATURE_BYTES);
}

/** What a root's signature is over. */
export function rootToVerify(root: Uint8Array): Uint8Array {
  return joined(label('signature'), Uint8Array.of(TYPES.roster), root);
}

/** What consent to a view is over. */
export function consentToVerify(view: Uint8Array): Uint8Array {
  return joined(label('signature'), Uint8Array.of(TYPES.consent), view);
}

// Bodies

/** A configuration and what follows it, if they are such. */
export function parseConfigBody(content: Uint8Array): RoundConfig | undefined {
  return content.length === CONFIG_BYTES ? parseConfig(content) : undefined;
}

/** The entry of an `advertise`. */
export function parseEntry(body: Uint8Array): Entry | undefined {
  return parsed(body, readEntry);
}

/** What the server shows a client of the roster. */
export interface RosterBody {
  readonly clients: number;
  readonly index: number;
  readonly root: Uint8Array;
  readonly signature: Uint8Array;
  readonly neighbours: readonly Leaf[];
  /** Of the client and its neighbours, by place; empty where the whole roster is shown. */
  readonly paths: Uint8Array;
}

export function encodeRoster(body: RosterBody): Uint8Array {
  const { clients, index, root, signature, neighbours, paths } = body;
  const records = neighbours.length * (4 + ENTRY_BYTES);
  const writer = new Writer(ROSTER_FIELDS + records + paths.length);
  writer.u32(clients).u32(index).bytes(root).bytes(signature).u32(neighbours.length);
  for (const { index: other, entry } of neighbours) writeEntry(writer.u32(other), entry);
  return writer.bytes(paths).end();
}

/** The places that a roster shows, of which the client's own is one, in order. */
export function placesOf(
  roster: Pick<RosterBody, 'index'> & { readonly neighbours: readonly Pick<Leaf, 'index'>[] },
): number[] {
  const places = [roster.index, ...roster.neighbours.map(({ index }) => index)];
  return places.sort((a, b) => a - b);
}

/** @param whole - Whether the whole roster is shown, without paths. */
export function parseRoster(body: Uint8Array, whole: boolean): RosterBody | undefined {
  return parsed(body, (reader) => {
    const clients = reader.u32();
    if (clients < 2 || clients > MAX_ROSTER) malformed();
    const index = reader.u32();
    const root = reader.bytes(KEY_BYTES);
    const signature = reader.bytes(SIGNATURE_BYTES);
    const count = reader.u32();
    if (count * (4 + ENTRY_BYTES) > reader.left) malformed();
    const neighbours = Array.from({ length: count }, () => ({
      index: reader.u32(),
      entry: readEntry(reader),
    }));
    const places = placesOf({ index, neighbours });
    if (new Set(places).size < places.length) malformed();
    const steps = whole ? 0 : stepsTo(places, clients);
    const paths = reader.bytes(steps * STEP_BYTES);
    return { clients, index, root, signature, neighbours, paths };
  });
}

/** A box: to whom, or from whom. */
export interface BoxRecord {
  readonly index: number;
  /** Nonce and sealed shares; where it lies in the message, if it came in one. */
  readonly box: Uint8Array;
}

/** The box at a place of many that were encoded. */
export function boxAt(boxes: Uint8Array, place: number): Uint8Array {
  const end = (place + 1) * BOX_RECORD_BYTES;
  return boxes.subarray(end - BOX_BYTES, end);
}

/** Shares for all neighbours and a commitment. */
export interface SharesBody {
  readonly boxes: readonly BoxRecord[];
  readonly commitment: Uint8Array;
}

export function encodeBoxes(boxes: readonly BoxRecord[]): Uint8Array {
  const writer = new Writer(boxes.length * BOX_RECORD_BYTES);
  for (const { index, box } of boxes) writer.u32(index).bytes(box);
  return writer.end();
}

export function parseBoxes(body: Uint8Array): readonly BoxRecord[] | undefined {
  return parsed(body, (reader) => reader.records(BOX_RECORD_BYTES, readBox));
}

function readBox(reader: Reader): BoxRecord {
  return { index: reader.u32(), box: reader.view(BOX_BYTES) };
}

export function encodeShares({ boxes, commitment }: SharesBody): Uint8Array {
  return joined(encodeBoxes(boxes), commitment);
}

/** @param content - The body without its signature. */
export function parseShares(content: Uint8Array): SharesBody | undefined {
  const boxes = parseBoxes(content.subarray(0, Math.max(0, content.length - KEY_BYTES)));
  if (content.length < KEY_BYTES || boxes === undefined) return undefined;
  return { boxes, commitment: content.slice(-KEY_BYTES) };
}

/** An input under its masks. */
export interface MaskedBody {
  /** b bits an entry; where it lies in the message. */
  readonly packed: Uint8Array;
  /** What the client took for its neighbours. */
  readonly view: Uint8Array;
  readonly signature: Uint8Array;
}

/** @param bytes - Of the packed input. */
export function parseMasked(body: Uint8Array, bytes: number): MaskedBody | undefined {
  return parsed(body, (reader) => ({
    packed: reader.view(bytes),
    view: reader.bytes(KEY_BYTES),
    signature: reader.bytes(SIGNATURE_BYTES),
  }));
}

/** Both bitmaps of a view, as they were sent. */
export interface ViewBody {
  readonly sharers: Uint8Array;
  readonly survivors: Uint8Array;
}

export function parseView(body: Uint8Array, clients: number): ViewBody | undefined {
  const bytes = bitmapBytes(clients);
  return parsed(body, (reader) => ({
    sharers: reader.bytes(bytes),
    survivors: reader.bytes(bytes),
  }));
}

/** Somebody's signature on the view. */
export interface ConsentRecord {
  readonly index: number;
  readonly signature: Uint8Array;
}

export function encodeConsents(consents: readonly ConsentRecord[]): Uint8Array {
  const writer = new Writer(consents.length * (4 + SIGNATURE_BYTES));
  for (const { index, signature } of consents) writer.u32(index).bytes(signature);
  return writer.end();
}

export function parseConsents(body: Uint8Array): readonly ConsentRecord[] | undefined {
  return parsed(body, (reader) =>
    reader.records(4 + SIGNATURE_BYTES, () => ({
      index: reader.u32(),
      signature: reader.bytes(SIGNATURE_BYTES),
    })),
  );
}

/** A share that is revealed: of whose secret; of which, the view says. */
export interface ShareRecord {
  readonly index: number;
  /** Where it lies in the message, if it came in one. */
  readonly share: Uint8Array;
}

export function encodeUnmask(shares: readonly ShareRecord[]): Uint8Array {
  const writer = new Writer(shares.length * (4 + KEY_BYTES));
  for (const { index, share } of shares) writer.u32(index).bytes(share);
  return writer.end();
}

/** @param content - The body without its signature. */
export function parseUnmask(content: Uint8Array): readonly ShareRecord[] | undefined {
  return parsed(content, (reader) =>
    reader.records(4 + KEY_BYTES, () => ({
      index: reader.u32(),
      share: reader.view(KEY_BYTES),
    })),
  );
}

/** The share at a place of many that were encoded. */
export function shareAt(shares: Uint8Array, place: number): Uint8Array {
  const end = (place + 1) * (4 + KEY_BYTES);
  return shares.subarray(end - KEY_BYTES, end);
}

/** What came out, for clients and auditors. */
export interface ResultBody {
  readonly root: Uint8Array;
  readonly view: Uint8Array;
  /** SHA-256 of the packed sum. */
  readonly sum: Uint8Array;
  readonly inputs: number;
}

export function encodeResult({ root, view, sum, inputs }: ResultBody): Uint8Array {
  return new Writer(3 * KEY_BYTES + 4).bytes(root).bytes(view).bytes(sum).u32(inputs).end();
}

/** @param content - The body without its signature. */
export function parseResult(content: Uint8Array): ResultBody | undefined {
  return parsed(content, (reader) => ({
    root: reader.bytes(KEY_BYTES),
    view: reader.bytes(KEY_BYTES),
    sum: reader.bytes(KEY_BYTES),
    inputs: reader.u32(),
  }));
}

export function encodeComplaint(accused: number): Uint8Array {
  return new Writer(4).u32(accused).end();
}

/** @param content - The body without its signature. */
export function parseComplaint(content: Uint8Array): number | undefined {
  return parsed(content, (reader) => reader.u32());
}

export function encodeRefusal({ reason, have, need }: Refusal): Uint8Array {
  return new Writer(10).u16(REASONS[reason]).u32(have).u32(need).end();
}

/** @param content - The body without its signature. */
export function parseRefusal(content: Uint8Array): Refusal | undefined {
  return parsed(content, (reader) => {
    const reason: Reason = reasonOf(reader.u16()) ?? malformed();
    return { reason, have: reader.u32(), need: reader.u32() };
  });
}
