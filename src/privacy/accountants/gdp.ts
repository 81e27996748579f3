/**
 * Gaussian differential privacy by the central limit theorem: what sampled Gaussians cost as their
 * number goes to infinity. A comparison and no bound: it may say less than the truth, and often does.
 *
 * Bu, Dong, Long, Su. "Deep learning with Gaussian differential privacy", Harvard Data Science Review
 * 2020.
 *
 * @module
 */

import { assertInteger } from '../../core/assert.ts';
import { PrivacyError } from '../../core/errors.ts';
import { assertSameRelation, checkEvent, type PrivacyEvent, type Relation } from '../event.ts';
import type { Accountant } from './accountant.ts';
import { gaussianDelta, gaussianEpsilon } from './gaussian.ts';

/**
 * The limit's μ² = Σ q²·(e^(1/z²) − 1), as one Gaussian of noise multiplier 1/μ. Without sampling it is
 * exact, μ² = Σ 1/z².
 */
export class GdpAccountant implements Accountant {
  readonly name = 'gdp';
  readonly isEstimate = true;
  #squaredMu = 0;
  #relation: Relation | undefined;

  compose(event: PrivacyEvent, count = 1): void {
    assertInteger('count', count, 1);
    const squaredMu = squaredMuOf(checkEvent(event));
    this.#relation = assertSameRelation(event, this.#relation);
    this.#squaredMu += count * squaredMu;
  }

  epsilon(delta: number): number {
    return gaussianEpsilon(this.#noiseMultiplier(), delta);
  }

  delta(epsilon: number): number {
    return gaussianDelta(this.#noiseMultiplier(), epsilon);
  }

  #noiseMultiplier(): number {
    return 1 / Math.sqrt(this.#squaredMu);
  }
}

/** μ² of one release. */
function squaredMuOf({ mechanism, sampling, relation }: PrivacyEvent): number {
  if (mechanism.kind === 'gaussian') {
    const precision = 1 / mechanism.noiseMultiplier ** 2;
    if (sampling.kind === 'none') return precision;
    if (sampling.kind === 'poisson' && relation !== 'replace-one') {
      return sampling.rate === 1 ? precision : sampling.rate ** 2 * Math.expm1(precision);
    }
  }
  const what = `${mechanism.kind} with ${sampling.kind} sampling under ${relation}`;
  throw new PrivacyError('unsupported', `gdp knows the limit of sampled Gaussians, not of ${what}`);
}
