/**
 * The one road that every update takes: screen, rule, result.
 *
 * @module
 */

import type { BackendChoice, CreateBackend } from './backend/create.ts';
import type { Backend, BackendInfo, Matrix, RowSource } from './backend/kernels.ts';
import { checkRow } from './backend/rows.ts';
import { assertOptions, show } from './core/assert.ts';
import { AggregationError, BackendError, FormatError } from './core/errors.ts';
import { quote } from './formats/quote.ts';
import type { ClientEvidence, Round, Rule, StageResult } from './rules/rule.ts';
import {
  describeExclusions,
  type Gate,
  gateOf,
  lengthOf,
  type Screened,
  type Screening,
  type ScreenOptions,
  type Updates,
} from './screen.ts';

/** What an aggregation may be told. */
export interface AggregateOptions extends ScreenOptions {
  /**
   * Where to compute: a backend of the caller's, which stays open, or the name of one that is made
   * and closed here. Default `auto`.
   */
  readonly backend?: Backend | BackendChoice;
  /** Bytes that tiles may take at once, for a backend made here. Default 1 GiB. */
  readonly memory?: number;
  /** The previous aggregate, or a trusted update of the server's own, for rules that ask for it. */
  readonly reference?: Float32Array | RowSource;
  /**
   * What each client has sent in earlier rounds, added up, for rules that ask for it: d entries each. Who
   * is not in it has sent nothing. One pass over those of the round, beside what the rule does.
   */
  readonly past?: ReadonlyMap<string, Float32Array | RowSource>;
  /**
   * Ends the aggregation at the next read of a row; the promise rejects with its reason. Rows in
   * memory are read, too, then, a shard at a time, instead of being used in place.
   */
  readonly signal?: AbortSignal;
  /**
   * Called once the verdicts are known, before the rule has seen a row. With `restart` it is called
   * twice: with the verdicts that need no row, and again with all of them, after the values where
   * nobody else was excluded, else before they come anew.
   */
  readonly onScreened?: (screened: ScreenReport) => void;
}

/** What is known once updates are screened. */
export interface ScreenReport {
  /** One for each update, ordered by client. */
  readonly screenings: readonly Screening[];
  /** Rows that the rule will be given. */
  readonly rows: number;
  /** Entries of each. */
  readonly cols: number;
  /** Whether rows have been read, so that finiteness, norms and content are judged as well. */
  readonly complete: boolean;
}

/** Where the aggregate goes instead of into an array. */
export type Destination =
  | {
      /**
       * Called for columns [from, to) in order; `values` is reused after it returns, and may lie in
       * shared memory.
       */
      readonly sink: (values: Float32Array, from: number, to: number) => void | Promise<void>;
      /**
       * Called when what the sink was given is void, and comes again from column 0. With it, rows are
       * screened on the way of the rule's first pass, which is done again if that excludes a row.
       */
      readonly restart?: () => void | Promise<void>;
    }
  | {
      /** Of the backend's own device, usage COPY_DST, 4·d bytes: nothing is read back. */
      readonly output: GPUBuffer;
    };

/** What became of one client's update: the screen's verdict, and what the rule made of it. */
export interface ClientReport extends Screening, Omit<ClientEvidence, 'reason'> {
  /**
   * The share of this row in the aggregate, where the rule is a combination of rows; 0 if the row
   * was excluded.
   */
  readonly weight?: number;
}

/** An aggregation without its value. */
export interface AggregateReport {
  /** One entry for each update, ordered by client id (by code point), whatever order they came in. */
  readonly clients: readonly ClientReport[];
  /** The rule's name. */
  readonly rule: string;
  readonly backend: BackendInfo;
  /** Rows that the rule was given. */
  readonly rows: number;
  /** Entries of the aggregate. */
  readonly cols: number;
  readonly seconds: number;
  /** The kernels that made the aggregate of the rows, and how: `rankMean (network)`. */
  readonly kernels: readonly string[];
  /** Largest number of bytes that the backend's tiles have taken at once since it was made. */
  readonly peakTileBytes: number;
}

/** An aggregation. */
export interface AggregateResult extends AggregateReport {
  /** The aggregate, d entries. */
  readonly value: Float32Array;
}

/**
 * Screens the updates, hands those that pass to the rule, and tells of each client what became of
 * its update. The outcome does not depend on the order in which updates are given.
 *
 * It costs the passes of the rule over the rows: they are screened on the way of the first one. If
 * that excludes a row, the rule begins again with the others. A sink that cannot restart costs one
 * pass more, for the screen.
 *
 * @throws {AggregationError} `constraint` if too few rows passed for the rule; the message states
 *   the formula, the numbers, and whom the screen excluded. `no-clients` if none passed.
 *   `unreadable` if a row cannot be read; the message names the client.
 * @throws {BackendError} if the backend cannot be made or cannot do the work.
 * @throws {TypeError} if an argument is of the wrong kind.
 */
