/**
 * Gradient descent that hides single examples: privacy for the records of one who trains, such as a
 * hospital among a few dozen, where hiding whole participants would leave nothing to learn from.
 *
 * In each step every example is in the batch by a coin of its own. Its gradient is clipped to integers,
 * the integers are added up exactly, and noise is added to the sum before anything is made of it. So a
 * step is a sum that one example moves by no more than the clip norm, whatever its gradient is.
 *
 * Abadi et al. "Deep learning with differential privacy", CCS 2016; on the lattice as all noise here.
 *
 * What is hidden is hidden from those who see parameters and receipts. Who can measure how long a step
 * takes, or sees the counts in `local`, learns the size of its batch.
 *
 * @module
 */

import type { Backend } from '../backend/kernels.ts';
import { assertInteger, assertOptions, assertPositive, show } from '../core/assert.ts';
import { PrivacyError } from '../core/errors.ts';
import { createRandom } from '../core/random.ts';
import type { PrivacyEvent } from './event.ts';
import {
  clipToLattice,
  DEFAULT_BOUND,
  fromLattice,
  type Lattice,
  latticeFor,
} from './lattice/clip.ts';
import { type GaussianPlan, gaussianPlan, requireNumericalDelta } from './lattice/noise-plan.ts';
import { noiseNonce, subkey } from './lattice/noise-stream.ts';
import { hashesOfTables, noncesOf } from './lattice/transcript.ts';
import type { Charge, Ledger } from './ledger/ledger.ts';
import type { Receipt } from './ledger/receipt.ts';

/** What a step is. All of it is public, and must not be made from the examples. */
export interface StepOptions {
  /** Each example's gradient is clipped to this L2 norm, above 0. */
  readonly clipNorm: number;
  /** Standard deviation of the noise over the clip norm, above 0. */
  readonly noiseMultiplier: number;
  /** Chance of each example to be in the batch, in [2⁻³², 1]. */
  readonly samplingRate: number;
  /**
   * What sums of gradients are divided by, above 0, whatever the batch turns out to be: the sampling
   * rate times about how many examples there are.
   */
  readonly expectedBatch: number;
  /** The clip norm in steps of the lattice. Default: 2²⁰, or what sums and noise leave of 32 bits. */
  readonly bound?: number;
}

/** Steps that are planned; one plan serves any number of trainings. */
export interface StepPlan extends Required<StepOptions> {
  readonly lattice: Lattice;
  readonly noise: GaussianPlan;
  /** SHA-256 of the tables of the noise. */
  readonly tables: readonly string[];
}

/** Fewer steps of the lattice are too coarse for gradients of any length. */
const LEAST_BOUND = 256;
/** The largest σ that a plan of noise has. */
const MAX_SIGMA = 2 ** 25;
const MAX_SUM = 2 ** 31 - 1;
/** Noise reaches no farther than so many σ, but for 2⁻¹³⁰. */
const REACH = 14;
/** Batches may be so many times the expected: beyond it, large ones hardly ever are. */
const SPARE = 2;
const WORDS = 2 ** 32;

/**
 * Plans steps: lattice, noise and its tables. Takes up to a second, for the tables.
 *
 * @throws {TypeError | RangeError} if an option is out of its range, or 32 bits have no room for the noise.
 */
export function planSteps(options: StepOptions): StepPlan {
  assertOptions(options, {
    clipNorm: true,
    noiseMultiplier: true,
    samplingRate: true,
    expectedBatch: true,
    bound: true,
  });
  const bound = boundOf(options);
  const lattice = latticeFor(options.clipNorm, bound);
  rateOf(options.samplingRate);
  const noise = gaussianPlan(options.noiseMultiplier * bound);
  return { ...options, bound, lattice, noise, tables: hashesOfTables(noise.draws) };
}

/** The bound asked for or the largest up to 2²⁰ with which neither sums nor noise leave 32 bits. */
function boundOf({ noiseMultiplier, expectedBatch, bound }: Omit<StepOptions, 'clipNorm'>): number {
  assertPositive('noiseMultiplier', noiseMultiplier);
  assertPositive('expectedBatch', expectedBatch);
  const reach = SPARE * expectedBatch + REACH * noiseMultiplier;
  const room = Math.floor(Math.min(MAX_SUM / reach, MAX_SIGMA / noiseMultiplier));
  if (room < LEAST_BOUND) {
    throw new RangeError(
      `expectedBatch ${expectedBatch} and noiseMultiplier ${noiseMultiplier} must leave a bound of ` +
        `${LEAST_BOUND} in 32 bits, got room for ${room}`,
    );
  }
  return assertInteger('bound', bound ?? Math.min(DEFAULT_BOUND, room), 1, room);
}

/** A rate as its coins have it, never above what is accounted for. */
function rateOf(samplingRate: number): { readonly threshold: number; readonly accounted: number } {
  const words = assertPositive('samplingRate', samplingRate) * WORDS;
  if (words < 1 || words > WORDS) {
    throw new RangeError(`samplingRate must be in [2^-32, 1], got ${samplingRate}`);
  }
  return { threshold: Math.floor(words), accounted: Math.ceil(words) / WORDS };
}

