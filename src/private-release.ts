/**
 * A private release of a round: each update is clipped to integers by itself, a rule is applied to the
 * integers exactly, noise is added to the integers, and floats come back only then. So what is released
 * has the bound that its noise was made for, whatever the updates are, and the same bits on every
 * backend.
 *
 * @module
 */

import type { Backend, LatticeNoise, ModularOps, Words } from './backend/kernels.ts';
import { assertInteger, assertOneOf, assertOptions, assertPositive, show } from './core/assert.ts';
import { PrivacyError } from './core/errors.ts';
import { compareNames } from './formats/safetensors.ts';
import { NO_SAMPLING, type PrivacyEvent, type Relation, type Sampling } from './privacy/event.ts';
import {
  clipToLattice,
  DEFAULT_BOUND,
  fromLattice,
  type Lattice,
  latticeFor,
} from './privacy/lattice/clip.ts';
import {
  type GaussianPlan,
  gaussianPlan,
  requireNumericalDelta,
} from './privacy/lattice/noise-plan.ts';
import { noiseNonce } from './privacy/lattice/noise-stream.ts';
import { hashesOfTables, noncesOf } from './privacy/lattice/transcript.ts';
import type { Charging } from './privacy/ledger/ledger.ts';
import type { Receipt } from './privacy/ledger/receipt.ts';
import { sensitivityOf } from './privacy/sensitivity.ts';
import type { LatticeRows, Releasable, Rule } from './rules/rule.ts';

/** What a private round releases. */
export type PrivateStatistic =
  /**
   * The sum of updates over a public constant, such as the expected size of the cohort. Who takes part
   * may be private. With `exampleCap`, updates count by their examples, up to so many each.
   */
  | { readonly kind: 'sum'; readonly denominator: number; readonly exampleCap?: number }
  /** What a rule makes of exactly so many rows: whoever is missing or refused is a row of zeros. */
  | { readonly kind: 'rule'; readonly rule: Releasable<Rule>; readonly rows: number };

/** How rounds are released. */
export interface PrivateReleaseOptions {
  readonly statistic: PrivateStatistic;
  /** Which rounds are neighbours. */
  readonly relation: Relation;
  /** Updates are clipped to this L2 norm, above 0. */
  readonly clipNorm: number;
  /** Standard deviation of the noise over the L2 sensitivity of the statistic under the relation. */
  readonly noiseMultiplier: number;
  /** How cohorts are drawn; by default everybody takes part, or who does is known. */
  readonly sampling?: Sampling;
  /**
   * Largest norm in steps of the lattice. Default: 2²⁰, or as many as leave sums and noise in 32 bits.
   */
  readonly bound?: number;
}

/** A release that is planned: the same in every round. */
export interface PrivateRelease {
  readonly statistic: PrivateStatistic;
  readonly clipNorm: number;
  readonly lattice: Lattice;
  /** What integers of the result are divided by, in steps of the lattice. */
  readonly multiple: number;
  /** L2 sensitivity of the integers that noise is added to. */
  readonly sensitivity: number;
  readonly noise: GaussianPlan;
  /** SHA-256 of the tables that noise is drawn from. */
  readonly tables: readonly string[];
  readonly relation: Relation;
  readonly sampling: Sampling;
}

const RELATIONS = ['add-remove', 'replace-one', 'zero-out'] as const satisfies readonly Relation[];
/** Fewer steps than that are too coarse for updates of any length. */
const LEAST_BOUND = 256;
const MAX_SUM = 2 ** 31 - 1;
/** The largest σ that a plan of noise has. */
const MAX_SIGMA = 2 ** 25;
/** Noise reaches no farther than so many σ, but for 2⁻¹³⁰. */
const REACH = 14;
/** Above what a dozen roundings in f64 amount to. */
const ROUNDING: number = 1 + 2 ** -40;
/** A private cohort may be larger than expected, though hardly ever twice as large. */
const SPARE = 2;
/** What nonces of this noise are for. */
const RELEASE_PURPOSE = 1;

/**
 * Plans releases: sensitivity, lattice and noise, and what each costs.
 *
 * The bound of the lattice is what 32 bits leave room for, so that no sum of rows and no noise ever
 * wraps around.
 *
 * @throws {PrivacyError} `unsupported` if no bound on one unit's influence is known of the statistic.
 * @throws {AggregationError} `constraint` if its rule does not admit so many rows.
 * @throws {TypeError | RangeError} if an option is out of its range, or there is no room for the noise.
 */