export interface Aggregate {
  (updates: Updates, rule: Rule, options: AggregateOptions & Destination): Promise<AggregateReport>;
  (updates: Updates, rule: Rule, options?: AggregateOptions): Promise<AggregateResult>;
}

/**
 * Several rules on the same updates: one screen, one pass for the distances that any of them asks
 * for, and one for all results. Results come in the order of the rules; `seconds` is the time of all.
 *
 * @throws as {@link Aggregate}, if any of the rules does.
 */
export type AggregateAll = (
  updates: Updates,
  rules: readonly Rule[],
  options?: AggregateOptions,
) => Promise<AggregateResult[]>;

/** The function `aggregate` of a platform, which makes its backends with `createBackend`. */
export function aggregateWith(createBackend: CreateBackend): Aggregate {
  async function aggregate(
    updates: Updates,
    rule: Rule,
    options: AggregateOptions & Partial<DestinationOptions> = {},
  ): Promise<Result> {
    checkOptions(options);
    checkRule(rule);
    const [result] = await onBackend(createBackend, options, (backend) =>
      run(updates, [rule], { ...options, backend }),
    );
    return result!;
  }
  return aggregate as Aggregate;
}

/** The function `aggregateAll` of a platform. */
export function aggregateAllWith(createBackend: CreateBackend): AggregateAll {
  return async (updates, rules, options: AggregateOptions & Partial<DestinationOptions> = {}) => {
    checkOptions(options);
    if (options.sink !== undefined || options.output !== undefined) {
      throw new TypeError('aggregateAll gives arrays; sink and output are for aggregate');
    }
    if (!Array.isArray(rules)) throw new TypeError(`rules must be an array, got ${show(rules)}`);
    if (rules.length === 0) throw new RangeError('rules must hold at least one rule, got none');
    for (const rule of rules) checkRule(rule);
    const results = await onBackend(createBackend, options, (backend) =>
      run(updates, rules, { ...options, backend }),
    );
    return results as AggregateResult[];
  };
}

/** The caller's backend, or one that is made for `body` and closed after it. */
export async function onBackend<T>(
  createBackend: CreateBackend,
  { backend = 'auto', memory }: Pick<AggregateOptions, 'backend' | 'memory'>,
  body: (backend: Backend) => Promise<T>,
): Promise<T> {
  if (typeof backend !== 'string') return await body(backend);
  const made = await createBackend(backend, memory === undefined ? {} : { memory });
  try {
    return await body(made);
  } finally {
    await made.close();
  }
}

/** All destinations, for the body that serves any. */
interface DestinationOptions {
  readonly sink: (values: Float32Array, from: number, to: number) => void | Promise<void>;
  readonly restart: () => void | Promise<void>;
  readonly output: GPUBuffer;
}

type RunOptions = Omit<AggregateOptions, 'reference'> &
  Partial<DestinationOptions> & { readonly backend: Backend };

/** A report, and the value where it goes to an array. */
type Result = AggregateReport & { value?: Float32Array };

async function run(
  updates: Updates,
  rules: readonly Rule[],
  options: RunOptions & Pick<AggregateOptions, 'reference'>,
): Promise<Result[]> {
  const start = performance.now();
  const { backend } = options;
  const held: Matrix[] = [];
  try {
    const reference = await ownRow('reference', options.reference, { ...options, held });
    const cols = options.cols ?? reference?.cols;
    const gate = gateOf(updates, { ...options, ...(cols !== undefined && { cols }), ops: backend });
    held.push(gate.rows);
    const call = { ...options, reference, held };
    const { screened, outcomes } = await screenedAndApplied(gate, rules, call);
    const seconds = (performance.now() - start) / 1000;
    return outcomes.map(({ outcome, value }, k) => ({
      ...(value && { value }),
      clients: reportsOf(screened.screenings, outcome),
      rule: rules[k]!.name,
      backend: backend.info,
      kernels: backend.explain(outcome.value),
      rows: screened.admitted.rows,
      cols: screened.admitted.cols,
      seconds,
      peakTileBytes: backend.peakTileBytes,
    }));
  } catch (error) {
    throw error instanceof OfCaller ? error.cause : error;
  } finally {
    for (const matrix of held) backend.release(matrix);
  }
}

/** What a function of the caller's threw: no row can be the reason. */
class OfCaller extends Error {
  static async guard<T>(work: () => T | Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      // Tensors that rows yet to be excluded bring with them may not fit those of the others.
      throw cause instanceof FormatError ? cause : new OfCaller('', { cause });
    }
  }
}

/** What a rule made of the rows, and its value where that goes to an array. */
interface Outcome {
  readonly outcome: StageResult;
  readonly value?: Float32Array;
}

