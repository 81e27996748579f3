/**
 * The work of a round on a run's store: updates are screened, aggregated, released with noise, and made a
 * step of the model. Rows are read from their files as they are asked for.
 *
 * @module
 */

import { type Aggregate, aggregateWith } from '../aggregate.ts';
import type { Backend } from '../backend/kernels.ts';
import { AggregationError, PrivacyError } from '../core/errors.ts';
import type { FileSource } from '../formats/node-files.ts';
import { readSafetensorsHeader } from '../formats/safetensors.ts';
import type { PrivateUpdate } from '../private-release.ts';
import { allRules } from '../rules/full-list.ts';
import type { Rule } from '../rules/rule.ts';
import { parseRule } from '../rules/spec.ts';
import type { Update } from '../screen.ts';
import { Detection } from './detection.ts';
import type { FailureCode } from './events.ts';
import {
  type OpenModel,
  openModel,
  rowOf,
  updateRow,
  writeAggregate,
  writeRow,
} from './model-file.ts';
import { OpenFiles } from './open-files.ts';
import { initialState, type Optimizer } from './optimizers/optimizer.ts';
import { parseOptimizer } from './optimizers/spec.ts';
import { readOptimizerState, writeOptimizerState } from './optimizers/state-file.ts';
import { fixedMembers, type PrivateRounds } from './private-rounds.ts';
import type { Evidence } from './reputation.ts';
import type { RoundInput, RoundWork } from './round-io.ts';
import { participantsIn, prepareRows } from './round-participants.ts';
import { examineSums, screenRound } from './round-screen.ts';
import type { RunConfig } from './run-config.ts';
import { countedClients, type RunState } from './run-state.ts';
import type { ShareBudget } from './share-budget.ts';
import type { Store } from './store/store.ts';

/** What work is done on and with. */
export interface WorkerOptions {
  readonly store: { readonly blobs: WorkBlobs };
  readonly config: RunConfig;
  /** Stays open. */
  readonly backend: Backend;
  /** Where noise is added at the server. */
  readonly privateRounds?: PrivateRounds;
  /** Where clients add it in shares. */
  readonly shares?: ShareBudget;
  /** Where updates are masked: takes masks off sums. */
  readonly unmask?: (round: number, facts: WorkFacts) => Promise<Unmasked>;
}

/** Where work reads from and writes to. */
export type WorkBlobs = Pick<Store['blobs'], 'open' | 'put' | 'putBytes'>;

/** Sums without masks. */
export type Unmasked = Pick<Extract<RoundInput, { kind: 'unmasked' }>, 'sums' | 'transcript'>;

/** What an optimiser is told of a round. */
export interface WorkFacts {
  /** Clients whose rows went in. */
  readonly participants: number;
  /** All clients that are enrolled. */
  readonly population: number;
  /** The aggregate of the round before, a blob. */
  readonly reference?: string;
  /** The model that the round's updates are differences to, a blob. */
  readonly model: string;
  /** What is remembered of clients, a blob. */
  readonly memories?: string;
  /** What is held against members for how they behaved, where reputation is configured. */
  readonly conduct?: readonly Evidence[];
  readonly signal: AbortSignal;
}

/** The facts of the round that a run is in. */
export function factsOf(
  { round, clients, memories }: RunState,
  more: Pick<WorkFacts, 'signal' | 'reference' | 'conduct'>,
): WorkFacts {
  return {
    participants: countedClients(round!),
    population: clients.size,
    model: round!.model,
    ...(memories !== undefined && { memories }),
    ...more,
  };
}

type Work<K extends RoundWork['kind']> = Extract<RoundWork, { readonly kind: K }>;

