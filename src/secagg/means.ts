/**
 * What a round's sums mean: the mean of each cohort, ready for `aggregate` and any of its rules. With one
 * cohort that is the federated average; with groups a robust rule chooses among their means.
 *
 * @module
 */

import { contextOf, encodingOf, type RoundConfig } from './config.ts';
import type { CryptoProvider } from './crypto/provider.ts';
import { decodeSum } from './encode.ts';
import { canaryOf } from './keys.ts';
import type { Outcome } from './server/state.ts';

/** The mean of a cohort, as an update that `aggregate` takes. */
export interface CohortMean {
  /** `cohort-0000`, by its number. */
  readonly client: string;
  /** Σ wᵢ·xᵢ / Σ wᵢ, D entries. */
  readonly row: Float32Array;
  /** Inputs in it. */
  readonly inputs: number;
  /** Σ wᵢ; the number of inputs where weights are equal. */
  readonly weight: number;
  /** Σ of the integers that clients sent, exactly. */
  readonly integers: Int32Array;
}

/**
 * Decodes the sums of a round, in the order of cohorts.
 *
 * @throws {SecureError} `canary` if the outcome is of another configuration.
 */
export function meansOf(
  { sums }: Pick<Outcome, 'sums'>,
  { config, crypto }: { config: RoundConfig; crypto: CryptoProvider },
): CohortMean[] {
  const plan = encodingOf(config);
  const ctxConstants = canaryOf(contextOf(config, crypto), crypto);
  return sums.map(({ cohort, inputs, words }) => {
    const sum = { words, survivors: inputs.length, ctxConstants };
    const { mean, integers, totalWeight } = decodeSum(plan, sum);
    return {
      client: `cohort-${String(cohort).padStart(4, '0')}`,
      row: mean,
      inputs: inputs.length,
      weight: totalWeight,
      integers,
    };
  });
}
