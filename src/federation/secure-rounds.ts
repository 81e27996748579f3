/**
 * Rounds under masks in a run: messages of clients are taken in by SAGG1, and what comes of them by the
 * machine of rounds, in step with each other.
 *
 * SAGG1 decides whose input is in a sum, the machine what counts: an input is committed as it is added,
 * and whoever SAGG1 waits for no more leaves the round. Both happen in one turn, in which nothing else
 * changes the run. A crash between the two is made good when the run is taken up.
 *
 * @module
 */

import { hexToBytes } from '@noble/hashes/utils.js';
import { SecureError } from '../core/errors.ts';
import type { RoundConfig } from '../secagg/config.ts';
import { HEADER_BYTES, openMessage } from '../secagg/messages.ts';
import { packedBytes } from '../secagg/packing.ts';
import { describeRefusal } from '../secagg/reasons.ts';
import { hex, KEY_BYTES, SIGNATURE_BYTES, SLOTS } from '../secagg/suite.ts';
import type { OpenedSum } from './events.ts';
import { openModel } from './model-file.ts';
import { parseOptimizer } from './optimizers/spec.ts';
import type { RoundPhase, RoundState } from './run-state.ts';
import type { Decided } from './run-steps.ts';
import type { MaskedUpdate, SecureHost, Speaker } from './secure-host.ts';
import { planSecure, type SecurePlan, type SecureRun, secureRoundConfig } from './secure-plan.ts';
import { recordSums } from './secure-record.ts';
import { reasonRefusal, refusedAs, type SecureRefusal, TOLD } from './secure-refusals.ts';
import { SecureRound, type SecureRoundOptions } from './secure-round.ts';
import { COLLECTING, faultOf, lost, settled } from './secure-steps.ts';
import type { LoggedEvent } from './store/chain.ts';
import { SecureJournal } from './store/secure-journal.ts';

/** After these nothing that was sent is needed any more. */
const OVER: ReadonlySet<string> = new Set(['round.unmasked', 'round.failed']);
/** Phases of a round in which there is no sum yet. */
const MASKED_PHASES: ReadonlySet<RoundPhase> = new Set<RoundPhase>([
  'collect',
  'screen',
  'account',
  'unmask',
]);
/** Timers hold no longer. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** Bytes of a masked input, with all that is around it. */
function maskedBytes({ dimensions, ringBits }: RoundConfig): number {
  return HEADER_BYTES + packedBytes(SLOTS + dimensions, ringBits) + KEY_BYTES + SIGNATURE_BYTES;
}

