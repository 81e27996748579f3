/**
 * Noise plans: which tables are drawn from, how often and by which factors, so that the sum has the
 * wanted law; and how far from that law it is.
 *
 * Large discrete Gaussians are sums X₁ + k·(X₂ + k·X₃) of smaller ones. Large discrete Laplace
 * variables are differences of geometric ones, whose digits are independent. Skellam variables are
 * sums of Skellam variables.
 *
 * @module
 */

import type { NoiseDraw } from '../../backend/kernels.ts';
import { assertInteger, assertPositive } from '../../core/assert.ts';
import { PrivacyError } from '../../core/errors.ts';
import { type AliasTable, aliasTable } from './alias-table.ts';
import { isAtLeast, type Rational, rationalOf } from './fixed-point.ts';
import { digitDifference, discreteGaussian, geometricDifference, skellam } from './laws.ts';

/** A draw from a table whose law is known. */
export interface PlannedDraw extends NoiseDraw {
  readonly table: AliasTable;
}

/** How noise of a law is drawn. */
export interface NoisePlan {
  readonly draws: readonly PlannedDraw[];
  /**
   * Bound on the binary logarithm of the total variation distance between what one coordinate gets
   * and the ideal law, the tables' distances and that of their combination together.
   */
  readonly log2TotalVariation: number;
}

/** A plan for discrete Gaussian noise. */
export interface GaussianPlan extends NoisePlan {
  /** σ of the ideal law that the noise is held against; at least the σ that was asked for. */
  readonly sigma: number;
  /**
   * Bound on the binary logarithm of |ln(P/Q)|, pointwise, between the combination of ideal draws and
   * the ideal law; −Infinity for one draw. It is part of `log2TotalVariation`.
   */
  readonly log2Combination: number;
}

/** The largest σ of a table of its own: 2¹⁴ columns. */
const MAX_TABLE_SIGMA = 600;
/** The largest σ of the last of several draws. */
const MAX_LAST_SIGMA = 512;
/** Factors are powers of two up to this, so that σ of the other tables is at most 576. */
const MAX_FACTOR = 256;
/** σ₁ over k: at 2.25 the combination is within 2^−142 of one Gaussian. */
const OVERLAP = 2.25;
/** Less is no noise at all. */
const MIN_SIGMA = 2 ** -64;
/** Largest σ of two draws, and of three. */
const MAX_TWO = MAX_FACTOR * MAX_LAST_SIGMA;
const MAX_THREE = MAX_FACTOR * MAX_TWO;

/**
 * A plan for discrete Gaussian noise of at least this σ, of one draw up to 600, of two up to 2¹⁷, of
 * three up to 2²⁵.
 *
 * X₁ + k·Y with σ₁ = 2.25·k; the last σ is solved for and rounded up, in exact rationals, so that the
 * sum of variances is at least σ².
 *
 * @param sigma - In units of the lattice, from 2⁻⁶⁴ to 2²⁵.
 */
export function gaussianPlan(sigma: number): GaussianPlan {
  if (assertPositive('sigma', sigma) > MAX_THREE || sigma < MIN_SIGMA) {
    throw new RangeError(`sigma must be in [2^-64, 2^25] steps of the lattice, got ${sigma}`);
  }
  const levels = sigma <= MAX_TABLE_SIGMA ? 0 : sigma <= MAX_TWO ? 1 : 2;
  const factor = factorFor(sigma, levels);
  const first = (OVERLAP * factor) ** 2;
  const last = lastVariance(square(rationalOf(sigma)), { levels, factor, first });
  const variances = [...Array<number>(levels).fill(first), last];
  const tables = new Map(variances.map((v) => [v, aliasTable(discreteGaussian(v))]));
  const draws = variances.map((v, level) => ({ table: tables.get(v)!, factor: factor ** level }));
  // Of X₂ + k·X₃ first, then of X₁ with that.
  const inner = variances.slice(1).map((_, level) => {
    const rest = variances.slice(level + 1).reduceRight((sum, v) => v + factor ** 2 * sum, 0);
    return log2CombinationError({ factor, sigma1: Math.sqrt(first), sigma2: Math.sqrt(rest) });
  });
  const log2Combination = log2Sum(inner);
  const parts = draws.map(({ table }) => table.log2TotalVariation);
  // A pointwise ratio within e^±η bounds the total variation by η.
  return {
    draws,
    sigma,
    log2Combination,
    log2TotalVariation: log2Sum([...parts, log2Combination]),
  };
}

