/**
 * A federation in one process: the rounds, the screen, the rule and the folder of a served run, without
 * sockets and signatures. For experiments with many runs.
 *
 * A run's folder is as `aggregis serve` leaves it, its log included, but for the statements of clients:
 * nobody signed anything.
 *
 * @module
 */

import type { Backend } from '../backend/kernels.ts';
import type { Json } from '../core/canonical-json.ts';
import { createRandom } from '../core/random.ts';
import { readModel } from '../federation/client/model.ts';
import type { Train } from '../federation/client/train.ts';
import { updateFile } from '../federation/client/update.ts';
import type { RunEvent } from '../federation/events.ts';
import { conductOf } from '../federation/evidence.ts';
import { reputationOptions } from '../federation/reputation.ts';
import { RoundMachine } from '../federation/round.ts';
import type { Effects } from '../federation/round-io.ts';
import { RoundWorker } from '../federation/round-work.ts';
import type { RunConfig } from '../federation/run-config.ts';
import { emptyRun, foldAll, isOver, type RunState } from '../federation/run-state.ts';
import { candidatesOf, select } from '../federation/selection.ts';
import { openStore, type Store } from '../federation/store/store.ts';

/** A client of a trial. */
export interface TrialClient {
  /** Clients of one `train` send one update, trained once in each round: they collude. */
  readonly train: Train;
  /** It claims so many times its samples. Default 1. */
  readonly claim?: number;
}

/** A trial. */
export interface TrialOptions {
  /** Where the run is kept; there is none yet. */
  readonly folder: string;
  /**
   * Everybody is asked in each round: its scheme is `everybody` or `reputation`, nothing is private, and its
   * optimiser needs updates alone.
   */
  readonly config: RunConfig;
  /** The first model, a safetensors file. */
  readonly model: Uint8Array;
  /** By name. */
  readonly clients: ReadonlyMap<string, TrialClient>;
  /** Stays open. */
  readonly backend: Backend;
  readonly signal?: AbortSignal;
  /** Called after each round. */
  readonly onRound?: (state: RunState) => void;
}

/** What came of a trial. */
export interface TrialOutcome {
  /** The last model, a safetensors file. */
  readonly model: Uint8Array;
  readonly state: RunState;
  /** Rounds of which no model came. */
  readonly failed: number;
}

/**
 * Runs all rounds. The same options give the same models on the same backend.
 *
 * @throws {StoreError} if there is a run in the folder.
 * @throws {FederationError} `bad-update` if a client trains something else than the model.
 */
export async function runTrial(options: TrialOptions): Promise<TrialOutcome> {
  const { folder, config, model } = options;
  const plain = JSON.parse(JSON.stringify(config)) as { readonly [key: string]: Json };
  await using store = await openStore(folder, { mode: 'create', config: plain, now: 0 });
  const trial = await Trial.begin(store, options);
  for (let round = 1; round <= config.rounds; round++) {
    await trial.round(round);
    options.onRound?.(trial.state);
  }
  const { model: name, published } = trial.state;
  const last = name === undefined ? model : await bytesOf(store, name);
  return { model: last, state: trial.state, failed: config.rounds - published };
}

/** A run under way. */
class Trial {
  readonly #options: TrialOptions;
  readonly #store: Store;
  readonly #machine: RoundMachine;
  readonly #worker: RoundWorker;
  /** The last round of each. */
  readonly #committed = new Map<Train, number>();
  #aggregate: string | undefined;
  #now = 0;

  private constructor(store: Store, options: TrialOptions, state: RunState) {
    this.#options = options;
    this.#store = store;
    this.#machine = new RoundMachine(state);
    this.#worker = new RoundWorker({ store, config: options.config, backend: options.backend });
  }

  static async begin(store: Store, options: TrialOptions): Promise<Trial> {
    const { evidence: _, ...reputation } = options.config.reputation ?? { evidence: 'conduct' };
    const { name } = await store.blobs.putBytes(options.model);
    const opened: RunEvent[] = [
      { type: 'run.opened', body: { model: name } },
      ...[...options.clients.keys()].sort().map((client, i): RunEvent => {
        const key = i.toString(16).padStart(64, '0');
        return { type: 'client.registered', body: { client, key, enrolment: 'open' } };
      }),
    ];
    const state = emptyRun(reputationOptions(reputation));
    for await (const { type, body } of store.events()) {
      foldAll(state, [{ time: 0, event: { type, body } as unknown as RunEvent }]);
    }
    foldAll(
      state,
      opened.map((event) => ({ time: 0, event })),
    );
    const trial = new Trial(store, options, state);
    await trial.#write({ time: 0, log: opened });
    return trial;
  }

  get state(): RunState {
    return this.#machine.state;
  }

