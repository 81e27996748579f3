/**
 * Adaptive robust clipping (ARC): the longest updates are clipped to the longest one left.
 *
 * Allouah, Guerraoui, Gupta, Jellouli, Rizk, Stephan. "Adaptive gradient clipping for robust federated
 * learning", ICLR 2025. arXiv:2405.14432
 *
 * @module
 */

import { assertInteger } from '../../core/assert.ts';
import { ascending, honestMajority, requireClients } from '../clients.ts';
import { defineStage, f, type StageEntry } from '../entry.ts';
import type { Stage } from '../rule.ts';
import { clipTo, normsOf } from './clip-factors.ts';

/** Options of {@link arc}. */
export interface ArcOptions {
  /** Bound on the number of Byzantine clients. */
  readonly f: number;
}

/**
 * The k = ⌊2f(n − f)/n⌋ longest rows are scaled down to the norm of the next longest. A row with an
 * infinity becomes zero, also where more than k rows have one.
 *
 * Needs n ≥ 2f + 1. Evidence: the clip factor. One pass.
 */
export function arc({ f }: ArcOptions): Stage {
  assertInteger('f', f, 0);
  const condition = honestMajority('arc', f);
  return {
    name: 'arc',
    laws: ['permutation', 'scale', 'mean-without-faults', 'agreement', 'bounded'],
    minClients: condition.min,
    async apply(x, ops) {
      const n = x.rows;
      requireClients(condition, n);
      const norms = await normsOf(x, ops);
      const clipped = Math.floor((2 * f * (n - f)) / n);
      const order = ascending(norms, Array.from(norms, Number.isFinite));
      return clipTo(norms[order[n - 1 - clipped]!]!, norms, x, ops);
    },
  };
}

/**
 * ARC's line in the list.
 *
 * - Paper: Allouah et al. 2025, arXiv:2405.14432
 * - Guarantee: no row is longer than an honest one, n ≥ 2f + 1
 * - Cost: n·d
 */
export const arcEntry: StageEntry = defineStage<ArcOptions>({
  name: 'arc',
  parameters: { f },
  make: arc,
  sample: ({ f }) => ({ f }),
});
