/**
 * A run, at work: who takes part, rounds one after another, updates coming in, models going out.
 *
 * It ties the round machine to the store. Each step is decided in memory and written at once; its answer
 * waits until that and all before it are on disk, and only then does what follows begin. So whatever was
 * answered is in the log, and a process that is killed at any point is taken up by folding the log.
 *
 * If the disk refuses events, the state in memory is thrown away: nothing is taken in until the log could
 * be read anew and written again.
 *
 * @module
 */

import { hexToBytes } from '@noble/hashes/utils.js';
import type { Backend } from '../backend/kernels.ts';
import { FormatError, StoreError } from '../core/errors.ts';
import { createRandom } from '../core/random.ts';
import { readSafetensorsHeader } from '../formats/safetensors.ts';
import { wireLength } from '../formats/wire.ts';
import { hostCodec } from '../secagg/codec.ts';
import type { CryptoProvider } from '../secagg/crypto/provider.ts';
import { type Masks, referenceMasks } from '../secagg/masks.ts';
import { hex } from '../secagg/suite.ts';
import { type CompositionReport, checkComposition } from './composition.ts';
import { EventPipe } from './event-pipe.ts';
import { parseEvent, type RunEvent } from './events.ts';
import { conductOf } from './evidence.ts';
import { openIdentity } from './identity-file.ts';
import { chunkCount } from './merkle.ts';
import { type OpenModel, openModel, updateFaults, updateLengths } from './model-file.ts';
import type { Optimizer } from './optimizers/optimizer.ts';
import { parseOptimizer } from './optimizers/spec.ts';
import { fixedMembers, PrivateRounds } from './private-rounds.ts';
import {
  type Decision,
  decideRegistration,
  decideRevocation,
  decideRotation,
  type EnrolmentPolicy,
  type RegistrationRequest,
  Registry,
  type RotationRequest,
  standing,
} from './registry.ts';
import { reputationOptions } from './reputation.ts';
import {
  type Effects,
  type Answer as RoundAnswer,
  type RoundInput,
  RoundMachine,
  type RoundPlan,
  type RoundStatus,
  type RoundWork,
} from './round.ts';
import { factsOf, RoundWorker } from './round-work.ts';
import type { RunConfig } from './run-config.ts';
import { emptyRun, fold, isOver, type RunState } from './run-state.ts';
import type { Decided } from './secure-host.ts';
import { planSecure, sharesOf } from './secure-plan.ts';
import { SecureRounds } from './secure-rounds.ts';
import { candidatesOf, type SelectionScheme, select } from './selection.ts';
import { ShareBudget } from './share-budget.ts';
import {
  checkStatement,
  MASKED,
  type SignedStatement,
  STATEMENT_LIMITS,
  type Statement,
} from './statement.ts';
import type { LoggedEvent } from './store/chain.ts';
import type { Store } from './store/store.ts';
import type { Upload } from './store/upload.ts';
import { Transcript } from './transcript.ts';

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

/** Why something is refused: a code of the federation's own, an HTTP status, a sentence. */
export interface Refused {
  readonly ok: false;
  readonly code: string;
  readonly status: number;
  readonly message: string;
  /** Chunks that are lacking, where that is why. */
  readonly missing?: number;
}

/** What was asked for, or why not. */
export type Outcome<T> = { readonly ok: true; readonly value: T } | Refused;

/** A declared update. */
export interface DeclaredUpdate {
  readonly update: string;
  /** `undefined` once it is committed. */
  readonly upload: Upload | undefined;
  readonly chunks: number;
  /** Whether it was declared before. */
  readonly repeated: boolean;
  readonly committed: boolean;
}

/** A committed update. */
export interface CommittedUpdate {
  readonly update: string;
  /** Merkle root over its chunks: its name on disk. */
  readonly root: string;
  /** Place of its event in the log. */
  readonly event: number;
}

/** How the run is getting on, as a client sees it. */
export interface RoundView {
  readonly status: RoundStatus;
  readonly finished?: string;
  readonly model?: string;
  readonly modelBytes?: number;
  readonly deadline?: number;
  /** The optimiser's state, where clients need it: a blob that is served as models are. */
  readonly state?: string;
  readonly stateBytes?: number;
  /** Whether the client that asked takes part, or may. */
  readonly selected: boolean;
  /** Whether its update is in. */
  readonly committed: boolean;
}

