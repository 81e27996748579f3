/**
 * Distributed noise: each client adds a share of it to its own row, so that only the sum, unmasked by
 * secure aggregation, has all of it, and whoever unmasks need not be trusted with what is beneath.
 *
 * Agarwal, Kairouz, Liu. "The Skellam mechanism for differentially private federated learning", NeurIPS
 * 2021. Kairouz, Liu, Steinke. "The distributed discrete Gaussian mechanism for federated learning with
 * secure aggregation", ICML 2021.
 *
 * Clients drop out, and some may be in league with the server: they know their shares, or send none. So
 * shares are sized for the fewest whose noise is sure to be in the sum and unknown,
 * n_min = n − maxDropped − maxColluding, and a sum with fewer is not unmasked. More shares than that are
 * noise on top, which costs no privacy.
 *
 * @module
 */

import { assertInteger, assertOneOf, assertPositive, show } from '../core/assert.ts';
import { PrivacyError } from '../core/errors.ts';
import { leastThat } from './accountants/bisect.ts';
import type { Mechanism, PrivacyEvent, Relation, Sampling } from './event.ts';
import { gaussianPlan, type NoisePlan, skellamPlan } from './lattice/noise-plan.ts';
import type { RoundedNorms } from './rounding.ts';

/** Those who are asked for a share each. */
export interface Crowd {
  /** n, at least 1. */
  readonly clients: number;
  /** Replies that may be missing from the sum. */
  readonly maxDropped: number;
  /** Clients among the others that may be in league with whoever sees the sum. */
  readonly maxColluding: number;
}

/**
 * n_min, the fewest honest survivors.
 *
 * @throws {PrivacyError} `too-few` if nobody is sure to be one.
 */
export function fewestHonest({ clients, maxDropped, maxColluding }: Crowd): number {
  assertInteger('clients', clients, 1);
  assertInteger('maxDropped', maxDropped, 0);
  assertInteger('maxColluding', maxColluding, 0);
  const honest = clients - maxDropped - maxColluding;
  if (honest >= 1) return honest;
  throw new PrivacyError(
    'too-few',
    `of ${clients} clients ${maxDropped} may drop out and ${maxColluding} collude: ` +
      'no noise is sure to be in the sum',
  );
}

/**
 * The number of survivors, if they are enough to unmask their sum.
 *
 * @param survivors - Clients whose rows are in the sum.
 * @throws {PrivacyError} `too-few` if they are fewer than n − maxDropped: of their shares, fewer than n_min
 *   might be unknown.
 */
export function requireSurvivors(survivors: number, crowd: Crowd): number {
  const honest = fewestHonest(crowd);
  const { clients, maxDropped, maxColluding } = crowd;
  assertInteger('survivors', survivors, 0, clients);
  if (survivors >= clients - maxDropped) return survivors;
  throw new PrivacyError(
    'too-few',
    `a sum must be of at least ${clients - maxDropped} of ${clients} clients to be unmasked, got ` +
      `${survivors}: with ${maxColluding} colluding, ${Math.max(0, survivors - maxColluding)} shares of ` +
      `noise might be unknown where ${honest} are needed`,
  );
}

/** Relations under which a unit's share stays in the sum: it is noise on both sides then. */
export type ShareRelation = Exclude<Relation, 'add-remove'>;

/** What noise is made for. */
export interface ShareOptions {
  /** `skellam` adds up exactly; the sum of discrete Gaussians is nearly one if each has σ ≥ 3. */
  readonly law: 'skellam' | 'discrete-gaussian';
  /** Standard deviation of the noise of the fewest honest survivors together, in steps of the lattice. */
  readonly stdDev: number;
  readonly crowd: Crowd;
  /** Bounds on a row of integers: `roundedNorms`, or `clippedNorms` for exact clipping. */
  readonly norms: RoundedNorms;
  /** Entries of a row. */
  readonly dimensions: number;
  /** Which rounds are neighbours; there is no bound for `add-remove`. */
  readonly relation: ShareRelation;
  /** M: sums are taken modulo this, in [2, 2³²]. Default 2³². */
  readonly modulus?: number;
  /** The chance that any entry of a sum may wrap around, in (0, 1): a broken round. Default 2⁻⁴⁰. */
  readonly overflow?: number;
}

