/**
 * The work of a round on a run's store: updates are screened, aggregated, released with noise, and made a
 * step of the model. Rows are read from their files as they are asked for.
 *
 * @module
 */

import { type Aggregate, aggregateWith } from '../aggregate.ts';
import type { Backend } from '../backend/kernels.ts';
import { AggregationError, FormatError, PrivacyError } from '../core/errors.ts';
import { Turns } from '../core/turn.ts';
import type { FileSource } from '../formats/node-files.ts';
import { readSafetensorsHeader } from '../formats/safetensors.ts';
import type { PrivateUpdate } from '../private-release.ts';
import { allRules } from '../rules/full-list.ts';
import type { Rule } from '../rules/rule.ts';
import { parseRule } from '../rules/spec.ts';
import type { Update } from '../screen.ts';
import type { Exclusion, FailureCode } from './events.ts';
import {
  type OpenModel,
  openModel,
  rowOf,
  updateRow,
  writeAggregate,
  writeRow,
} from './model-file.ts';
import { initialState, type Optimizer } from './optimizers/optimizer.ts';
import { parseOptimizer } from './optimizers/spec.ts';
import { readOptimizerState, writeOptimizerState } from './optimizers/state-file.ts';
import { fixedMembers, type PrivateRounds } from './private-rounds.ts';
import type { RoundInput, RoundWork } from './round.ts';
import { participantsIn, prepareRows } from './round-participants.ts';
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
  readonly signal: AbortSignal;
}

/** The facts of the round that a run is in. */
export function factsOf(
  { round, clients }: RunState,
  more: Pick<WorkFacts, 'signal' | 'reference'>,
): WorkFacts {
  return {
    participants: countedClients(round!),
    population: clients.size,
    model: round!.model,
    ...more,
  };
}

type Work<K extends RoundWork['kind']> = Extract<RoundWork, { readonly kind: K }>;

/** Entries of a row that are looked at at once: 1 MiB. */
const CHUNK = 2 ** 18;
/** As the screen's: a client that clips in f32 may be above by its own roundings. */
const NORM_SLACK = 2 ** -16;

/** Does the work that rounds ask for. */
export class RoundWorker {
  readonly #options: WorkerOptions;
  readonly #rule: Rule;
  readonly #optimizer: Optimizer;
  readonly #aggregate: Aggregate;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#rule = parseRule(options.config.rule, allRules);
    this.#optimizer = parseOptimizer(options.config.optimizer).optimizer;
    this.#aggregate = aggregateWith(async () => options.backend);
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
    const { config, privateRounds } = this.#options;
    const kind = 'screened';
    // A bad update counts as zero there, and how many there are stays; of a masked one nothing is seen.
    if (privateRounds !== undefined || config.secure !== undefined)
      return { kind, round, excluded: [] };
    const excluded = await this.#withModel(facts, async (model) => {
      const out: Exclusion[] = [];
      const turns = new Turns(facts.signal);
      for (const row of rows) {
        const reason = await this.#withFile(row.blob, (file) =>
          faultOf(file, { model, turns, maxNorm: config.screen.maxNorm }),
        );
        if (reason !== undefined) out.push({ client: row.clients[0]!, reason });
      }
      return out;
    });
    return { kind, round, excluded };
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
    { reference, signal }: WorkFacts,
  ): Promise<RoundInput> {
    const { store, config, backend } = this.#options;
    await using files = new Files();
    const open = async (blob: string) => {
      const source = await files.open(store, blob);
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
      report = { rule: config.rule, backend: backend.info, kernels, clients };
      await writeAggregate(append, rowOf(value), { update, metadata: metadata(clients) });
    });
    const kept = await this.#reported(report);
    return {
      kind: 'aggregated',
      round,
      blob: name,
      ...(charge !== undefined && { charge }),
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
    await using files = new Files();
    const model = await openModel(await files.open(store, name), optimizer.parts);
    const source = await files.open(store, aggregate);
    const header = await readSafetensorsHeader(source);
    const delta = await updateRow({ source, header }, model);
    const clients = participantsIn(header.metadata);
    const state =
      stateName === undefined
        ? initialState(optimizer, model.layout.cols)
        : await this.#stateIn(await files.open(store, stateName), model);
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
    if (!config.reports.clients) return {};
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

/** Files that are closed together. */
class Files {
  readonly #open: FileSource[] = [];

  async open({ blobs }: WorkerOptions['store'], name: string): Promise<FileSource> {
    const source = await blobs.open(name);
    this.#open.push(source);
    return source;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#open.map((source) => source.close()));
  }
}

/** What is wrong with an update by itself: `word: explanation`, or `undefined`. */
async function faultOf(
  source: FileSource,
  {
    model,
    turns,
    maxNorm = Number.POSITIVE_INFINITY,
  }: { readonly model: OpenModel; readonly turns: Turns; readonly maxNorm?: number | undefined },
): Promise<string | undefined> {
  const header = await readSafetensorsHeader(source);
  const row = await updateRow({ source, header }, model).catch((error: unknown) => {
    if (error instanceof FormatError) return error.message.replace(`${source.name}: `, '');
    throw error;
  });
  if (typeof row === 'string') return `tensors: ${row}`;
  const values = new Float32Array(Math.min(CHUNK, row.cols));
  let squares = 0;
  for (let from = 0; from < row.cols; from += CHUNK) {
    if (turns.due) await turns.take();
    const part = values.subarray(0, Math.min(CHUNK, row.cols - from));
    await row.read(from, from + part.length, part);
    const at = part.findIndex((value) => !Number.isFinite(value));
    if (at >= 0) return `non-finite: entry ${from + at} is ${part[at]}`;
    for (const value of part) squares += value * value;
  }
  const norm = Math.sqrt(squares);
  if (norm <= maxNorm * (1 + NORM_SLACK)) return undefined;
  return `norm: ${norm} is above ${maxNorm}`;
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