/** How long a client that was heard of counts as present, in milliseconds. */
export const PRESENT_MS = 60_000;
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
  readonly #options: CoordinatorOptions;
  readonly #pipe: EventPipe;
  readonly #worker: RoundWorker;
  readonly #now: () => number;
  /** When each client was last heard of. */
  readonly #heard = new Map<string, number>();
  readonly #waiters = new Set<() => void>();
  /** Places in the log of the commitments of this round, by client. */
  readonly #commitments = new Map<string, number>();
  /** Where updates are masked. */
  #secure: SecureRounds | undefined;
  /** Steps, one after another: those of masked updates take time. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Sizes of models that were asked for. */
  /** Of the model that was asked for last. */
  #header: { readonly name: string; readonly model: OpenModel } | undefined;
  readonly #modelBytes = new Map<string, number>();
  #machine: RoundMachine;
  #registry: Registry;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #working: { readonly done: Promise<void>; readonly controller: AbortController } | undefined;
  #lastAggregate: string | undefined;
  #aggregateOfRound: string | undefined;
  #isPaused = false;
  #isClosed = false;
  /** What keeps it from taking anything in. */
  #trouble: StoreError | undefined;

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
    this.#registry = new Registry();
    this.#worker = worker;
    this.#pipe = new EventPipe(options.store, {
      onLogged: (events) => this.#logged(events),
      onFailure: (cause) => this.#lost(cause),
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
    const { store, config, backend, model } = options;
    const now = options.now ?? Date.now;
    let state = await foldedState(store, config);
    const isNew = state.model === undefined;
    if (isNew) {
      if (model === undefined) throw new FormatError('malformed', 'a new run needs a model');
      const { name } = await store.blobs.putBytes(model);
      await store.append([{ type: 'run.opened', body: { model: name } }], now());
      state = await foldedState(store, config);
    }
    await using source = await store.blobs.open(state.model!);
    const { parts } = parseOptimizer(config.optimizer).optimizer;
    const { update } = await openModel(source, parts);
    // No update could be sent if scales had the name of a tensor.
    for (const dtype of config.wire.dtypes) wireLength({ layout: update, dtype });
    const { privacy } = config;
    const privateRounds =
      privacy?.kind === 'central' && privacy.noise === 'server'
        ? await PrivateRounds.open({
            config,
            privacy,
            backend,
            storage: store.ledger(now),
            cols: update.cols,
          })
        : undefined;
    const worker = new RoundWorker({
      store,
      config,
      backend,
      ...(privateRounds && { privateRounds }),
      ...(await shareBudget(options, update.cols)),
      unmask: (round, facts) => own.#secure!.unmask(round, facts),
    });
    const own: Coordinator = new Coordinator(options, { state, worker });
    if (config.secure !== undefined) await own.#mask(update.cols);
    await own.#begin(isNew);
    return own;
  }

  /** What is known of the run; not to be changed. @internal */
  get state(): RunState {
    return this.#machine.state;
  }

  /** @internal */
  get registry(): Registry {
    return this.#registry;
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
    return this.#trouble;
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
    if (this.#isPaused) return 'the run is paused';
    const { candidates } = this.#candidates();
    const out = this.#quarantined();
    const others = out === 0 ? '' : `; ${out} are in quarantine`;
    const needed = this.#needed();
    return `${candidates.length} clients are there, ${needed} are needed for the next round${others}`;
  }

  /** Keeps promises until something changes. */
  changed(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiters.delete(done);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      this.#waiters.add(done);
      signal?.addEventListener('abort', done, { once: true });
      if (signal?.aborted === true) done();
    });
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
    const refusal = standing(this.#registry.get(client), { client, now: this.#now() });
    return refusal && { ok: false, ...refusal };
  }

  /** Enrols a client whose key was shown to be its own to whoever set `secret`. @internal */
  async register(
    request: RegistrationRequest,
    secret: Uint8Array,
  ): Promise<Outcome<{ readonly client: string; readonly isNew: boolean }>> {
    const { crypto, enrolment: policy } = this.#options;
    const answer = await decideRegistration(request, {
      registry: this.#registry,
      policy,
      crypto,
      secret,
      run: this.store.run,
      now: this.#now(),
    });
    if (!answer.ok) return { ok: false, ...answer.refusal };
    const { client, event } = answer.value;
    const isNew = event !== undefined && this.state.clients.get(client) === undefined;
    if (isNew && this.state.clients.size >= this.config.limits.clients) {
      const message = `the run has the ${this.config.limits.clients} clients that it may have`;
      return { ok: false, code: 'not-enrolled', status: 403, message };
    }
    await this.#record(answer.value);
    this.heard(client);
    return { ok: true, value: { client, isNew } };
  }

  /** Changes a client's key. @internal */
  async rotate(request: RotationRequest): Promise<Outcome<{ readonly client: string }>> {
    const answer = await decideRotation(request, {
      registry: this.#registry,
      run: this.store.run,
      now: this.#now(),
      crypto: this.#options.crypto,
    });
    if (!answer.ok) return { ok: false, ...answer.refusal };
    await this.#record(answer.value);
    return { ok: true, value: { client: request.client } };
  }

  /** Puts a client out. */
  async revoke(client: string, reason: string): Promise<Outcome<{ readonly client: string }>> {
    const answer = decideRevocation({ client, reason }, this.#registry);
    if (!answer.ok) return { ok: false, ...answer.refusal };
    await this.#record(answer.value);
    return { ok: true, value: { client } };
  }

  /** Holds something against a client: how it behaved, or what an operator has seen. */
  async penalise(client: string, kind: string, reason: string): Promise<void> {
    const round = this.state.round?.round ?? 0;
    const body = { client, round, kind, weight: 1, reason };
    await this.#step(() => this.#machine.record({ type: 'client.penalised', body }, this.#now()));
  }

  /** The round as a client sees it, or anybody. */
  async view(client?: string): Promise<RoundView> {
    const { round, finished, model, optimizer } = this.state;
    const state = this.#isShared ? optimizer : undefined;
    const member = client === undefined ? undefined : round?.members.get(client);
    const base = round !== undefined && !isOver(round) ? round.model : model;
    const view = {
      status: this.status(),
      ...(finished !== undefined && { finished }),
      ...(base !== undefined && { model: base, modelBytes: await this.#sizeOf(base) }),
      ...(round !== undefined && { deadline: round.deadline }),
      ...(state !== undefined && { state, stateBytes: await this.#sizeOf(state) }),
      selected: member === undefined ? this.#mayJoin(client) : member.status !== 'out',
      committed: member?.status === 'committed',
    };
    await this.#synced();
    return view;
  }

  /** When all that the state holds is on disk: what is told of it before that could still be lost. */
  async #synced(): Promise<void> {
    await this.#pipe.write([], this.#now());
  }

  /** Whether a client that is no member would become one by declaring an update. */
  #mayJoin(client: string | undefined): boolean {
    const { round, reputation } = this.state;
    if (client === undefined || round?.phase !== 'collect' || !round.policy.lateJoin) return false;
    return round.members.size < round.policy.capacity && !reputation.isQuarantined(client);
  }

  /** Whether clients need the optimiser's state. */
  get #isShared(): boolean {
    return this.optimizer.parts > 1;
  }

  /** Whether a blob is a model that was published, or the first; or a state that clients need. */
  async isModel(name: string): Promise<boolean> {
    return this.#models.has(name);
  }

  readonly #models = new Set<string>();

  /** Takes a signed statement, and makes room for the update. @internal */
  async declare(sender: string, signed: SignedStatement): Promise<Outcome<DeclaredUpdate>> {
    const { statement } = signed;
    const record = this.#registry.get(sender);
    const accepted = await checkStatement(signed, {
      run: this.store.run,
      open: await this.#openRound(statement),
      sender,
      record,
      limits: {
        ...STATEMENT_LIMITS,
        maxLength: this.config.limits.updateBytes,
        samplesCap: this.config.limits.samplesCap,
        // What a masked update weighs is under its mask.
        ...(this.#secure && { samplesLimit: 1 }),
      },
      scalars: this.optimizer.clientScalars,
      now: this.#now(),
      crypto: this.#options.crypto,
    });
    if (!accepted.ok) return { ok: false, ...accepted.refusal };
    const { id, weight } = accepted.value;
    const { round: open } = this.state;
    if (open?.policy.lateJoin === true && !open.members.has(sender)) {
      const joined = await this.#handle({ kind: 'join', client: sender });
      if (!joined.ok) return refusedBy(joined);
    }
    if (this.state.clients.get(sender)?.key !== record?.key) {
      const message = 'the key was changed while this came: sign with the new one';
      return { ok: false, code: 'bad-signature', status: 403, message };
    }
    const before = this.#declared(sender);
    const { round, length, chunkSize, root, dtype, samples } = statement;
    const { clipNorm, expires, steps, loss } = statement;
    const answer = await this.#handle({
      kind: 'declare',
      round,
      client: sender,
      root,
      bytes: length,
      chunkBytes: chunkSize,
      dtype,
      samples: weight,
      signed: {
        update: id,
        claimed: samples,
        ...(clipNorm !== undefined && { clipNorm }),
        expires,
        ...(steps !== undefined && { steps }),
        ...(loss !== undefined && { loss }),
        signature: hex(signed.signature),
      },
    });
    if (!answer.ok) return refusedBy(answer);
    const member = this.state.round?.members.get(sender);
    // The one that was declared first, if only the claim or its time differ.
    const update = member?.declaration?.signed?.update ?? id;
    if (before !== undefined && before !== update) await this.store.uploads.forget(before);
    if (member?.status === 'committed') {
      const chunks = chunkCount({ length, chunkSize });
      const value = { update, upload: undefined, chunks, repeated: true, committed: true };
      return { ok: true, value };
    }
    const begun = await this.store.uploads.begin(update, {
      length,
      chunkSize,
      root: hexToBytes(root),
    });
    if (!begun.ok) return { ok: false, ...begun.refusal };
    const upload = begun.value;
    const { repeated } = answer;
    const { chunks } = upload;
    return { ok: true, value: { update, upload, chunks, repeated, committed: false } };
  }

  /** An update of a client, on its way or in. @internal */
  async uploadOf(client: string, update: string): Promise<Outcome<DeclaredUpdate>> {
    const member = this.state.round?.members.get(client);
    const declaration = member?.declaration;
    if (member === undefined || declaration?.signed?.update !== update) {
      const message = `${client} has declared no update ${update} in this round`;
      return { ok: false, code: 'no-such-update', status: 404, message };
    }
    const committed = member.status === 'committed';
    if (committed) {
      await this.#synced();
      const { bytes: length, chunkBytes: chunkSize } = declaration;
      const chunks = chunkCount({ length, chunkSize });
      return { ok: true, value: { update, upload: undefined, chunks, repeated: true, committed } };
    }
    if (this.state.round?.phase !== 'collect') {
      const message = `round ${this.state.round?.round} takes no more updates`;
      return { ok: false, code: 'round-over', status: 409, message };
    }
    // A crash may have come between the event and its file.
    const begun = await this.store.uploads.begin(update, {
      length: declaration.bytes,
      chunkSize: declaration.chunkBytes,
      root: hexToBytes(declaration.root),
    });
    if (!begun.ok) return { ok: false, ...begun.refusal };
    const upload = begun.value;
    return {
      ok: true,
      value: { update, upload, chunks: upload.chunks, repeated: true, committed },
    };
  }

  /** Takes an update in, once all of it is there. @internal */
  async commit(client: string, update: string): Promise<Outcome<CommittedUpdate>> {
    const found = await this.uploadOf(client, update);
    if (!found.ok) return found;
    const { round } = this.state;
    const number = round!.round;
    if (found.value.committed) return this.#committed(client, update);
    const { upload } = found.value;
    const { dtype = '', root = '' } = round!.members.get(client)?.declaration ?? {};
    const sealed = await upload!.seal();
    if (!sealed.ok) {
      const { code, status, message } = sealed.refusal;
      if (code === 'incomplete') {
        return { ok: false, code, status, message, missing: upload!.missing };
      }
      return this.#refuse({ round: number, client, update }, { code, status, message });
    }
    const { name } = sealed.value;
    if (this.#secure !== undefined) {
      const speaker = { client, identity: this.#registry.get(client)?.key ?? '' };
      const refused = await this.#secure.commit(speaker, { round: number, root, blob: name });
      if (refused !== undefined) return this.#refuse({ round: number, client, update }, refused);
      await this.store.uploads.forget(update);
      return this.#committed(client, update);
    }
    const faults = await this.#faultsOf(name, { dtype, model: round!.model });
    if (faults.length > 0) {
      const message = `the update does not fit the model: ${faults.join('; ')}`;
      return this.#refuse(
        { round: number, client, update },
        { code: 'wrong-tensors', status: 422, message },
      );
    }
    const answer = await this.#handle({ kind: 'commit', round: number, client, root, blob: name });
    if (!answer.ok) return refusedBy(answer);
    await this.store.uploads.forget(update);
    return this.#committed(client, update);
  }

  /** Opens no more rounds until told to go on. The one that is open goes on. */
  pause(): void {
    this.#isPaused = true;
    this.#notify();
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
      await this.#working?.done;
      await this.#pipe.idle();
      const { round } = this.state;
      if (round === undefined || isOver(round)) return;
      await this.changed();
    }
  }

  /** Lets go: work ends where it is, to be done again by whoever takes the run up. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#working?.controller.abort(new StoreError('closed', 'the coordinator is closed'));
    await this.#working?.done;
    await this.#secure?.close();
    await this.#pipe.idle();
    this.#notify();
  }

  // Steps

  async #handle(input: RoundInput): Promise<RoundAnswer> {
    const { answer } = await this.#step(() => this.#machine.handle(input, this.#now()));
    return answer!;
  }

  /** One step: decided at once, answered once it is on disk. */
  async #step(act: () => Effects): Promise<Effects> {
    const isMasked = this.#secure !== undefined;
    const step = isMasked ? await this.#inTurn(() => this.#decide(act)) : this.#decide(act);
    return this.#finish(step);
  }

  #decide(act: () => Effects): Decided & { readonly effects: Effects } {
    if (this.#trouble !== undefined) throw this.#trouble;
    const effects = act();
    const written = this.#pipe.write(effects.log, effects.time);
    // Whoever waits for it hears of its failure, and so does the run.
    written.catch(() => {});
    return { effects, written };
  }

  async #finish<E extends Effects | undefined>(step: {
    readonly written: Promise<unknown>;
    readonly effects: E;
  }): Promise<E> {
    const { written, effects } = step;
    await written;
    if (effects?.work !== undefined) this.#do(effects.work);
    this.#wake();
    return effects;
  }

  #inTurn<T>(work: () => Promise<T> | T): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  /** Rounds under masks, by the key of the run's folder. */
  async #mask(dimensions: number): Promise<void> {
    const { store, crypto, masks = referenceMasks(), onTrouble } = this.#options;
    const identity = (await openIdentity(`${store.folder}/secure-key`, crypto)).keyPair();
    this.#secure = new SecureRounds({
      store,
      config: this.config,
      crypto,
      identity,
      masks,
      codec: hostCodec(),
      dimensions,
      state: () => this.state,
      now: () => this.#now(),
      ownerOf: (key) => this.#registry.ownerOf(key)?.client,
      inTurn: (work) => this.#inTurn(work),
      synced: () => this.#pipe.write([], this.#now()),
      decide: (input, at) => this.#decide(() => this.#machine.handle(input, at)),
      finish: async (steps) => {
        for (const { written, effects } of steps) await this.#finish({ written, effects });
      },
      onFailure: (what, cause) => onTrouble?.(what, cause),
    });
  }

  async #record({ event }: Decision): Promise<void> {
    if (event === undefined) {
      await this.#synced();
      return;
    }
    const parsed = parseEvent(event.type, event.body) as RunEvent<'client.registered'>;
    await this.#step(() => this.#machine.record(parsed, this.#now()));
  }

  /** Told of events once they are on disk. */
  #logged(events: readonly LoggedEvent[]): void {
    for (const event of events) {
      this.#registry.apply(event);
      this.#remember(event);
      this.#secure?.happened(event);
      this.#options.onEvent?.(event);
    }
    if (events.length > 0) this.#notify();
  }

  /** What is kept of an event besides the state. */
  #remember({ seq, type, body }: LoggedEvent): void {
    if (type === 'run.opened' || type === 'round.published') this.#models.add(String(body.model));
    if (type === 'round.published' && this.#isShared) this.#models.add(String(body.optimizer));
    if (type === 'round.opened') this.#commitments.clear();
    if (type === 'update.committed') this.#commitments.set(String(body.client), seq);
    if (type === 'round.aggregated') this.#aggregateOfRound = String(body.blob);
    if (type === 'round.published') this.#lastAggregate = this.#aggregateOfRound;
    if (type === 'round.closed' || type === 'round.failed') void this.#tidy();
  }

  #notify(): void {
    for (const done of [...this.#waiters]) done();
  }

  // Beginning, and beginning anew

  async #begin(isNew: boolean): Promise<void> {
    this.#registry = new Registry((await this.store.clients()).values());
    for await (const event of this.store.events()) this.#remember(event);
    await this.#tidy();
    // SAGG1 is where it was before anything is made of that.
    await this.#secure?.open();
    if (isNew) this.#wake();
    else await this.#step(() => this.#machine.resume(this.#now()));
  }

  /** The log did not take what the state holds. */
  #lost(cause: unknown): void {
    const trouble =
      cause instanceof StoreError
        ? cause
        : new StoreError('failed', 'the log could not be written', { cause });
    this.#trouble = trouble;
    this.#options.onTrouble?.('the log could not be written', cause);
    if (trouble.code !== 'disk-full') {
      this.#notify();
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
      this.#working?.controller.abort(this.#trouble);
      await this.#working?.done;
      this.#machine = new RoundMachine(await foldedState(this.store, this.config));
      this.#registry = new Registry((await this.store.clients()).values());
      this.#trouble = undefined;
      await this.#secure?.open();
      await this.#step(() => this.#machine.resume(this.#now()));
    } catch (cause) {
      this.#options.onTrouble?.('the run could not be taken up yet', cause);
      if (this.#trouble?.code === 'disk-full') this.#retryLater();
    }
  }

  // Time, and rounds one after another

  /** Looks after what is due: now, or when it will be. */
  #wake(): void {
    clearTimeout(this.#timer);
    if (this.#isClosed || this.#trouble !== undefined) return;
    const { due } = this.#machine;
    const plan = this.#planned();
    if (plan !== undefined) {
      // What was to follow may have followed when it is its turn.
      const next = (): Effects => this.#planned()?.() ?? { time: this.state.time, log: [] };
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
      if (this.#trouble === undefined) this.#options.onTrouble?.('a step failed', cause);
    }
  }

  /** What is to follow a round that is over: the next one, or the end. */
  #planned(): (() => Effects) | undefined {
    const { round, finished, published, failuresInARow } = this.state;
    if (finished !== undefined) return undefined;
    if (round !== undefined && !isOver(round)) return undefined;
    const { rounds, round: policy } = this.config;
    if (published >= rounds) return () => this.#end(`all ${rounds} rounds are done`);
    if (round?.failure?.code === 'over-budget') {
      return () => this.#end('the privacy budget admits no further round');
    }
    if (failuresInARow >= policy.maxFailures) {
      return () => this.#end(`${failuresInARow} rounds failed, one after another`);
    }
    if (this.#isPaused) return undefined;
    const { candidates } = this.#candidates();
    if (candidates.length < this.#needed()) return undefined;
    return () => this.#machine.open(this.#plan(), this.#now());
  }

  #end(reason: string): Effects {
    const time = Math.max(this.#now(), this.state.time);
    const { round } = this.state;
    const event = {
      type: 'run.finished',
      body: { rounds: round?.round ?? 0, reason },
    } as const;
    fold(this.state, { event, time });
    return { time, log: [event] };
  }

  #candidates(): ReturnType<typeof candidatesOf> {
    const { selection, reputation } = this.config;
    const now = this.#now();
    const among =
      selection.from === 'present'
        ? [...this.#heard].flatMap(([client, at]) => (now - at <= PRESENT_MS ? [client] : []))
        : undefined;
    const { where } = selection;
    return candidatesOf(this.state, {
      now,
      reputation: reputation !== undefined,
      ...(among && { among: among.filter((client) => this.state.clients.has(client)) }),
      ...(where && {
        where: (_, { attributes }) =>
          Object.entries(where).every(([name, value]) => attributes[name] === value),
      }),
    });
  }

  /**
   * The fewest clients with which a round makes sense. It does not wait for those in quarantine, as long as
   * they are the smaller part: nobody shall open rounds for a few by having others put out.
   */
  #needed(): number {
    const { round, selection, privacy, rule, secure } = this.config;
    const isPrivate = privacy?.kind === 'central';
    if (isPrivate && (secure !== undefined || rule.trim() !== 'mean'))
      return fixedMembers(this.config) ?? 1;
    const asked = round.wanted ?? ('count' in selection ? selection.count : 1);
    const most = Math.floor(asked / 2) + 1;
    const others = Math.max(Math.min(asked, most), asked - this.#quarantined());
    return Math.max(1, round.quorum ?? 1, others, secure?.minSum ?? 1);
  }

  #quarantined(): number {
    const { clients, reputation } = this.state;
    if (this.config.reputation === undefined) return 0;
    const isOut = (client: string): boolean =>
      reputation.isQuarantined(client) && clients.get(client)?.revoked === false;
    return reputation.clients.filter(isOut).length;
  }

  #plan(): RoundPlan {
    const { selection, round, limits, privacy, secure } = this.config;
    const { candidates, excluded } = this.#candidates();
    const { selected } = select(candidates, {
      scheme: schemeOf(this.config),
      overSelection: selection.overSelection,
      random: createRandom(this.#drawKey()),
      secrecy: this.composition.facts as Parameters<typeof select>[1]['secrecy'],
    });
    const members = selected.length;
    const capacity = round.lateJoin ? Math.max(members, limits.clients) : members;
    const asked = round.wanted ?? ('count' in selection ? selection.count : members);
    const wanted = Math.min(asked, capacity);
    const quorum = Math.max(round.quorum ?? 1, secure?.minSum ?? 0);
    const central = privacy?.kind === 'central';
    return {
      selected,
      excluded,
      collectMs: Math.ceil(round.collectSeconds * 1000),
      policy: {
        wanted,
        quorum: Math.min(quorum, wanted),
        capacity,
        closing: round.closing === 'wanted' && wanted > 0 ? 'wanted' : 'all',
        lateJoin: round.lateJoin,
        noise: central ? (privacy.noise === 'server' ? 'server' : 'clients') : 'none',
        secure: secure !== undefined,
        processingMs: Math.ceil(round.processingSeconds * 1000),
      },
    };
  }

  /** 32 bytes that the draw of a round follows from. */
  #drawKey(): Uint8Array {
    const { crypto } = this.#options;
    const { seed } = this.config.selection;
    if (seed === undefined) return crypto.randomBytes(32);
    const next = (this.state.round?.round ?? 0) + 1;
    const bytes = new Transcript('aggregis/selection/v1').integer('seed', seed);
    return crypto.sha256(bytes.integer('round', next).end());
  }

  // Work

  #do(work: RoundWork): void {
    this.#working?.controller.abort(new StoreError('closed', 'nobody waits for this any more'));
    const controller = new AbortController();
    const before = this.#working?.done ?? Promise.resolve();
    const done = before.then(() => this.#quietly(() => this.#worked(work, controller.signal)));
    this.#working = { done, controller };
  }

  async #worked(work: RoundWork, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const reference = this.#lastAggregate;
    let result: RoundInput;
    try {
      const facts = factsOf(this.state, {
        signal,
        ...(reference !== undefined && { reference }),
        ...(this.config.reputation && { conduct: conductOf(this.state.round!) }),
      });
      result = await this.#worker.do(work, facts);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    if (this.#isClosed) return;
    await this.#handle(result);
  }

  // Updates

  async #openRound(statement: Statement): Promise<
    | {
        readonly round: number;
        readonly model: string;
        readonly lengths: Readonly<Record<string, number>>;
        readonly clipNorm?: number;
      }
    | undefined
  > {
    const { round } = this.state;
    if (round?.phase !== 'collect') return undefined;
    if (this.#secure !== undefined) {
      const bytes = await this.#secure.inputBytes(round.round);
      return { round: round.round, model: round.model, lengths: { [MASKED]: bytes } };
    }
    const lengths = await this.#withModel(round.model, (model) => {
      const pairs = this.dtypes.flatMap((dtype) => {
        const range = updateLengths(model, dtype);
        if (range === undefined) return [];
        const { least, most } = range;
        // Headers differ between writers: any length that may be is the right one.
        const fits = statement.length > least && statement.length <= most;
        return [[dtype, fits ? statement.length : least] as const];
      });
      return Object.fromEntries(pairs);
    });
    const { privacy } = this.config;
    return {
      round: round.round,
      model: round.model,
      lengths,
      ...(privacy?.kind === 'local' && { clipNorm: privacy.clipNorm }),
    };
  }

  async #faultsOf(
    blob: string,
    { dtype, model: name }: { readonly dtype: string; readonly model: string },
  ): Promise<string[]> {
    await using source = await this.store.blobs.open(blob);
    try {
      const header = await readSafetensorsHeader(source);
      return await this.#withModel(name, (model) => updateFaults(model, { source, header }, dtype));
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return [error.message.replace(`${source.name}: `, '')];
    }
  }

  /** Looks at the header of a model, which is kept until another is asked for: its file is closed. */
  async #withModel<T>(name: string, body: (model: OpenModel) => T | Promise<T>): Promise<T> {
    const known = this.#header;
    if (known?.name === name) return body(known.model);
    await using source = await this.store.blobs.open(name);
    const model = await openModel(source, this.optimizer.parts);
    this.#header = { name, model };
    return await body(model);
  }

  async #sizeOf(model: string): Promise<number> {
    const known = this.#modelBytes.get(model);
    if (known !== undefined) return known;
    await using source = await this.store.blobs.open(model);
    this.#modelBytes.set(model, source.size);
    return source.size;
  }

  /** The update that a client has declared and not committed in the round that is open. */
  #declared(client: string): string | undefined {
    const member = this.state.round?.members.get(client);
    return member?.status === 'declared' ? member.declaration?.signed?.update : undefined;
  }

  #committed(client: string, update: string): Outcome<CommittedUpdate> {
    const blob = this.state.round?.members.get(client)?.update?.blob ?? '';
    const event = this.#commitments.get(client) ?? 0;
    return { ok: true, value: { update, root: blob, event } };
  }

  /** Logs that an update was refused, and forgets it. */
  async #refuse(
    { round, client, update }: { round: number; client: string; update: string },
    { code, status, message }: { code: string; status: number; message: string },
  ): Promise<Refused> {
    await this.#handle({ kind: 'refuse', round, client, code, status, reason: message });
    await this.store.uploads.forget(update);
    return { ok: false, code, status, message };
  }

  /** Forgets uploads that are of no round that collects. */
  async #tidy(): Promise<void> {
    const { round } = this.state;
    const members = round?.phase === 'collect' ? [...round.members.values()] : [];
    const needed = new Set(
      members.flatMap(({ status, declaration }) =>
        status === 'declared' && declaration?.signed ? [declaration.signed.update] : [],
      ),
    );
    const stale = this.store.uploads.all.filter(({ id }) => !needed.has(id));
    await this.#quietly(() => Promise.all(stale.map(({ id }) => this.store.uploads.forget(id))));
  }
}

