/**
 * What privacy of the clients costs: the same training with each rule, without noise and with the noise
 * that a promise takes.
 *
 * Noise comes from the seed, so that a study can be repeated to the bit, on any backend. That makes it
 * a rehearsal: nothing of it is private.
 *
 * @module
 */

import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import type { Backend } from '../backend/kernels.ts';
import { assertInteger, assertPositive } from '../core/assert.ts';
import { PldAccountant } from '../privacy/accountants/pld.ts';
import { calibrateNoise } from '../privacy/calibrate.ts';
import type { Sampling } from '../privacy/event.ts';
import type { Budget, BudgetFilter } from '../privacy/ledger/filter.ts';
import { openLedger } from '../privacy/ledger/ledger.ts';
import { scheduleFilter } from '../privacy/ledger/schedule-filter.ts';
import { MemoryStorage } from '../privacy/ledger/storage.ts';
import { eventOf, type PrivateRelease, planRelease } from '../private-release.ts';
import type { Releasable, Rule } from '../rules/rule.ts';
import { createCohort, type Training } from './cohort.ts';
import type { Dataset, TrainTest } from './dataset.ts';
import type { NamedAttack, NamedRule } from './named.ts';
import { type PrivateTrainingResult, trainPrivately } from './private-training.ts';
import { rehearse } from './rehearsal.ts';

/** A study. */
export interface PrivateStudyOptions extends Budget {
  readonly data: TrainTest;
  /** Clients in all. */
  readonly population: number;
  /** Members of a round, drawn by lot. */
  readonly cohort: number;
  /** How many of the population attack. */
  readonly attackers: number;
  readonly attack?: NamedAttack | undefined;
  /** Those that can be part of a private release. */
  readonly rules: readonly NamedRule[];
  readonly rounds: number;
  /** Updates are clipped to this L2 norm. */
  readonly clipNorm: number;
  /** Fixes partition, first model, batches, cohorts and noise. */
  readonly seed: number;
  /** Stays open. */
  readonly backend: Backend;
  /** Where attackers compute: see `trainPrivately`. */
  readonly attackOn?: Backend;
  readonly training?: Partial<Training>;
  readonly onRound?: ((progress: StudyProgress) => void) | undefined;
}

/** How far a study is. */
export interface StudyProgress {
  readonly rule: string;
  readonly noisy: boolean;
  readonly round: number;
}

/** One way of training. */
export interface StudiedRun {
  /** Share of the test examples that the last model gets right. */
  readonly accuracy: number;
  /** SHA-256 of the last model, its f32 in little-endian order. */
  readonly model: string;
  readonly rounds: number;
  /** Why it ended before its last round. */
  readonly stopped?: string;
}

/** What a rule reached. */
export interface StudiedRule {
  readonly rule: string;
  readonly withoutNoise: StudiedRun;
  readonly withNoise: StudiedRun & {
    readonly epsilon: number;
    /** Standard deviation of the noise on an entry of the released update. */
    readonly deviation: number;
  };
}

/** What a study found. */
export interface PrivateStudy {
  readonly parameters: number;
  /** Standard deviation of the noise over the sensitivity to one client replaced by another. */
  readonly noiseMultiplier: number;
  readonly rules: readonly StudiedRule[];
}

/** Small and gentle: noise grows with the root of the parameters, and steps are clipped anyhow. */
const TRAINING: Partial<Training> = {
  hidden: 16,
  localSteps: 8,
  batchSize: 8,
  learningRate: 0.5,
};
/** So little noise that it changes nothing that can be seen. */
const NO_NOISE = 2 ** -16;
/** What calibration may leave of ε unused, relative to the noise. */
const TOLERANCE = 1e-3;
const RELATION = 'replace-one';

/**
 * Trains twice with each rule.
 *
 * @throws {PrivacyError} `unsupported` if no bound on a client's influence is known of a rule,
 *   `over-budget` if no noise keeps the promise.
 * @throws {AggregationError} `constraint` if a rule does not admit the cohort.
 * @throws {TypeError | RangeError} if an option is outside its range.
 */
