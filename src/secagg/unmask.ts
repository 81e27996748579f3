/**
 * The server's last step: rebuild secrets from shares, hold each against what its owner committed to, and
 * take the masks off the sum.
 *
 * Of a client that survived its seed is rebuilt, of one that dropped out the secret of its masks with
 * the survivors. What two clients that both dropped out share is in no input, and is not expanded.
 *
 * @module
 */

import type { Finding } from './blame.ts';
import type { CryptoProvider, KeyPairing } from './crypto/provider.ts';
import type { Graph } from './graph.ts';
import {
  type Binding,
  commitmentTo,
  type Member,
  pairMaskKey,
  selfMaskKey,
  signOf,
} from './keys.ts';
import type { Mask, Masks } from './masks.ts';
import { type Refusal, refusal } from './reasons.ts';
import { countAgreeing, createRecombiner } from './recombine.ts';
import type { Entry } from './roster.ts';
import { sameBytes } from './suite.ts';

/** A share that a neighbour revealed. */
export interface HeldShare {
  readonly x: number;
  readonly share: Uint8Array;
  /** Who revealed it. */
  readonly from: number;
}

/** A cohort whose inputs are summed, and what was revealed of its members. */
export interface MaskedCohort {
  /** SLOTS + D words, under masks. */
  readonly sum: Uint32Array;
  /** Clients whose inputs are in it. */
  readonly survivors: readonly number[];
  /** Clients that shared, and whose inputs are not. */
  readonly dropped: readonly number[];
  readonly graph: Graph;
  readonly roster: readonly Entry[];
  readonly binding: Binding;
  /** What a client committed its seed to. */
  commitments(index: number): Uint8Array;
  /** Shares of a client's seed if it survived, else of its mask secret. Asked for once. */
  shares(index: number): readonly HeldShare[];
  readonly crypto: CryptoProvider;
  readonly masks: Masks;
}

/** The sum without masks, or why there is none; and what was wrong with shares. */
export type Unmasked = { readonly findings: readonly Finding[] } & (
  | { readonly words: Uint32Array }
  | { readonly refusal: Refusal }
);

/** Keys that are made and expanded in one go: enough to share out, and few beside a sum. */
const BATCH = 4096;

/** Takes the masks off a sum, or says which secret could not be rebuilt. */
export async function unmaskCohort(cohort: MaskedCohort): Promise<Unmasked> {
  const secrets = new Map<number, Uint8Array>();
  try {
    const { findings, refusal: why } = await rebuildAll(cohort, secrets);
    if (why !== undefined) return { refusal: why, findings };
    let words = cohort.sum;
    for await (const keys of maskKeys(cohort, secrets)) {
      const masked = words;
      words = await withoutTrace(keys, (masks) => cohort.masks.add(masked, masks));
      // What is under some of its masks is nobody's any more.
      if (masked !== cohort.sum && masked !== words) masked.fill(0);
    }
    return { words, findings };
  } finally {
    for (const secret of secrets.values()) secret.fill(0);
  }
}

/** Does something with keys, which are overwritten even if it fails. */
async function withoutTrace<T>(keys: Mask[], use: (keys: Mask[]) => Promise<T>): Promise<T> {
  try {
    return await use(keys);
  } finally {
    for (const { key } of keys) key.fill(0);
  }
}

/** What came of putting shares together. */
interface Rebuilt {
  readonly findings: readonly Finding[];
  /** Why that is not enough; all owners were looked at unless shares are too few. */
  readonly refusal: Refusal | undefined;
}

