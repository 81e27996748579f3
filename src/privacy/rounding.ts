/**
 * How long a vector can be after its coordinates are rounded at random to integers.
 *
 * Kairouz, Liu, Steinke. "The distributed discrete Gaussian mechanism for federated learning with secure
 * aggregation", ICML 2021.
 *
 * @module
 */

import { assertInteger, assertPositive } from '../core/assert.ts';

/** What is rounded. */
export interface Rounding {
  /** Bound on the L2 norm before, in units of the grid. */
  readonly norm: number;
  readonly dimensions: number;
  /**
   * β in (0, 1): roundings longer than the bound are drawn anew, a share β of them or fewer. 0 stands
   * for never: then the bound is that of the farthest corner. Default e^−½.
   */
  readonly bias?: number;
}

/** Norms of what comes out, in units of the grid. */
export interface RoundedNorms {
  readonly l1: number;
  readonly l2: number;
}

/**
 * Bounds on the rounded vector: L2 is min(c + √d, √(c² + d/4 + √(2·ln(1/β))·(c + √d/2))) for the norm c
 * before. L1 is L2·min(√d, L2), as coordinates are integers.
 */
export function roundedNorms({ norm, dimensions, bias = Math.exp(-0.5) }: Rounding): RoundedNorms {
  assertPositive('norm', norm);
  assertInteger('dimensions', dimensions, 1);
  if (!(bias >= 0 && bias < 1)) throw new RangeError(`bias must be in [0, 1), got ${bias}`);
  const root = Math.sqrt(dimensions);
  const likely = Math.sqrt(2 * Math.log(1 / bias)) * (norm + root / 2);
  const l2 = Math.min(norm + root, Math.sqrt(norm * norm + dimensions / 4 + likely));
  return { l1: l2 * Math.min(root, l2), l2 };
}
