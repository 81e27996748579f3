/**
 * Adaptive clipping: the clip norm follows a quantile of the norms of updates, which is estimated
 * privately along with each round's sum.
 *
 * Andrew, Thakkar, McMahan, Ramaswamy. "Differentially private learning with adaptive clipping",
 * NeurIPS 2021.
 *
 * Each client tells by a bit whether its update was within the clip norm C: +½ if it was, else −½. With
 * f, the noisy share of those who were, and γ, the quantile aimed at, C becomes C·exp(−η·(f − γ)): too
 * many unclipped, and it shrinks; all clipped, and it grows.
 *
 * The bits ride along with a sum of lattice rows, as one more coordinate of each row and with the same
 * noise. All of it is charged as one release of noise multiplier z, which the updates alone would have
 * with a little less noise: never is that larger multiplier of the updates, z_D, what was spent.
 *
 * Rows are summed with weight 1 and over a fixed denominator. A rule that drops or weighs entries has
 * another bound, and would make another number of the bits.
 *
 * @module
 */

import { assertInteger, assertOneOf, assertPositive, show } from '../core/assert.ts';
import type { Mechanism, Relation } from './event.ts';
import type { Clipped } from './lattice/clip.ts';

/** How the clip norm adapts. */
export interface AdaptiveClipOptions {
  /** C of the first round, above 0. */
  readonly clipNorm: number;
  /** m, the clients expected in a round: a public constant, whoever comes. Above 0. */
  readonly cohort: number;
  /** Which rounds are neighbours: bits that are replaced move twice as far as those that are left out. */
  readonly relation: Relation;
  /** η, above 0. Default 0.2. */
  readonly learningRate?: number;
  /** γ in (0, 1): the share of updates to be left unclipped. Default ½. */
  readonly quantile?: number;
  /** σ_b, the standard deviation of the noise on the sum of bits, above 0. Default m/20. */
  readonly countNoise?: number;
}

/** The state before a round: all of it public. */
export interface AdaptiveClip extends Required<AdaptiveClipOptions> {
  /** C_t: updates of this round are clipped to it, and their noise is relative to it. */
  readonly clipNorm: number;
}

const RELATIONS = ['add-remove', 'replace-one', 'zero-out'] as const satisfies readonly Relation[];
const DEFAULT_LEARNING_RATE = 0.2;
const DEFAULT_QUANTILE = 0.5;
/** m/20: the share of unclipped updates is known to within 0.05. */
const DEFAULT_COUNT_NOISE = 1 / 20;
/** Where C stops, were all updates zero or without bound: a lattice of any bound has room there. */
const LEAST_NORM = 2 ** -100;
const LARGEST_NORM = 2 ** 100;

/**
 * The state before the first round.
 *
 * @throws {TypeError | RangeError} that names the option and its range.
 */
export function adaptiveClip(options: AdaptiveClipOptions): AdaptiveClip {
  const { clipNorm, relation, learningRate = DEFAULT_LEARNING_RATE } = options;
  const cohort = assertPositive('cohort', options.cohort);
  const { quantile = DEFAULT_QUANTILE, countNoise = cohort * DEFAULT_COUNT_NOISE } = options;
  if (!(quantile > 0 && quantile < 1)) {
    throw new RangeError(`quantile must be in (0, 1), got ${show(quantile)}`);
  }
  if (assertPositive('clipNorm', clipNorm) < LEAST_NORM || clipNorm > LARGEST_NORM) {
    throw new RangeError(`clipNorm must be in [2^-100, 2^100], got ${clipNorm}`);
  }
  return {
    clipNorm,
    cohort,
    relation: assertOneOf('relation', relation, RELATIONS),
    learningRate: assertPositive('learningRate', learningRate),
    quantile,
    countNoise: assertPositive('countNoise', countNoise),
  };
}

/**
 * The state before the next round, from this round's noisy sum of bits: C·exp(−η·(f − γ)) with
 * f = bits/m + ½, an estimate of the share of *unclipped* updates, brought into [0, 1].
 *
 * @param bits - Σ bᵢ and its noise: see {@link readBits}.
 */
export function nextClip(state: AdaptiveClip, bits: number): AdaptiveClip {
  if (!Number.isFinite(bits))
    throw new TypeError(`bits must be a finite number, got ${show(bits)}`);
  const { clipNorm, cohort, learningRate, quantile } = state;
  const unclipped = Math.min(1, Math.max(0, bits / cohort + 0.5));
  const next = clipNorm * Math.exp(-learningRate * (unclipped - quantile));
  return { ...state, clipNorm: Math.min(LARGEST_NORM, Math.max(LEAST_NORM, next)) };
}

/** How much farther a replaced unit moves a sum than one that is left out. */
function factorOf(relation: Relation): 1 | 2 {
  return relation === 'replace-one' ? 2 : 1;
}

/**
 * z_D, the noise multiplier of the updates with which updates and bits together have the multiplier z.
 *
 * A bit moves by ½, or by 1 where it is replaced: its noise multiplier is 2σ_b, or σ_b. Multipliers of
 * what is released together add up as z⁻² = z_D⁻² + (2σ_b)⁻², so that z_D = (z⁻² − (2σ_b)⁻²)^(−½).
 * Spent is one Gaussian of multiplier z.
 *
 * @param noiseMultiplier - z, of the whole release, above 0.
 * @throws {RangeError} if the bits alone cost as much: σ_b ≤ z/2, or σ_b ≤ z under `replace-one`.
 */
