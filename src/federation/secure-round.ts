/**
 * One round under masks at its server: SAGG1's own machine, with a journal that brings it back after a
 * crash and a box for each client with the message that it is to answer next.
 *
 * Nothing is given out that is not in the journal. Calls that take something in must come one after the
 * other; whoever has the round sees to that.
 *
 * @module
 */

import { StoreError } from '../core/errors.ts';
import type { Identity } from '../secagg/client.ts';
import type { RoundConfig } from '../secagg/config.ts';
import { encodeConfig, parseConfig } from '../secagg/config.ts';
import type { CryptoProvider } from '../secagg/crypto/provider.ts';
import type { Masks } from '../secagg/masks.ts';
import { NOBODY, openMessage } from '../secagg/messages.ts';
import type { Reason, Refusal } from '../secagg/reasons.ts';
import type { Outgoing } from '../secagg/server/mail.ts';
import type { ServerOptions } from '../secagg/server/round.ts';
import type { Outcome, ServerPhase, ServerState } from '../secagg/server/state.ts';
import { SecureServer } from '../secagg/server.ts';
import { hex, KEY_BYTES } from '../secagg/suite.ts';
import { Changes } from './changes.ts';
import type { SecureJournal, SecureRecord } from './store/secure-journal.ts';

/** What a round is made of. */
export interface SecureRoundOptions {
  readonly round: number;
  readonly identity: Identity;
  readonly crypto: CryptoProvider;
  readonly masks: Masks;
  /** Whether an identity is that of a member, in hexadecimal digits. */
  readonly isMember: (identity: string) => boolean;
  readonly journal: SecureJournal;
  /** Told of what fails on this side. */
  readonly onFailure: (error: unknown) => void;
}

/** A message that came. */
export interface Came {
  readonly message: Uint8Array;
  /** When, in milliseconds. */
  readonly now: number;
  /** The blob that a masked input lies in. 32 bytes */
  readonly blob?: Uint8Array;
}

/** What a step has led to. */
interface After {
  readonly send: readonly Outgoing[];
  readonly phase?: ServerPhase;
}

/** A round in which messages are taken. */
export class SecureRound {
  readonly round: number;
  readonly config: RoundConfig;
  readonly #options: SecureRoundOptions;
  readonly #server: SecureServer;
  readonly #invitation: Uint8Array;
  /** What each client is to answer, by identity. */
  readonly #boxes = new Map<string, Uint8Array>();
  readonly #changes = new Changes();
  /** Blobs of the masked inputs that were taken in, by identity. */
  readonly blobs: Map<string, string> = new Map<string, string>();
  /** Whether the journal failed: what is known here is of no use. */
  isLost = false;
  /** How long no process was there, in milliseconds: that does not count against clients. */
  #pause = 0;
  /** As far as it is in the journal: what clients are told of. */
  #shown: ServerPhase = 'keys';
  #roster: readonly string[] = [];
  #isReleased = false;
  #isClosed = false;

  private constructor(
    options: SecureRoundOptions,
    parts: { config: RoundConfig; server: SecureServer; invitation: Uint8Array },
  ) {
    this.round = options.round;
    this.config = parts.config;
    this.#options = options;
    this.#server = parts.server;
    this.#invitation = parts.invitation;
  }

  /** Begins a round. When the promise is kept, it is in the journal. */
  static async begin(
    options: SecureRoundOptions,
    { config, at }: { readonly config: RoundConfig; readonly at: number },
  ): Promise<SecureRound> {
    const own = await SecureRound.#made(options, { config, at });
    await options.journal.append({ kind: 'config', at, bytes: encodeConfig(config) });
    return own;
  }

  /**
   * The round that a journal holds: it takes in again what it took in before. `undefined` if the journal
   * does not even hold a beginning; nobody has heard of the round then.
   *
   * @param options.blob - Bytes of a blob.
   */
  static async resume(
    options: SecureRoundOptions,
    records: readonly SecureRecord[],
    { blob, now }: { readonly blob: (name: string) => Promise<Uint8Array>; readonly now: number },
  ): Promise<SecureRound | undefined> {
    const [first, ...rest] = records;
    if (first === undefined) return undefined;
    const config = first.kind === 'config' ? parseConfig(first.bytes) : undefined;
    if (config === undefined) {
      throw new StoreError('damaged', `the journal of round ${options.round} has no beginning`);
    }
    const own = await SecureRound.#made(options, { config, at: first.at });
    for (const { kind, at, bytes } of rest) {
      if (kind === 'tick') own.#deliver(await own.#server.tick(at));
      else if (kind === 'message') own.#deliver(await own.#server.handle(bytes, at));
      else await own.#againInput({ at, name: bytes, message: await blob(hex(bytes)) });
    }
    own.#pause = Math.max(0, now - records.at(-1)!.at);
    own.#deliver({ send: await own.#server.due() });
    return own;
  }

