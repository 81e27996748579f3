/**
 * Krum: the update closest to its n − f − 2 nearest neighbours.
 *
 * Blanchard, El Mhamdi, Guerraoui, Stainer. "Machine learning with adversaries: Byzantine tolerant
 * gradient descent", NeurIPS 2017.
 *
 * @module
 */

import { assertInteger, assertOneOf } from '../core/assert.ts';
import { optional, word } from '../core/parameter.ts';
import { ascending, keptOf, requireClients, uniformOn } from './clients.ts';
import { defineRule, f, type RuleEntry } from './entry.ts';
import { geometryOf } from './geometry.ts';
import {
  KRUM_PRESETS,
  type KrumPreset,
  krumCondition,
  krumNeighbours,
  krumScores,
} from './krum-scores.ts';
import type { Law, Rule } from './rule.ts';

/** Options of {@link krum}. */
export interface KrumOptions {
  /** Bound on the number of Byzantine clients. */
  readonly f: number;
  /** Whose neighbours and condition. Default `paper`. */
  readonly preset?: KrumPreset;
}

/**
 * The row with the least sum of squared distances to its nearest other rows, unchanged to the bit.
 * Ties go to the lowest index, rows with infinities come last. Evidence: the score, less is better.
 *
 * Needs n ≥ 2f + 3; see {@link KrumPreset} for what libraries ask. One pass of n²·d.
 */
export function krum({ f, preset = 'paper' }: KrumOptions): Rule {
  assertInteger('f', f, 0);
  assertOneOf('preset', preset, KRUM_PRESETS);
  const condition = krumCondition('krum', preset, f);
  const laws: Law[] = ['permutation', 'translation', 'scale', 'agreement'];
  return {
    name: 'krum',
    // Flower sets no condition: for n ≤ 2f + 1 colluders can be nearest to one another.
    laws: preset === 'flower' ? laws : [...laws, 'bounded'],
    minClients: condition.min,
    async apply(x, ops) {
      requireClients(condition, x.rows);
      const geometry = await geometryOf(x, ops);
      const scores = krumScores(geometry, krumNeighbours(preset, x.rows, f));
      const order = ascending(scores, geometry.finite);
      const best = order[0]!;
      return {
        value: ops.select(x, [best]),
        weights: [uniformOn([best], x.rows)],
        evidence: keptOf(order, 1, scores),
      };
    },
  };
}

/**
 * Krum's line in the list.
 *
 * - Paper: Blanchard et al. 2017
 * - Guarantee: bounded for n ≥ 2f + 3; returns one client’s update
 * - Cost: n²·d, then n²·log n
 */
export const krumEntry: RuleEntry = defineRule<KrumOptions>({
  name: 'krum',
  parameters: { f, preset: optional(word('whose neighbours and condition', KRUM_PRESETS)) },
  make: krum,
  sample: ({ f }) => ({ f }),
  variants: ({ f }) => KRUM_PRESETS.map((preset) => ({ f, preset })),
});
