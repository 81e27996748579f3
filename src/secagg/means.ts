/**
 * What a round's sums mean: the mean of each cohort, ready for `aggregate` and any of its rules. With one
 * cohort that is the federated average; with groups a robust rule chooses among their means.
 *
 * @module
 */

import type { Codec } from './codec.ts';
import { contextOf, encodingOf, type RoundConfig } from './config.ts';
import type { CryptoProvider } from './crypto/provider.ts';
import { type DecodedSum, decodeSum, type EncodedSum } from './encode.ts';
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
  outcome: Pick<Outcome, 'sums'>,
  { config, crypto }: { config: RoundConfig; crypto: CryptoProvider },
): CohortMean[] {
  const plan = encodingOf(config);
  return encodedSums(outcome, { config, crypto }).map(({ cohort, sum }) =>
    meanOf(cohort, decodeSum(plan, sum)),
  );
}

/**
 * The same by a codec, such as one on a backend.
 *
 * @throws {SecureError} `canary` if the outcome is of another configuration.
 */
export async function meansBy(
  outcome: Pick<Outcome, 'sums'>,
  { codec, ...round }: { config: RoundConfig; crypto: CryptoProvider; codec: Codec },
): Promise<CohortMean[]> {
  const plan = encodingOf(round.config);
  const means: CohortMean[] = [];
  for (const { cohort, sum } of encodedSums(outcome, round)) {
    means.push(meanOf(cohort, await codec.decode(plan, sum)));
  }
  return means;
}

function encodedSums(
  { sums }: Pick<Outcome, 'sums'>,
  { config, crypto }: { config: RoundConfig; crypto: CryptoProvider },
): { cohort: number; sum: EncodedSum }[] {
  const ctxConstants = canaryOf(contextOf(config, crypto), crypto);
  return sums.map(({ cohort, inputs, words }) => {
    return { cohort, sum: { words, survivors: inputs.length, ctxConstants } };
  });
}

function meanOf(cohort: number, { mean, integers, totalWeight, count }: DecodedSum): CohortMean {
  return {
    client: `cohort-${String(cohort).padStart(4, '0')}`,
    row: mean,
    inputs: count,
    weight: totalWeight,
    integers,
  };
}