  static async #made(
    options: SecureRoundOptions,
    { config, at }: { readonly config: RoundConfig; readonly at: number },
  ): Promise<SecureRound> {
    const { identity, crypto, masks, isMember, onFailure } = options;
    const parts: ServerOptions = {
      config,
      identity,
      crypto,
      masks,
      enrolment: (key) => isMember(hex(key)),
      onFailure,
    };
    const server = SecureServer.start(parts, at);
    return new SecureRound(options, { config, server, invitation: await server.invitation() });
  }

  get phase(): ServerPhase {
    return this.#server.phase;
  }

  /** When the phase ends by itself. */
  get until(): number {
    return this.#server.until + this.#pause;
  }

  /** Whether nothing more is waited for. */
  get isOver(): boolean {
    return isLast(this.phase);
  }

  /** Whether it is over, and that is on the disk. */
  get hasEnded(): boolean {
    return isLast(this.#shown);
  }

  get outcome(): Outcome | undefined {
    return this.#server.outcome;
  }

  get refusal(): Refusal | undefined {
    return this.#server.refusal;
  }

  /** All that the server knows: for the record of the round, once it is over. */
  state(): Promise<ServerState> {
    return this.#server.snapshot();
  }

  /** The identity in whose name a message comes; `undefined` if that is nobody's. */
  senderOf(message: Uint8Array): string | undefined {
    const envelope = openMessage(message);
    if (envelope === undefined) return undefined;
    const { type, sender, body } = envelope;
    if (type === 'advertise') return hex(body.subarray(0, KEY_BYTES));
    return sender === NOBODY ? undefined : this.#roster[sender];
  }

  /**
   * Takes a message in, and ends phases whose time is over before. When the inner promise is kept, that is
   * on the disk, and what follows is in the boxes.
   */
  async take({ message, now, blob }: Came): Promise<{
    readonly refused?: Reason;
    readonly written: Promise<void>;
  }> {
    const before = await this.tick(now);
    const at = now - this.#pause;
    const { send, refused, isNews } = await this.#server.handle(message, at);
    const { phase } = this;
    if (refused === undefined && blob !== undefined) this.#noteInput(message, blob);
    const record: SecureRecord =
      blob === undefined
        ? { kind: 'message', at, bytes: message }
        : { kind: 'masked', at, bytes: blob };
    const written = this.#kept(isNews ? record : undefined, { send, phase });
    return {
      written: Promise.all([before.written, written]).then(() => {}),
      ...(refused && { refused }),
    };
  }

  async #againInput({
    message,
    at,
    name,
  }: {
    readonly message: Uint8Array;
    readonly at: number;
    readonly name: Uint8Array;
  }): Promise<void> {
    const { send, refused } = await this.#server.handle(message, at);
    this.#deliver({ send });
    if (refused === undefined) this.#noteInput(message, name);
  }

  #noteInput(message: Uint8Array, blob: Uint8Array): void {
    this.blobs.set(this.senderOf(message)!, hex(blob));
  }

  /** Looks at the time. */
  async tick(now: number): Promise<{ readonly written: Promise<void> }> {
    if (this.isOver || now < this.until) return { written: Promise.resolve() };
    const at = now - this.#pause;
    const { send } = await this.#server.tick(at);
    const { phase } = this;
    const record = { kind: 'tick', at, bytes: new Uint8Array(0) } as const;
    return { written: this.#kept(record, { send, phase }) };
  }

  /** Gives the round up. */
  async abort(): Promise<void> {
    this.#deliver(await this.#server.abort());
  }

  /** Masks may be taken off: clients are shown who is in the sums, and asked for what that takes. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#wake();
  }

  /** The message that a client is to answer, `undefined` if there is none. */
  dueTo(identity: string): Uint8Array | undefined {
    const phase = this.#shown;
    if ((phase === 'consents' || phase === 'unmask') && !this.#isReleased) return undefined;
    const message = this.#boxes.get(identity);
    return message ?? (phase === 'keys' ? this.#invitation : undefined);
  }

  /** Whether there can be another message for a client. */
  mayHear(identity: string): boolean {
    if (this.#isClosed || this.hasEnded) return false;
    return this.#shown === 'keys' || this.#roster.includes(identity);
  }

  /** Waits until something has changed. */
  changed(signal: AbortSignal): Promise<void> {
    return this.#isClosed ? Promise.resolve() : this.#changes.next(signal);
  }

  /** Nothing more comes of it here; last words stay in the boxes, and the journal for whoever goes on. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#wake();
    await this.#options.journal.close();
  }

  /** The same where nobody goes on: nothing that could take masks off is kept. */
  async forget(): Promise<void> {
    await this.close();
    await this.#options.journal.remove();
  }

  /** Gives out what follows once what it follows from is on the disk. */
  async #kept(record: SecureRecord | undefined, after: After): Promise<void> {
    if (record !== undefined) await this.#options.journal.append(record);
    this.#deliver(after);
  }

  #deliver({ send, phase = this.phase }: After): void {
    const { roster } = this.#server;
    this.#shown = phase;
    if (this.#roster.length !== roster.length) this.#roster = roster;
    for (const { to, message } of send) this.#boxes.set(to, message);
    this.#wake();
  }

  #wake(): void {
    this.#changes.tell();
  }
}

function isLast(phase: ServerPhase): boolean {
  return phase === 'done' || phase === 'aborted';
}