export function updateNoiseMultiplier(
  { countNoise, relation }: AdaptiveClip,
  noiseMultiplier: number,
): number {
  const z = assertPositive('noiseMultiplier', noiseMultiplier);
  const factor = factorOf(relation);
  const ofBits = (2 * countNoise) / factor;
  if (ofBits <= z) {
    throw new RangeError(
      `countNoise must be above ${(z * factor) / 2} for noise multiplier ${z} under ${relation}, ` +
        `got ${countNoise}`,
    );
  }
  // z⁻² − w⁻² = (w − z)(w + z)/(z·w)², without cancelling.
  return (z * ofBits) / Math.sqrt((ofBits - z) * (ofBits + z));
}

/** A release of rows with a bit each: the same in every round, whatever C is. */
export interface JointPlan {
  /** B, the bound on the L2 norm of a row without its bit, in steps of the lattice. */
  readonly bound: number;
  /** k: a bit of ±½ is the integer ±k. */
  readonly bit: number;
  /** At least √(B² + k²): no row with its bit is longer. */
  readonly norm: number;
  /** σ of the discrete Gaussian noise on every coordinate, the bit's too. */
  readonly sigma: number;
  /** σ_b that the sum of bits gets: σ/(2k). */
  readonly countNoise: number;
  readonly relation: Relation;
}

/** Above what a dozen roundings in f64 amount to. */
const ROUNDING: number = 1 + 2 ** -40;
/** Sums of integers are words of 32 bits. */
const MAX_SUM = 2 ** 31;
/** Twice the cohort that is expected, and noise: of what sums of bits have room for. */
const SPARE = 4;

/**
 * Noise and scale for rows of norm at most B with a bit each.
 *
 * Sensitivity, joint: let r be a row, ‖r‖ ≤ B, and b ∈ {−k, 0, k} its bit. The row with its bit has
 * the norm √(‖r‖² + b²) ≤ √(B² + k²) =: S. Leaving a unit out, or making it zero, takes one such vector
 * off the sum, which moves by at most S. Replacing it moves the sum by v − v′, at most S + S = 2S, and by
 * that much where r′ = −r and b′ = −b. So the sensitivity is F·S with F = 2 for `replace-one`, else
 * F = 1: nothing is lost by treating row and bit as one vector, and no cross term is missing.
 *
 * With σ = z_D·F·B and k = σ/(2σ_b): (F·S/σ)² = z_D⁻² + (F/(2σ_b))² = z⁻². k is rounded down, which
 * makes S less and the noise on the bits more; σ is rounded up. Neither depends on C, so that tables
 * are made once for all rounds.
 *
 * `noiseMultiplier`: z, of rows and bits together.
 * `bound`: B, in [1, 2²⁴].
 * @throws {RangeError} if σ_b is too small for z (see {@link updateNoiseMultiplier}); if it is so large
 *   that a bit is less than a step; if sums of bits would leave 32 bits.
 */
export function planJoint(
  state: AdaptiveClip,
  { noiseMultiplier, bound }: { readonly noiseMultiplier: number; readonly bound: number },
): JointPlan {
  assertInteger('bound', bound, 1, 2 ** 24);
  const { relation, cohort } = state;
  const factor = factorOf(relation);
  const sigma = updateNoiseMultiplier(state, noiseMultiplier) * factor * bound * ROUNDING;
  const bit = Math.floor(sigma / (2 * state.countNoise));
  if (bit < 1) {
    throw new RangeError(
      `countNoise must be at most ${sigma / 2} for a bit to be a step of the lattice, ` +
        `got ${state.countNoise}`,
    );
  }
  if (bit * cohort * SPARE >= MAX_SUM) {
    throw new RangeError(
      `bound must leave sums of ${cohort} bits of ${bit} in 32 bits, got ${bound}`,
    );
  }
  const norm = Math.sqrt(bound * bound + bit * bit) * (1 + 2 ** -52);
  return { bound, bit, norm, sigma, countNoise: sigma / (2 * bit), relation };
}

/**
 * What one round costs: one discrete Gaussian over rows and bits together, of noise multiplier z or a
 * hair more.
 *
 * @param dimensions - Entries of a row, its bit not counted.
 */
export function jointMechanism(
  { sigma, norm, relation }: JointPlan,
  dimensions: number,
): Mechanism {
  return {
    kind: 'discrete-gaussian',
    sigma,
    sensitivity: factorOf(relation) * norm,
    dimensions: assertInteger('dimensions', dimensions, 1) + 1,
  };
}

/**
 * A clipped row with its bit behind it: k if nothing was clipped, −k if something was. A row that was
 * rejected has the bit 0, as one that never came: neither tells of its norm.
 *
 * d → d + 1
 */
export function appendBit(
  { values, factor }: Pick<Clipped, 'values' | 'factor'>,
  { bit }: Pick<JointPlan, 'bit'>,
): Int32Array {
  const row = new Int32Array(values.length + 1);
  row.set(values);
  row[values.length] = factor === 0 ? 0 : factor === 1 ? bit : -bit;
  return row;
}

/** A noisy sum of rows with bits, taken apart. */
export interface JointSum {
  /** The sums of the rows: a view. */
  readonly sums: Uint32Array;
  /** Σ bᵢ and its noise: what the next clip norm is made of. */
  readonly bits: number;
}

/** Takes a noisy sum of rows with bits apart. d + 1 → d and 1 */
export function readBits(noisy: Uint32Array, { bit }: Pick<JointPlan, 'bit'>): JointSum {
  if (!(noisy instanceof Uint32Array) || noisy.length < 1) {
    throw new TypeError(`noisy must be a Uint32Array with a bit at its end, got ${show(noisy)}`);
  }
  const last = noisy.length - 1;
  return { sums: noisy.subarray(0, last), bits: (noisy[last]! | 0) / (2 * bit) };
}