export async function planRelease(options: PrivateReleaseOptions): Promise<PrivateRelease> {
  assertOptions(options, {
    statistic: true,
    relation: true,
    clipNorm: true,
    noiseMultiplier: true,
    sampling: true,
    bound: true,
  });
  const { statistic, sampling = NO_SAMPLING } = options;
  const relation = assertOneOf('relation', options.relation, RELATIONS);
  assertOneOf('statistic.kind', statistic?.kind, ['sum', 'rule']);
  const clipNorm = assertPositive('clipNorm', options.clipNorm);
  const noiseMultiplier = assertPositive('noiseMultiplier', options.noiseMultiplier);
  checkSampling(statistic, { relation, sampling });
  const moved = movedBy(statistic, { relation, clipNorm });
  const { multiple, reach } = await growthOf(statistic, { norm: clipNorm, bound: 1 });
  // Of the integers, for rows of a norm of one step.
  const sensitivity = (moved / clipNorm) * multiple * ROUNDING;
  const room = Math.min(
    Math.floor(MAX_SUM / (reach + REACH * noiseMultiplier * sensitivity)),
    Math.floor(MAX_SIGMA / (noiseMultiplier * sensitivity)),
  );
  const bound = options.bound ?? Math.max(1, Math.min(DEFAULT_BOUND, room));
  assertInteger('bound', bound, 1);
  if (room < LEAST_BOUND) {
    throw new RangeError(
      `noise multiplier ${noiseMultiplier} leaves no room in 32 bits for sums of ${reach} rows: take less ` +
        'noise or fewer rows',
    );
  }
  if (bound > room) {
    throw new RangeError(
      `bound must be at most ${room}, for sums and noise to stay in 32 bits, got ${bound}`,
    );
  }
  // What a stage cannot do with integers so large is told before the first round.
  await growthOf(statistic, { norm: clipNorm, bound });
  const noise = gaussianPlan(noiseMultiplier * sensitivity * bound);
  return {
    statistic,
    clipNorm,
    lattice: latticeFor(clipNorm, bound),
    multiple,
    sensitivity: sensitivity * bound,
    noise,
    tables: hashesOfTables(noise.draws),
    relation,
    sampling,
  };
}

/** Amplification is proven where rows come and go without changing what the others count. */
function checkSampling(
  statistic: PrivateStatistic,
  { relation, sampling }: Pick<PrivateRelease, 'relation' | 'sampling'>,
): void {
  if (statistic.kind !== 'rule' || sampling.kind === 'none') return;
  if (sampling.kind === 'without-replacement' && relation === 'replace-one') {
    if (sampling.cohort !== statistic.rows) {
      throw new RangeError(`cohort must have ${statistic.rows} clients, got ${sampling.cohort}`);
    }
    // Rows are in the order of names: one client for another shifts all between them, which must not matter.
    if (statistic.rule.laws.includes('permutation')) return;
    throw new PrivacyError(
      'unsupported',
      `${statistic.rule.name} depends on the order of rows, for which sampling proves nothing`,
    );
  }
  throw new PrivacyError(
    'unsupported',
    `a rule of a fixed number of rows is amplified by sampling without replacement under ` +
      `replace-one alone, got ${sampling.kind} under ${relation}`,
  );
}

function movedBy(
  statistic: PrivateStatistic,
  { relation, clipNorm }: Pick<PrivateRelease, 'relation' | 'clipNorm'>,
): number {
  if (statistic.kind === 'rule') return sensitivityOf(statistic, { relation, norm: clipNorm });
  const { denominator, exampleCap = 1 } = statistic;
  assertInteger('exampleCap', exampleCap, 1);
  const bounds = { relation, norm: clipNorm };
  return sensitivityOf({ kind: 'sum', denominator, weight: exampleCap }, bounds);
}

/** What the result is a multiple of, and how far its integers reach, for rows that reach `bound`. */
async function growthOf(
  statistic: PrivateStatistic,
  { norm, bound }: { readonly norm: number; readonly bound: number },
): Promise<Pick<LatticeRows, 'multiple' | 'reach'>> {
  if (statistic.kind === 'sum') {
    const { denominator, exampleCap = 1 } = statistic;
    return { multiple: denominator, reach: Math.max(SPARE * denominator, exampleCap) * bound };
  }
  const { rule, rows } = statistic;
  const words: Words = { rows, cols: 1, element: 'u32' };
  return rule.onLattice({ words, multiple: 1, norm, reach: bound }, SHAPES);
}

/** Operations that know shapes alone: what a rule makes of integers does not depend on them. */
const SHAPES: ModularOps = {
  words: (rows) => ({ rows: rows.length, cols: 1, element: 'u32' }),
  addLatticeNoise: (x) => x,
  rankSum: () => ({ rows: 1, cols: 1, element: 'u32' }),
  sumRows: (_, groups) => ({ rows: groups.length, cols: 1, element: 'u32' }),
  squaredDistances: async ({ rows }) => new Float64Array(rows * rows),
};

