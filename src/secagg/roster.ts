/**
 * The roster: who advertised keys, in the order of their identities, and the root that commits to it.
 *
 * The root is that of a Merkle tree over the signed entries, its leaves filled up to a power of two
 * (Merkle. "A digital signature based on a conventional encryption function", CRYPTO 1987), hashed
 * with the context and the number of clients.
 *
 * A client on a sparse graph sees its neighbours alone. So that nobody stands in two places of a roster
 * of which no client sees both, each branch commits to where identities part below it: lower ones
 * stand on its left, the others on its right. Two leaves under one root that pass {@link isUnder} are
 * in the order of their identities, whoever looked at them.
 *
 * @module
 */

import { log2Ceil } from '../core/integers.ts';
import type { Reader, Writer } from './bytes.ts';
import type { CryptoProvider } from './crypto/provider.ts';
import {
  compareBytes,
  joined,
  KEY_BYTES,
  label,
  SIGNATURE_BYTES,
  sameBytes,
  u32le,
} from './suite.ts';

/** What a client advertises, signed by its identity under the context. */
export interface Entry {
  /** Ed25519. All of 32 bytes */
  readonly identity: Uint8Array;
  /** X25519, for masks. */
  readonly maskKey: Uint8Array;
  /** X25519, for boxes. */
  readonly boxKey: Uint8Array;
  readonly nonce: Uint8Array;
  readonly signature: Uint8Array;
}

/** Bytes of an entry, and those before its signature. */
export const ENTRY_BYTES: number = 4 * KEY_BYTES + SIGNATURE_BYTES;
export const SIGNED_ENTRY_BYTES: number = 4 * KEY_BYTES;

/** The bytes of an entry. */
export function encodeEntry(entry: Entry): Uint8Array {
  const { identity, maskKey, boxKey, nonce, signature } = entry;
  return joined(identity, maskKey, boxKey, nonce, signature);
}

/** Appends an entry: what takes less where there are many. */
export function writeEntry(writer: Writer, entry: Entry): Writer {
  const { identity, maskKey, boxKey, nonce, signature } = entry;
  return writer.bytes(identity).bytes(maskKey).bytes(boxKey).bytes(nonce).bytes(signature);
}

/** Takes an entry. */
export function readEntry(reader: Reader): Entry {
  return {
    identity: reader.bytes(KEY_BYTES),
    maskKey: reader.bytes(KEY_BYTES),
    boxKey: reader.bytes(KEY_BYTES),
    nonce: reader.bytes(KEY_BYTES),
    signature: reader.bytes(SIGNATURE_BYTES),
  };
}

/** Entries by identity: their order is their numbering. */
export function sortEntries(entries: readonly Entry[]): Entry[] {
  return [...entries].sort((a, b) => compareBytes(a.identity, b.identity));
}

/** Whether all identities, mask keys and box keys are different, among each other too. */
export function areDistinct(entries: readonly Entry[]): boolean {
  const keys = entries.flatMap(({ identity, maskKey, boxKey }) => [identity, maskKey, boxKey]);
  return new Set(keys.map((key) => String.fromCharCode(...key))).size === keys.length;
}

/** Leading bytes of an identity that branches go by. Honest ones share as many with a chance of n²/2⁶⁵. */
const SPLIT_BYTES = 8;
/** A step of a way up: the hash beside it, and the split above both. */
export const STEP_BYTES: number = KEY_BYTES + SPLIT_BYTES;
/** Above what stands left of nobody. */
const NOBODY_BEYOND: Uint8Array = new Uint8Array(SPLIT_BYTES).fill(0xff);

/** Steps of a path: ⌈log₂ n⌉. */
export function pathLength(clients: number): number {
  return log2Ceil(clients);
}

/** A Merkle tree: its levels, leaves first. */
export interface RosterTree {
  readonly levels: readonly (readonly Uint8Array[])[];
  /** By branch, in the order of `levels` from the second on: the first identity on its right. 8 bytes */
  readonly splits: readonly (readonly Uint8Array[])[];
}

/** What a root is made of besides the tree. */
export interface RootBinding {
  readonly context: Uint8Array;
  readonly clients: number;
}

/** The tree over all entries, in their order. 2n hashes */
export function buildTree(entries: readonly Entry[], crypto: CryptoProvider): RosterTree {
  const width = 2 ** pathLength(entries.length);
  const empty = crypto.sha256(label('leaf'));
  const leaves = entries.map((entry) => leafOf(entry, crypto));
  while (leaves.length < width) leaves.push(empty);
  const levels: Uint8Array[][] = [leaves];
  const splits: Uint8Array[][] = [];
  for (let below = leaves; below.length > 1; ) {
    const half = width / below.length;
    const here: Uint8Array[] = [];
    const above: Uint8Array[] = [];
    for (let i = 0; i < below.length; i += 2) {
      const split = prefixOf(entries[(i + 1) * half]);
      here.push(split);
      above.push(branchOf([below[i]!, below[i + 1]!], split, crypto));
    }
    splits.push(here);
    levels.push(above);
    below = above;
  }
  return { levels, splits };
}