/** The least power of two for which the last σ is no more than 512. */
function factorFor(sigma: number, levels: number): number {
  let factor = 1;
  while (levels > 0 && sigma / factor ** levels > MAX_LAST_SIGMA) factor *= 2;
  return factor;
}

/**
 * The least f64 v for which first + k²·(first + k²·( … v)) ≥ target, nearly: at most a few steps
 * above it.
 */
function lastVariance(
  target: Rational,
  { levels, factor, first }: { levels: number; factor: number; first: number },
): number {
  // All but the last draw and its factor: Σ first·k^(2·level).
  const taken = Array.from({ length: levels }, (_, level) => first * factor ** (2 * level));
  const below = taken.reduce((sum, v) => sum + v, 0);
  const scale = factor ** (2 * levels);
  const sufficient = (v: number): boolean => {
    // `below` and `scale` are exact: few bits, and powers of two.
    const [a, b] = [rationalOf(below), rationalOf(v)];
    const denominator = a.denominator * b.denominator;
    const numerator = a.numerator * b.denominator + BigInt(scale) * b.numerator * a.denominator;
    return isAtLeast({ numerator, denominator }, target);
  };
  const guess = Number(target.numerator) / Number(target.denominator);
  let v = (guess - below) / scale;
  while (!sufficient(v)) v *= 1 + 2 ** -52;
  return v;
}

function square({ numerator, denominator }: Rational): Rational {
  return { numerator: numerator ** 2n, denominator: denominator ** 2n };
}

/**
 * Binary logarithm of a bound on |ln(P(n)/Q(n))|, for all n, where P is the law of X₁ + k·X₂ and Q the
 * discrete Gaussian of σ² = σ₁² + k²·σ₂²: 4·e^(−2π²c²) with 1/c² = k²/σ₁² + 1/σ₂².
 *
 * By completing the square, P(n) is Q(n) times a sum of exp(−(y − μ)²/(2c²)) over all integers y, which
 * by Poisson's summation depends on μ by a factor in 1 ± 2·e^(−2π²c²) (and terms far below that).
 */
export function log2CombinationError({
  factor,
  sigma1,
  sigma2,
}: {
  readonly factor: number;
  readonly sigma1: number;
  readonly sigma2: number;
}): number {
  const c2 = 1 / (factor ** 2 / sigma1 ** 2 + 1 / sigma2 ** 2);
  return 2 - (2 * Math.PI ** 2 * c2) / Math.LN2;
}

/** Digits of large Laplace variables: tables of 512 columns. */
const BASE = 256;
/** The largest scale of a table of its own: 2¹⁴ columns. */
const MAX_TABLE_SCALE = 64;
const MAX_SCALE = 2 ** 22;

/**
 * A plan for discrete Laplace noise P(k) ∝ e^(−|k|/scale). A geometric variable's digits to the base
 * 256 are independent, geometric again below the base, and above the last one; so are the differences
 * of two variables' digits, each of which is one draw. Nothing is lost by putting them together.
 *
 * @param scale - In units of the lattice, above 0 and at most 2²².
 */
export function laplacePlan(scale: number): NoisePlan {
  if (assertPositive('scale', scale) > MAX_SCALE) {
    throw new RangeError(`scale must be at most 2^22 steps of the lattice, got ${scale}`);
  }
  const { numerator, denominator } = rationalOf(scale);
  const rate = (place: number): Rational => ({
    numerator: BigInt(place) * denominator,
    denominator: numerator,
  });
  const draws: PlannedDraw[] = [];
  let place = 1;
  for (; scale / place > MAX_TABLE_SCALE; place *= BASE) {
    draws.push({ table: aliasTable(digitDifference(rate(place), BASE)), factor: place });
  }
  draws.push({ table: aliasTable(geometricDifference(rate(place))), factor: place });
  return { draws, log2TotalVariation: tablesDistance(draws) };
}

/** The largest variance of a table of its own: 2¹⁵ columns. */
const MAX_TABLE_VARIANCE = 2 ** 20;
/** Beyond it, a discrete Gaussian serves better. */
export const MAX_SKELLAM_VARIANCE: number = 2 ** 24;

