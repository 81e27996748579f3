/**
 * Bulyan: Krum picks n − 2f updates one after the other, then per coordinate the n − 4f picked values
 * nearest to their median are averaged.
 *
 * El Mhamdi, Guerraoui, Rouault. "The hidden vulnerability of distributed learning in Byzantium",
 * ICML 2018.
 *
 * @module
 */

import { assertInteger, assertOneOf } from '../core/assert.ts';
import { optional, word } from '../core/parameter.ts';
import { ascending, type Condition, membersOf, requireClients } from './clients.ts';
import { medianOf } from './coordinates.ts';
import { defineRule, f, type RuleEntry } from './entry.ts';
import { distancesFrom, type Geometry, geometryOf, nearestTo } from './geometry.ts';
import { krumNeighbours, krumScores } from './krum-scores.ts';
import type { Law, Rule } from './rule.ts';

/**
 * How rows are picked.
 *
 * - `paper`: Krum is run anew after each pick, on the rows left.
 * - `flower`: the n − 2f best scores of a single Krum, as in Flower's current tree.
 */
export type BulyanPreset = 'paper' | 'flower';

const BULYAN_PRESETS: readonly BulyanPreset[] = ['paper', 'flower'];

/** Options of {@link bulyan}. */
export interface BulyanOptions {
  /** Bound on the number of Byzantine clients. */
  readonly f: number;
  /** How rows are picked. Default `paper`. */
  readonly preset?: BulyanPreset;
}

/**
 * Picks n − 2f rows by Krum with n′ − f − 2 neighbours (at least one) among n′ rows left, then takes per
 * coordinate the mean of the n − 4f picked values nearest to the median of the picks. Ties go to the
 * lowest index and to the lower value; rows with infinities are picked last.
 *
 * Needs n ≥ 4f + 3. One pass of n²·d, n³ on the host, two passes of sorting.
 */
export function bulyan({ f, preset = 'paper' }: BulyanOptions): Rule {
  assertInteger('f', f, 0);
  assertOneOf('preset', preset, BULYAN_PRESETS);
  const condition: Condition = {
    rule: 'bulyan',
    formula: '4f + 3',
    min: 4 * f + 3,
    given: `f = ${f}`,
  };
  const laws: Law[] = ['translation', 'scale', 'mean-without-faults', 'agreement', 'bounded'];
  return {
    name: 'bulyan',
    // The last picks compare each row with its one nearest: two that are nearest to each other tie.
    laws: preset === 'paper' ? laws : ['permutation', ...laws],
    minClients: condition.min,
    async apply(x, ops) {
      const n = x.rows;
      requireClients(condition, n);
      const geometry = await geometryOf(x, ops);
      const picks = preset === 'paper' ? pickInTurn(geometry, f) : pickAtOnce(geometry, f);
      const picked = ops.select(x, picks);
      return {
        value: ops.nearestMean(picked, medianOf(picked, ops), n - 4 * f),
        evidence: membersOf(picks, n, 'not among the n − 2f picks of Krum'),
      };
    },
  };
}

/** n − 2f rows, each the best of those left, in ascending order of row number. */
function pickInTurn(geometry: Geometry, f: number): number[] {
  const { n, finite } = geometry;
  const neighboursOf = Array.from({ length: n }, (_, i) =>
    Int32Array.from(nearestTo(geometry, i).slice(1)),
  );
  const left = new Uint8Array(n).fill(1);
  const picks: number[] = [];
  while (picks.length < n - 2 * f) {
    const count = krumNeighbours('paper', n - picks.length, f);
    let best = { row: -1, score: Number.POSITIVE_INFINITY };
    for (let row = 0; row < n; row++) {
      if (left[row] === 0) continue;
      const distances = distancesFrom(geometry, row);
      const score = sumOfFirst(count, { order: neighboursOf[row]!, left, distances });
      // Among infinite scores a finite row comes before others, as everywhere.
      const isFirst = score === best.score && finite[row] && !finite[best.row];
      if (best.row < 0 || score < best.score || isFirst) best = { row, score };
    }
    left[best.row] = 0;
    picks.push(best.row);
  }
  return picks.sort((a, b) => a - b);
}

/** The sum of the distances to the first `count` rows of an order that are left, or to all of them. */
function sumOfFirst(
  count: number,
  among: { order: Int32Array; left: Uint8Array; distances: Float64Array },
): number {
  const { order, left, distances } = among;
  let sum = 0;
  let added = 0;
  for (let k = 0; k < order.length && added < count; k++) {
    const row = order[k]!;
    if (left[row] === 0) continue;
    sum += distances[row]!;
    added++;
  }
  return sum;
}

/** The n − 2f rows with the best scores, in ascending order of row number. */
function pickAtOnce(geometry: Geometry, f: number): number[] {
  const scores = krumScores(geometry, krumNeighbours('flower', geometry.n, f));
  const order = ascending(scores, geometry.finite);
  return order.slice(0, geometry.n - 2 * f).sort((a, b) => a - b);
}

/**
 * Bulyan's line in the list.
 *
 * - Paper: El Mhamdi et al. 2018
 * - Guarantee: bounded in each coordinate for n ≥ 4f + 3
 * - Cost: n²·d, then n³, then n·log n·d
 */
export const bulyanEntry: RuleEntry = defineRule<BulyanOptions>({
  name: 'bulyan',
  parameters: { f, preset: optional(word('how rows are picked', BULYAN_PRESETS)) },
  make: bulyan,
  sample: ({ f }) => ({ f }),
  variants: ({ f }) => [{ f, preset: 'flower' }],
});