/** The root of a tree. 32 bytes */
export function rootOf(tree: RosterTree, binding: RootBinding, crypto: CryptoProvider): Uint8Array {
  return rootFrom(tree.levels.at(-1)![0]!, binding, crypto);
}

/**
 * Where the way up from a place meets the way from a lower one: on both sides of a branch at this height,
 * which is the number of steps below.
 */
function meeting(lower: number, place: number): number {
  return 31 - Math.clz32(lower ^ place);
}

/**
 * Steps that show these places together, which rise: all of the first way, and of each further one what is
 * below its meeting with the way before.
 */
export function stepsTo(places: readonly number[], clients: number): number {
  const further = places.slice(1).reduce((sum, place, i) => sum + meeting(places[i]!, place), 0);
  return places.length === 0 ? 0 : pathLength(clients) + further;
}

/** The steps of {@link stepsTo}: the hash beside each way, and the split above it, lowest first. */
export function pathsTo({ levels, splits }: RosterTree, places: readonly number[]): Uint8Array {
  return joined(
    ...places.flatMap((place, i) => {
      const height = i === 0 ? splits.length : meeting(places[i - 1]!, place);
      return splits
        .slice(0, height)
        .flatMap((above, depth) => [
          levels[depth]![(place >>> depth) ^ 1]!,
          above[place >>> (depth + 1)]!,
        ]);
    }),
  );
}

/** An entry at its place. */
export interface Leaf {
  readonly index: number;
  readonly entry: Entry;
}

/**
 * Whether entries stand at these places under the root, each on its side of every split on its way.
 *
 * Ways after the first end where they meet the one before: what they come to must be what that had beside
 * it. One hash for each step.
 *
 * @param leaves - Places rise.
 */
export function areUnder(
  root: Uint8Array,
  { leaves, paths }: { leaves: readonly Leaf[]; paths: Uint8Array },
  { binding, crypto }: { binding: RootBinding; crypto: CryptoProvider },
): boolean {
  const places = leaves.map(({ index }) => index);
  if (places.some((place, i) => place <= (places[i - 1] ?? -1) || place >= binding.clients)) {
    return false;
  }
  if (paths.length !== stepsTo(places, binding.clients) * STEP_BYTES) return false;
  // Of the way that was followed last, by height: its own hashes, those beside it, and splits.
  const own: Uint8Array[] = [];
  const beside: Uint8Array[] = [];
  const splits: Uint8Array[] = [];
  let at = 0;
  return leaves.every(({ index, entry }, i) => {
    const height = i === 0 ? pathLength(binding.clients) : meeting(places[i - 1]!, index);
    let hash = leafOf(entry, crypto);
    for (let depth = 0; depth < height; depth++, at += STEP_BYTES) {
      own[depth] = hash;
      beside[depth] = paths.subarray(at, at + KEY_BYTES);
      splits[depth] = paths.subarray(at + KEY_BYTES, at + STEP_BYTES);
      const isRight = ((index >>> depth) & 1) === 1;
      const pair = isRight ? [beside[depth]!, hash] : [hash, beside[depth]!];
      hash = branchOf(pair as [Uint8Array, Uint8Array], splits[depth]!, crypto);
    }
    const expected = i === 0 ? root : beside[height]!;
    const found = i === 0 ? rootFrom(hash, binding, crypto) : hash;
    if (!sameBytes(found, expected)) return false;
    if (i > 0) beside[height] = own[height]!;
    own[height] = hash;
    const prefix = prefixOf(entry);
    return splits.every(
      (split, depth) => (((index >>> depth) & 1) === 1) === compareBytes(prefix, split) >= 0,
    );
  });
}

function leafOf(entry: Entry, crypto: CryptoProvider): Uint8Array {
  return crypto.sha256(label('leaf'), encodeEntry(entry));
}

function prefixOf(entry: Entry | undefined): Uint8Array {
  return entry === undefined ? NOBODY_BEYOND : entry.identity.subarray(0, SPLIT_BYTES);
}

function branchOf(
  [left, right]: readonly [Uint8Array, Uint8Array],
  split: Uint8Array,
  crypto: CryptoProvider,
): Uint8Array {
  return crypto.sha256(label('branch'), left, split, right);
}

function rootFrom(
  top: Uint8Array,
  { context, clients }: RootBinding,
  crypto: CryptoProvider,
): Uint8Array {
  return crypto.sha256(label('root'), context, u32le(clients), top);
}
