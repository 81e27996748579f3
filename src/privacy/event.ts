/**
 * What a release costs, in the terms that accountants understand: a mechanism, how the participants
 * of the round were drawn, and between which inputs outputs must be hard to tell apart.
 *
 * Sensitivities are stated where the release is planned; an event holds ratios (noise over
 * sensitivity) or integers, and nothing of the data.
 *
 * @module
 */

import { assertInteger, assertOneOf, assertPositive } from '../core/assert.ts';

/** Whose presence is hidden: everything a client sends, or one record among those it holds. */
export type PrivacyUnit = 'client' | 'record';

/**
 * Which inputs are neighbours.
 *
 * - `add-remove`: one unit is there or not, and the number of units is private.
 * - `replace-one`: one unit's contribution is another; the number is public.
 * - `zero-out`: one unit's contribution is the zero vector; the number is public.
 */
export type Relation = 'add-remove' | 'replace-one' | 'zero-out';

/** Noise on a result, relative to how far one unit can move that result. */
export type Mechanism =
  /** Normal noise; `noiseMultiplier`: its standard deviation over the L2 sensitivity. */
  | { readonly kind: 'gaussian'; readonly noiseMultiplier: number }
  /** Laplace noise; `scale`: its scale over the L1 sensitivity. */
  | { readonly kind: 'laplace'; readonly scale: number }
  /**
   * Noise P(k) ∝ exp(−k²/(2σ²)) on each of any number of integers, which one unit moves by integers,
   * by `sensitivity` in L2. `dimensions`, where it is known, is how many: the loss may be tighter then.
   */
  | {
      readonly kind: 'discrete-gaussian';
      readonly sigma: number;
      readonly sensitivity: number;
      readonly dimensions?: number;
    }
  /** Noise P(k) ∝ exp(−rate·|k|) on integers, which one unit moves by `sensitivity` in L1. */
  | { readonly kind: 'discrete-laplace'; readonly rate: number; readonly sensitivity: number }
  /**
   * The sum of `shares` draws of P(k) ∝ exp(−k²/(2σ²)) on each of `dimensions` integers, which is not
   * quite of that form.
   */
  | {
      readonly kind: 'distributed-discrete-gaussian';
      /** σ of one share. */
      readonly sigma: number;
      readonly shares: number;
      readonly dimensions: number;
      readonly l1Sensitivity: number;
      readonly l2Sensitivity: number;
    }
  /** Difference of two Poisson variables, of this variance together, on integers. */
  | {
      readonly kind: 'skellam';
      readonly variance: number;
      readonly l1Sensitivity: number;
      readonly l2Sensitivity: number;
    }
  /**
   * A word out of `values`: with `noiseProbability` uniform among all, else the true one. Under
   * `zero-out`, whoever has no word sends one at random.
   */
  | {
      readonly kind: 'randomized-response';
      readonly values: number;
      readonly noiseProbability: number;
    }
  /** Anything of which zero-concentrated privacy is known: ρ(α) ≤ `rho`·α. */
  | { readonly kind: 'zcdp'; readonly rho: number }
  /**
   * Prefix sums over `steps` rounds from a complete binary tree with normal noise on each node; a unit
   * takes part in one of the rounds. `noiseMultiplier` is of one node.
   */
  | { readonly kind: 'tree'; readonly noiseMultiplier: number; readonly steps: number };

/** How those who take part were drawn, unseen by whoever sees the result. */
export type Sampling =
  /** Everybody takes part, or who does is known. */
  | { readonly kind: 'none' }
  /** Each unit by a coin of its own. */
  | { readonly kind: 'poisson'; readonly rate: number }
  /** Coins, and of more than `cohort` heads so many at random. */
  | {
      readonly kind: 'truncated-poisson';
      readonly rate: number;
      readonly population: number;
      readonly cohort: number;
    }
  /** So many of so many, all subsets alike. */
  | {
      readonly kind: 'without-replacement';
      readonly population: number;
      readonly cohort: number;
    };

/** One release. */
export interface PrivacyEvent {
  readonly mechanism: Mechanism;
  readonly sampling: Sampling;
  readonly relation: Relation;
}