interface Call extends RunOptions {
  readonly reference: Matrix | undefined;
  /** What is released in the end. */
  readonly held: Matrix[];
}

async function screenedAndApplied(
  gate: Gate,
  rules: readonly Rule[],
  options: Call,
): Promise<{ screened: Screened; outcomes: Outcome[] }> {
  const { backend } = options;
  // Values once given to a sink can only be taken back if it can restart.
  const mayRepeat = options.sink ? options.restart !== undefined : !options.onScreened;
  if (!mayRepeat) {
    const screened = gate.judge(await backend.screen(gate.rows));
    return { screened, outcomes: await applyAll(rules, screened, { ...options, complete: true }) };
  }
  backend.screenAlong(gate.rows);
  const attempt = await attempted(
    applyAll(rules, gate.assumed, { ...options, complete: false }),
    options,
  );
  const screened = gate.judge(await backend.screen(gate.rows));
  if (screened.admitted === gate.rows) {
    if ('failure' in attempt) throw attempt.failure;
    await tell(screened, { ...options, complete: true });
    return { screened, outcomes: attempt.value };
  }
  await OfCaller.guard(() => options.restart?.());
  return { screened, outcomes: await applyAll(rules, screened, { ...options, complete: true }) };
}

/** An outcome, or the failure that rows yet to be excluded may have caused. */
async function attempted<T>(
  work: Promise<T>,
  { signal }: Call,
): Promise<{ value: T } | { failure: unknown }> {
  try {
    return { value: await work };
  } catch (failure) {
    const isUnreadable = failure instanceof AggregationError && failure.code === 'unreadable';
    const isOfSystem = failure instanceof Error && 'syscall' in failure;
    const isOther = failure instanceof BackendError || failure instanceof OfCaller;
    if (isOther || isUnreadable || isOfSystem) throw failure;
    if (signal?.aborted) throw failure;
    return { failure };
  }
}

interface Applied extends Call {
  /** Whether rows have been screened. */
  readonly complete: boolean;
}

async function applyAll(
  rules: readonly Rule[],
  screened: Screened,
  options: Applied,
): Promise<Outcome[]> {
  const { backend, signal, reference } = options;
  await tell(screened, options);
  const passed = screened.screenings.filter(({ verdict }) => verdict !== 'excluded');
  const clients = passed.map(({ client }) => client);
  const past = await pastOf(clients, { ...options, cols: screened.admitted.cols });
  const round: Round = {
    clients,
    ...(screened.exampleCounts && { exampleCounts: screened.exampleCounts }),
    ...(reference && { reference }),
    ...(past && { past }),
    ...(signal && { signal }),
  };
  const outcomes: StageResult[] = [];
  for (const rule of rules) outcomes.push(await applied(rule, screened, { backend, round }));
  signal?.throwIfAborted();
  const values = await delivered(
    outcomes.map(({ value }) => value),
    options,
  );
  return outcomes.map((outcome, k) => ({ outcome, ...(values && { value: values[k]! }) }));
}

async function tell(
  { screenings, admitted }: Screened,
  { onScreened, complete }: Applied,
): Promise<void> {
  const { rows, cols } = admitted;
  await OfCaller.guard(() => onScreened?.({ screenings, rows, cols, complete }));
}

/** Every option there is, with those of the screen. */
const OPTIONS: Readonly<Record<keyof (AggregateOptions & DestinationOptions), true>> = {
  backend: true,
  memory: true,
  cols: true,
  maxNorm: true,
  weights: true,
  exampleCap: true,
  history: true,
  reference: true,
  past: true,
  signal: true,
  onScreened: true,
  sink: true,
  restart: true,
  output: true,
};

function checkOptions(options: AggregateOptions & Partial<DestinationOptions>): void {
  assertOptions(options, OPTIONS);
  const { backend } = options;
  if (backend !== undefined && typeof backend !== 'string' && !isBackend(backend)) {
    throw new TypeError(`backend must be a name or come from createBackend, got ${show(backend)}`);
  }
  if (options.memory !== undefined && typeof options.backend === 'object') {
    throw new TypeError('memory is for a backend made here; give it to createBackend instead');
  }
  if (options.past !== undefined && !(options.past instanceof Map)) {
    throw new TypeError(`past must be a Map, got ${show(options.past)}`);
  }
  if (options.sink !== undefined && options.output !== undefined) {
    throw new TypeError('sink and output exclude each other');
  }
  options.signal?.throwIfAborted();
}

function isBackend(backend: Backend): boolean {
  return typeof backend === 'object' && typeof backend?.matrix === 'function';
}

function checkRule(rule: Rule): void {
  // A factory has an `apply` too, that of every function: `mean` where `mean()` was meant.
  if (typeof rule !== 'object' || typeof rule?.apply !== 'function') {
    throw new TypeError(`rule must be a rule, such as mean(), got ${show(rule)}`);
  }
}

