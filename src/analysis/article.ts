/**
 * The poisoning scores of an article that many servers copy, exactly as it has them: kept to reproduce
 * its figures. They have constants in the unit of the model (a step is expected to be a tenth of the
 * model's norm), so that `inspect` decides nothing by them.
 *
 * @module
 */

import type { Matrix, Ops } from '../backend/kernels.ts';
import { distancesFrom, geometryOf, restrict } from '../rules/geometry.ts';
import { cosinesTo, normsOf } from './geometry.ts';
import { type Moments, medianOf, NO_MOMENTS, standardDeviation } from './statistics.ts';

/** Keeps the article's quotients finite. */
const EPSILON = 1e-6;
/** The norm of a step that the article expects, and what it takes for its spread: shares of the model's. */
const EXPECTED = { norm: 0.1, spread: 0.05 };
const WEIGHTS = { krum: 0.3, cosine: 0.3, magnitude: 0.2, history: 0.2 };

/** The article's scores of one client. */
export interface ArticleScore {
  /** Sum of the distances to the n − 2 nearest others. */
  readonly distanceSum: number;
  /** That, over its median. */
  readonly krum: number;
  /** The cosine of the step to the global model; 0 where either is zero. */
  readonly cosRaw: number;
  /** max(0, −cosRaw). */
  readonly cosine: number;
  /** How far the step's norm is from a tenth of the model's, in twentieths of that. */
  readonly magnitude: number;
  readonly stepNorm: number;
  /** The step's norm beside those of the client's past, in standard deviations; 0 without a past. */
  readonly historySigned: number;
  readonly historyAbs: number;
  /** The weighted sum with `historySigned`: the article leaves open which one it means. */
  readonly combinedSigned: number;
  /** The weighted sum with `historyAbs`. */
  readonly combinedAbs: number;
}

/**
 * The scores of steps away from a global model. One pass of n²·d.
 *
 * @param steps - Differences to the global model, one row for each client; finite.
 * @param global - The model. 1×d
 */
export async function articleScores(
  steps: Matrix,
  global: Matrix,
  { ops, pastNorms }: { readonly ops: Ops; readonly pastNorms: readonly (Moments | undefined)[] },
): Promise<ArticleScore[]> {
  const n = steps.rows;
  const all = await geometryOf(ops.stack(steps, global), ops);
  const geometry = restrict(all, [...Array(n).keys()]);
  const norms = normsOf(geometry);
  const size = Math.sqrt(all.products.at(-1)!);
  const model = { norm: size, products: all.products.slice(n * all.n, n * all.n + n) };
  const cosines = cosinesTo(model, norms);
  const sums = Array.from(norms, (_, i) => {
    const others = distancesFrom(geometry, i).filter((_, j) => j !== i);
    const nearest = others.sort().subarray(0, Math.max(0, Math.min(n - 1, n - 2)));
    return nearest.reduce((sum, squared) => sum + Math.sqrt(squared), 0);
  });
  const usual = medianOf(sums) + EPSILON;
  return sums.map((distanceSum, i) => {
    const stepNorm = norms[i]!;
    const off = Math.abs(stepNorm - EXPECTED.norm * size);
    const scores = {
      distanceSum,
      krum: distanceSum / usual,
      cosRaw: cosines[i]!,
      cosine: Math.max(0, -cosines[i]!),
      magnitude: off / (EXPECTED.spread * size + EPSILON),
      stepNorm,
    };
    const historySigned = historyOf(stepNorm, pastNorms[i] ?? NO_MOMENTS);
    const historyAbs = Math.abs(historySigned);
    const rest =
      WEIGHTS.krum * scores.krum +
      WEIGHTS.cosine * scores.cosine +
      WEIGHTS.magnitude * scores.magnitude;
    return {
      ...scores,
      historySigned,
      historyAbs,
      combinedSigned: rest + WEIGHTS.history * historySigned,
      combinedAbs: rest + WEIGHTS.history * historyAbs,
    };
  });
}

function historyOf(norm: number, past: Moments): number {
  return past.count === 0 ? 0 : (norm - past.mean) / (standardDeviation(past) + EPSILON);
}