/** Shares that are planned: the same for each client of a round. */
export interface SharePlan extends Required<Omit<ShareOptions, 'stdDev'>> {
  /** n_min. */
  readonly honest: number;
  /** Of the law of one share: the variance of Skellam noise, σ² of a discrete Gaussian. */
  readonly shareVariance: number;
}

/** Above what a few roundings in f64 amount to. */
const ROUNDING: number = 1 + 2 ** -48;
const LAWS = ['skellam', 'discrete-gaussian'] as const satisfies readonly ShareOptions['law'][];
const RELATIONS = ['replace-one', 'zero-out'] as const satisfies readonly ShareRelation[];
const MAX_MODULUS = 2 ** 32;
/** Less is no noise on integers. */
const MIN_STD_DEV = 2 ** -16;
const DEFAULT_OVERFLOW = 2 ** -40;

/**
 * Sizes shares: the variance of each is stdDev²/n_min, rounded up.
 *
 * @throws {PrivacyError} `too-few` if no honest client is sure to be in the sum; `unsupported` under
 *   `add-remove`: whoever leaves takes a share of noise along, and no bound is known for that.
 * @throws {RangeError} if sums would wrap around too often, with the modulus that would do.
 */
export function planShares(options: ShareOptions): SharePlan {
  const { crowd, modulus = MAX_MODULUS, overflow = DEFAULT_OVERFLOW } = options;
  const variance = checkStdDev(options.stdDev) ** 2;
  const norms = checkNorms(options.norms);
  const honest = fewestHonest(crowd);
  assertInteger('modulus', modulus, 2, MAX_MODULUS);
  if (!(overflow > 0 && overflow < 1)) {
    throw new RangeError(`overflow must be in (0, 1), got ${show(overflow)}`);
  }
  const plan: SharePlan = {
    law: assertOneOf('law', options.law, LAWS),
    crowd: { ...crowd },
    norms,
    dimensions: assertInteger('dimensions', options.dimensions, 1),
    relation: checkRelation(options.relation),
    modulus,
    overflow,
    honest,
    shareVariance: (variance / honest) * ROUNDING,
  };
  const needed = leastModulus(plan);
  if (needed > modulus) {
    throw new RangeError(
      `modulus must be at least ${needed} for sums to wrap around with probability ${overflow} ` +
        `at most, got ${modulus}: clip to fewer steps of the lattice, or make less noise`,
    );
  }
  return plan;
}

function checkStdDev(stdDev: number): number {
  if (assertPositive('stdDev', stdDev) >= MIN_STD_DEV && stdDev <= MAX_MODULUS) return stdDev;
  throw new RangeError(`stdDev must be in [2^-16, 2^32] steps of the lattice, got ${stdDev}`);
}

function checkRelation(relation: Relation): ShareRelation {
  if (relation === 'add-remove') {
    throw new PrivacyError(
      'unsupported',
      'no bound is known for shares of noise under add-remove: whoever leaves takes a share along',
    );
  }
  return assertOneOf('relation', relation, RELATIONS);
}

function checkNorms({ l1, l2 }: RoundedNorms): RoundedNorms {
  return { l1: assertPositive('norms.l1', l1), l2: assertPositive('norms.l2', l2) };
}

/**
 * Bounds on a row that was clipped exactly, to an integer norm: L1 is at most L2·min(√d, L2), as no
 * entry that is not 0 is below 1.
 */
export function clippedNorms(bound: number, dimensions: number): RoundedNorms {
  assertInteger('bound', bound, 1);
  assertInteger('dimensions', dimensions, 1);
  return { l1: bound * Math.min(Math.sqrt(dimensions), bound), l2: bound };
}

/**
 * What the unmasked sum costs: the noise of the fewest honest survivors, whoever else has added some. A
 * replaced row moves the sum by twice its norms, L1 and L2 alike.
 *
 * @param sampling - How the crowd was drawn; none where the server is whom the guarantee is against, as
 *   it mostly is where noise is distributed.
 */
