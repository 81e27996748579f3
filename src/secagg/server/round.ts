/**
 * A round as all parts of its server see it: what it is made of, what it knows, and what follows from
 * that. Whatever ends the round, ends it here.
 *
 * @module
 */

import { SecureError } from '../../core/errors.ts';
import type { Identity } from '../client.ts';
import type { Codec } from '../codec.ts';
import type { RoundConfig } from '../config.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { Enrolment } from '../enrolment.ts';
import { drawGraph, type Graph, type GraphSeed } from '../graph.ts';
import type { Masks } from '../masks.ts';
import type { Refusal } from '../reasons.ts';
import { hex } from '../suite.ts';
import { type CohortState, isLiving, type ServerPhase, type ServerState } from './state.ts';

/** What a server is made of. */
export interface ServerOptions {
  readonly config: RoundConfig;
  readonly identity: Identity;
  readonly crypto: CryptoProvider;
  readonly masks: Masks;
  /** What unpacks inputs. Default: {@link hostCodec}. */
  readonly codec?: Codec;
  readonly enrolment: Enrolment;
  /** The value of a public beacon, 32 bytes, asked for once the roster is fixed. */
  readonly beacon?: (reference: Uint8Array) => Uint8Array | Promise<Uint8Array>;
  /** Told of what fails on this side, such as the beacon or a device; nobody else is. */
  readonly onFailure?: (error: unknown) => void;
}

/** A round, shared by the parts of its server. */
export class ServerRound {
  readonly options: ServerOptions;
  readonly context: Uint8Array;
  readonly state: ServerState;
  #graph: Graph | undefined;

  constructor(options: ServerOptions, state: ServerState, context: Uint8Array) {
    this.options = options;
    this.state = state;
    this.context = context;
  }

  /** @throws {Error} before there is a roster. */
  get graph(): Graph {
    if (this.#graph === undefined) throw new Error('there is no graph before there is a roster');
    return this.#graph;
  }

  /** The graph, unless no threshold does for so many clients. */
  draw(clients: number, seed: GraphSeed): Graph | undefined {
    const { config, crypto } = this.options;
    try {
      return drawGraph(config, clients, { seed, crypto });
    } catch (error) {
      if (error instanceof SecureError && error.code === 'infeasible') return undefined;
      throw error;
    }
  }

  /** Draws the graph of a roster that was fixed before. */
  drawAgain(): void {
    const { roster, binding, beacon } = this.state;
    if (roster.length > 0) this.#graph = this.draw(roster.length, { ...binding, beacon });
  }

  /** Takes a graph for that of the round. */
  adopt(graph: Graph): void {
    this.#graph = graph;
  }

  /** The most neighbours that a client can have. */
  degreeOf(index: number): number {
    const clients = this.state.roster.length;
    if (index >= clients) return 0;
    return this.#graph?.terms(index).degree ?? clients - 1;
  }

  /** An identity, in hexadecimal digits. */
  nameOf(index: number): string {
    return hex(this.state.roster[index]!.identity);
  }

  /** Whether nothing more is waited for. */
  get isOver(): boolean {
    return this.state.phase === 'done' || this.state.phase === 'aborted';
  }

  /** The cohort that a client is in. */
  cohort(index: number): CohortState {
    const { cohorts } = this.state;
    // Of a round that is over no graph is drawn again.
    if (this.#graph === undefined) return cohorts.find(({ members }) => members.includes(index))!;
    return cohorts[this.#graph.cohortOf(index)]!;
  }

  /** Those among clients whose cohort may still give a sum. */
  *living(indices: Iterable<number>): Generator<number> {
    for (const index of indices) if (isLiving(this.cohort(index))) yield index;
  }

  /** Neighbours that are in a set. */
  near(index: number, set: { has(i: number): boolean }): number[] {
    return this.graph.neighbours(index).filter((other) => set.has(other));
  }

  /** Ends the round without a sum. */
  end(why: Refusal): void {
    this.state.refusal = why;
    this.state.phase = 'aborted';
    this.forgetSecrets();
    this.forgetBoxes();
  }

  /** The round is over once no cohort can give a sum. */
  endIfNothingLives(): void {
    const { cohorts } = this.state;
    if (!cohorts.some(isLiving)) this.end(cohorts[0]!.refusal!);
  }

  /** Sums under masks, and shares of what could take the masks off. */
  forgetSecrets(): void {
    const { cohorts, revealed } = this.state;
    for (const cohort of cohorts) {
      cohort.sum?.fill(0);
      cohort.sum = undefined;
    }
    for (const shares of revealed.values()) shares.fill(0);
    revealed.clear();
  }

  /** They are the larger part of the memory. */
  forgetBoxes(): void {
    const { shared } = this.state;
    for (const [index, { commitment }] of shared) {
      shared.set(index, { boxes: new Uint8Array(0), commitment });
    }
  }

  /** Begins a phase. */
  enter(phase: ServerPhase, until: number): void {
    this.state.phase = phase;
    this.state.until = until;
  }

  /** Tells the owner, who must not make it worse. */
  failed(error: unknown): void {
    try {
      this.options.onFailure?.(error);
    } catch {
      // What it throws has nowhere to go.
    }
  }
}
