/**
 * Every strategy of a hostile server against a small cohort, from R2 on.
 *
 * A client answers by what it is told, and by nothing else: so all that real clients ever say is found
 * by asking each of them everything. That is every set of boxes, then every pair of bitmaps, valid or
 * not, then the signatures of every set of neighbours on the view that it signed. Joint strategies are
 * then put together from the answers: every choice of clients in league with the server, and every
 * choice of an answer for each of the others.
 *
 * Left out is only what cannot help, because more knowledge never takes a leak away (see `leak.ts`):
 *
 * - valid signatures that exist are all shown;
 * - a client that would sign some view after these boxes is not left without one;
 * - a client gives its masked input if it gives anything.
 *
 * `everything: true` leaves in the latter two, for cohorts that are small enough. Bytes that parse as
 * none of the expected messages, and messages out of turn, end the round for a client; single tests
 * have them.
 *
 * @module
 */

import type { SecureClient } from '../../secagg/client.ts';
import { encodeConsents, openMessage, parseUnmask } from '../../secagg/messages.ts';
import { joined, SIGNATURE_BYTES, sameBytes } from '../../secagg/suite.ts';
import { viewHash } from '../../secagg/view.ts';
import { bitmapsOf, halfOf, KINDS } from './hostile.ts';
import {
  consentOf,
  forkAgain,
  maskedClient,
  messageTo,
  tell,
  type World,
  way,
} from './hostile-world.ts';
import { findLeak, type Knowledge, type Leak } from './leak.ts';

/** A set of clients below 32: bit i is client i. */
export type Bits = number;

/** What a client reveals: whose seeds and whose mask secrets it tells a share of. */
export interface Revealed {
  readonly seed: Bits;
  readonly mask: Bits;
}

/** A way to have a client's masked input, and perhaps more. */
export interface Answer {
  readonly boxes: Bits;
  /** The view that it signs after these boxes; `undefined` for an input and no more. */
  readonly view: { readonly sharers: Bits; readonly survivors: Bits } | undefined;
  /** What it reveals, by who else's signatures it is shown; nothing where there is no entry. */
  readonly reveals: ReadonlyMap<Bits, Revealed>;
}

/** All that one client ever says. */
export interface Answers {
  readonly client: number;
  readonly answers: readonly Answer[];
  /** Questions that were put to it. */
  readonly asked: number;
  /** Second views that it signed after a first one. */
  readonly signedAgain: number;
}

/**
 * Asks client `client` of a recorded round everything. Takes 2^(n−1)·4ⁿ questions, and, to ask for a
 * second view `again`, 4ⁿ more for each that it signs.
 */
export async function answersOf(
  world: World,
  client: number,
  { again = false }: { readonly again?: boolean } = {},
): Promise<Answers> {
  const near = world.graph.neighbours(client);
  const answers: Answer[] = [];
  let asked = 0;
  let signedAgain = 0;
  for (const boxes of subsetsOf(bitsOf(near))) {
    asked++;
    const masked = await maskedClient(world, client, listOf(boxes));
    if (masked === undefined) continue;
    answers.push({ boxes, view: undefined, reveals: new Map() });
    for (const view of viewsOf(world)) {
      asked++;
      const signed = await signs(world, masked.client, view);
      if (signed === undefined) continue;
      const reveals = new Map<Bits, Revealed>();
      for (const signers of subsetsOf(bitsOf(near))) {
        asked++;
        const told = await revealsTo(world, { client, signed, signers });
        if (told !== undefined) reveals.set(signers, told);
      }
      answers.push({ boxes, view, reveals });
      if (!again) continue;
      for (const second of viewsOf(world)) {
        const isSame = second.sharers === view.sharers && second.survivors === view.survivors;
        if (isSame) continue;
        asked++;
        if ((await signs(world, signed.client, second)) !== undefined) signedAgain++;
      }
    }
  }
  return { client, answers, asked, signedAgain };
}

/** Every pair of bitmaps. */
function* viewsOf({ graph }: World): Generator<NonNullable<Answer['view']>, void> {
  for (let sharers = 0; sharers < 2 ** graph.clients; sharers++) {
    for (let survivors = 0; survivors < 2 ** graph.clients; survivors++) {
      yield { sharers, survivors };
    }
  }
}

/** A client that has signed, and what. */
interface SignedClient {
  readonly client: SecureClient;
  readonly hash: Uint8Array;
}

async function signs(
  world: World,
  client: SecureClient,
  view: NonNullable<Answer['view']>,
): Promise<SignedClient | undefined> {
  const bitmaps = bitmapsOf(world, {
    sharers: listOf(view.sharers),
    survivors: listOf(view.survivors),
  });
  const fork = forkAgain(world, client);
  const body = joined(bitmaps.sharers, bitmaps.survivors);
  const { reply } = await tell(fork, messageTo(world, 'view', body));
  if (reply === undefined || openMessage(reply)?.type !== 'consent') return undefined;
  return { client: fork, hash: viewHash(bitmaps, world.binding, world.federation.crypto) };
}

