/**
 * The one road that every update takes: screen, rule, result.
 *
 * @module
 */

import type { BackendChoice, CreateBackend } from './backend/create.ts';
import type { Backend, BackendInfo, Matrix, RowSource } from './backend/kernels.ts';
import { show } from './core/assert.ts';
import { AggregationError } from './core/errors.ts';
import type { ClientEvidence, Round, Rule, StageResult } from './rules/rule.ts';
import {
  describeExclusions,
  type Screened,
  type Screening,
  type ScreenOptions,
  screen,
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
  /** Ends the aggregation at the next read of a row; the promise rejects with its reason. */
  readonly signal?: AbortSignal;
  /** Called once the verdicts are known, before the rule has seen a row. */
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
}

/** Where the aggregate goes instead of into an array. */
export type Destination =
  | {
      /** Called for columns [from, to) in order; `values` is reused after it returns. */
      readonly sink: (values: Float32Array, from: number, to: number) => void | Promise<void>;
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
 * its update. It costs one pass over the rows for the screen, and those of the rule. The outcome
 * does not depend on the order in which updates are given.
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

/** The function `aggregate` of a platform, which makes its backends with `createBackend`. */
export function aggregateWith(createBackend: CreateBackend): Aggregate {
  async function aggregate(
    updates: Updates,
    rule: Rule,
    options: AggregateOptions & Partial<DestinationOptions> = {},
  ): Promise<AggregateReport & { value?: Float32Array }> {
    checkCall(rule, options);
    const { backend = 'auto', memory } = options;
    if (typeof backend !== 'string') return await run(updates, rule, { ...options, backend });
    const made = await createBackend(backend, memory === undefined ? {} : { memory });
    try {
      return await run(updates, rule, { ...options, backend: made });
    } finally {
      await made.close();
    }
  }
  return aggregate as Aggregate;
}

/** Both destinations, for the body that serves either. */
interface DestinationOptions {
  readonly sink: (values: Float32Array, from: number, to: number) => void | Promise<void>;
  readonly output: GPUBuffer;
}

type RunOptions = AggregateOptions & Partial<DestinationOptions> & { readonly backend: Backend };

async function run(
  updates: Updates,
  rule: Rule,
  options: RunOptions,
): Promise<AggregateReport & { value?: Float32Array }> {
  const start = performance.now();
  const reference = await referenceOf(options);
  try {
    const report = await screenedAndApplied(updates, rule, { ...options, reference });
    return { ...report, seconds: (performance.now() - start) / 1000 };
  } finally {
    if (reference) options.backend.release(reference);
  }
}

async function screenedAndApplied(
  updates: Updates,
  rule: Rule,
  { reference, ...options }: Omit<RunOptions, 'reference'> & { reference: Matrix | undefined },
): Promise<Omit<AggregateReport, 'seconds'> & { value?: Float32Array }> {
  const { backend, signal } = options;
  const wanted = options.cols ?? reference?.cols;
  const screened = await screen(updates, {
    ...options,
    ...(wanted !== undefined && { cols: wanted }),
    ops: backend,
  });
  try {
    const { rows, cols } = screened.admitted;
    options.onScreened?.({ screenings: screened.screenings, rows, cols });
    const passed = screened.screenings.filter(({ verdict }) => verdict !== 'excluded');
    const round: Round = {
      clients: passed.map(({ client }) => client),
      ...(screened.exampleCounts && { exampleCounts: screened.exampleCounts }),
      ...(reference && { reference }),
    };
    const outcome = await applied(rule, screened, { backend, round });
    signal?.throwIfAborted();
    const value = await delivered(outcome.value, options);
    return {
      ...(value && { value }),
      clients: reportsOf(screened.screenings, outcome),
      rule: rule.name,
      backend: backend.info,
      rows,
      cols,
      peakTileBytes: backend.peakTileBytes,
    };
  } finally {
    backend.release(screened.admitted);
  }
}

function checkCall(rule: Rule, options: AggregateOptions & Partial<DestinationOptions>): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`options must be an object, got ${show(options)}`);
  }
  // A factory has an `apply` too, that of every function: `mean` where `mean()` was meant.
  if (typeof rule !== 'object' || typeof rule?.apply !== 'function') {
    throw new TypeError(`rule must be a rule, such as mean(), got ${show(rule)}`);
  }
  if (options.memory !== undefined && typeof options.backend === 'object') {
    throw new TypeError('memory is for a backend made here; give it to createBackend instead');
  }
  if (options.sink !== undefined && options.output !== undefined) {
    throw new TypeError('sink and output exclude each other');
  }
  options.signal?.throwIfAborted();
}

/** The server's own vector. What is wrong with it is the server's mistake, hence an exception. */
async function referenceOf({ backend, cols, reference }: RunOptions): Promise<Matrix | undefined> {
  if (reference === undefined) return undefined;
  const matrix = backend.matrix([reference]);
  if (cols !== undefined && matrix.cols !== cols) {
    throw new RangeError(`reference must have ${cols} entries, got ${matrix.cols}`);
  }
  const [nonFinite] = await backend.countNonFinite(matrix);
  if (nonFinite! > 0) {
    backend.release(matrix);
    throw new RangeError(`reference must be finite, got ${nonFinite} entries that are not`);
  }
  return matrix;
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

async function delivered(x: Matrix, options: RunOptions): Promise<Float32Array | undefined> {
  const { backend, sink, output, signal } = options;
  if (output) {
    await backend.copyTo(x, output);
    return undefined;
  }
  if (sink) {
    await backend.stream(x, async (values, from, to) => {
      signal?.throwIfAborted();
      await sink(values, from, to);
    });
    return undefined;
  }
  return await backend.read(x);
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
