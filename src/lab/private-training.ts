/**
 * A federated training whose rounds are released privately: what privacy of the clients costs in
 * accuracy, under attack or not.
 *
 * In each round a cohort is drawn from the population without replacement, its honest members train,
 * its attackers answer, and the model takes the step that the release gives. A ledger charges every
 * round; where it refuses, the training ends.
 *
 * @module
 */

import type { Attack } from '../attacks/attack.ts';
import { rowsSent } from '../attacks/attack.ts';
import type { Backend } from '../backend/kernels.ts';
import { assertInteger } from '../core/assert.ts';
import { PrivacyError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import type { Charging } from '../privacy/ledger/ledger.ts';
import type { Receipt } from '../privacy/ledger/receipt.ts';
import { type PrivateRelease, type PrivateUpdate, releasePrivately } from '../private-release.ts';
import type { Batches, Cohort } from './cohort.ts';
import type { Dataset } from './dataset.ts';
import type { Evaluation } from './model.ts';
import { streamOf } from './sampling.ts';

/** A training. */
export interface PrivateTrainingOptions {
  /** All clients; each round a part of them takes part. */
  readonly population: Cohort;
  /** Members of a round. */
  readonly cohort: number;
  /** The first so many clients of the population attack. */
  readonly attackers: number;
  /** What they send; without it, or for lack of honest updates, nothing. */
  readonly attack?: Attack | undefined;
  readonly release: PrivateRelease;
  readonly rounds: number;
  readonly ledger: Charging;
  /** Fixes cohorts. */
  readonly seed: number;
  /** Stays open. */
  readonly backend: Backend;
  /**
   * Where attackers compute; by default with the backend. Sums of floats differ in their last bits
   * between backends, and so would what attackers send.
   */
  readonly attackOn?: Backend | undefined;
  readonly test: Dataset;
  readonly onRound?: ((round: number, accuracy: () => number) => void) | undefined;
}

/** What came of it. */
export interface PrivateTrainingResult {
  /** The last model, flat. */
  readonly parameters: Float32Array;
  readonly final: Evaluation;
  /** Rounds that were released. */
  readonly rounds: number;
  /** Of the last round. */
  readonly receipt: Receipt | undefined;
  /** Why it ended before its last round. */
  readonly stopped?: string;
}

/**
 * Trains. The same options give the same model on every backend, if the ledger gives the same seeds.
 *
 * @throws {TypeError | RangeError} if an option is outside its range.
 */
export async function trainPrivately(
  options: PrivateTrainingOptions,
): Promise<PrivateTrainingResult> {
  const { population, release, rounds, ledger, backend, test } = options;
  assertInteger('cohort', options.cohort, 1, population.names.length);
  assertInteger('attackers', options.attackers, 0, population.names.length);
  const draws = streamOf(options.seed, 'cohorts');
  const parameters = population.initialParameters.slice();
  const accuracy = (): number => population.model.evaluate(parameters, test).accuracy;
  let receipt: Receipt | undefined;
  let released = 0;
  let stopped: string | undefined;
  while (released < rounds) {
    const members = membersOf(options, draws);
    const batches = population.drawBatches();
    const updates = await updatesOf(options, { members, batches, parameters, round: released + 1 });
    const cohort = members.map((member) => population.names[member]!);
    const cols = parameters.length;
    const round = { round: released, rounds, cohort, cols, ledger, backend };
    try {
      const result = await releasePrivately(updates, release, round);
      receipt = result.receipt;
      for (let j = 0; j < cols; j++) parameters[j]! += result.value[j]!;
    } catch (error) {
      if (!(error instanceof PrivacyError) || error.code !== 'over-budget') throw error;
      stopped = error.message;
      break;
    }
    released++;
    options.onRound?.(released, accuracy);
  }
  const final = population.model.evaluate(parameters, test);
  return {
    parameters,
    final,
    rounds: released,
    receipt,
    ...(stopped !== undefined && { stopped }),
  };
}

/** Members of a round by their number, ascending. */
function membersOf({ population, cohort }: PrivateTrainingOptions, random: Random): number[] {
  const order = random.permutation(population.names.length);
  return [...order.slice(0, cohort)].sort((a, b) => a - b);
}

async function updatesOf(
  { population, attackers, attack, release, ...options }: PrivateTrainingOptions,
  {
    members,
    batches,
    parameters,
    round,
  }: { members: readonly number[]; batches: Batches; parameters: Float32Array; round: number },
): Promise<Map<string, PrivateUpdate>> {
  const liars = members.filter((member) => member < attackers);
  const honest = members.filter((member) => member >= attackers);
  const rows = honest.map((member) => population.update(member, parameters, batches));
  const { attackOn: backend = options.backend } = options;
  const forged = await forge(attack, { rows, liars: liars.length, backend, round });
  const { statistic } = release;
  const counted = statistic.kind === 'sum' && statistic.exampleCap !== undefined;
  const update = (member: number, row: Float32Array): [string, PrivateUpdate] => [
    population.names[member]!,
    counted ? { row, examples: population.examples[member]! } : { row },
  ];
  return new Map([
    ...honest.map((member, i) => update(member, rows[i]!)),
    ...forged.map((row, i) => update(liars[i]!, row)),
  ]);
}

/** What the attackers of a round send, one row each. */
async function forge(
  attack: Attack | undefined,
  {
    rows,
    liars,
    backend,
    round,
  }: { rows: readonly Float32Array[]; liars: number; backend: Backend; round: number },
): Promise<Float32Array[]> {
  // Attacks are defined on finite updates; a model that has diverged gives others.
  const finite = rows.filter((row) => row.every(Number.isFinite));
  if (attack === undefined || liars === 0 || finite.length === 0) return [];
  const context = { attackers: liars, round };
  const known = backend.matrix(finite);
  const crafted = await attack.craft(known, backend, context);
  const all = await backend.read(rowsSent(crafted, backend, context));
  backend.release(known);
  const cols = known.cols;
  return Array.from({ length: liars }, (_, i) => all.slice(i * cols, (i + 1) * cols));
}