async function revealsTo(
  world: World,
  { client, signed, signers }: { client: number; signed: SignedClient; signers: Bits },
): Promise<Revealed | undefined> {
  const records = [];
  for (const index of listOf(signers)) {
    records.push({ index, signature: await consentOf(world, index, signed.hash) });
  }
  const fork = forkAgain(world, signed.client);
  const { reply } = await tell(fork, messageTo(world, 'consents', encodeConsents(records)));
  const envelope = reply && openMessage(reply);
  if (envelope === undefined || envelope.type !== 'unmask') return undefined;
  const told = { seed: 0, mask: 0 };
  for (const { index, share } of parseUnmask(envelope.body.subarray(0, -SIGNATURE_BYTES))!) {
    const content = world.contents.get(way(index, client))!;
    const kind = KINDS.find((one) => sameBytes(halfOf(content, one), share));
    if (kind !== undefined) told[kind] |= 1 << index;
  }
  return told;
}

/** What an enumeration came to. */
export interface Enumerated {
  /** Joint strategies that were judged. */
  readonly strategies: number;
  readonly leaks: readonly { readonly corrupt: readonly number[]; readonly leak: Leak }[];
}

/** Judges every joint strategy that can be made of the answers, with `corrupt` in league. */
export function judgeAll(
  world: World,
  all: readonly Answers[],
  { corrupt, everything = false }: { readonly corrupt: Bits; readonly everything?: boolean },
): Enumerated {
  const choices = all
    .filter(({ client }) => !has(corrupt, client))
    .map(({ client, answers }) => ({
      client,
      answers: everything ? [undefined, ...answers] : answers.filter((a) => isBest(a, answers)),
    }));
  const honestInputs = world.config.minSum - listOf(corrupt).length;
  const leaks: { corrupt: number[]; leak: Leak }[] = [];
  let strategies = 0;
  for (const chosen of products(choices.map(({ answers }) => answers))) {
    strategies++;
    const told = choices.flatMap(({ client }, i) => {
      const answer = chosen[i];
      return answer === undefined ? [] : [{ client, answer }];
    });
    const leak = findLeak(knowledgeOf(world, told, corrupt), { honestInputs });
    if (leak !== undefined) leaks.push({ corrupt: listOf(corrupt), leak });
  }
  return { strategies, leaks };
}

/** Whether nothing else gives the same input and more. */
function isBest({ boxes, view }: Answer, answers: readonly Answer[]): boolean {
  return view !== undefined || !answers.some((a) => a.boxes === boxes && a.view !== undefined);
}

function knowledgeOf(
  world: World,
  told: readonly { readonly client: number; readonly answer: Answer }[],
  corrupt: Bits,
): Knowledge {
  const seedShares = new Map<number, Set<number>>();
  const maskShares = new Map<number, Set<number>>();
  const keep = (shares: Map<number, Set<number>>, owners: Bits, holder: number): void => {
    for (const owner of listOf(owners)) {
      const holders = shares.get(owner) ?? new Set();
      shares.set(owner, holders.add(holder));
    }
  };
  for (const holder of listOf(corrupt)) {
    const owners = bitsOf(world.graph.neighbours(holder)) & ~corrupt;
    keep(seedShares, owners, holder);
    keep(maskShares, owners, holder);
  }
  for (const { client, answer } of told) {
    const revealed = answer.reveals.get(signersFor(world, { client, answer }, told, corrupt));
    if (revealed === undefined) continue;
    keep(seedShares, revealed.seed, client);
    keep(maskShares, revealed.mask, client);
  }
  return {
    corrupt: new Set(listOf(corrupt)),
    inputs: new Map(told.map(({ client, answer }) => [client, new Set(listOf(answer.boxes))])),
    seedShares,
    maskShares,
    threshold: (owner) => world.graph.terms(owner).threshold,
  };
}

/** Neighbours who signed, or would sign, the same view. */
function signersFor(
  world: World,
  { client, answer }: { readonly client: number; readonly answer: Answer },
  told: readonly { readonly client: number; readonly answer: Answer }[],
  corrupt: Bits,
): Bits {
  const same = told.filter(
    ({ answer: { view } }) =>
      view !== undefined &&
      view.sharers === answer.view?.sharers &&
      view.survivors === answer.view.survivors,
  );
  const signers = bitsOf(same.map((other) => other.client)) | corrupt;
  return signers & bitsOf(world.graph.neighbours(client));
}

/** The clients of a set, ascending. */
export function listOf(bits: Bits): number[] {
  const list: number[] = [];
  for (let i = 0; bits >>> i !== 0; i++) if (has(bits, i)) list.push(i);
  return list;
}

/** A set of clients. */
export function bitsOf(clients: Iterable<number>): Bits {
  let bits = 0;
  for (const i of clients) bits |= 1 << i;
  return bits;
}

/** All sets of so many of the first n clients. */
export function setsOf(size: number, n: number): Bits[] {
  return subsetsOf(2 ** n - 1).filter((bits) => listOf(bits).length === size);
}

function has(bits: Bits, i: number): boolean {
  return ((bits >>> i) & 1) === 1;
}

function subsetsOf(bits: Bits): Bits[] {
  const subsets: Bits[] = [];
  for (let subset = bits; ; subset = (subset - 1) & bits) {
    subsets.push(subset);
    if (subset === 0) return subsets;
  }
}

/** Every way to take one of each. */
function* products<T>(choices: readonly (readonly T[])[]): Generator<readonly T[], void> {
  const [first, ...rest] = choices;
  if (first === undefined) yield [];
  else for (const tail of products(rest)) for (const one of first) yield [one, ...tail];
}
