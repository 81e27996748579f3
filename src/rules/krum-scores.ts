/**
 * Krum's scores and the presets under which libraries compute them: shared by Krum, Multi-Krum and
 * Bulyan.
 *
 * Blanchard, El Mhamdi, Guerraoui, Stainer. "Machine learning with adversaries: Byzantine tolerant
 * gradient descent", NeurIPS 2017.
 *
 * @module
 */

import type { Condition } from './clients.ts';
import { distancesFrom, type Geometry } from './geometry.ts';

/**
 * Whose Krum.
 *
 * - `paper`: n − f − 2 neighbours, n ≥ 2f + 3.
 * - `byzfl`: n − f − 1 neighbours, n ≥ 2f + 1.
 * - `flower`: n − f − 2 neighbours but at least one, any n.
 */
export type KrumPreset = 'paper' | 'byzfl' | 'flower';

/** The presets, for checks. */
export const KRUM_PRESETS: readonly KrumPreset[] = ['paper', 'byzfl', 'flower'];

/** How many other rows a row is compared with. */
export function krumNeighbours(preset: KrumPreset, n: number, f: number): number {
  if (preset === 'byzfl') return n - f - 1;
  return Math.max(1, n - f - 2);
}

/** The preset's condition on the number of clients. */
export function krumCondition(rule: string, preset: KrumPreset, f: number): Condition {
  const given = `f = ${f}`;
  switch (preset) {
    case 'paper':
      return { rule, formula: '2f + 3', min: 2 * f + 3, given };
    case 'byzfl':
      return { rule, formula: '2f + 1', min: 2 * f + 1, given };
    case 'flower':
      return { rule, formula: '1', min: 1, given };
    default:
      return preset satisfies never;
  }
}

/**
 * Score of every row: the sum of its squared distances to its `neighbours` nearest other rows, or to
 * all others where there are fewer. Infinity where infinite rows cannot be avoided. O(n² log n).
 */
export function krumScores(geometry: Geometry, neighbours: number): Float64Array {
  return Float64Array.from({ length: geometry.n }, (_, i) => {
    const others = distancesFrom(geometry, i).filter((_, j) => j !== i);
    // Ascending, so that rows with the same distances get the same sum to the last bit.
    const nearest = others.sort().subarray(0, neighbours);
    return nearest.reduce((sum, distance) => sum + distance, 0);
  });
}