/** What rows of the server's own become a matrix by. */
interface Owning {
  readonly backend: Backend;
  /** Entries that each must have. Default: any number. */
  readonly cols?: number | undefined;
  /** Gets the matrix, to be released in the end. */
  readonly held: Matrix[];
}

/** The server's own vector, where there is one. */
export async function ownRow(
  name: string,
  row: Float32Array | RowSource | undefined,
  options: Owning,
): Promise<Matrix | undefined> {
  return row && (await ownRows([[name, row]], options));
}

/** What clients have sent in earlier rounds, in the order of the clients; nothing is zeros. n×d */
async function pastOf(
  clients: readonly string[],
  { past, ...options }: Pick<RunOptions, 'past'> & Owning & { readonly cols: number },
): Promise<Matrix | undefined> {
  if (past === undefined) return undefined;
  const nothing: RowSource = { cols: options.cols, read: (_, __, into) => void into.fill(0) };
  return await ownRows(
    clients.map((client) => [`past of ${quote(client)}`, past.get(client) ?? nothing]),
    options,
  );
}

/** Rows of the server's own, by name. What is wrong with them is its mistake, hence an exception. */
async function ownRows(
  named: readonly (readonly [name: string, row: Float32Array | RowSource])[],
  { backend, cols, held }: Owning,
): Promise<Matrix> {
  for (const [name, row] of named) {
    checkRow(name, row);
    const length = lengthOf(row);
    if (cols !== undefined && length !== cols) {
      throw new RangeError(`${name} must have ${cols} entries, got ${length}`);
    }
  }
  const rows = backend.matrix(named.map(([, row]) => row));
  held.push(rows);
  for (const [i, count] of (await backend.countNonFinite(rows)).entries()) {
    if (count === 0) continue;
    throw new RangeError(`${named[i]![0]} must be finite, got ${count} entries that are not`);
  }
  return rows;
}

async function applied(
  rule: Rule,
  { admitted, screenings }: Screened,
  { backend, round }: { backend: Backend; round: Round },
): Promise<StageResult> {
  try {
    const outcome = await rule.apply(admitted, backend, round);
    if (admitted.rows < rule.minClients) {
      const { name, minClients } = rule;
      const needs = `${name} needs at least ${minClients} clients, got ${admitted.rows}`;
      throw new AggregationError('constraint', needs);
    }
    checkOutcome(rule, admitted, outcome);
    return outcome;
  } catch (error) {
    const exclusions = describeExclusions(screenings);
    if (!(error instanceof AggregationError) || exclusions === '') throw error;
    throw new AggregationError(error.code, `${error.message}; ${exclusions}`, { cause: error });
  }
}

/** A rule of the caller's own may return anything. */
function checkOutcome(rule: Rule, x: Matrix, outcome: StageResult | undefined): void {
  const mistake = (what: string): RangeError => new RangeError(`${rule.name} must give ${what}`);
  if (outcome?.value === undefined) {
    throw new TypeError(`${rule.name} must give an object with a value, got ${show(outcome)}`);
  }
  const { value, weights, evidence } = outcome;
  if (value.rows !== 1 || value.cols !== x.cols) {
    throw mistake(`a value of 1×${x.cols}, got ${value.rows}×${value.cols}`);
  }
  if (weights && (weights.length !== 1 || weights[0]!.length !== x.rows)) {
    throw mistake(`weights of 1×${x.rows}, got ${weights.length}×${weights[0]?.length}`);
  }
  if (evidence && evidence.length !== x.rows) {
    throw mistake(`evidence on ${x.rows} rows, got ${evidence.length}`);
  }
}

async function delivered(
  xs: readonly Matrix[],
  { backend, sink, output, signal }: RunOptions,
): Promise<Float32Array[] | undefined> {
  if (output) {
    await backend.copyTo(xs[0]!, output);
    return undefined;
  }
  if (sink) {
    await backend.stream(xs[0]!, async (values, from, to) => {
      signal?.throwIfAborted();
      await OfCaller.guard(() => sink(values, from, to));
    });
    return undefined;
  }
  return await backend.readAll(xs);
}

function reportsOf(
  screenings: readonly Screening[],
  { weights, evidence }: StageResult,
): ClientReport[] {
  let row = 0;
  return screenings.map((screening) => {
    if (screening.verdict === 'excluded') return { ...screening, ...(weights && { weight: 0 }) };
    const { reason, ...found } = evidence?.[row] ?? {};
    const weight = weights?.[0]?.[row];
    row++;
    return {
      ...screening,
      ...found,
      ...(weight !== undefined && { weight }),
      reasons: reason === undefined ? screening.reasons : [...screening.reasons, `rule: ${reason}`],
    };
  });
}