export function shareEvent(plan: SharePlan, sampling: Sampling): PrivacyEvent {
  return { mechanism: mechanismOf(plan), sampling, relation: plan.relation };
}

function mechanismOf({
  law,
  honest,
  shareVariance,
  norms,
  dimensions,
  relation,
}: SharePlan): Mechanism {
  const factor = relation === 'replace-one' ? 2 : 1;
  const moved = { l1Sensitivity: factor * norms.l1, l2Sensitivity: factor * norms.l2 };
  // Rounded down, so that it is less than the shares have together.
  const sum = (honest * shareVariance) / ROUNDING;
  if (law === 'skellam') return { kind: 'skellam', variance: sum, ...moved };
  return {
    kind: 'distributed-discrete-gaussian',
    sigma: Math.sqrt(sum / honest),
    shares: honest,
    dimensions,
    ...moved,
  };
}

/** How the noise of a share is drawn, and how far the sum's is from its law. */
export interface ShareNoise extends NoisePlan {
  /**
   * Bound on the binary logarithm of the total variation distance, per coordinate of the sum, between
   * the noise of the fewest honest survivors and its law: n_min times that of a share.
   */
  readonly log2SumTotalVariation: number;
}

/** The tables of a share: for a client, once for all rounds. */
export function shareNoise({
  law,
  shareVariance,
  honest,
}: Pick<SharePlan, 'law' | 'shareVariance' | 'honest'>): ShareNoise {
  const plan =
    law === 'skellam'
      ? skellamPlan(shareVariance)
      : gaussianPlan(Math.sqrt(shareVariance) * ROUNDING);
  const { draws, log2TotalVariation } = plan;
  return {
    draws,
    log2TotalVariation,
    log2SumTotalVariation: log2TotalVariation + Math.log2(honest),
  };
}

/**
 * The least modulus for which no entry of a sum of all n clients wraps around, |sum + noise| < M/2, but
 * with probability `overflow`: rows reach n·L2 at most, noise is bounded by Chernoff's inequality and
 * entries by the union of their chances. A matter of utility alone: a sum that has wrapped around is
 * wrong, and as private as any.
 */
export function leastModulus(
  plan: Pick<SharePlan, 'law' | 'crowd' | 'norms' | 'dimensions' | 'overflow' | 'shareVariance'>,
): number {
  const { crowd, norms, overflow } = plan;
  const rows = crowd.clients * Math.floor(norms.l2);
  // |sum| ≤ rows + reach < M/2, all of them integers.
  return 2 * (rows + Math.floor(noiseReach(plan, overflow))) + 1;
}

/** How far the noise of all shares reaches on any of the entries, but with this probability. */
function noiseReach(
  {
    law,
    crowd,
    dimensions,
    shareVariance,
  }: Pick<SharePlan, 'law' | 'crowd' | 'dimensions' | 'shareVariance'>,
  chance: number,
): number {
  const variance = crowd.clients * shareVariance;
  // Two tails on each entry.
  const exponent = Math.log((2 * dimensions) / chance);
  // E[e^(sX)] ≤ e^(s²σ²/2) for a discrete Gaussian: P(X ≥ t) ≤ e^(−t²/(2σ²)).
  const normal = Math.sqrt(2 * variance * exponent);
  if (law === 'discrete-gaussian') return normal;
  let high = normal;
  while (skellamExponent(high, variance) < exponent) high *= 2;
  return leastThat((t) => skellamExponent(t, variance) >= exponent, { low: 0, high });
}

/**
 * −ln of Chernoff's bound on P(X ≥ t) for Skellam noise: E[e^(sX)] = e^(v·(cosh s − 1)) at s = asinh(t/v)
 * gives t·asinh(t/v) − v·(√(1 + (t/v)²) − 1).
 */
function skellamExponent(t: number, variance: number): number {
  const x = t / variance;
  // √(1 + x²) − 1 without cancelling.
  return t * Math.asinh(x) - (variance * x * x) / (Math.sqrt(1 + x * x) + 1);
}
