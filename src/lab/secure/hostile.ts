/**
 * A hostile server at work: it plays a strategy against forks of real clients and keeps all that it is
 * told. What it knows then is judged by `leak.ts`.
 *
 * Up to R1 there is nothing to gain by lying but refusals (those are single tests); from R2 on, a
 * strategy is what each client is told, in any order: whose boxes it gets, which views it is asked to
 * sign, and which signatures it is shown. The server holds all secrets of the clients in league with
 * it, and signs in their names what it likes.
 *
 * @module
 */

import type { SecureClient } from '../../secagg/client.ts';
import {
  type ConsentRecord,
  encodeConsents,
  openMessage,
  parseUnmask,
  type ViewBody,
} from '../../secagg/messages.ts';
import { joined, KEY_BYTES, SIGNATURE_BYTES, sameBytes } from '../../secagg/suite.ts';
import { viewHash, viewOf } from '../../secagg/view.ts';
import {
  consentOf,
  forkAgain,
  honestFloor,
  maskedClient,
  messageTo,
  tell,
  type World,
  way,
} from './hostile-world.ts';
import { findLeak, type Knowledge, type Leak } from './leak.ts';

/** U₂ and U₃, as a client is told. */
export interface View {
  readonly sharers: readonly number[];
  readonly survivors: readonly number[];
}

/** Which signatures a client is shown. */
export interface ConsentChoice {
  /** Neighbours whose valid signatures on its view are held back. */
  readonly withhold?: readonly number[];
  /** Signatures that do not count, in front of those that do: on other views, by other hands, twice. */
  readonly noise?: boolean;
}

/** What one client is told. */
export type Step =
  | { readonly kind: 'view'; readonly view: View }
  /** Signatures on the view that it was told last. */
  | { readonly kind: 'consents'; readonly choice?: ConsentChoice }
  /** Bytes from elsewhere: another round, another client. */
  | { readonly kind: 'raw'; readonly message: Uint8Array };

/** All that a server does from R2 on. */
export interface Strategy {
  /** For people: what kind it is. */
  readonly name: string;
  /** R2: whose boxes each honest client is given; who is not here gets nothing any more. */
  readonly boxes: ReadonlyMap<number, readonly number[]>;
  /** R3 and R4, in the order in which clients are told. */
  readonly steps: readonly { readonly client: number; readonly step: Step }[];
}

/** What a strategy came to. */
export interface Played {
  readonly knowledge: Knowledge;
  readonly leak: Leak | undefined;
  /** Shares as they were told: by owner, kind and holder. */
  readonly shares: ReadonlyMap<string, Uint8Array>;
  /** Clients that signed a view, and that revealed shares. */
  readonly signed: number;
  readonly revealed: number;
}

/** Kinds of secrets, in the order of their shares in a box. */
export const KINDS = ['mask', 'seed'] as const;
/** One of {@link KINDS}. */
export type Kind = (typeof KINDS)[number];

/** Name of a share. */
export function shareName(kind: Kind, owner: number, holder: number): string {
  return `${kind} ${owner} ${holder}`;
}

interface Signature {
  readonly signer: number;
  readonly view: string;
  readonly bytes: Uint8Array;
}

/** A strategy under way. */
interface Play {
  readonly world: World;
  readonly forks: Map<number, SecureClient>;
  /** Hash of the view that a client was told last, by name and as bytes. */
  readonly told: Map<number, { readonly name: string; readonly hash: Uint8Array }>;
  readonly signatures: Signature[];
  readonly inputs: Map<number, ReadonlySet<number>>;
  readonly shares: Map<string, Uint8Array>;
  readonly seedShares: Map<number, Set<number>>;
  readonly maskShares: Map<number, Set<number>>;
  readonly revealed: Set<number>;
}

/** Plays a strategy. The clients of the world stay as they are. */
export async function play(world: World, { boxes, steps }: Strategy): Promise<Played> {
  const state: Play = {
    world,
    forks: new Map(),
    told: new Map(),
    signatures: [],
    inputs: new Map(),
    shares: new Map(),
    seedShares: new Map(),
    maskShares: new Map(),
    revealed: new Set(),
  };
  for (const [client, from] of boxes) {
    const masked = await maskedClient(world, client, from);
    if (masked === undefined) continue;
    state.forks.set(client, forkAgain(world, masked.client));
    state.inputs.set(client, new Set(from));
  }
  takeSharesOfKnown(state);
  for (const { client, step } of steps) {
    if (state.forks.has(client)) await take(state, client, step);
  }
  const knowledge: Knowledge = {
    corrupt: world.known,
    inputs: state.inputs,
    seedShares: state.seedShares,
    maskShares: state.maskShares,
    threshold: (owner) => world.graph.terms(owner).threshold,
  };
  return {
    knowledge,
    leak: findLeak(knowledge, { honestInputs: honestFloor(world) }),
    shares: state.shares,
    signed: new Set(state.signatures.map(({ signer }) => signer)).size,
    revealed: state.revealed.size,
  };
}