/**
 * A plan for Skellam noise: one draw up to a variance of 2²⁰, else several equal ones, whose sum is a
 * Skellam variable again.
 *
 * @param variance - In units of the lattice squared, above 0 and at most 2²⁴.
 */
export function skellamPlan(variance: number): NoisePlan {
  if (assertPositive('variance', variance) > MAX_SKELLAM_VARIANCE) {
    throw new RangeError(`variance must be at most 2^24, got ${variance}`);
  }
  // A power of two, by which a variance is divided exactly.
  let count = 1;
  while (variance / count > MAX_TABLE_VARIANCE) count *= 2;
  const table = aliasTable(skellam(variance / count));
  const draws = Array.from({ length: count }, () => ({ table, factor: 1 }));
  return { draws, log2TotalVariation: tablesDistance(draws) };
}

function tablesDistance(draws: readonly PlannedDraw[]): number {
  return log2Sum(draws.map(({ table }) => table.log2TotalVariation));
}

/** What is booked for telling ChaCha20's stream from random words. */
const LOG2_GENERATOR = -100;
/** The part of δ that numerical error may take. */
const MAX_PART = 0.01;

/** A run, as far as its numerical error depends on it. */
export interface NoisyRun {
  /** Of a coordinate: see {@link NoisePlan}. */
  readonly log2TotalVariation: number;
  /** Coordinates that get noise in a round. */
  readonly coordinates: number;
  readonly rounds: number;
  /** Of the whole run; ≥ 0. */
  readonly epsilon: number;
}

/**
 * What a run's δ grows by because tables, combinations and generator are not ideal: a run within
 * total variation Θ = coordinates · rounds · τ of one that is (ε, δ)-private is (ε, δ + (1 + e^ε)·Θ)-
 * private. The generator's part is computational, and booked as 2^−100.
 */
export function numericalDelta({
  log2TotalVariation,
  coordinates,
  rounds,
  epsilon,
}: NoisyRun): number {
  assertInteger('coordinates', coordinates, 1);
  assertInteger('rounds', rounds, 1);
  if (!(epsilon >= 0)) throw new RangeError(`epsilon must be at least 0, got ${epsilon}`);
  const tables = log2TotalVariation + Math.log2(coordinates) + Math.log2(rounds);
  const theta = log2Sum([tables, LOG2_GENERATOR]);
  // The last step rounds up what logarithms have rounded.
  return 2 ** (theta + Math.log2(1 + Math.exp(epsilon)) + 2 ** -40);
}

/**
 * The numerical δ of a run, where it is small beside `delta`.
 *
 * @throws {PrivacyError} `numerics` if it is above 1 % of `delta`.
 */
export function requireNumericalDelta(run: NoisyRun, delta: number): number {
  const numerical = numericalDelta(run);
  if (numerical <= MAX_PART * assertPositive('delta', delta)) return numerical;
  throw new PrivacyError(
    'numerics',
    `the noise's own error must be at most 1 % of delta ${delta}, got ${numerical.toPrecision(3)} ` +
      `for ${run.coordinates} coordinates and ${run.rounds} rounds at epsilon ${run.epsilon}: it grows ` +
      'with e^epsilon, so take a smaller one',
  );
}

/** −11.0 is what was measured for σ from 4 to 32; it is −10.92 at σ = 2. */
const LOG2_ROUNDING = -10.9;

/**
 * Binary logarithm of the total variation distance between the discrete Gaussian of σ² and a normal
 * variable of variance σ² − 1/12, rounded: about 4.863·10⁻⁴/σ⁴. An accountant that goes through the
 * rounded one (its results are those of the continuous mechanism) adds it to a coordinate's.
 *
 * Measured to 50 digits for σ from 2 to 32, with some room above; not proven.
 *
 * @param sigma - At least 2.
 */
export function log2RoundedGaussianDistance(sigma: number): number {
  if (!(sigma >= 2)) throw new RangeError(`sigma must be at least 2, got ${sigma}`);
  return LOG2_ROUNDING - 4 * Math.log2(sigma);
}

/** log₂ Σ 2^x. */
export function log2Sum(logs: readonly number[]): number {
  const top = Math.max(Number.NEGATIVE_INFINITY, ...logs);
  if (top === Number.NEGATIVE_INFINITY) return top;
  return top + Math.log2(logs.reduce((sum, x) => sum + 2 ** (x - top), 0));
}
