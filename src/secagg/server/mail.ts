/**
 * What a server tells clients. All of it follows from what the server knows and is the same each time, so
 * that nothing that was sent need be kept: what was lost is made again.
 *
 * @module
 */

import {
  boxAt,
  encodeBoxes,
  encodeConsents,
  encodeMessage,
  encodeRefusal,
  encodeResult,
  encodeRoster,
  type MessageType,
  NOBODY,
  placesOf,
  unsigned,
  type ViewBody,
} from '../messages.ts';
import { type Refusal, refusal } from '../reasons.ts';
import { buildTree, pathsTo, type RosterTree } from '../roster.ts';
import { joined } from '../suite.ts';
import { viewOf } from '../view.ts';
import type { ServerRound } from './round.ts';
import { type CohortState, ORDER, PHASES } from './state.ts';
import { packedBy } from './steady.ts';

/** A message for a client. */
export interface Outgoing {
  /** Its identity, in hexadecimal digits. */
  readonly to: string;
  readonly message: Uint8Array;
}

/** What a refusal says where a client has too few neighbours that shared. */
const PRUNED = refusal('too-few-neighbours');

/** Makes messages for the clients of a round. */
export class Mail {
  readonly #round: ServerRound;
  /** What follows from the state, and is not made twice. */
  #tree: RosterTree | undefined;
  readonly #made = new Map<string, Uint8Array>();

  constructor(round: ServerRound) {
    this.#round = round;
  }