export async function studyPrivacy(options: PrivateStudyOptions): Promise<PrivateStudy> {
  const { data, population: clients, cohort, rounds, seed, epsilon, delta } = options;
  assertInteger('population', clients, 1, data.train.size);
  assertInteger('cohort', cohort, 1, clients);
  assertInteger('rounds', rounds, 1, 100_000);
  assertPositive('clipNorm', options.clipNorm);
  const sampling: Sampling = { kind: 'without-replacement', population: clients, cohort };
  const { noiseMultiplier } = calibrateNoise(
    (accountant, z) => {
      const mechanism = { kind: 'gaussian', noiseMultiplier: z } as const;
      accountant.compose({ mechanism, sampling, relation: RELATION }, rounds);
    },
    // What lattice noise needs besides is far below the tolerance.
    { epsilon, delta: delta * (1 - TOLERANCE), accountant: pld, tolerance: TOLERANCE },
  );
  const study = { ...options, sampling };
  const rules: StudiedRule[] = [];
  for (const named of options.rules) {
    const quiet = await runOf(study, named, NO_NOISE);
    const noisy = await runOf(study, named, noiseMultiplier);
    rules.push({
      rule: named.name,
      withoutNoise: quiet.run,
      withNoise: { ...noisy.run, epsilon: noisy.epsilon, deviation: noisy.deviation },
    });
  }
  const training = { ...TRAINING, ...options.training };
  const { initialParameters } = createCohort(data.train, { clients, seed, training });
  return { parameters: initialParameters.length, noiseMultiplier, rules };
}

const pld = (): PldAccountant => new PldAccountant();

async function runOf(
  options: PrivateStudyOptions & { readonly sampling: Sampling },
  { name, rule }: NamedRule,
  noiseMultiplier: number,
): Promise<{ run: StudiedRun; epsilon: number; deviation: number }> {
  const { data, cohort, attack, backend, seed, rounds, clipNorm, sampling } = options;
  const training = { ...TRAINING, ...options.training };
  // The same batches for every run.
  const population = createCohort(data.train, { clients: options.population, seed, training });
  // Of a rule from a SPEC, planning finds out whether a bound is known.
  const statistic = { kind: 'rule', rule: rule as Releasable<Rule>, rows: cohort } as const;
  const plan = { statistic, relation: RELATION, clipNorm, noiseMultiplier, sampling } as const;
  const release = await planRelease(plan);
  const noisy = noiseMultiplier !== NO_NOISE;
  const filter = noisy
    ? scheduleOf(release, { ...options, cols: population.initialParameters.length })
    : unlimited(options);
  const storage = new MemoryStorage();
  const ledger = await openLedger({ storage, filter, unit: 'client', relation: RELATION });
  const result = await trainPrivately({
    population,
    cohort,
    attackers: options.attackers,
    attack: attack?.against(rule, options.attackOn ?? backend),
    attackOn: options.attackOn,
    release,
    rounds,
    ledger: rehearse(ledger, seedBytes(seed)),
    seed,
    backend,
    test: data.test,
    onRound: (round) => options.onRound?.({ rule: name, noisy, round }),
  });
  const { noise, multiple, lattice } = release;
  const deviation = noise.sigma / multiple / lattice.scale;
  return { run: told(result), epsilon: ledger.epsilon(), deviation };
}

function scheduleOf(
  release: PrivateRelease,
  { cols, rounds, epsilon, delta }: Budget & { readonly cols: number; readonly rounds: number },
): BudgetFilter {
  const schedule = [{ event: eventOf(release, cols), count: rounds }];
  return scheduleFilter({ epsilon, delta, schedule, accountant: pld });
}

/** For a run that hides nothing. Receipts hold finite numbers. */
function unlimited({ epsilon, delta }: Budget): BudgetFilter {
  const budget = { epsilon, delta };
  return { budget, settings: { filter: 'none' }, charge() {}, epsilon: () => Number.MAX_VALUE };
}

function told({ final, parameters, rounds, stopped }: PrivateTrainingResult): StudiedRun {
  const model = fingerprintOf(parameters);
  return { accuracy: final.accuracy, model, rounds, ...(stopped !== undefined && { stopped }) };
}

/** SHA-256 of a model, the same wherever its bits are. */
export function fingerprintOf(parameters: Float32Array): string {
  const bytes = new DataView(new ArrayBuffer(4 * parameters.length));
  for (const [j, value] of parameters.entries()) bytes.setFloat32(4 * j, value, true);
  return bytesToHex(sha256(new Uint8Array(bytes.buffer)));
}

function seedBytes(seed: number): Uint8Array {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(seed), true);
  bytes.set(new TextEncoder().encode('rehearsal'), 8);
  return bytes;
}

/** Each square of four pixels as one, their mean: fewer parameters, and less noise on all of them. */
export function halvedImages(data: Dataset): Dataset {
  const side = Math.sqrt(data.features);
  if (side % 2 !== 0) throw new RangeError(`images must have an even side, got ${side}`);
  const half = side / 2;
  const features = half * half;
  const inputs = new Float32Array(data.size * features);
  for (let i = 0; i < data.size; i++) {
    for (let y = 0; y < half; y++) {
      for (let x = 0; x < half; x++) {
        const at = i * data.features + 2 * y * side + 2 * x;
        const upper = data.inputs[at]! + data.inputs[at + 1]!;
        const lower = data.inputs[at + side]! + data.inputs[at + side + 1]!;
        inputs[i * features + y * half + x] = (upper + lower) / 4;
      }
    }
  }
  return { ...data, inputs, features };
}