/**
 * What a step costs, for so many parameters: for accountants, and for filters that want to know in
 * advance. Makes no tables.
 */
export function stepEvent(
  step: Omit<StepOptions, 'clipNorm'>,
  parameterCount: number,
): PrivacyEvent {
  const sensitivity = boundOf(step);
  return {
    mechanism: {
      kind: 'discrete-gaussian',
      sigma: step.noiseMultiplier * sensitivity,
      sensitivity,
      dimensions: assertInteger('parameterCount', parameterCount, 1),
    },
    sampling: { kind: 'poisson', rate: rateOf(step.samplingRate).accounted },
    relation: 'add-remove',
  };
}

/**
 * The gradient of the loss on one example, as long as the parameters. It must depend on this example
 * and on the parameters alone: what it keeps of other examples, as a normalisation over batches does,
 * is hidden by nothing. It may give the same array each time, and write to the parameters, which are a
 * copy of its own.
 */
export type ExampleGradient = (
  example: number,
  parameters: Float32Array,
) => Float32Array | Promise<Float32Array>;

/** What charges the steps. */
export type RecordLedger = Pick<Ledger, 'unit' | 'budget' | 'reserve' | 'drawSeed' | 'commit'>;

/** A training, or a round of one. */
export interface PrivateTrainingOptions {
  readonly plan: StepPlan;
  /** How many examples there are; `gradientOf` is asked for those from 0 on. */
  readonly examples: number;
  readonly gradientOf: ExampleGradient;
  /** Where it starts, finite; stays as it is. */
  readonly parameters: Float32Array;
  /** How many to make. */
  readonly steps: number;
  /** Number of the first step, in all trainings on this budget. Default 0. */
  readonly firstStep?: number;
  /** Factor on the gradient, above 0. */
  readonly learningRate: number;
  /** For the unit `record` and the relation `add-remove`. */
  readonly ledger: RecordLedger;
  /** Makes the noise; stays open. */
  readonly backend: Pick<Backend, 'words' | 'addLatticeNoise' | 'readWords' | 'release'>;
}

/** What came of a training. */
export interface PrivateTraining {
  /** The only thing to send, with the receipts: all else is for the client's eyes. */
  readonly parameters: Float32Array;
  /** One for each step that was made; the last tells what all have cost. */
  readonly receipts: readonly Receipt[];
  /** `over-budget`: it ended before a step that the ledger refused, whose words are in `reason`. */
  readonly ended: 'complete' | 'over-budget';
  readonly reason?: string;
  /** By how much the budget's δ is exceeded at most, because noise is computed, up to the last step. */
  readonly numericalDelta: number;
  /** Exact counts, over all steps. These are not private. */
  readonly local: LocalCounts;
}

/** What went into a training: not to be sent. */
export interface LocalCounts {
  /** Sizes of all batches together. */
  readonly examples: number;
  readonly emptyBatches: number;
  /** Gradients that were longer than the clip norm. */
  readonly clipped: number;
  /** Gradients with NaN or infinities, which count as zero. */
  readonly nonFinite: number;
}

/** Keys of a step: one for its coins, one for its noise. */
const [COINS, NOISE] = [1, 2] as const;
/** What nonces of this noise are for. */
const STEP_PURPOSE = 2;

/**
 * Trains, each step charged before its batch is drawn, and ended in the ledger before its result is
 * used. Coins and noise come from the seed that the ledger gives for the charge. A training that
 * fails midway has spent the step it was in.
 *
 * One charge for each step, since there is no event for several together: sampling amplifies steps one
 * by one.
 *
 * @throws {PrivacyError} `numerics` if the noise's own error would exceed 1 % of δ: nothing is charged
 *   then. `unsupported` or `ledger` as the ledger has it; where it is `over-budget`, the training ends.
 * @throws {TypeError | RangeError} if an option is out of its range, the ledger is for another unit or
 *   relation, or a gradient is none.
 */
export async function privateTraining(options: PrivateTrainingOptions): Promise<PrivateTraining> {
  const { plan, ledger, steps, firstStep } = checkTraining(options);
  const parameters = options.parameters.slice();
  const event = stepEvent(plan, parameters.length);
  const numericalDelta = requireNumericalDelta(
    {
      log2TotalVariation: plan.noise.log2TotalVariation,
      coordinates: parameters.length,
      rounds: firstStep + steps,
      epsilon: ledger.budget.epsilon,
    },
    ledger.budget.delta,
  );
  const local = { examples: 0, emptyBatches: 0, clipped: 0, nonFinite: 0 };
  const receipts: Receipt[] = [];
  const result = { parameters, receipts, numericalDelta, local };
  for (let step = firstStep; step < firstStep + steps; step++) {
    const charge = await chargeOrRefusal(ledger, event);
    if (charge instanceof PrivacyError) {
      return { ...result, ended: 'over-budget', reason: charge.message };
    }
    const { gradient, receipt } = await makeStep(options, { parameters, step, charge, local });
    for (let j = 0; j < parameters.length; j++) {
      parameters[j]! -= options.learningRate * gradient[j]!;
    }
    receipts.push(receipt);
  }
  return { ...result, ended: 'complete' };
}

