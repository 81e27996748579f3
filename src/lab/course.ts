/**
 * One model's way through a federated training: under one rule, with or without attackers.
 *
 * @module
 */

import { type AggregateResult, aggregateWith, type ClientReport } from '../aggregate.ts';
import { rowsSent } from '../attacks/attack.ts';
import type { Backend } from '../backend/kernels.ts';
import { AggregationError } from '../core/errors.ts';
import type { Rule } from '../rules/rule.ts';
import type { Batches, Cohort } from './cohort.ts';
import type { Dataset } from './dataset.ts';
import type { Evaluation } from './model.ts';
import type { NamedAttack } from './named.ts';

// Every call brings its backend, so the laboratory knows no platform that could make one.
const aggregate = aggregateWith(() => Promise.reject(new TypeError('backend must be given')));

/** Test examples from which curves are drawn; final figures use all. */
export const CURVE_EXAMPLES = 1000;

/** What one client sent in a round. */
export interface SentUpdate {
  readonly client: string;
  readonly row: Float32Array;
}

/**
 * One aggregation of what was sent, on the road that every update takes.
 *
 * @throws {AggregationError} if the rule does not admit what the screen leaves.
 */
export function aggregateSent(
  sent: readonly SentUpdate[],
  { rule, backend }: { readonly rule: Rule; readonly backend: Backend },
): Promise<AggregateResult> {
  return aggregate(new Map(sent.map(({ client, row }) => [client, row])), rule, { backend });
}

/** What came of a course. */
export interface CourseOutcome {
  /** As a report calls it. */
  readonly name: string;
  readonly attacked: boolean;
  /**
   * Accuracy before training and after each round, on the first {@link CURVE_EXAMPLES} test
   * examples.
   */
  readonly accuracy: readonly number[];
  /** Quality of the last model on all test examples. */
  readonly final: Evaluation;
  /** The last model, flat. */
  readonly parameters: Float32Array;
  /** What became of each client's update in the last aggregation, ordered by client. */
  readonly clients: readonly ClientReport[];
  /**
   * Set when no aggregate could be formed any more, as when the model has diverged and honest
   * updates are no longer finite. The model stays as it was before that round.
   */
  readonly stopped?: { readonly round: number; readonly reason: string };
  /** Time spent in aggregation, over all rounds. */
  readonly aggregationSeconds: number;
}

/** What a course is made of. */
export interface CourseOptions {
  readonly name: string;
  readonly rule: Rule;
  readonly cohort: Cohort;
  /** The first clients of the cohort, which do not follow the protocol. */
  readonly attackers: number;
  /** What they send; without it they send nothing. */
  readonly attack: NamedAttack | undefined;
  readonly backend: Backend;
  readonly test: Dataset;
}

/** A course under way. */
export class Course {
  readonly name: string;
  /** What was sent in the last round in which the course took part, attackers first. */
  sent: readonly SentUpdate[] = [];
  readonly #options: CourseOptions;
  readonly #parameters: Float32Array;
  readonly #accuracy: number[] = [];
  #clients: readonly ClientReport[] = [];
  #stopped: { readonly round: number; readonly reason: string } | undefined;
  #aggregationSeconds = 0;

  constructor(options: CourseOptions) {
    this.name = options.name;
    this.#options = options;
    this.#parameters = options.cohort.initialParameters.slice();
    this.#measure();
  }

  /** Whether the course has ended early: see {@link CourseOutcome.stopped}. */
  get stopped(): boolean {
    return this.#stopped !== undefined;
  }

  /** Accuracy after the last round. */
  get accuracy(): number {
    return this.#accuracy.at(-1)!;
  }

  /**
   * One round: honest clients train, attackers answer, the rule decides, the model takes the step.
   *
   * @throws {AggregationError} in the first round, when the rule does not admit the cohort. Later
   *   that is the attack's doing: the course stops.
   */
  async advance(round: number, batches: Batches): Promise<void> {
    if (!this.#stopped) await this.#step(round, batches);
    this.#measure();
  }

  /** How the course stands. */
  outcome(): CourseOutcome {
    const { attack, cohort, test } = this.#options;
    return {
      name: this.name,
      attacked: attack !== undefined,
      accuracy: this.#accuracy,
      final: cohort.model.evaluate(this.#parameters, test),
      parameters: this.#parameters,
      clients: this.#clients,
      ...(this.#stopped && { stopped: this.#stopped }),
      aggregationSeconds: this.#aggregationSeconds,
    };
  }

  async #step(round: number, batches: Batches): Promise<void> {
    this.sent = await this.#updates(round, batches);
    try {
      const { value, clients, seconds } = await aggregateSent(this.sent, this.#options);
      for (let i = 0; i < value.length; i++) this.#parameters[i]! += value[i]!;
      this.#clients = clients;
      this.#aggregationSeconds += seconds;
    } catch (error) {
      if (!(error instanceof AggregationError) || round === 1) throw error;
      this.#stopped = { round, reason: error.message };
    }
  }

  async #updates(round: number, batches: Batches): Promise<SentUpdate[]> {
    const { cohort, attackers } = this.#options;
    const [liars, honest] = [cohort.names.slice(0, attackers), cohort.names.slice(attackers)];
    const rows = honest.map((_, i) => cohort.update(attackers + i, this.#parameters, batches));
    const forged = await this.#forge(rows, round);
    return [
      ...forged.map((row, i) => ({ client: liars[i]!, row })),
      ...rows.map((row, i) => ({ client: honest[i]!, row })),
    ];
  }

  /** What the attackers send, one row each; nothing if there is no attack to carry out. */
  async #forge(honest: readonly Float32Array[], round: number): Promise<Float32Array[]> {
    const { attack, attackers, backend, rule } = this.#options;
    // Attacks are defined on finite updates; a model that has diverged gives others.
    const finite = honest.filter((row) => row.every(Number.isFinite));
    if (attack === undefined || attackers === 0 || finite.length === 0) return [];
    const context = { attackers, round };
    const known = backend.matrix(finite);
    const crafted = await attack.against(rule, backend).craft(known, backend, context);
    const rows = await backend.read(rowsSent(crafted, backend, context));
    backend.release(known);
    const cols = known.cols;
    return Array.from({ length: attackers }, (_, i) => rows.slice(i * cols, (i + 1) * cols));
  }

  #measure(): void {
    const { cohort, test } = this.#options;
    const { accuracy } = cohort.model.evaluate(this.#parameters, test, CURVE_EXAMPLES);
    this.#accuracy.push(accuracy);
  }
}