/** Does the work that rounds ask for. */
export class RoundWorker {
  readonly #options: WorkerOptions;
  readonly #rule: Rule;
  readonly #optimizer: Optimizer;
  readonly #aggregate: Aggregate;
  readonly #detection: Detection | undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#rule = parseRule(options.config.rule, allRules);
    this.#optimizer = parseOptimizer(options.config.optimizer).optimizer;
    this.#aggregate = aggregateWith(async () => options.backend);
    this.#detection = Detection.of(options);
  }

  /**
   * The result of work. What goes wrong with it is a result, too.
   *
   * @throws the reason of the signal.
   */
  async do(work: RoundWork, facts: WorkFacts): Promise<RoundInput> {
    try {
      switch (work.kind) {
        case 'screen':
          return await this.#screen(work, facts);
        case 'account':
          return await this.#account(work);
        case 'aggregate':
          return await this.#aggregated(work, facts);
        case 'publish':
          return await this.#publish(work, facts);
        case 'unmask':
          return await this.#unmasked(work, facts);
        default:
          return work satisfies never;
      }
    } catch (error) {
      facts.signal.throwIfAborted();
      return brokenBy(work, error);
    }
  }

  async #screen({ round, rows }: Work<'screen'>, facts: WorkFacts): Promise<RoundInput> {
    const { config, store } = this.#options;
    const { conduct = [] } = facts;
    const options = { ...facts, config, blobs: store.blobs, detection: this.#detection, round };
    const { report, ...screened } = await this.#withModel(facts, (model) =>
      screenRound(rows, { ...options, model, conduct }),
    );
    return { kind: 'screened', round, ...screened, ...(await this.#reported(report)) };
  }

  async #account({ round }: Work<'account'>): Promise<RoundInput> {
    const { privateRounds, shares } = this.#options;
    const budget = privateRounds ?? shares;
    if (budget === undefined) throw new TypeError('no budget is configured');
    return { kind: 'reserved', round, ...(await budget.reserve()) };
  }

  async #unmasked({ round }: Work<'unmask'>, facts: WorkFacts): Promise<RoundInput> {
    const { unmask, shares } = this.#options;
    if (unmask === undefined) throw new TypeError('nothing is masked in this run');
    const unmasked = await unmask(round, facts);
    await shares?.opened(round);
    return { kind: 'unmasked', round, ...unmasked };
  }

  async #aggregated(work: Work<'aggregate'>, facts: WorkFacts): Promise<RoundInput> {
    return this.#withModel(facts, (model) =>
      this.#options.privateRounds === undefined
        ? this.#plainly(work, model, facts)
        : this.#privately(work, model, this.#options.privateRounds),
    );
  }

  async #plainly(
    { round, rows, charge }: Work<'aggregate'>,
    model: OpenModel,
    facts: WorkFacts,
  ): Promise<RoundInput> {
    const { store, config, backend } = this.#options;
    const { reference, signal } = facts;
    await using files = new OpenFiles(store.blobs);
    const open = async (blob: string) => {
      const source = await files.open(blob);
      const header = await readSafetensorsHeader(source);
      return { row: await updateRow({ source, header }, model) };
    };
    const updates: Update[] = [];
    for (const { clients, blob, samples } of rows) {
      // A row that is a sum is nobody's own.
      const client = clients.length > 1 ? `sum with ${clients[0]}` : clients[0]!;
      updates.push({ client, ...(await open(blob)), examples: samples });
    }
    const before = reference === undefined ? undefined : (await open(reference)).row;
    const { update } = model;
    const { rule, metadata } = prepareRows(this.#rule, this.#optimizer, rows);
    const { blobs } = store;
    const detection = this.#detection;
    const sums = await examineSums(rows, { ...facts, config, blobs, detection, round, model });
    let report: unknown;
    const { name } = await store.blobs.put(async (append) => {
      const value = new Float32Array(update.cols);
      const { clients, kernels } = await this.#aggregate(updates, rule, {
        backend,
        cols: update.cols,
        weights: 'examples',
        // Clients have capped what sums hold.
        ...(config.secure === undefined && { exampleCap: config.limits.samplesCap }),
        signal,
        sink: (values, from) => value.set(values, from),
        // With it, the screen is on the way of the first pass.
        restart: () => {},
        ...(before !== undefined && { reference: before }),
      });
      report = {
        rule: config.rule,
        backend: backend.info,
        kernels,
        clients,
        ...(sums.report !== undefined && { sums: sums.report }),
      };
      await writeAggregate(append, rowOf(value), { update, metadata: metadata(clients) });
    });
    const kept = await this.#reported(report);
    return {
      kind: 'aggregated',
      round,
      blob: name,
      ...(charge !== undefined && { charge }),
      ...(sums.evidence.length > 0 && { evidence: sums.evidence }),
      ...kept,
    };
  }

  async #privately(
    { round, rows, cohort, charge }: Work<'aggregate'>,
    model: OpenModel,
    privateRounds: PrivateRounds,
  ): Promise<RoundInput> {
    const { store } = this.#options;
    const updates = new Map<string, PrivateUpdate>();
    for (const { clients, blob, samples } of rows) {
      const row = await this.#withFile(blob, async (source) => {
        const header = await readSafetensorsHeader(source);
        const row = await updateRow({ source, header }, model);
        const values = new Float32Array(row.cols);
        await row.read(0, row.cols, values);
        return values;
      });
      updates.set(clients[0]!, { row, examples: samples });
    }
    if (charge === undefined) throw new TypeError('a private round is released under a charge');
    const { value } = await privateRounds.release({ round, cohort, updates, charge });
    const { name } = await store.blobs.put((append) => writeAggregate(append, rowOf(value), model));
    return { kind: 'aggregated', round, blob: name, charge };
  }

  async #publish(
    { round, model: name, aggregate, optimizer: stateName }: Work<'publish'>,
    { participants, population }: WorkFacts,
  ): Promise<RoundInput> {
    const { store } = this.#options;
    const optimizer = this.#optimizer;
    await using files = new OpenFiles(store.blobs);
    const model = await openModel(await files.open(name), optimizer.parts);
    const source = await files.open(aggregate);
    const header = await readSafetensorsHeader(source);
    const delta = await updateRow({ source, header }, model);
    const clients = participantsIn(header.metadata);
    const state =
      stateName === undefined
        ? initialState(optimizer, model.layout.cols)
        : await this.#stateIn(await files.open(stateName), model);
    const step = optimizer.step(
      { model: model.row, delta, state },
      {
        participants: this.#planned(population) ?? participants,
        population,
        ...(clients && { clients }),
      },
    );
    const next = await store.blobs.put((append) => writeRow(append, step.model, model));
    const kept = await store.blobs.put((append) =>
      writeOptimizerState(append, optimizer, step.state),
    );
    return { kind: 'stepped', round, model: next.name, optimizer: kept.name };
  }

  /** Who was planned for, where how many came must not be told. */
  #planned(population: number): number | undefined {
    const { config, privateRounds } = this.#options;
    if (privateRounds === undefined) return undefined;
    const planned = fixedMembers(config) ?? config.round.wanted;
    return planned && Math.min(planned, population);
  }

  async #stateIn(source: FileSource, { layout }: OpenModel) {
    const header = await readSafetensorsHeader(source);
    return readOptimizerState({ source, header }, this.#optimizer, layout.cols);
  }

  /** Evidence as a blob. 64-bit fingerprints become text. */
  async #reported(report: unknown): Promise<{ readonly report?: string }> {
    const { store, config } = this.#options;
    if (report === undefined || !config.reports.clients) return {};
    const text = JSON.stringify(report, (_, value: unknown) =>
      typeof value === 'bigint' ? value.toString(16).padStart(16, '0') : value,
    );
    const { name } = await store.blobs.putBytes(new TextEncoder().encode(text));
    return { report: name };
  }

  #withModel<T>({ model }: WorkFacts, body: (model: OpenModel) => Promise<T>): Promise<T> {
    const { parts } = this.#optimizer;
    return this.#withFile(model, async (source) => body(await openModel(source, parts)));
  }

  async #withFile<T>(blob: string, body: (source: FileSource) => Promise<T>): Promise<T> {
    await using source = await this.#options.store.blobs.open(blob);
    return await body(source);
  }
}

/** Work that gave no result: why, as the log has it. */
function brokenBy({ kind: phase, round }: RoundWork, error: unknown): RoundInput {
  const reason = error instanceof Error ? error.message : String(error);
  return { kind: 'broke', round, phase, code: codeOf(phase, error), reason };
}

function codeOf(phase: RoundWork['kind'], error: unknown): FailureCode {
  if (error instanceof PrivacyError && error.code === 'over-budget') return 'over-budget';
  if (error instanceof AggregationError && error.code === 'no-clients') return 'screened-out';
  return phase === 'unmask' ? 'not-unmasked' : 'broken';
}