/** The rounds of a run, of which one goes on. */
export class SecureRounds {
  readonly #host: SecureHost;
  readonly #plans = new Map<number, SecurePlan>();
  #current: SecureRound | undefined;
  /** Its last words may still be asked for. */
  #previous: SecureRound | undefined;
  #opening: Promise<void> = Promise.resolve();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(host: SecureHost) {
    this.#host = host;
  }

  /** Public key of the server: what clients hold its words against. 32 bytes */
  get serverKey(): Uint8Array {
    return this.#host.identity.publicKey;
  }

  /** What rounds of so many are. @throws as `planSecure`. */
  planOf(clients: number): SecurePlan {
    const known = this.#plans.get(clients);
    if (known !== undefined) return known;
    const { config, dimensions } = this.#host;
    const plan = planSecure(config as SecureRun, { clients, dimensions });
    this.#plans.set(clients, plan);
    return plan;
  }

  /** Follows the log. */
  happened({ type, body }: Pick<LoggedEvent, 'type' | 'body'>): void {
    const { onFailure } = this.#host;
    const after =
      type === 'round.opened'
        ? () => this.open()
        : OVER.has(type)
          ? () => this.over(Number(body.round))
          : undefined;
    after?.().catch((cause: unknown) => onFailure('a round under masks', cause));
  }

  /** Opens the round that the run is in, or goes on with it. Others wait for it. */
  open(): Promise<void> {
    const { round } = this.#host.state();
    if (this.#isClosed) return this.#opening;
    this.#opening = this.#opening
      .then(() =>
        round !== undefined && MASKED_PHASES.has(round.phase)
          ? this.#opened(round)
          : SecureJournal.sweep(this.#folder),
      )
      .catch((cause: unknown) => this.#host.onFailure('a round under masks', cause));
    return this.#opening;
  }

  /** Of journals. */
  get #folder(): string {
    return `${this.#host.store.folder}/secure`;
  }

  /** The round is over, or its sums are in the log: nothing that could take masks off is kept. */
  async over(round: number): Promise<void> {
    await this.#opening;
    const own = this.#current;
    if (own?.round !== round) return;
    await this.#host.inTurn(async () => {
      if (!own.isOver) await own.abort();
      await own.forget();
    });
  }

  /** Lets go; what was taken in is in the journal. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#opening;
    await this.#current?.close();
  }

  /** Bytes of a masked input of a round; 0 if it takes none. */
  async inputBytes(round: number): Promise<number> {
    const own = await this.#roundOf(round);
    return 'code' in own ? 0 : maskedBytes(own.config);
  }

  /** The message that a client is to answer, other than `after`; `undefined` if none came in time. */
  async due(
    { client, identity }: Speaker,
    { round, after, signal }: { round: number; after?: string | undefined; signal: AbortSignal },
  ): Promise<{ readonly message: Uint8Array | undefined } | SecureRefusal> {
    const own = await this.#roundOf(round);
    if ('code' in own) return own;
    if (!this.#isMember(client, own.round)) {
      return refusedAs('not-selected', `${client} is not in round ${round}`);
    }
    for (;;) {
      const message = own.dueTo(identity);
      if (message !== undefined && hex(this.#host.crypto.sha256(message)) !== after) {
        return { message };
      }
      if (!own.mayHear(identity)) {
        return refusedAs('round-over', `nothing more is said to ${client} in round ${round}`);
      }
      if (signal.aborted) return { message: undefined };
      await own.changed(signal);
    }
  }

  /** Takes a message in; `undefined` once it counts. */
  async take(
    speaker: Speaker,
    { round, message }: { readonly round: number; readonly message: Uint8Array },
  ): Promise<SecureRefusal | undefined> {
    const own = await this.#roundOf(round);
    if ('code' in own) return own;
    const { client } = speaker;
    if (openMessage(message)?.type === 'masked') {
      return refusedAs('malformed', 'a masked input is sent as an update');
    }
    const { refused, steps } = await this.#taken(own, { speaker, read: async () => message });
    await this.#host.finish(steps);
    if (refused !== undefined) await this.#told(refused, { client, round });
    return refused;
  }

  /** Takes a masked input in: it is in a sum, and its update committed, or neither. */
  async commit(speaker: Speaker, update: MaskedUpdate): Promise<SecureRefusal | undefined> {
    const own = await this.#roundOf(update.round);
    if ('code' in own) return own;
    // Read when it is its turn: of many that come at once, one is in memory.
    const read = (): Promise<Uint8Array> => this.#bytesOf(update.blob);
    const { refused, steps } = await this.#taken(own, { speaker, read, update });
    await this.#host.finish(steps);
    return refused;
  }

  /**
   * Has masks taken off: shows clients who is in the sums, and waits for what they reveal.
   *
   * @throws {SecureError} `aborted` if there are no sums, with the numbers.
   * @throws the reason of the signal.
   */
  async unmask(
    round: number,
    { signal, model }: { readonly signal: AbortSignal; readonly model: string },
  ): Promise<{ readonly sums: readonly OpenedSum[]; readonly transcript: string }> {
    const own = await this.#roundOf(round);
    if ('code' in own) throw new SecureError('aborted', own.message);
    await this.#host.inTurn(async () => {
      // Whoever has not sent when the round closes does not count, whatever SAGG1's clock shows.
      while (COLLECTING.has(own.phase)) await (await own.tick(own.until)).written;
    });
    own.release();
    this.#arm(own);
    while (!own.hasEnded) {
      signal.throwIfAborted();
      await own.changed(signal);
    }
    signal.throwIfAborted();
    const { outcome, refusal, config } = own;
    if (outcome === undefined) {
      throw new SecureError('aborted', refusal ? describeRefusal(refusal) : 'there is no sum');
    }
    const { store, crypto, codec, identity, ownerOf, config: run } = this.#host;
    const { parts } = parseOptimizer(run.optimizer).optimizer;
    await using source = await store.blobs.open(model);
    return recordSums(
      { round, config, outcome, state: await own.state() },
      {
        store,
        crypto,
        codec,
        server: identity.publicKey,
        model: await openModel(source, parts),
        clientOf: (key) => ownerOf(key) ?? key,
      },
    );
  }

  async #opened(round: RoundState): Promise<void> {
    if (this.#current?.round !== round.round) this.#previous = this.#current;
    clearTimeout(this.#timer);
    const { inTurn, finish, decide, now, onFailure } = this.#host;
    try {
      await this.#current?.close();
      await SecureJournal.sweep(this.#folder, round.round);
      const own = await this.#madeOf(round);
      this.#current = own;
      await finish(await inTurn(() => settled(own, this.#host)));
      this.#arm(own);
    } catch (cause) {
      onFailure(`round ${round.round} could not be opened`, cause);
      const { phase } = this.#host.state().round!;
      const reason = cause instanceof Error ? cause.message : String(cause);
      const broke = {
        kind: 'broke',
        round: round.round,
        phase,
        code: 'not-unmasked',
        reason,
      } as const;
      await finish(await inTurn(() => [decide(broke, now())]));
    }
  }

  async #madeOf(round: RoundState): Promise<SecureRound> {
    const { journal, records } = await SecureJournal.open(this.#folder, round.round);
    const options = this.#optionsOf(round, journal);
    try {
      const before = await SecureRound.resume(options, records, {
        blob: (name) => this.#bytesOf(name),
        now: this.#host.now(),
      });
      return before ?? (await this.#begun(round, options));
    } catch (error) {
      await journal.close();
      throw error;
    }
  }

  #optionsOf(round: RoundState, journal: SecureJournal): SecureRoundOptions {
    const { identity, crypto, masks, ownerOf, onFailure } = this.#host;
    return {
      round: round.round,
      identity,
      crypto,
      masks,
      journal,
      isMember: (key) => this.#isMember(ownerOf(key), round.round),
      onFailure: (cause) => onFailure('secure aggregation', cause),
    };
  }

  /** @throws {SecureError} if the round has been closed: what was taken in is lost. */
  async #begun(round: RoundState, options: SecureRoundOptions): Promise<SecureRound> {
    if (round.phase !== 'collect') {
      throw new SecureError('aborted', 'the server was restarted, and has no journal of the round');
    }
    const { store, crypto, now } = this.#host;
    const facts = { id: store.run, round: round.round, model: hexToBytes(round.model) };
    const config = secureRoundConfig(this.planOf(round.members.size), facts, crypto);
    return SecureRound.begin(options, { config, at: now() });
  }

  #isMember(client: string | undefined, number: number): boolean {
    const { round } = this.#host.state();
    // Of a round that is over, only last words are given out.
    if (round?.round !== number) return true;
    return client !== undefined && round.members.has(client);
  }

  async #roundOf(number: number): Promise<SecureRound | SecureRefusal> {
    const find = (): SecureRound | undefined =>
      [this.#current, this.#previous].find((one) => one?.round === number);
    // A client may have heard of a round that is not in the log yet: it is opened once it is.
    if (this.#host.state().round?.round === number && find() === undefined) {
      await this.#host.synced();
    }
    await this.#opening;
    const own = find();
    if (own !== undefined) return own;
    return refusedAs('wrong-round', `round ${number} takes no messages`);
  }

  /** A message, and what follows for the run. */
  #taken(
    own: SecureRound,
    {
      speaker: { client, identity },
      read,
      update,
    }: { speaker: Speaker; read: () => Promise<Uint8Array>; update?: MaskedUpdate },
  ): Promise<{ readonly refused?: SecureRefusal; readonly steps: readonly Decided[] }> {
    const { inTurn, now } = this.#host;
    return inTurn(async () => {
      const fault = faultOf(own, { host: this.#host, client, ...(update && { update }) });
      if (fault !== undefined) return { refused: fault, steps: [] };
      const message = await read();
      if (update !== undefined && openMessage(message)?.type !== 'masked') {
        return { refused: refusedAs('malformed', 'the update is no masked input'), steps: [] };
      }
      const sender = own.senderOf(message);
      if (sender !== identity) {
        const refused = refusedAs(
          sender === undefined ? 'malformed' : 'wrong-client',
          `the message is not one of ${client}`,
        );
        return { refused, steps: [] };
      }
      const { phase } = own;
      const blob = update && { blob: hexToBytes(update.blob) };
      const { refused, written } = await own.take({ message, now: now(), ...blob });
      written.catch((cause: unknown) => this.#lost(own, cause));
      // What follows for the run is logged after what it follows from.
      if (update !== undefined || own.phase !== phase) await written;
      this.#arm(own);
      const steps = [...settled(own, this.#host), { written }];
      return refused === undefined ? { steps } : { refused: reasonRefusal(refused, client), steps };
    });
  }

  /** The journal did not take what SAGG1 has: nothing follows from that. */
  #lost(own: SecureRound, cause: unknown): void {
    const { inTurn, finish, onFailure } = this.#host;
    if (own.isLost) return;
    own.isLost = true;
    onFailure(`the journal of round ${own.round} could not be written`, cause);
    inTurn(() => lost(own, this.#host))
      .then(finish)
      .catch((error: unknown) => onFailure('a step failed', error));
  }

  /** Logs what a member was refused for, where that says something of it. */
  async #told(
    { code, status, message }: SecureRefusal,
    { client, round }: { client: string; round: number },
  ) {
    if (!TOLD.has(code)) return;
    const { inTurn, decide, finish, now } = this.#host;
    const input = { kind: 'refuse', round, client, code, status, reason: message } as const;
    await finish(await inTurn(() => [decide(input, now())]));
  }

  /** Looks at the clock again when the phase is over. */
  #arm(own: SecureRound): void {
    clearTimeout(this.#timer);
    if (own.isOver || this.#isClosed || own !== this.#current) return;
    const { now, onFailure } = this.#host;
    const ms = Math.min(MAX_TIMEOUT_MS, Math.max(0, own.until - now()));
    this.#timer = setTimeout(() => {
      this.#tick(own).catch((cause: unknown) => onFailure('a step failed', cause));
    }, ms);
  }

  async #tick(own: SecureRound): Promise<void> {
    const { inTurn, finish, now } = this.#host;
    const steps = await inTurn(async () => {
      if (own !== this.#current || own.isOver) return [];
      const { written } = await own.tick(now());
      written.catch((cause: unknown) => this.#lost(own, cause));
      await written;
      this.#arm(own);
      return settled(own, this.#host);
    });
    await finish(steps);
  }

  async #bytesOf(blob: string): Promise<Uint8Array> {
    await using source = await this.#host.store.blobs.open(blob);
    return source.read(0, source.size);
  }
}