/** The budget of noise that clients add, where they do. */
async function shareBudget(
  { store, config, now = Date.now }: CoordinatorOptions,
  dimensions: number,
): Promise<{ readonly shares?: ShareBudget }> {
  const { secure, rounds } = config;
  const privacy = sharesOf(config);
  if (privacy === undefined || secure === undefined) return {};
  const clients = fixedMembers(config) ?? 0;
  const { noise } = planSecure({ ...config, secure }, { clients, dimensions });
  const storage = store.ledger(now);
  return { shares: await ShareBudget.open({ privacy, noise: noise!, rounds, storage }) };
}

/** The state that a log tells. */
async function foldedState(store: Store, { reputation }: RunConfig): Promise<RunState> {
  const { evidence: _, ...options } = reputation ?? {};
  const state = emptyRun(reputation === undefined ? {} : reputationOptions(options));
  for await (const { time, type, body } of store.events()) {
    fold(state, { time, event: parseEvent(type, body) });
  }
  return state;
}

function schemeOf({ selection }: RunConfig): SelectionScheme {
  switch (selection.scheme) {
    case 'everybody':
      return { kind: 'everybody' };
    case 'poisson':
      return { kind: 'poisson', rate: selection.rate };
    default:
      return { kind: selection.scheme, count: selection.count };
  }
}

function refusedBy(answer: Extract<RoundAnswer, { readonly ok: false }>): Refused {
  const { code, status, reason } = answer;
  return { ok: false, code, status, message: reason };
}