/** Puts all secrets together, as far as that can be done. */
async function rebuildAll(
  cohort: MaskedCohort,
  secrets: Map<number, Uint8Array>,
): Promise<Rebuilt> {
  const { survivors, dropped, graph, roster, binding, crypto } = cohort;
  const recombiner = createRecombiner();
  const findings: Finding[] = [];
  const isSeedOf = (index: number) => (seed: Uint8Array) =>
    sameBytes(
      commitmentTo(seed, { context: binding.context, index }, crypto),
      cohort.commitments(index),
    );
  const isMaskSecretOf = (index: number) => async (secret: Uint8Array) => {
    const [key] = await crypto.agreementKeys([secret]);
    return sameBytes(key!, roster[index]!.maskKey);
  };
  const wanted = [
    ...survivors.map((index) => ({ index, accept: isSeedOf(index) })),
    ...dropped.map((index) => ({ index, accept: isMaskSecretOf(index) })),
  ];
  let why: Refusal | undefined;
  for (const { index: owner, accept } of wanted) {
    const { threshold } = graph.terms(owner);
    const shares = cohort.shares(owner);
    const { length } = shares;
    if (length < threshold) {
      return { findings, refusal: refusal('missing-shares', length, threshold) };
    }
    const found = await recombiner.recombineVerified(shares, { threshold, accept });
    if (found === undefined) {
      // None of these shares is of any use. Others may have dealt such too: all are to be known.
      why ??= refusal('missing-shares', 0, threshold);
      const agreeing = countAgreeing(shares, threshold);
      findings.push({ owner, wrong: [], agreeing, isCommitted: false });
      continue;
    }
    secrets.set(owner, found.secret);
    if (found.liars.length === 0) continue;
    const wrong = found.liars.map((x) => shares.find((share) => share.x === x)!.from);
    findings.push({ owner, wrong, agreeing: length - wrong.length, isCommitted: true });
  }
  return { findings, refusal: why };
}

/** Every mask that is still in the sum, with the sign that takes it out, some at a time. */
async function* maskKeys(
  cohort: MaskedCohort,
  secrets: ReadonlyMap<number, Uint8Array>,
): AsyncGenerator<Mask[]> {
  const { survivors, roster, binding, crypto } = cohort;
  const member = (index: number): Member => ({ index, entry: roster[index]! });
  const tools = { binding, crypto };
  for (const some of batches(survivors)) {
    yield made(some, (index) => ({
      key: selfMaskKey(secrets.get(index)!, member(index), tools),
      sign: -1,
    }));
  }
  for (const some of batches(uncancelled(cohort))) {
    const pairings: KeyPairing[] = some.map(([u, v]) => ({
      secret: secrets.get(v)!,
      publicKey: roster[u]!.maskKey,
    }));
    const agreed = await crypto.sharedSecrets(pairings);
    yield wiping(agreed, () =>
      // None is undefined: the server refused keys of low order when they were advertised.
      made(some, ([u, v], i) => ({
        key: pairMaskKey(agreed[i]!, [member(u), member(v)], tools),
        sign: signOf(v, u),
      })),
    );
  }
}

/** Makes something out of secrets, which are overwritten even if it fails. */
function wiping<T>(secrets: readonly (Uint8Array | undefined)[], make: () => T): T {
  try {
    return make();
  } finally {
    for (const secret of secrets) secret?.fill(0);
  }
}

/** A mask of each; none is left of those that were made before one could not be. */
function made<T>(items: readonly T[], make: (item: T, place: number) => Mask): Mask[] {
  const masks: Mask[] = [];
  try {
    for (const [place, item] of items.entries()) masks.push(make(item, place));
    return masks;
  } catch (error) {
    for (const { key } of masks) key.fill(0);
    throw error;
  }
}

/** A client that survived with one that dropped out: each pair that shares a mask. */
function* uncancelled({
  survivors,
  dropped,
  graph,
}: MaskedCohort): Generator<readonly [number, number]> {
  const alive = new Set(survivors);
  for (const v of dropped) {
    for (const u of graph.neighbours(v)) if (alive.has(u)) yield [u, v];
  }
}

function* batches<T>(items: Iterable<T>): Generator<T[]> {
  let batch: T[] = [];
  for (const item of items) {
    batch.push(item);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