/** What one release of `cols` entries costs. */
export function eventOf(
  { noise, sensitivity, relation, sampling }: PrivateRelease,
  cols: number,
): PrivacyEvent {
  const mechanism = {
    kind: 'discrete-gaussian',
    sigma: noise.sigma,
    sensitivity,
    dimensions: assertInteger('cols', cols, 1),
  } as const;
  return { mechanism, sampling, relation };
}

/** One round. */
export interface PrivateRound {
  /** Number of the round, in [0, rounds). */
  readonly round: number;
  /** Rounds that the budget is for: the noise's own error is booked for all of them. */
  readonly rounds: number;
  /** Who was chosen, each once: for a rule exactly as many as its rows. */
  readonly cohort: readonly string[];
  /** Entries of an update. */
  readonly cols: number;
  /** Whoever charges the release, and gives the seed of its noise. */
  readonly ledger: Charging;
  /** Stays open. */
  readonly backend: Backend;
  /** A public vector that updates are measured from; by default zero. */
  readonly center?: Float32Array;
}

/** What a client sent in a private round. */
export interface PrivateUpdate {
  readonly row: Float32Array;
  /** Examples that the client says it trained on; counted up to the cap. Default 1. */
  readonly examples?: number;
}

/** What became of one client's update. That is not private: it is for the server's eyes. */
export interface PrivateClient {
  readonly client: string;
  /** `zeroed`: counted as a row of zeros. */
  readonly verdict: 'accepted' | 'zeroed';
  /** Why it was zeroed: `missing`, `length`, `non-finite` or `examples`, and an explanation. */
  readonly reason?: string;
  /** What it was multiplied by to be within the clip norm. */
  readonly clipFactor: number;
}

/** A release that was made. */
export interface PrivateResult {
  /** The statistic with noise, one entry for each column. */
  readonly value: Float32Array;
  readonly receipt: Receipt;
  /** By how much the whole budget's δ is exceeded at most because noise is computed: see the tables. */
  readonly numericalDelta: number;
  /** Ordered by client. */
  readonly clients: readonly PrivateClient[];
}

/**
 * One private round. Each update is judged alone: whatever is wrong with it, it becomes a row of zeros,
 * and the number of rows stays. The charge is on storage before any noise is drawn, and the receipt
 * before anything is returned.
 *
 * @throws {PrivacyError} `over-budget` if the ledger refuses: nothing is charged then. `numerics` if
 *   the noise's own error would exceed 1 % of δ.
 * @throws {BackendError} if the backend fails: the charge is spent.
 * @throws {TypeError | RangeError} if the server's own arguments do not fit.
 */
export async function releasePrivately(
  updates: ReadonlyMap<string, PrivateUpdate>,
  release: PrivateRelease,
  round: PrivateRound,
): Promise<PrivateResult> {
  const cohort = checkCohort(updates, release, round);
  const { backend, center } = round;
  const rows = cohort.map((client) => latticeRow(client, updates.get(client), { release, round }));
  const sums = await sumsOver(
    rows.map(({ integers }) => integers),
    release,
    round,
  );
  try {
    const { integers, ...charged } = await withNoise(sums, release, round);
    const value = fromLattice(integers, release.lattice, 1 / release.multiple);
    return {
      value: center === undefined ? value : value.map((step, j) => step + center[j]!),
      ...charged,
      clients: rows.map(({ integers: _, ...client }) => client),
    };
  } finally {
    // What clients sent does not stay on the device.
    backend.release(sums);
  }
}

/** The charge, the noise, the receipt: in this order. */
async function withNoise(
  sums: Words,
  release: PrivateRelease,
  { ledger, backend, cols, rounds, round }: PrivateRound,
): Promise<Pick<PrivateResult, 'receipt' | 'numericalDelta'> & { readonly integers: Uint32Array }> {
  const { noise } = release;
  const event = eventOf(release, cols);
  const { log2TotalVariation } = noise;
  const numericalDelta = requireNumericalDelta(
    { log2TotalVariation, coordinates: cols, rounds, epsilon: ledger.budget.epsilon },
    ledger.budget.delta,
  );
  const nonce = noiseNonce({ round, tensor: 0, purpose: RELEASE_PURPOSE });
  const charge = await ledger.reserve(event);
  const noisy = noised(sums, ledger.drawSeed(charge), { backend, nonce, draws: noise.draws });
  const integers = await backend.readWords(noisy);
  const receipt = await ledger.commit(charge, {
    round,
    tables: release.tables,
    nonces: noncesOf({ nonce, draws: noise.draws }),
    achievedSigma: noise.sigma,
  });
  return { integers, receipt, numericalDelta };
}

