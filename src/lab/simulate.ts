/**
 * A federated training under attack, on real gradients, once for each rule.
 *
 * What a rule is worth shows in the model that is trained on with it, so each rule follows its own
 * *course*: in every round the clients train from that course's model, with the same examples and
 * the same batches in every course, and the attackers answer what the honest clients did there. A
 * course without attackers, under the mean, is the control. All courses start from one model, so
 * the updates of the first round are the same in all; later ones differ because the models do.
 *
 * To compare rules on the *same* updates too, every rule also aggregates, in every round, what was
 * sent in one course, the *yardstick*. How far each lands from the mean of the honest updates is
 * reported and trains nothing.
 *
 * @module
 */

import type { Backend, BackendInfo } from '../backend/kernels.ts';
import { assertInteger } from '../core/assert.ts';
import { AggregationError } from '../core/errors.ts';
import { mean } from '../rules/mean.ts';
import type { Rule } from '../rules/rule.ts';
import { type Cohort, createCohort, type Training } from './cohort.ts';
import { aggregateSent, Course, type CourseOutcome, type SentUpdate } from './course.ts';
import type { TrainTest } from './dataset.ts';
import type { NamedAttack, NamedRule } from './named.ts';

/** Name of the course in which nobody attacks. */
export const CONTROL = 'mean, no attackers';

/** A simulation. */
export interface SimulationOptions {
  readonly data: TrainTest;
  /** All clients, attackers among them. */
  readonly clients: number;
  /** Clients that attack: the first ones, so that ties by lowest index fall in their favour. */
  readonly attackers: number;
  /** What attackers send. Without it nobody attacks, and all clients are honest. */
  readonly attack?: NamedAttack | undefined;
  /** At least one, names distinct. The last one's course is the yardstick. */
  readonly rules: readonly NamedRule[];
  readonly rounds: number;
  /** Fixes partition, first model and batches. */
  readonly seed: number;
  /** Stays open. */
  readonly backend: Backend;
  readonly training?: Partial<Training>;
  /** Called before the first round, as round 0, and after each round. */
  readonly onRound?: ((progress: Progress) => void) | undefined;
}

/** How things stand after a round. */
export interface Progress {
  readonly round: number;
  readonly rounds: number;
  readonly courses: readonly { readonly name: string; readonly accuracy: number }[];
}

/** How one rule did on the updates that every rule was given. */
export interface Comparison {
  readonly name: string;
  /**
   * ‖R − μ‖ / ‖μ‖ for each round, where R is the rule's aggregate and μ the mean of the honest
   * updates; NaN where there was no aggregate, or the yardstick had stopped.
   */
  readonly deviations: readonly number[];
}

/** All that a simulation found. */
export interface SimulationResult {
  readonly cohort: Cohort;
  /** Names of the clients that attacked. */
  readonly attackers: readonly string[];
  /** SPEC of the attack, or `none`. */
  readonly attack: string;
  readonly data: { readonly source: string; readonly train: number; readonly test: number };
  readonly rounds: number;
  readonly seed: number;
  readonly backend: BackendInfo;
  /** The control first, then the rules in the order given. */
  readonly courses: readonly CourseOutcome[];
  /** Name of the course whose updates all rules were given. */
  readonly yardstick: string;
  readonly comparisons: readonly Comparison[];
  /** What was sent in the last round that the yardstick took part in. */
  readonly lastRound: readonly SentUpdate[];
  readonly seconds: number;
}

/**
 * Trains once for each rule, and once without attackers.
 *
 * The same options give the same result on the same backend.
 *
 * @throws {AggregationError} `constraint` if a rule does not admit so many clients.
 * @throws {TypeError | RangeError} if an option is outside its range.
 */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const start = performance.now();
  checkOptions(options);
  const { data, rules, rounds, seed, backend, attack } = options;
  const attackers = attack ? options.attackers : 0;
  const cohort = createCohort(data.train, options);
  const shared = { cohort, attackers, backend, test: data.test };
  const courses = [
    new Course({ ...shared, name: CONTROL, rule: mean(), attack: undefined }),
    ...rules.map((named) => new Course({ ...shared, ...named, attack })),
  ];
  const yardstick = courses.at(-1)!;
  const deviations = rules.map((): number[] => []);
  const report = (round: number) => options.onRound?.({ round, rounds, courses });
  report(0);
  for (let round = 1; round <= rounds; round++) {
    const batches = cohort.drawBatches();
    for (const course of courses) await course.advance(round, batches);
    const center = meanOf(yardstick.sent.slice(attackers));
    for (const [i, { rule }] of rules.entries()) {
      deviations[i]!.push(await deviationOf(yardstick, { rule, backend, center }));
    }
    report(round);
  }
  return {
    cohort,
    attackers: cohort.names.slice(0, attackers),
    attack: attack?.name ?? 'none',
    data: { source: data.source, train: data.train.size, test: data.test.size },
    rounds,
    seed,
    backend: backend.info,
    courses: courses.map((course) => course.outcome()),
    yardstick: yardstick.name,
    comparisons: rules.map(({ name }, i) => ({ name, deviations: deviations[i]! })),
    lastRound: yardstick.sent,
    seconds: (performance.now() - start) / 1000,
  };
}

function checkOptions(options: SimulationOptions): void {
  const { clients, rules } = options;
  assertInteger('clients', clients, 1, 10_000);
  assertInteger('attackers', options.attackers, 0, clients - 1);
  assertInteger('rounds', options.rounds, 1, 100_000);
  assertInteger('rules.length', rules.length, 1);
  if (new Set(rules.map(({ name }) => name)).size < rules.length) {
    throw new RangeError('rules must have names that differ');
  }
}

/** See {@link Comparison.deviations}. */
async function deviationOf(
  { sent, stopped }: Course,
  options: { readonly rule: Rule; readonly backend: Backend; readonly center: Float64Array },
): Promise<number> {
  if (stopped) return Number.NaN;
  try {
    const { value } = await aggregateSent(sent, options);
    return relativeDistance(value, options.center);
  } catch (error) {
    if (error instanceof AggregationError) return Number.NaN;
    throw error;
  }
}

function meanOf(sent: readonly SentUpdate[]): Float64Array {
  const mean = new Float64Array(sent[0]!.row.length);
  for (const { row } of sent) {
    for (let i = 0; i < mean.length; i++) mean[i]! += row[i]! / sent.length;
  }
  return mean;
}

/** ‖value − center‖ / ‖center‖ */
function relativeDistance(value: Float32Array, center: Float64Array): number {
  let error = 0;
  let norm = 0;
  for (let i = 0; i < value.length; i++) {
    error += (value[i]! - center[i]!) ** 2;
    norm += center[i]! ** 2;
  }
  return Math.sqrt(error / norm);
}
