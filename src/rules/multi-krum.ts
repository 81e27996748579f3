/**
 * Multi-Krum: the mean of the m updates with the best Krum scores.
 *
 * Blanchard, El Mhamdi, Guerraoui, Stainer. "Machine learning with adversaries: Byzantine tolerant
 * gradient descent", NeurIPS 2017. The bound m ≤ n − f − 2 is that of Damaskinos et al.,
 * "AggregaThor", MLSys 2019.
 *
 * @module
 */

import { assertInteger, assertOneOf } from '../core/assert.ts';
import { integer, optional, word } from '../core/parameter.ts';
import { ascending, type Condition, keptOf, requireClients, uniformOn } from './clients.ts';
import { defineRule, f, type RuleEntry } from './entry.ts';
import { exampleWeights } from './example-weights.ts';
import { geometryOf } from './geometry.ts';
import {
  KRUM_PRESETS,
  type KrumPreset,
  krumCondition,
  krumNeighbours,
  krumScores,
} from './krum-scores.ts';
import type { Law, Rule } from './rule.ts';

/** How the kept rows are averaged: alike, or by the examples each client claims. */
export type Weighting = 'uniform' | 'examples';

const WEIGHTINGS: readonly Weighting[] = ['uniform', 'examples'];

/** Options of {@link multiKrum}. */
export interface MultiKrumOptions {
  /** Bound on the number of Byzantine clients. */
  readonly f: number;
  /** Rows kept. Default n − f − 2; for `byzfl` n − f, for `flower` 1. */
  readonly m?: number;
  /** Whose neighbours, condition and defaults. Default `paper`. */
  readonly preset?: KrumPreset;
  /** Default `uniform`; for `flower` `examples`, which lets each client claim its own weight. */
  readonly weighting?: Weighting;
}

/**
 * The mean of the m rows with the least Krum scores. Ties go to the lowest index, rows with
 * infinities come last. Evidence: the score, less is better.
 *
 * Needs n ≥ 2f + 3 and m ≤ n − f − 2; see {@link KrumPreset} for what libraries ask. One pass of n²·d.
 *
 * @throws {AggregationError} `constraint` too when `examples` are the weights and the round has none.
 */
export function multiKrum(options: MultiKrumOptions): Rule {
  const { f, m, preset = 'paper' } = options;
  const { weighting = preset === 'flower' ? 'examples' : 'uniform' } = options;
  assertInteger('f', f, 0);
  if (m !== undefined) assertInteger('m', m, 1);
  assertOneOf('preset', preset, KRUM_PRESETS);
  assertOneOf('weighting', weighting, WEIGHTINGS);
  const conditions = conditionsOf({ f, m, preset });
  return {
    name: 'multi-krum',
    laws: lawsOf({ m, preset, weighting }),
    minClients: Math.max(...conditions.map(({ min }) => min)),
    async apply(x, ops, { exampleCounts }) {
      for (const condition of conditions) requireClients(condition, x.rows);
      const n = x.rows;
      const count = m ?? defaultCount(preset, n, f);
      const geometry = await geometryOf(x, ops);
      const scores = krumScores(geometry, krumNeighbours(preset, n, f));
      const order = ascending(scores, geometry.finite);
      const kept = order.slice(0, count);
      const weights =
        weighting === 'examples'
          ? exampleWeights('multi-krum', { counts: exampleCounts, rows: kept, n })
          : uniformOn(kept, n);
      return {
        value: ops.combine([weights], x),
        weights: [weights],
        evidence: keptOf(order, count, scores),
      };
    },
  };
}

type Choice = { readonly f: number; readonly m: number | undefined; readonly preset: KrumPreset };

function conditionsOf({ f, m, preset }: Choice): Condition[] {
  const conditions = [krumCondition('multi-krum', preset, f)];
  if (m === undefined) return conditions;
  if (preset === 'paper') {
    const given = `f = ${f} and m = ${m}`;
    conditions.push({ rule: 'multi-krum', formula: 'm + f + 2', min: m + f + 2, given });
  } else {
    conditions.push({ rule: 'multi-krum', formula: 'm', min: m, given: `m = ${m}` });
  }
  return conditions;
}

function defaultCount(preset: KrumPreset, n: number, f: number): number {
  switch (preset) {
    case 'paper':
      return n - f - 2;
    case 'byzfl':
      return n - f;
    case 'flower':
      return 1;
    default:
      return preset satisfies never;
  }
}

function lawsOf({ m, preset, weighting }: Omit<Choice, 'f'> & { weighting: Weighting }): Law[] {
  const laws: Law[] = ['permutation', 'translation', 'scale', 'agreement'];
  // Only byzfl keeps n − f rows, which are all of them for f = 0.
  if (preset === 'byzfl' && m === undefined && weighting === 'uniform') {
    laws.push('mean-without-faults');
  }
  // Whoever may keep more than n − f rows may keep a Byzantine one, and flower sets no condition.
  if (preset === 'paper' || (preset === 'byzfl' && m === undefined)) laws.push('bounded');
  return laws;
}

/**
 * Multi-Krum's line in the list.
 *
 * - Paper: Blanchard et al. 2017
 * - Guarantee: bounded for n ≥ 2f + 3 and m ≤ n − f − 2
 * - Cost: n²·d, then n²·log n
 */
export const multiKrumEntry: RuleEntry = defineRule<MultiKrumOptions>({
  name: 'multi-krum',
  parameters: {
    f,
    m: optional(integer('rows kept')),
    preset: optional(word('whose neighbours, condition and defaults', KRUM_PRESETS)),
    weighting: optional(word('how kept rows are averaged', WEIGHTINGS)),
  },
  make: multiKrum,
  sample: ({ f }) => ({ f }),
  variants: ({ n, f }) => [
    { f, m: 1 },
    { f, preset: 'byzfl' },
    { f, preset: 'byzfl', weighting: 'examples' },
    { f, preset: 'flower' },
    { f, preset: 'flower', m: n },
  ],
});
