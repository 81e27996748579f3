/**
 * The server's last step: rebuild secrets from shares, hold each against what its owner committed to, and
 * take the masks off the sum.
 *
 * Of a client that survived its seed is rebuilt, of one that dropped out the secret of its masks with
 * the survivors. What two clients that both dropped out share is in no input, and is not expanded.
 *
 * @module
 */

import type { CryptoProvider } from './crypto/provider.ts';
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
import { createRecombiner } from './recombine.ts';
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
  /** Shares of a client's seed if it survived, else of its mask secret. */
  readonly shares: ReadonlyMap<number, readonly HeldShare[]>;
  readonly crypto: CryptoProvider;
  readonly masks: Masks;
}

/** The sum without masks, and who sent shares that do not fit. */
export interface Unmasked {
  readonly words: Uint32Array;
  readonly liars: readonly number[];
}

/** Keys that are agreed on, and expanded, in one go: enough for threads to share out. */
const BATCH = 4096;

/** Takes the masks off a sum, or says which secret could not be rebuilt. */
export async function unmaskCohort(
  cohort: MaskedCohort,
): Promise<Unmasked | { readonly refusal: Refusal }> {
  const rebuilt = await rebuildAll(cohort);
  if ('refusal' in rebuilt) return rebuilt;
  const { secrets, liars } = rebuilt;
  let words = cohort.sum;
  for await (const keys of maskKeys(cohort, secrets)) {
    words = await cohort.masks.add(words, keys);
    for (const { key } of keys) key.fill(0);
  }
  for (const secret of secrets.values()) secret.fill(0);
  return { words, liars: [...liars].sort((a, b) => a - b) };
}

async function rebuildAll(
  cohort: MaskedCohort,
): Promise<{ secrets: Map<number, Uint8Array>; liars: Set<number> } | { refusal: Refusal }> {
  const { survivors, dropped, graph, roster, binding, crypto } = cohort;
  const recombiner = createRecombiner();
  const secrets = new Map<number, Uint8Array>();
  const liars = new Set<number>();
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
  for (const { index, accept } of wanted) {
    const { threshold } = graph.terms(index);
    const shares = cohort.shares.get(index)!;
    const found = await recombiner.recombineVerified(shares, { threshold, accept });
    if (found === undefined)
      return { refusal: refusal('missing-shares', shares.length, threshold) };
    secrets.set(index, found.secret);
    for (const x of found.liars) liars.add(shares.find((share) => share.x === x)!.from);
  }
  return { secrets, liars };
}

/** Every mask that is still in the sum, with the sign that takes it out, some at a time. */
async function* maskKeys(
  cohort: MaskedCohort,
  secrets: ReadonlyMap<number, Uint8Array>,
): AsyncGenerator<Mask[]> {
  const { survivors, roster, binding, crypto } = cohort;
  const member = (index: number): Member => ({ index, entry: roster[index]! });
  const tools = { binding, crypto };
  for (const some of inBatches(survivors)) {
    yield some.map((index) => ({
      key: selfMaskKey(secrets.get(index)!, member(index), tools),
      sign: -1 as const,
    }));
  }
  for (const some of inBatches(uncancelled(cohort))) {
    const agreed = await crypto.sharedSecrets(
      some.map(([v, u]) => ({ secret: secrets.get(v)!, publicKey: roster[u]!.maskKey })),
    );
    yield some.map(([v, u], i) => {
      // None is undefined: the server refused keys of low order when they were advertised.
      const key = pairMaskKey(agreed[i]!, [member(u), member(v)], tools);
      agreed[i]!.fill(0);
      return { key, sign: signOf(v, u) };
    });
  }
}

/** A client that dropped out, and a neighbour whose input holds the mask that the two share. */
function* uncancelled({ survivors, dropped, graph }: MaskedCohort): Generator<[number, number]> {
  const alive = new Set(survivors);
  for (const v of dropped) {
    for (const u of graph.neighbours(v)) if (alive.has(u)) yield [v, u];
  }
}

function* inBatches<T>(items: Iterable<T>): Generator<T[]> {
  let some: T[] = [];
  for (const item of items) {
    some.push(item);
    if (some.length < BATCH) continue;
    yield some;
    some = [];
  }
  if (some.length > 0) yield some;
}
