/**
 * The Gaussian mechanism without sampling: exact, in closed form.
 *
 * Balle, Wang. "Improving the Gaussian mechanism for differential privacy: analytical calibration and
 * optimal denoising", ICML 2018, Theorem 8. Releases add up as 1/z²: T of them with noise multiplier z
 * are one with z/√T.
 *
 * @module
 */

import { assertInteger, assertPositive } from '../../core/assert.ts';
import { PrivacyError } from '../../core/errors.ts';
import { millsRatio, normalCdf } from '../../core/special.ts';
import { assertSameRelation, checkEvent, type PrivacyEvent, type Relation } from '../event.ts';
import { type Accountant, assertDelta, assertEpsilon } from './accountant.ts';
import { leastThat } from './bisect.ts';
import { treeHeight } from './curve.ts';

/**
 * The least δ of normal noise at ε ≥ 0: Φ(a) − e^ε·Φ(b), a = 1/(2z) − εz, b = −1/(2z) − εz.
 *
 * As e^ε·φ(b) = φ(a), it is φ(a)·(R(−a) − R(−b)) with Mills' ratio R. Relative error below 10⁻¹³·(1 + a²).
 *
 * @param noiseMultiplier - z: standard deviation over sensitivity, above 0; Infinity tells nothing.
 */
export function gaussianDelta(noiseMultiplier: number, epsilon: number): number {
  const half = 0.5 / assertMultiplier(noiseMultiplier);
  if (half === 0) return 0;
  const shift = assertEpsilon(epsilon) * noiseMultiplier;
  const a = half - shift;
  const b = -half - shift;
  const density = Math.exp((-a * a) / 2) / Math.sqrt(2 * Math.PI);
  if (half < NARROW) return density * fallOfMillsRatio(shift, half);
  // Φ(a) near 1: what is left of it is the tail beyond a.
  if (a > 0) return Math.max(0, normalCdf(a) - density * millsRatio(-b));
  return Math.max(0, density * (millsRatio(-a) - millsRatio(-b)));
}

/** Where a and b are nearer than twice this, R is near R, and is integrated instead. */
const NARROW = 2 ** -7;
/** Gauss and Legendre's three points on [−1, 1]: exact to the sixth power of the width, below 10⁻¹⁷. */
const POINTS = [
  [-Math.sqrt(0.6), 5 / 9],
  [0, 8 / 9],
  [Math.sqrt(0.6), 5 / 9],
] as const;

/** R(middle − half) − R(middle + half): the integral of −R′(t) = 1 − t·R(t). */
function fallOfMillsRatio(middle: number, half: number): number {
  return POINTS.reduce((sum, [point, weight]) => {
    const t = middle + half * point;
    return sum + half * weight * Math.max(0, 1 - t * millsRatio(t));
  }, 0);
}

/** The least ε ≥ 0 of normal noise at δ: the safe end of a bracket of neighbouring numbers. */
export function gaussianEpsilon(noiseMultiplier: number, delta: number): number {
  assertMultiplier(noiseMultiplier);
  assertDelta(delta);
  const holds = (epsilon: number) => gaussianDelta(noiseMultiplier, epsilon) <= delta;
  if (holds(0)) return 0;
  let high = 1;
  while (high < Number.POSITIVE_INFINITY && !holds(high)) high *= 2;
  return high < Number.POSITIVE_INFINITY ? leastThat(holds, { low: 0, high }) : high;
}

/** Where bisection for the noise multiplier starts from. */
const FAR = 2 ** 100;

/** The least noise multiplier for (ε, δ): the safe end of a bracket of neighbouring numbers. */
export function gaussianNoiseMultiplier(epsilon: number, delta: number): number {
  assertEpsilon(epsilon);
  assertDelta(delta);
  const holds = (z: number) => gaussianDelta(z, epsilon) <= delta;
  return leastThat(holds, { low: 1 / FAR, high: FAR });
}

/** An accountant of normal noise without sampling. Its results are exact, up to rounding. */
export class GaussianAccountant implements Accountant {
  readonly name = 'gaussian';
  /** Σ 1/z². */
  #precision = 0;
  #relation: Relation | undefined;

  compose(event: PrivacyEvent, count = 1): void {
    assertInteger('count', count, 1);
    const precision = precisionOf(checkEvent(event));
    this.#relation = assertSameRelation(event, this.#relation);
    this.#precision += count * precision;
  }

  epsilon(delta: number): number {
    return gaussianEpsilon(this.#noiseMultiplier(), delta);
  }

  delta(epsilon: number): number {
    return gaussianDelta(this.#noiseMultiplier(), epsilon);
  }

  #noiseMultiplier(): number {
    return 1 / Math.sqrt(this.#precision);
  }
}

/** 1/z² of one release. */
function precisionOf({ mechanism, sampling }: PrivacyEvent): number {
  if (sampling.kind === 'none') {
    if (mechanism.kind === 'gaussian') return 1 / mechanism.noiseMultiplier ** 2;
    if (mechanism.kind === 'tree') {
      return treeHeight(mechanism.steps) / mechanism.noiseMultiplier ** 2;
    }
  }
  throw new PrivacyError(
    'unsupported',
    `gaussian is for normal noise without sampling, got ${mechanism.kind} with ${sampling.kind} sampling`,
  );
}

function assertMultiplier(noiseMultiplier: number): number {
  if (noiseMultiplier === Number.POSITIVE_INFINITY) return noiseMultiplier;
  return assertPositive('noiseMultiplier', noiseMultiplier);
}