  /** One round: everybody that is asked sends its update, in the order of names. */
  async round(number: number): Promise<void> {
    const { config } = this.#options;
    let effects = this.#open(number);
    const log = [...effects.log];
    for (const input of await this.#sent(number)) {
      effects = this.#machine.handle(input, ++this.#now);
      log.push(...effects.log);
    }
    await this.#write({ ...effects, log });
    while (effects.work !== undefined) {
      const { round, memories, clients } = this.state;
      const result = await this.#worker.do(effects.work, {
        participants: round!.screened?.kept.length ?? 0,
        population: clients.size,
        model: round!.model,
        signal: this.#options.signal ?? new AbortController().signal,
        ...(this.#aggregate !== undefined && { reference: this.#aggregate }),
        ...(memories !== undefined && { memories }),
        ...(config.reputation && { conduct: conductOf(round!) }),
      });
      effects = this.#machine.handle(result, ++this.#now);
      await this.#write(effects);
    }
    const { round } = this.state;
    if (round?.phase === 'done') this.#aggregate = round.aggregate;
    if (!isOver(round!)) throw new Error(`round ${number} is in phase ${round!.phase}`);
  }

  #open(number: number): Effects {
    const { config } = this.#options;
    const { candidates, excluded } = candidatesOf(this.state, {
      now: this.#now,
      reputation: config.reputation !== undefined,
    });
    const { selection, round } = config;
    const { selected } = select(candidates, {
      scheme:
        selection.scheme === 'reputation'
          ? { kind: 'reputation', count: selection.count }
          : { kind: 'everybody' },
      random: createRandom(number + 2 ** 20 * (selection.seed ?? 0)),
      secrecy: { ...CLOSED, reason: 'an experiment' },
    });
    const members = selected.length;
    return this.#machine.open(
      {
        selected,
        excluded,
        collectMs: 1e9,
        policy: {
          wanted: members,
          quorum: Math.min(round.quorum ?? 1, members),
          capacity: members,
          closing: 'all',
          lateJoin: false,
          noise: 'none',
          secure: false,
          processingMs: 1e9,
        },
      },
      this.#now,
    );
  }

  /** Declarations and commitments of all members. */
  async #sent(number: number): Promise<Parameters<RoundMachine['handle']>[0][]> {
    const { selected, model: name } = this.state.round!;
    const file = await bytesOf(this.#store, name);
    const trained = new Map<Train, ReturnType<Trial['update']>>();
    const inputs: Parameters<RoundMachine['handle']>[0][] = [];
    for (const client of selected) {
      const { train, claim = 1 } = this.#options.clients.get(client)!;
      const update = trained.get(train) ?? this.update(train, { number, name, file });
      trained.set(train, update);
      const { blob, bytes, samples } = await update;
      const counted = Math.min(claim * samples, this.#options.config.limits.samplesCap);
      const about = { round: number, client, root: blob };
      inputs.push(
        { kind: 'declare', ...about, bytes, chunkBytes: 2 ** 20, dtype: 'F32', samples: counted },
        { kind: 'commit', ...about, blob },
      );
    }
    return inputs;
  }

  /** What a client sends, as a blob. */
  async update(
    train: Train,
    { number, name, file }: { number: number; name: string; file: Uint8Array },
  ): Promise<{ blob: string; bytes: number; samples: number }> {
    const { config, signal = new AbortController().signal } = this.#options;
    const model = await readModel(file, name);
    const { tensors } = await readModel(file, name);
    const update = await train({
      round: number,
      model,
      signal,
      committed: this.#committed.get(train) ?? 0,
      terms: {
        round: number,
        model: name,
        modelBytes: file.length,
        deadline: 1e9,
        dtypes: ['F32'],
        chunkSize: 2 ** 20,
        sampleCap: config.limits.samplesCap,
        training: config.training ?? {},
        secure: false,
        claims: [],
      },
    });
    if (update === undefined) throw new TypeError('clients of a trial take part in every round');
    const sent = updateFile(tensors, update, { dtype: 'F32', nonFinite: true });
    const { name: blob } = await this.#store.blobs.putBytes(sent);
    this.#committed.set(train, number);
    return { blob, bytes: sent.length, samples: update.samples };
  }

  async #write({ log, time }: Pick<Effects, 'log' | 'time'>): Promise<void> {
    const events = log.map(({ type, body }) => ({
      type,
      body: body as { readonly [key: string]: Json | undefined },
    }));
    if (events.length > 0) await this.#store.append(events, time);
  }
}

const CLOSED = {
  selection: 'uniform',
  closing: 'all',
  participation: 'visible',
  adversary: 'server',
} as const;

async function bytesOf(store: Store, name: string): Promise<Uint8Array> {
  await using source = await store.blobs.open(name);
  return await source.read(0, source.size);
}

/** Names of so many clients, ascending. */
export function trialNames(count: number): string[] {
  const width = String(count).length;
  return Array.from({ length: count }, (_, i) => `client-${String(i + 1).padStart(width, '0')}`);
}
