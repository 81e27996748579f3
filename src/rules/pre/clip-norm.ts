/**
 * Clipping to a fixed norm.
 *
 * Abadi, Chu, Goodfellow, McMahan, Mironov, Talwar, Zhang. "Deep learning with differential privacy",
 * CCS 2016, where each example's gradient is clipped like this.
 *
 * @module
 */

import { assertPositive } from '../../core/assert.ts';
import { real } from '../../core/parameter.ts';
import { defineStage, type StageEntry } from '../entry.ts';
import type { Bounded, Stage } from '../rule.ts';
import { clipTo, normsOf } from './clip-factors.ts';

/** Options of {@link clipNorm}. */
export interface ClipNormOptions {
  /** Greatest Euclidean norm a row may keep, above 0. */
  readonly max: number;
}

/**
 * xᵢ · min(1, max/‖xᵢ‖). Norms are taken in f64, so no finite row overflows; entries are rounded to f32
 * once, which may leave a norm above `max` by 2⁻²⁴ of it. A row with an infinity becomes zero.
 *
 * Evidence: the clip factor. One pass.
 */
export function clipNorm({ max }: ClipNormOptions): Bounded<Stage> {
  assertPositive('max', max);
  return {
    name: 'clip-norm',
    laws: ['permutation', 'joint-scale', 'bounded'],
    sensitivity({ rows, norm, moved, single }) {
      // Projection onto a ball moves no two points apart.
      const shorter = Math.min(norm, max);
      const most = Math.min(moved, 2 * shorter * (single ? 1 : rows));
      return { rows, norm: shorter, moved: most, single };
    },
    async apply(x, ops) {
      return clipTo(max, await normsOf(x, ops), x, ops);
    },
  };
}

/**
 * The line of clipping in the list.
 *
 * - Paper: Abadi et al. 2016
 * - Guarantee: no client weighs more than norm max
 * - Cost: n·d
 */
export const clipNormEntry: StageEntry = defineStage<ClipNormOptions>({
  name: 'clip-norm',
  parameters: { max: real('greatest norm a row may keep') },
  make: clipNorm,
  sample: () => ({ max: 1 }),
  scaled: ['max'],
});