/** What clients in league with the server were given by the others in R1. */
function takeSharesOfKnown(state: Play): void {
  const { graph, known, honest, contents } = state.world;
  for (const owner of honest) {
    for (const holder of graph.neighbours(owner)) {
      const content = known.has(holder) ? contents.get(way(owner, holder)) : undefined;
      if (content === undefined) continue;
      for (const kind of KINDS) keep(state, { kind, owner, holder, share: halfOf(content, kind) });
    }
  }
}

async function take(state: Play, client: number, step: Step): Promise<void> {
  const { world, forks } = state;
  const message = await messageFor(state, client, step);
  if (message === undefined) return;
  const { reply } = await tell(forks.get(client)!, message);
  const envelope = reply && openMessage(reply);
  if (envelope === undefined) return;
  if (envelope.type === 'consent') {
    const { name } = state.told.get(client)!;
    state.signatures.push({ signer: client, view: name, bytes: envelope.body.slice() });
  }
  if (envelope.type !== 'unmask') return;
  state.revealed.add(client);
  for (const { index, share } of parseUnmask(envelope.body.subarray(0, -SIGNATURE_BYTES)) ?? []) {
    // What kind it is the server cannot always tell; the study can.
    const content = world.contents.get(way(index, client));
    const kind = KINDS.find((k) => content !== undefined && sameBytes(halfOf(content, k), share));
    if (kind !== undefined) keep(state, { kind, owner: index, holder: client, share });
  }
}

async function messageFor(
  state: Play,
  client: number,
  step: Step,
): Promise<Uint8Array | undefined> {
  const { world } = state;
  switch (step.kind) {
    case 'raw':
      return step.message;
    case 'view': {
      const bitmaps = bitmapsOf(world, step.view);
      const hash = viewHash(bitmaps, world.binding, world.federation.crypto);
      state.told.set(client, { name: hash.join(), hash });
      return messageTo(world, 'view', joined(bitmaps.sharers, bitmaps.survivors));
    }
    case 'consents': {
      const records = await consentsFor(state, client, step.choice ?? {});
      return records && messageTo(world, 'consents', encodeConsents(records));
    }
  }
}

/** The bitmaps of a view. */
export function bitmapsOf({ graph }: World, view: View): ViewBody {
  return viewOf(view, graph.clients);
}

/** The signatures that a client is shown: what does not count first, so that it cannot hide what does. */
async function consentsFor(
  { world, told, signatures }: Play,
  client: number,
  { withhold = [], noise = false }: ConsentChoice,
): Promise<ConsentRecord[] | undefined> {
  const about = told.get(client);
  if (about === undefined) return undefined;
  const near = new Set(world.graph.neighbours(client));
  const records: ConsentRecord[] = [];
  if (noise) {
    for (const { signer, view, bytes } of signatures) {
      // Valid on another view; valid on this one, but by another hand.
      if (view !== about.name) records.push({ index: signer, signature: bytes });
      else for (const other of near) records.push({ index: other, signature: bytes });
    }
    for (const other of world.graph.neighbours(client)) {
      records.push({ index: other, signature: new Uint8Array(64) });
    }
  }
  const valid: ConsentRecord[] = signatures
    .filter(({ signer, view }) => view === about.name && near.has(signer))
    .map(({ signer, bytes }) => ({ index: signer, signature: bytes }));
  for (const signer of world.signers) {
    if (!near.has(signer)) continue;
    valid.push({ index: signer, signature: await consentOf(world, signer, about.hash) });
  }
  for (const record of valid) {
    if (withhold.includes(record.index)) continue;
    records.push(record);
    if (noise) records.push(record);
  }
  return records;
}

function keep(
  state: Play,
  {
    kind,
    owner,
    holder,
    share,
  }: {
    readonly kind: Kind;
    readonly owner: number;
    readonly holder: number;
    readonly share: Uint8Array;
  },
): void {
  const sets = kind === 'seed' ? state.seedShares : state.maskShares;
  const holders = sets.get(owner) ?? new Set();
  holders.add(holder);
  sets.set(owner, holders);
  state.shares.set(shareName(kind, owner, holder), share.slice());
}

/** The share of one kind in a box. */
export function halfOf(content: Uint8Array, kind: Kind): Uint8Array {
  const at = KINDS.indexOf(kind) * KEY_BYTES;
  return content.subarray(at, at + KEY_BYTES);
}
