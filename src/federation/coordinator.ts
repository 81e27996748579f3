/**
 * A run, at work: who takes part, rounds one after another, updates coming in, models going out.
 *
 * It ties the round machine to the store, by steps (`run-steps.ts`): each is decided in memory and written
 * at once; its answer waits until that and all before it are on disk, and only then does what follows begin.
 * So whatever was answered is in the log, and a process that is killed at any point is taken up by folding
 * the log.
 *
 * Its parts know the run through a `RunHost`: clients come by `enrolment.ts`, updates by `intake.ts` and, under
 * masks, `secure-rounds.ts`; `work-in-hand.ts` has a round's work done, `round-planning.ts` says what follows it.
 *
 * If the disk refuses events, the state in memory is thrown away: nothing is taken in until the log could
 * be read anew and written again.
 *
 * @module
 */

import type { Backend } from '../backend/kernels.ts';
import { StoreError } from '../core/errors.ts';
import type { CryptoProvider } from '../secagg/crypto/provider.ts';
import type { Masks } from '../secagg/masks.ts';
import { Changes } from './changes.ts';
import { type CompositionReport, checkComposition } from './composition.ts';
import { Enrolment } from './enrolment.ts';
import type { RunEvent } from './events.ts';
import { Intake } from './intake.ts';
import type { Optimizer } from './optimizers/optimizer.ts';
import { parseOptimizer } from './optimizers/spec.ts';
import type { Outcome, Refused } from './outcomes.ts';
import type { EnrolmentPolicy, Registry } from './registry.ts';
import { type ClientEvent, RoundMachine } from './round.ts';
import type { Effects, Answer as RoundAnswer, RoundInput } from './round-io.ts';
import {
  lackText,
  nextStep,
  type PlanningFacts,
  type PlanOptions,
  PRESENT_MS,
  planRound,
} from './round-planning.ts';
import type { RoundStatus } from './round-status.ts';
import { type RoundView, ServedBlobs, viewOf } from './round-view.ts';
import type { RoundWorker, Unmasked, WorkFacts } from './round-work.ts';
import type { RunConfig } from './run-config.ts';
import type { RunHost } from './run-host.ts';
import { beginRun, foldedState, openSecure, openWorker, updateEntries } from './run-opening.ts';
import { isOver, type RunState } from './run-state.ts';
import { RunSteps } from './run-steps.ts';
import type { SecureRounds } from './secure-rounds.ts';
import { MASKED } from './statement.ts';
import type { LoggedEvent } from './store/chain.ts';
import type { Store } from './store/store.ts';
import { WorkInHand } from './work-in-hand.ts';

/** What a coordinator is made of. */
export interface CoordinatorOptions {
  /** Stays open. */
  readonly store: Store;
  /** As `parseConfig` gives it. */
  readonly config: RunConfig;
  readonly crypto: CryptoProvider;
  /** Stays open. */
  readonly backend: Backend;
  readonly enrolment: EnrolmentPolicy;
  /** What takes masks off. Default: portable code. */
  readonly masks?: Masks;
  /** Milliseconds since 1970. Default: the system's clock. */
  readonly now?: () => number;
  /** Until the disk is tried anew, where it was full, in milliseconds. Default: five seconds. */
  readonly retryMs?: number;
  /** Told of each event once it is on disk. */
  readonly onEvent?: (event: LoggedEvent) => void;
  /** Told of what goes wrong beside any request. */
  readonly onTrouble?: (what: string, cause: unknown) => void;
}

/** Timers hold no longer. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
/** Until the disk is tried anew. */
const RETRY_MS = 5_000;

