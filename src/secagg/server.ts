/**
 * The server of SAGG1, for one round: messages and time go in, messages come out; it owns neither sockets
 * nor a clock.
 *
 * ```
 * keys → shares → masked → consents → unmask → done
 *   R0      R1       R2        R3        R4             any → aborted
 * ```
 *
 * Messages are taken by `server/intake.ts`, phases ended by `server/phases.ts`; what clients are told is made
 * by `server/mail.ts`, and sums by `server/sums.ts`.
 *
 * Clients that are silent, late or refused drop out; the round goes on for as long as thresholds hold.
 * Inputs are added to a running sum as they arrive, so that memory is that of one sum for each cohort,
 * and of boxes and shares: 4·(D + 4) bytes and O(n·k).
 *
 * @module
 */

import { assertFinite, show } from '../core/assert.ts';
import { SecureError } from '../core/errors.ts';
import type { Blame } from './blame.ts';
import { contextOf, encodeConfig } from './config.ts';
import { type Reason, type Refusal, refusal } from './reasons.ts';
import { Intake } from './server/intake.ts';
import { Mail, type Outgoing } from './server/mail.ts';
import { Phases } from './server/phases.ts';
import { type ServerOptions, ServerRound } from './server/round.ts';
import { blankState, type Outcome, type ServerPhase, type ServerState } from './server/state.ts';
import { sameBytes } from './suite.ts';
import { requireTerms } from './terms.ts';

/** What a step of a server gives. */
export interface ServerOutput {
  readonly send: readonly Outgoing[];
  /** For whoever sent the message that was refused. */
  readonly reply?: Uint8Array;
  /** Why it was. */
  readonly refused?: Reason;
  /** Whether the message has changed what the server knows; a refused one may have, too. */
  readonly isNews?: true;
}

/**
 * A server for one round. Calls are answered one after the other, and none is rejected for what a client
 * said or because something failed: a message that could not be looked at is not taken, and a step that
 * could not be done ends the round.
 */
export class SecureServer {
  readonly #round: ServerRound;
  readonly #mail: Mail;
  readonly #intake: Intake;
  readonly #phases: Phases;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(round: ServerRound) {
    this.#round = round;
    this.#mail = new Mail(round);
    this.#intake = new Intake(round, this.#mail);
    this.#phases = new Phases(round, this.#mail);
  }

  /**
   * Begins a round.
   *
   * @param now - Milliseconds on any clock that does not go backwards.
   * @throws {TypeError | RangeError} if the configuration is none.
   * @throws {SecureError} `infeasible` if no threshold does even where everybody comes; states the numbers.
   */
  static start(options: ServerOptions, now: number): SecureServer {
    requireTerms(options.config, options.config.maxClients);
    const until = assertFinite('now', now) + options.config.deadlines.advertise;
    const context = contextOf(options.config, options.crypto);
    return new SecureServer(new ServerRound(options, blankState(until, context), context));
  }

  /**
   * Goes on where {@link snapshot} was taken. The clock must be the same. What the server had sent may not
   * have arrived: send what {@link due} gives.
   *
   * @throws {SecureError} `malformed` if the snapshot is of another round or configuration.
   */
  static resume(options: ServerOptions, state: ServerState): SecureServer {
    const context = contextOf(options.config, options.crypto);
    const before: unknown = state.binding.context;
    if (!(before instanceof Uint8Array) || !sameBytes(before, context)) {
      throw new SecureError('malformed', 'the snapshot is of another round or configuration');
    }
    const round = new ServerRound(options, structuredClone(state), context);
    if (!round.isOver) round.drawAgain();
    return new SecureServer(round);
  }

  /**
   * A copy of all that the server knows, between two messages. It holds no secret but those that clients
   * revealed. Written after each step and before what the step says is sent, it keeps a server that crashed
   * from saying two different things.
   */
  snapshot(): Promise<ServerState> {
    return this.#inTurn(async () => structuredClone(this.#round.state));
  }

  get phase(): ServerPhase {
    return this.#round.state.phase;
  }

  /** When the phase ends by itself: call `tick` then. */
  get until(): number {
    return this.#round.state.until;
  }

  /** Identities of the roster, in its order; none before there is one. */
  get roster(): readonly string[] {
    return this.#round.state.roster.map((_, index) => this.#round.nameOf(index));
  }

  /** What came out, once the phase is `done`. */
  get outcome(): Outcome | undefined {
    return this.#round.state.outcome;
  }

  /** Why there is nothing, once the phase is `aborted`. */
  get refusal(): Refusal | undefined {
    return this.#round.state.refusal;
  }

  /** Who broke the protocol for certain, and what shows it. A round that gives sums may have such, too. */
  get blamed(): readonly Blame[] {
    return this.#round.state.blamed;
  }

  /** Identities not to invite again: those of {@link blamed}, each once. */
  get evicted(): readonly string[] {
    return [...new Set(this.#round.state.blamed.map(({ client }) => client))];
  }

  /** The signed configuration: what every client is to get first. */
  async invitation(): Promise<Uint8Array> {
    return this.#mail.signed('config', encodeConfig(this.#round.options.config));
  }

  /**
   * What each client is to answer now and has not answered, or the last word to it: what is to be sent after
   * {@link resume}. Nothing while keys are awaited; whoever has not advertised is to get the invitation.
   */
  due(): Promise<readonly Outgoing[]> {
    return this.#inTurn(async () => {
      const { phase, roster } = this.#round.state;
      if (roster.length === 0) return phase === 'aborted' ? this.#mail.toAdvertised() : [];
      return this.#mail.deliver([...roster.keys()].filter((index) => this.#mail.mayLack(index)));
    });
  }

  /**
   * Takes a message of some client. The same message again changes nothing; its sender gets what it is to
   * answer next once more, for it may have been lost.
   *
   * @param now - Milliseconds, as for {@link start}.
   */
  handle(message: Uint8Array, now: number): Promise<ServerOutput> {
    if (!(message instanceof Uint8Array)) {
      throw new TypeError(`message must be a Uint8Array, got ${show(message)}`);
    }
    assertFinite('now', now);
    return this.#inTurn(async () => {
      const before = await this.#passTime(now);
      const { send: again, isNews, refused, isOurFault } = await this.#intake.taking(message);
      const after = isNews && this.#phases.isComplete() ? await this.#phases.close(now) : [];
      const send = [...before, ...again, ...after];
      const news = isNews && ({ isNews } as const);
      if (refused === undefined) return { send, ...news };
      const reply = isOurFault ? undefined : await this.#mail.farewell(refusal(refused));
      return { send, refused, ...news, ...(reply !== undefined && { reply }) };
    });
  }

  /** Looks at the clock: ends a phase whose time is over. */
  tick(now: number): Promise<ServerOutput> {
    assertFinite('now', now);
    return this.#inTurn(async () => ({ send: await this.#passTime(now) }));
  }

  /** Gives the round up. */
  abort(): Promise<ServerOutput> {
    return this.#inTurn(async () => ({ send: await this.#phases.giveUp(refusal('server-abort')) }));
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  async #passTime(now: number): Promise<readonly Outgoing[]> {
    if (this.#round.isOver || now < this.#round.state.until) return [];
    return this.#phases.close(now);
  }
}