/** Everybody takes part. */
export const NO_SAMPLING: Sampling = { kind: 'none' };

const MECHANISMS = [
  'gaussian',
  'laplace',
  'discrete-gaussian',
  'discrete-laplace',
  'distributed-discrete-gaussian',
  'skellam',
  'randomized-response',
  'zcdp',
  'tree',
] as const satisfies readonly Mechanism['kind'][];

const SAMPLINGS = [
  'none',
  'poisson',
  'truncated-poisson',
  'without-replacement',
] as const satisfies readonly Sampling['kind'][];

const RELATIONS = ['add-remove', 'replace-one', 'zero-out'] as const satisfies readonly Relation[];

/**
 * The event, if it is one.
 *
 * @throws {TypeError | RangeError} that names the parameter and its range.
 */
export function checkEvent(event: PrivacyEvent): PrivacyEvent {
  assertOneOf('relation', event.relation, RELATIONS);
  checkMechanism(event.mechanism);
  checkSampling(event.sampling);
  return event;
}

function checkMechanism(mechanism: Mechanism): void {
  assertOneOf('mechanism', mechanism.kind, MECHANISMS);
  switch (mechanism.kind) {
    case 'gaussian':
      assertPositive('noiseMultiplier', mechanism.noiseMultiplier);
      break;
    case 'laplace':
      assertPositive('scale', mechanism.scale);
      break;
    case 'discrete-gaussian':
      assertPositive('sigma', mechanism.sigma);
      assertPositive('sensitivity', mechanism.sensitivity);
      if (mechanism.dimensions !== undefined) assertInteger('dimensions', mechanism.dimensions, 1);
      break;
    case 'discrete-laplace':
      assertPositive('rate', mechanism.rate);
      assertInteger('sensitivity', mechanism.sensitivity, 1);
      break;
    case 'distributed-discrete-gaussian':
      assertPositive('sigma', mechanism.sigma);
      assertInteger('shares', mechanism.shares, 1);
      assertInteger('dimensions', mechanism.dimensions, 1);
      assertPositive('l1Sensitivity', mechanism.l1Sensitivity);
      assertPositive('l2Sensitivity', mechanism.l2Sensitivity);
      break;
    case 'skellam':
      assertPositive('variance', mechanism.variance);
      assertPositive('l1Sensitivity', mechanism.l1Sensitivity);
      assertPositive('l2Sensitivity', mechanism.l2Sensitivity);
      break;
    case 'randomized-response':
      assertInteger('values', mechanism.values, 2);
      assertProbability('noiseProbability', mechanism.noiseProbability);
      break;
    case 'zcdp':
      assertPositive('rho', mechanism.rho);
      break;
    case 'tree':
      assertPositive('noiseMultiplier', mechanism.noiseMultiplier);
      assertInteger('steps', mechanism.steps, 1);
      break;
    default:
      mechanism satisfies never;
  }
}

function checkSampling(sampling: Sampling): void {
  assertOneOf('sampling', sampling.kind, SAMPLINGS);
  if (sampling.kind === 'none') return;
  if (sampling.kind === 'poisson' || sampling.kind === 'truncated-poisson') {
    assertProbability('rate', sampling.rate);
  }
  if (sampling.kind === 'poisson') return;
  assertInteger('population', sampling.population, 1);
  assertInteger('cohort', sampling.cohort, 1, sampling.population);
}

/** A probability, ends included. */
function assertProbability(name: string, value: number): number {
  if (!(value >= 0 && value <= 1)) throw new RangeError(`${name} must be in [0, 1], got ${value}`);
  return value;
}

/**
 * The relation of an event, which must be that of the events before it.
 *
 * @throws {RangeError} if it is another: a sum of losses between different neighbours means nothing.
 */
export function assertSameRelation(event: PrivacyEvent, before: Relation | undefined): Relation {
  if (before !== undefined && event.relation !== before) {
    throw new RangeError(`relation must be ${before}, as before, got ${event.relation}`);
  }
  return event.relation;
}
