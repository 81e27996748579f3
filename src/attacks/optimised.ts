/**
 * Optimised IPM and ALIE: the attacker knows the defence and searches the factor that moves its
 * result farthest from the honest mean.
 *
 * Shejwalkar, Houmansadr. "Manipulating the Byzantine: optimizing model poisoning attacks and
 * defenses for federated learning", NDSS 2021. The search is the one of ByzFL (LPD-EPFL).
 *
 * @module
 */

import type { Matrix, Ops } from '../backend/kernels.ts';
import { assertInteger } from '../core/assert.ts';
import { alieRow } from './alie.ts';
import { type Attack, meanWeights, rowsSent } from './attack.ts';

/** The defence under attack: cohort to aggregate, n×d → 1×d. */
export type Defence = (x: Matrix) => Promise<Matrix>;

/** Options of {@link optimisedIpm} and {@link optimisedAlie}. */
export interface OptimisedOptions {
  /** Runs on the backend of the honest rows; gets the honest rows, then the attackers'. */
  readonly defence: Defence;
  /** How often the defence is tried. Default 20. */
  readonly evaluations?: number;
}

/** −τ · mean with the most harmful τ found. Costs `evaluations` runs of the defence. */
export function optimisedIpm(options: OptimisedOptions): Attack {
  return optimised('optimised-ipm', options, (honest, ops, factor) =>
    ops.combine([meanWeights(honest.rows, -factor)], honest),
  );
}

/** mean + τ · deviation with the most harmful τ found. Costs `evaluations` runs of the defence. */
export function optimisedAlie(options: OptimisedOptions): Attack {
  return optimised('optimised-alie', options, alieRow);
}

function optimised(
  name: string,
  { defence, evaluations = 20 }: OptimisedOptions,
  rowAt: (honest: Matrix, ops: Ops, factor: number) => Matrix,
): Attack {
  assertInteger('evaluations', evaluations, 1);
  return {
    name,
    async craft(honest, ops, context) {
      const { factor } = await searchFactor(async (candidate) => {
        const sent = rowsSent({ value: rowAt(honest, ops, candidate) }, ops, context);
        const result = await defence(ops.stack(honest, sent));
        return squaredDistanceToMean(result, honest, ops);
      }, evaluations);
      return { value: rowAt(honest, ops, factor), factor };
    },
  };
}

/** ‖result − mean of the honest rows‖², formed in one combination so that no mean is rounded. */
async function squaredDistanceToMean(result: Matrix, honest: Matrix, ops: Ops): Promise<number> {
  const weights = Float64Array.of(1, ...meanWeights(honest.rows, -1));
  const difference = ops.combine([weights], ops.stack(result, honest));
  return (await ops.squaredNorms(difference))[0]!;
}

const FIRST_STEP = 10;
const SHRINK = 0.8;
/**
 * A gain must exceed the best by this share. Where a defence clips, larger factors give one result,
 * rounded this way or that: some 2⁻²⁴ per entry, more after sums in f32, and never worth a step.
 */
const ROUNDING = 2 ** -16;

/**
 * The factor ≥ 0 with the greatest gain among those tried: from 0 in steps that double as long as
 * the gain grows, then, from the first failure on, in steps that shrink.
 *
 * @param gain - What a factor achieves, ≥ 0. One that is not finite counts as none: a screen would
 *   stop the row that caused it.
 * @returns The best factor, and all factors in the order in which they were tried.
 */
export async function searchFactor(
  gain: (factor: number) => Promise<number>,
  evaluations: number,
): Promise<{ factor: number; tried: readonly number[] }> {
  const score = async (candidate: number): Promise<number> => {
    const value = await gain(candidate);
    return Number.isFinite(value) ? value : 0;
  };
  const tried = [0];
  let factor = 0;
  let best = await score(0);
  let step = FIRST_STEP;
  let growing = true;
  while (tried.length < evaluations) {
    const candidate = factor + step;
    tried.push(candidate);
    const value = await score(candidate);
    if (value > best * (1 + ROUNDING)) {
      factor = candidate;
      best = value;
    } else {
      growing = false;
    }
    step *= growing ? 2 : SHRINK;
  }
  return { factor, tried };
}