/** An expression with noise of a key, which is cleared: the expression has a copy. */
function noised(
  sums: Words,
  key: Uint8Array,
  { backend, ...noise }: Omit<LatticeNoise, 'key'> & Pick<PrivateRound, 'backend'>,
): Words {
  try {
    return backend.addLatticeNoise(sums, { key, ...noise });
  } finally {
    key.fill(0);
  }
}

/** The cohort in the order of its rows: by name, whatever order updates came in. */
function checkCohort(
  updates: ReadonlyMap<string, PrivateUpdate>,
  { statistic, sampling }: PrivateRelease,
  { cohort, cols, center, round, rounds }: PrivateRound,
): string[] {
  assertInteger('cols', cols, 1);
  assertInteger('rounds', rounds, 1);
  assertInteger('round', round, 0, rounds - 1);
  if (!(updates instanceof Map)) throw new TypeError(`updates must be a Map, got ${show(updates)}`);
  if (!Array.isArray(cohort)) throw new TypeError(`cohort must be an array, got ${show(cohort)}`);
  const names = new Set(cohort);
  if (names.size !== cohort.length) throw new RangeError('cohort must name each client once');
  for (const [client, update] of updates) {
    if (!names.has(client)) {
      throw new RangeError(`updates must come from the cohort, got one of ${show(client)}`);
    }
    // A client sends bytes; what is made of them is the server's doing.
    if (!(update?.row instanceof Float32Array)) {
      throw new TypeError(
        `the update of ${show(client)} must hold a row, a Float32Array, got ${show(update?.row)}`,
      );
    }
  }
  checkDrawn(sampling, cohort.length);
  if (statistic.kind === 'rule' && cohort.length !== statistic.rows) {
    throw new RangeError(`cohort must have ${statistic.rows} clients, got ${cohort.length}`);
  }
  if (center !== undefined) {
    if (!(center instanceof Float32Array) || !center.every(Number.isFinite)) {
      throw new TypeError(`center must be a Float32Array of finite numbers, got ${show(center)}`);
    }
    if (center.length !== cols) {
      throw new RangeError(`center must have ${cols} entries, got ${center.length}`);
    }
  }
  return [...names].sort(compareNames);
}

/** A cohort of another size was not drawn as the receipt says. */
function checkDrawn(sampling: Sampling, size: number): void {
  const { kind } = sampling;
  if (kind === 'none' || kind === 'poisson') return;
  const { cohort } = sampling;
  if (kind === 'without-replacement' ? size === cohort : size <= cohort) return;
  const wanted = kind === 'without-replacement' ? `${cohort}` : `at most ${cohort}`;
  throw new RangeError(`cohort must have ${wanted} clients, as it is drawn, got ${size}`);
}

/** A client's row of integers, whatever it sent, and what became of it. */
function latticeRow(
  client: string,
  update: PrivateUpdate | undefined,
  {
    release: { lattice, statistic },
    round: { cols, center },
  }: { release: PrivateRelease; round: PrivateRound },
): PrivateClient & { readonly integers: Int32Array } {
  const zeroed = (reason: string) => {
    const integers = new Int32Array(cols);
    return { client, verdict: 'zeroed', reason, clipFactor: 0, integers } as const;
  };
  if (update === undefined) return zeroed('missing: nothing came');
  const { row, examples = 1 } = update;
  if (row.length !== cols) {
    return zeroed(`length: ${cols} entries are needed, got ${row.length}`);
  }
  if (!Number.isInteger(examples) || examples < 1) {
    return zeroed(`examples: a positive integer is needed, got ${show(examples)}`);
  }
  const away = center === undefined ? row : row.map((value, j) => value - center[j]!);
  const { values, nonFinite, factor } = clipToLattice(away, lattice);
  if (nonFinite > 0) return zeroed(`non-finite: ${nonFinite} entries`);
  const cap = statistic.kind === 'sum' ? (statistic.exampleCap ?? 1) : 1;
  const weight = Math.min(examples, cap);
  const integers = weight === 1 ? values : values.map((value) => value * weight);
  return { client, verdict: 'accepted', clipFactor: factor, integers };
}

async function sumsOver(
  rows: readonly Int32Array[],
  { statistic, clipNorm, lattice }: PrivateRelease,
  { backend, cols }: Pick<PrivateRound, 'backend' | 'cols'>,
): Promise<Words> {
  if (statistic.kind === 'sum') {
    // A private cohort may be empty; what is released is noise alone then.
    const all = rows.length === 0 ? [new Int32Array(cols)] : rows;
    const words = backend.words(all);
    return backend.sumRows(words, [all.map((_, i) => i)]);
  }
  const words = backend.words(rows);
  const start = { words, multiple: 1, norm: clipNorm, reach: lattice.bound };
  return (await statistic.rule.onLattice(start, backend)).words;
}