/** The run of a store, at work. Its methods may be called at the same time. */
export class Coordinator {
  readonly config: RunConfig;
  readonly composition: CompositionReport;
  readonly store: Store;
  /** The server's, as configured. */
  readonly optimizer: Optimizer;
  /** Lets clients in. @internal */
  readonly enrolment: Enrolment;
  /** Takes updates in. @internal */
  readonly intake: Intake;
  readonly #options: CoordinatorOptions;
  readonly #steps: RunSteps;
  readonly #work: WorkInHand;
  readonly #served: ServedBlobs;
  readonly #now: () => number;
  /** When each client was last heard of. */
  readonly #heard = new Map<string, number>();
  readonly #changes = new Changes();
  /** Where updates are masked. */
  #secure: SecureRounds | undefined;
  #machine: RoundMachine;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isPaused = false;
  #isClosed = false;

  private constructor(
    options: CoordinatorOptions,
    { state, worker }: { readonly state: RunState; readonly worker: RoundWorker },
  ) {
    this.#options = options;
    this.config = options.config;
    this.composition = checkComposition(options.config);
    this.store = options.store;
    this.optimizer = parseOptimizer(options.config.optimizer).optimizer;
    this.#now = options.now ?? Date.now;
    this.#machine = new RoundMachine(state);
    this.#served = new ServedBlobs(this.store.blobs, { withStates: this.optimizer.parts > 1 });
    const parts = this.#host();
    this.enrolment = new Enrolment({
      ...parts,
      policy: options.enrolment,
      most: this.config.limits.clients,
      record: (event) => this.#record(event),
      heard: (client) => this.heard(client),
    });
    this.intake = new Intake({
      ...parts,
      optimizer: this.optimizer,
      registry: () => this.registry,
      secure: () => this.#secure,
      handle: (input) => this.#handle(input),
    });
    this.#work = new WorkInHand({
      ...parts,
      worker,
      finish: async (result) => {
        if (!this.#isClosed) await this.#handle(result);
      },
    });
    this.#steps = new RunSteps(options.store, {
      onLogged: (events) => this.#logged(events),
      onLost: (trouble, cause) => this.#lost(trouble, cause),
      follow: (effects) => {
        if (effects?.work !== undefined) this.#work.begin(effects.work);
        this.#wake();
      },
    });
  }

  /**
   * Takes a run up where its log ends. A run of which nothing has happened begins with `model`.
   *
   * @throws {FormatError} if the log cannot be folded, or the model is missing, none, or cannot be sent.
   * @throws {StoreError | PrivacyError} if the store or the ledger cannot be used.
   */
  static async open(
    options: CoordinatorOptions & { readonly model?: Uint8Array },
  ): Promise<Coordinator> {
    const { state, isNew } = await beginRun(options, options.model);
    const dimensions = await updateEntries(state.model!, options);
    const unmask = (round: number, facts: WorkFacts): Promise<Unmasked> =>
      own.#secure!.unmask(round, facts);
    const worker = await openWorker({ ...options, unmask }, dimensions);
    const own: Coordinator = new Coordinator(options, { state, worker });
    if (options.config.secure !== undefined) await own.#mask(dimensions);
    await own.#begin(isNew);
    return own;
  }

  /** What is known of the run; not to be changed. @internal */
  get state(): RunState {
    return this.#machine.state;
  }

  /** @internal */
  get registry(): Registry {
    return this.enrolment.registry;
  }

  /** Number types that updates may have on the wire. */
  get dtypes(): string[] {
    return this.#secure === undefined ? [...this.config.wire.dtypes] : [MASKED];
  }

  /** Messages of rounds under masks; `undefined` where updates come in the clear. @internal */
  get secure(): SecureRounds | undefined {
    return this.#secure;
  }

  /** Whether no round will follow. */
  get isFinished(): boolean {
    return this.state.finished !== undefined;
  }

  /** Why nothing is taken in at present. */
  get trouble(): StoreError | undefined {
    return this.#steps.trouble;
  }

  /** How the round is getting on. */
  status(): RoundStatus {
    return this.#machine.status(this.#now());
  }

  /** Milliseconds since 1970. */
  now(): number {
    return this.#now();
  }

  /** What the run waits for before a round, in words; empty while one goes on. */
  get waitingFor(): string {
    const { round, finished } = this.state;
    if (finished !== undefined) return `the run is over: ${finished}`;
    if (round !== undefined && !isOver(round)) return this.status().text;
    return lackText(this.#facts());
  }

  /** Keeps promises until something changes. */
  changed(signal?: AbortSignal): Promise<void> {
    return this.#changes.next(signal);
  }

  /** Notes that a client is there. */
  heard(client: string): void {
    const before = this.#heard.get(client);
    const now = this.#now();
    this.#heard.set(client, now);
    if (before === undefined || now - before > PRESENT_MS) this.#wake();
  }

  /** Why a client may not take part now, or `undefined`. */
  standingOf(client: string): Refused | undefined {
    return this.enrolment.standingOf(client);
  }

  /** Puts a client out. */
  revoke(client: string, reason: string): Promise<Outcome<{ readonly client: string }>> {
    return this.enrolment.revoke(client, reason);
  }

  /** Holds something against a client: how it behaved, or what an operator has seen. */
  async penalise(client: string, kind: string, reason: string): Promise<void> {
    const round = this.state.round?.round ?? 0;
    const body = { client, round, kind, weight: 1, reason };
    await this.#record({ type: 'client.penalised', body });
  }

  /** The round as a client sees it, or anybody. */
  async view(client?: string): Promise<RoundView> {
    const view = await viewOf(this.state, { client, status: this.status(), served: this.#served });
    // What is told of the state before it is on disk could still be lost.
    await this.#steps.synced();
    return view;
  }

  /** Whether a blob is a model that was published, or the first; or a state that clients need. */
  async isModel(name: string): Promise<boolean> {
    return this.#served.has(name);
  }

  /** Opens no more rounds until told to go on. The one that is open goes on. */
  pause(): void {
    this.#isPaused = true;
    this.#changes.tell();
  }

  /** Opens rounds again. */
  unpause(): void {
    this.#isPaused = false;
    this.#wake();
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Ends the round that is open. */
  async cancel(reason: string): Promise<void> {
    await this.#handle({ kind: 'cancel', reason });
  }

  /** When no round is open and no work is left. */
  async settled(): Promise<void> {
    for (;;) {
      await this.#work.done;
      await this.#steps.idle();
      const { round } = this.state;
      if (round === undefined || isOver(round)) return;
      await this.changed();
    }
  }

  /** Lets go: work ends where it is, to be done again by whoever takes the run up. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#work.stop(new StoreError('closed', 'the coordinator is closed'));
    await this.#secure?.close();
    await this.#steps.idle();
    this.#changes.tell();
  }

  // Steps

  async #handle(input: RoundInput): Promise<RoundAnswer> {
    const { answer } = await this.#step(() => this.#machine.handle(input, this.#now()));
    return answer!;
  }

  #record(event: RunEvent<ClientEvent>): Promise<Effects> {
    return this.#step(() => this.#machine.record(event, this.#now()));
  }

  /** One step: decided at once, answered once it is on disk. */
  async #step(act: () => Effects): Promise<Effects> {
    const decide = (): ReturnType<RunSteps['decide']> => this.#steps.decide(act);
    // Where updates are masked, steps take time.
    const step = this.#secure === undefined ? decide() : await this.#steps.inTurn(decide);
    await this.#steps.finish(step);
    return step.effects;
  }

  /** What its parts may know of the run and ask of it. */
  #host(): RunHost {
    return {
      store: this.store,
      config: this.config,
      crypto: this.#options.crypto,
      state: () => this.state,
      now: () => this.#now(),
      synced: () => this.#steps.synced(),
      quietly: (work) => this.#quietly(work),
    };
  }

  /** Rounds under masks, by the key of the run's folder. */
  async #mask(dimensions: number): Promise<void> {
    const { masks, onTrouble } = this.#options;
    this.#secure = await openSecure({
      ...this.#host(),
      ...(masks && { masks }),
      dimensions,
      ownerOf: (key) => this.registry.ownerOf(key)?.client,
      inTurn: (work) => this.#steps.inTurn(work),
      decide: (input, at) => this.#steps.decide(() => this.#machine.handle(input, at)),
      finish: async (steps) => {
        for (const step of steps) await this.#steps.finish(step);
      },
      onFailure: (what, cause) => onTrouble?.(what, cause),
    });
  }

  /** Told of events once they are on disk. */
  #logged(events: readonly LoggedEvent[]): void {
    for (const event of events) {
      this.enrolment.happened(event);
      this.#remember(event);
      this.#secure?.happened(event);
      this.#options.onEvent?.(event);
    }
    if (events.length > 0) this.#changes.tell();
  }

  /** What is kept of an event besides the state. */
  #remember(event: LoggedEvent): void {
    this.#work.happened(event);
    this.#served.happened(event);
    this.intake.happened(event);
  }

  // Beginning, and beginning anew

  async #begin(isNew: boolean): Promise<void> {
    await this.enrolment.reload();
    for await (const event of this.store.events()) this.#remember(event);
    await this.intake.tidy();
    // SAGG1 is where it was before anything is made of that.
    await this.#secure?.open();
    if (isNew) this.#wake();
    else await this.#step(() => this.#machine.resume(this.#now()));
  }

  /** The log did not take what the state holds. */
  #lost(trouble: StoreError, cause: unknown): void {
    this.#options.onTrouble?.('the log could not be written', cause);
    if (trouble.code !== 'disk-full') {
      this.#changes.tell();
      return;
    }
    this.#retryLater();
  }

  #retryLater(): void {
    if (this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#retry(), this.#options.retryMs ?? RETRY_MS);
  }

  /** Reads the log, and goes on from there if it takes events again. */
  async #retry(): Promise<void> {
    try {
      await this.#work.stop(this.trouble);
      this.#machine = new RoundMachine(await foldedState(this.store, this.config));
      await this.enrolment.reload();
      this.#steps.recover();
      await this.#secure?.open();
      await this.#step(() => this.#machine.resume(this.#now()));
    } catch (cause) {
      this.#options.onTrouble?.('the run could not be taken up yet', cause);
      if (this.trouble?.code === 'disk-full') this.#retryLater();
    }
  }

  // Time, and rounds one after another

  /** Looks after what is due: now, or when it will be. */
  #wake(): void {
    clearTimeout(this.#timer);
    if (this.#isClosed || this.trouble !== undefined) return;
    const { due } = this.#machine;
    if (nextStep(this.#facts()) !== undefined) {
      // What was to follow may have followed when it is its turn.
      const next = (): Effects => this.#follow() ?? { time: this.state.time, log: [] };
      void this.#quietly(() => this.#step(next));
      return;
    }
    if (due === undefined) return;
    const ms = Math.min(MAX_TIMEOUT_MS, Math.max(0, due - this.#now()));
    this.#timer = setTimeout(() => {
      void this.#quietly(() => this.#step(() => this.#machine.tick(this.#now())));
    }, ms);
  }

  async #quietly(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (cause) {
      if (this.trouble === undefined) this.#options.onTrouble?.('a step failed', cause);
    }
  }

  /** Does what is to follow a round that is over. */
  #follow(): Effects | undefined {
    const next = nextStep(this.#facts());
    if (next === undefined) return undefined;
    if (next.kind === 'end') return this.#machine.end(next.reason, this.#now());
    const { crypto } = this.#options;
    const secrecy = this.composition.facts as PlanOptions['secrecy'];
    return this.#machine.open(planRound(this.#facts(), { crypto, secrecy }), this.#now());
  }

  #facts(): PlanningFacts {
    return {
      state: this.state,
      config: this.config,
      heard: this.#heard,
      isPaused: this.#isPaused,
      now: this.#now(),
    };
  }
}