  /** What clients are to answer now, or the last word to them. */
  async deliver(indices: Iterable<number>): Promise<Outgoing[]> {
    const send: Outgoing[] = [];
    for (const index of indices) {
      const message = await this.#current(index);
      if (message === undefined) continue;
      send.push({ to: this.#round.nameOf(index), message });
    }
    return send;
  }

  /** The end of a round that has no roster. */
  async toAdvertised(
    names: Iterable<string> = this.#round.state.advertised.keys(),
  ): Promise<readonly Outgoing[]> {
    const message = await this.farewell(this.#round.state.refusal!);
    return message === undefined ? [] : [...names].map((to) => ({ to, message: message.slice() }));
  }

  /** Who shared, cohort by cohort. */
  sharersIn(cohorts: readonly CohortState[]): number[] {
    const { sharers } = this.#round.state;
    return cohorts.flatMap(({ members }) => members.filter((index) => sharers.has(index)));
  }

  /** Whether a client has not yet shown that it got what it is to answer now. */
  mayLack(index: number): boolean {
    const { phase, gone, taken } = this.#round.state;
    const awaited = ORDER[PHASES.indexOf(phase)];
    if (awaited === undefined) return true;
    return !gone.has(index) && !taken.has(`${awaited} ${index}`);
  }

  /** What a client is to answer in this phase, or the last word to it; nothing where it is out. */
  async #current(index: number): Promise<Uint8Array | undefined> {
    const { phase, gone, sharers, survivors, consents } = this.#round.state;
    const why = this.#whyOver(index);
    if (why !== undefined) return this.farewell(why);
    switch (phase) {
      case 'shares':
        return gone.has(index) ? undefined : this.#message('roster', this.#rosterBody(index));
      case 'masked':
        return sharers.has(index) ? this.#message('boxes', this.#boxesBody(index)) : undefined;
      case 'consents':
        return survivors.has(index) ? this.#view(this.#round.cohort(index)) : undefined;
      case 'unmask':
        return consents.has(index)
          ? this.#message('consents', this.#consentsBody(index))
          : undefined;
      case 'done':
        return consents.has(index) ? this.#result(this.#round.cohort(index)) : undefined;
      default:
        return undefined;
    }
  }

  /** Why nothing more can come of a client's part in the round, if so. */
  #whyOver(index: number): Refusal | undefined {
    const { phase, shared, gone, sharers, refusal: why } = this.#round.state;
    if (sharers.has(index)) {
      const { refusal: lost } = this.#round.cohort(index);
      if (lost !== undefined) return lost;
    }
    if (phase === 'aborted') return why;
    const isPruned = sharers.size > 0 && shared.has(index) && !sharers.has(index);
    return isPruned && !gone.has(index) ? PRUNED : undefined;
  }

  /** R1 */
  #rosterBody(index: number): Uint8Array {
    const { config, crypto } = this.#round.options;
    const { roster, binding, rootSignature: signature } = this.#round.state;
    const isWhole = config.topology === 'complete';
    if (!isWhole) this.#tree ??= buildTree(roster, crypto);
    const neighbours = this.#round.graph
      .neighbours(index)
      .map((other) => ({ index: other, entry: roster[other]! }));
    const places = placesOf({ index, neighbours });
    const paths = isWhole ? new Uint8Array(0) : pathsTo(this.#tree!, places);
    const clients = roster.length;
    const { root } = binding;
    return encodeRoster({ clients, index, root, signature, neighbours, paths });
  }

  /** R2 */
  #boxesBody(index: number): Uint8Array {
    const { shared, sharers } = this.#round.state;
    return encodeBoxes(
      this.#round.near(index, sharers).map((other) => ({
        index: other,
        box: boxAt(shared.get(other)!.boxes, this.#round.graph.rank(other, index)),
      })),
    );
  }

  /** The view of a cohort. */
  bitmapsOf({ members }: CohortState): ViewBody {
    const { sharers, survivors, roster } = this.#round.state;
    const among = (set: ReadonlySet<number>): number[] => members.filter((i) => set.has(i));
    return viewOf({ sharers: among(sharers), survivors: among(survivors) }, roster.length);
  }

  /** R3: the same for a whole cohort. */
  #view(cohort: CohortState): Uint8Array {
    return this.#once(`view ${this.#round.state.cohorts.indexOf(cohort)}`, () => {
      const { sharers, survivors } = this.bitmapsOf(cohort);
      return this.#message('view', joined(sharers, survivors));
    });
  }

  /** R4 */
  #consentsBody(index: number): Uint8Array {
    const { consents } = this.#round.state;
    return encodeConsents(
      this.#round.near(index, consents).map((other) => ({
        index: other,
        signature: consents.get(other)!,
      })),
    );
  }

  /** R5 */
  #result(cohort: CohortState): Promise<Uint8Array | undefined> {
    const { crypto } = this.#round.options;
    const { binding, outcome, cohorts } = this.#round.state;
    const number = cohorts.indexOf(cohort);
    return this.#signedOnce(`result ${number}`, 'result', async () => {
      const { words, view, inputs } = outcome!.sums.find((sum) => sum.cohort === number)!;
      const sum = crypto.sha256(await packedBy(this.#round, words));
      return encodeResult({ root: binding.root, view, sum, inputs: inputs.length });
    });
  }

  /** A refusal in the server's signature, if it can be signed. */
  farewell(why: Refusal): Promise<Uint8Array | undefined> {
    const { reason, have, need } = why;
    return this.#signedOnce(`abort ${reason} ${have} ${need}`, 'abort', () => encodeRefusal(why));
  }

  /** A last word. Where it cannot be signed there is none: whoever is not told gives up in time. */
  async #signedOnce(
    name: string,
    type: MessageType,
    body: () => Uint8Array | Promise<Uint8Array>,
  ): Promise<Uint8Array | undefined> {
    const known = this.#made.get(name);
    if (known !== undefined) return known.slice();
    try {
      const message = await this.signed(type, await body());
      this.#made.set(name, message);
      return message.slice();
    } catch (error) {
      this.#round.failed(error);
      return undefined;
    }
  }

  /** A copy: whoever sends may overwrite what was sent. */
  #once(name: string, make: () => Uint8Array): Uint8Array {
    const message = this.#made.get(name) ?? make();
    this.#made.set(name, message);
    return message.slice();
  }

  #message(type: MessageType, body: Uint8Array): Uint8Array {
    return encodeMessage({ type, context: this.#round.context, sender: NOBODY }, body);
  }

  /** A message in the server's signature. */
  async signed(type: MessageType, body: Uint8Array): Promise<Uint8Array> {
    const { crypto, identity } = this.#round.options;
    const message = unsigned({ type, context: this.#round.context, sender: NOBODY }, body, crypto);
    return message.signed(await crypto.sign(message.toSign, identity.secret));
  }
}
