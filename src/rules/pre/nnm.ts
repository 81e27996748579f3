/**
 * Nearest-neighbour mixing: every update becomes the mean of the n − f updates nearest to it.
 *
 * Allouah, Farhadkhani, Guerraoui, Gupta, Pinot, Stephan. "Fixing by mixing: a recipe for optimal
 * Byzantine ML under heterogeneity", AISTATS 2023.
 *
 * @module
 */

import { assertInteger } from '../../core/assert.ts';
import { honestMajority, requireClients, uniformOn } from '../clients.ts';
import { defineStage, f, type StageEntry } from '../entry.ts';
import { geometryOf, nearestTo } from '../geometry.ts';
import { sumsOf } from '../lattice.ts';
import type { ClientEvidence, Releasable, Stage } from '../rule.ts';

/** Distances of integers are exact below it. */
const MAX_REACH = 2 ** 25;

/** Options of {@link nnm}. */
export interface NnmOptions {
  /** Bound on the number of Byzantine clients. */
  readonly f: number;
}

/**
 * Row i becomes the mean of its n − f nearest rows, itself included; ties go to the lowest index. Rows
 * with infinities count as farthest, so at most f of them stay in their own rows. Evidence: in how many
 * of the n neighbourhoods the row is, more is better; f outliers are in f at most.
 *
 * Needs n ≥ 2f + 1. One pass of n²·d; the mixing is one n×n combination.
 */
export function nnm({ f }: NnmOptions): Releasable<Stage> {
  assertInteger('f', f, 0);
  const condition = honestMajority('nnm', f);
  return {
    name: 'nnm',
    laws: ['permutation', 'translation', 'scale', 'mean-without-faults', 'agreement', 'bounded'],
    minClients: condition.min,
    sensitivity({ rows, norm, single }) {
      requireClients(condition, rows);
      if (!single) throw new RangeError('nnm: no bound is known where several rows move before it');
      // Its own neighbours may all be others; of every other row's, one is exchanged for one.
      const moved = 2 * norm * (1 + (rows - 1) / (rows - f));
      return { rows, norm, moved, single: false };
    },
    async apply(x, ops) {
      const n = x.rows;
      requireClients(condition, n);
      const geometry = await geometryOf(x, ops);
      const weights = Array.from({ length: n }, (_, i) =>
        uniformOn(nearestTo(geometry, i).slice(0, n - f), n),
      );
      return { value: ops.combine(weights, x), weights, evidence: membershipsOf(weights) };
    },
    async onLattice(x, ops) {
      const n = x.words.rows;
      requireClients(condition, n);
      if (x.reach >= MAX_REACH) {
        throw new RangeError(
          `nnm needs integers below ${MAX_REACH}, got ${x.reach}: take a lower bound`,
        );
      }
      const squaredDistances = await ops.squaredDistances(x.words);
      const groups = Array.from({ length: n }, (_, i) =>
        nearestAmong(squaredDistances.subarray(i * n, (i + 1) * n)).slice(0, n - f),
      );
      return sumsOf(x, groups, ops);
    },
  };
}

/** Row numbers by ascending distance; ties go to the lowest. */
function nearestAmong(distances: Float64Array): number[] {
  // The sort is stable.
  return Array.from(distances.keys()).sort((a, b) => distances[a]! - distances[b]!);
}

function membershipsOf(weights: readonly (readonly number[])[]): ClientEvidence[] {
  const n = weights.length;
  return weights.map((_, row) => {
    const score = weights.filter((shares) => shares[row]! > 0).length;
    return 2 * score > n ? { score } : { score, reason: `in ${score} of ${n} neighbourhoods` };
  });
}

/**
 * The line of nearest-neighbour mixing in the list.
 *
 * - Paper: Allouah et al. 2023
 * - Guarantee: brings rules to the optimal order of error, n ≥ 2f + 1
 * - Cost: n²·d, then n²·log n
 */
export const nnmEntry: StageEntry = defineStage<NnmOptions>({
  name: 'nnm',
  parameters: { f },
  make: nnm,
  sample: ({ f }) => ({ f }),
});