/** A step of a training. */
interface StepState {
  readonly parameters: Float32Array;
  readonly step: number;
  readonly charge: Charge;
  readonly local: { -readonly [K in keyof LocalCounts]: LocalCounts[K] };
}

/** The noisy gradient of a step, and its receipt. */
async function makeStep(
  options: PrivateTrainingOptions,
  state: StepState,
): Promise<{ readonly gradient: Float32Array; readonly receipt: Receipt }> {
  const { plan, ledger, backend } = options;
  const { step, charge } = state;
  const { draws, sigma } = plan.noise;
  const seed = ledger.drawSeed(charge);
  const [coins, key] = [subkey(seed, COINS), subkey(seed, NOISE)];
  seed.fill(0);
  try {
    const sum = backend.words([await sumOfBatch(options, { ...state, coins })]);
    const nonce = noiseNonce({ round: step, tensor: 0, purpose: STEP_PURPOSE });
    const noisy = await backend.readWords(backend.addLatticeNoise(sum, { key, nonce, draws }));
    backend.release(sum);
    const receipt = await ledger.commit(charge, {
      round: step,
      tables: plan.tables,
      nonces: noncesOf({ nonce, draws }),
      achievedSigma: sigma,
    });
    return { gradient: fromLattice(noisy, plan.lattice, 1 / plan.expectedBatch), receipt };
  } finally {
    coins.fill(0);
    key.fill(0);
  }
}

/**
 * The sum of clipped gradients over a batch. It is exact, and then held within what 32 bits leave
 * beside the noise: that brings no two sums farther apart, so that it costs no privacy.
 */
async function sumOfBatch(
  { plan, examples, gradientOf }: PrivateTrainingOptions,
  { parameters, coins, local }: StepState & { readonly coins: Uint8Array },
): Promise<Int32Array> {
  const { threshold } = rateOf(plan.samplingRate);
  const random = createRandom(coins);
  // Integers below 2⁵³ for fewer than 2²⁹ examples.
  const sum = new Float64Array(parameters.length);
  const own = new Float32Array(parameters.length);
  let batch = 0;
  for (let example = 0; example < examples; example++) {
    if (random.uint32() >= threshold) continue;
    batch++;
    own.set(parameters);
    const gradient = checkGradient(await gradientOf(example, own), parameters.length);
    const { values, nonFinite, factor } = clipToLattice(gradient, plan.lattice);
    if (nonFinite > 0) local.nonFinite++;
    else if (factor < 1) local.clipped++;
    for (let j = 0; j < sum.length; j++) sum[j]! += values[j]!;
  }
  local.examples += batch;
  if (batch === 0) local.emptyBatches++;
  const most = MAX_SUM - Math.ceil(REACH * plan.noise.sigma);
  return Int32Array.from(sum, (value) => Math.max(-most, Math.min(most, value)));
}

/** A charge, or why there is none to be had. */
async function chargeOrRefusal(
  ledger: RecordLedger,
  event: PrivacyEvent,
): Promise<Charge | PrivacyError> {
  try {
    return await ledger.reserve(event);
  } catch (error) {
    if (error instanceof PrivacyError && error.code === 'over-budget') return error;
    throw error;
  }
}

/** So many that sums of them are exact. */
const MAX_EXAMPLES = 2 ** 29;

function checkTraining(
  options: PrivateTrainingOptions,
): PrivateTrainingOptions & { readonly firstStep: number } {
  assertOptions(options, {
    plan: true,
    examples: true,
    gradientOf: true,
    parameters: true,
    steps: true,
    firstStep: true,
    learningRate: true,
    ledger: true,
    backend: true,
  });
  const { parameters, ledger, firstStep = 0 } = options;
  assertInteger('examples', options.examples, 0, MAX_EXAMPLES);
  if (typeof options.gradientOf !== 'function') {
    throw new TypeError(`gradientOf must be a function, got ${show(options.gradientOf)}`);
  }
  checkGradient(parameters, undefined, 'parameters');
  if (!parameters.every(Number.isFinite)) throw new RangeError('parameters must be finite');
  assertInteger('firstStep', firstStep, 0, WORDS - 1);
  assertInteger('steps', options.steps, 1, WORDS - firstStep);
  assertPositive('learningRate', options.learningRate);
  if (ledger.unit !== 'record') {
    throw new RangeError(`ledger must be for the unit record, got ${show(ledger.unit)}`);
  }
  return { ...options, firstStep };
}

function checkGradient(
  vector: Float32Array,
  length: number | undefined,
  name = 'a gradient',
): Float32Array {
  if (!(vector instanceof Float32Array)) {
    throw new TypeError(`${name} must be a Float32Array, got ${show(vector)}`);
  }
  if (vector.length !== (length ?? vector.length) || vector.length === 0) {
    throw new RangeError(`${name} must have ${length ?? 'some'} entries, got ${vector.length}`);
  }
  return vector;
}
