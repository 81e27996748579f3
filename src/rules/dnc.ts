/**
 * Divide and conquer (DnC): the mean of the updates that stand out least along the direction in which
 * the updates spread most.
 *
 * Shejwalkar, Houmansadr. "Manipulating the Byzantine: optimizing model poisoning attacks and defenses
 * for federated learning", NDSS 2021.
 *
 * @module
 */

import type { Matrix, Ops } from '../backend/kernels.ts';
import { assertInteger, assertPositive } from '../core/assert.ts';
import { integer, optional, real } from '../core/parameter.ts';
import { createRandom } from '../core/random.ts';
import { Turns } from '../core/turn.ts';
import { ascending, keptOf, requireClients, uniformOn } from './clients.ts';
import { stacked } from './coordinates.ts';
import { defineRule, f, type RuleEntry } from './entry.ts';
import { geometryOf } from './geometry.ts';
import type { Rule } from './rule.ts';
import { spectralScores } from './spectral.ts';

/** Options of {@link dnc}. */
export interface DncOptions {
  /** Bound on the number of Byzantine clients. */
  readonly f: number;
  /** Coordinates that are looked at in each iteration. Default 10 000, as in the paper. */
  readonly coordinates?: number;
  /** Draws of coordinates. Default 1, as in the paper. */
  readonly iterations?: number;
  /** Of the rows, ⌈filter · f⌉ are left out in each iteration, above 0. Default 1. */
  readonly filter?: number;
  /** Fixes the coordinates that are drawn; an attacker that knows it can use the others. Default 0. */
  readonly seed?: number;
}

const DEFAULTS = { coordinates: 10_000, iterations: 1, filter: 1, seed: 0 };

/**
 * In each iteration, coordinates are drawn without repetition; rows are centred there, and the
 * ⌈filter · f⌉ with the largest squared projections on the top right singular vector are left out. The
 * result is the mean of the rows that no iteration leaves out; where there are none, of those that the
 * fewest leave out. Ties go to the lowest index, rows with infinities come last.
 *
 * Whoever lies far out in one direction hides who lies less far out in another: no bound holds. Evidence:
 * the largest score over the iterations, as share of the iteration's largest.
 *
 * Needs n ≥ ⌈filter · f⌉ + 1. One pass of n²·d for each iteration, one in all where d is no more than
 * `coordinates`; n³ on the host.
 */
export function dnc(options: DncOptions): Rule {
  const { f, coordinates, iterations, filter, seed } = { ...DEFAULTS, ...options };
  assertInteger('f', f, 0);
  assertInteger('coordinates', coordinates, 1, 2 ** 24);
  assertInteger('iterations', iterations, 1, 1000);
  assertPositive('filter', filter);
  assertInteger('seed', seed, 0);
  const dropped = Math.ceil(filter * f);
  const given = `f = ${f} and filter = ${filter}`;
  const condition = { rule: 'dnc', formula: '⌈filter · f⌉ + 1', min: dropped + 1, given };
  return {
    name: 'dnc',
    laws: ['permutation', 'translation', 'scale', 'mean-without-faults', 'agreement'],
    minClients: condition.min,
    async apply(x, ops, { signal }) {
      const n = x.rows;
      requireClients(condition, n);
      const turns = new Turns(signal);
      const random = createRandom(seed);
      const times = new Array<number>(n).fill(0);
      const scores = new Array<number>(n).fill(0);
      let finite: readonly boolean[] = [];
      for (let k = 0; k < (x.cols > coordinates ? iterations : 1); k++) {
        if (turns.due) await turns.take();
        const seen = x.cols > coordinates ? sampled(x, ops, { coordinates, random }) : x;
        const geometry = await geometryOf(seen, ops);
        finite = geometry.finite;
        const found = spectralScores(geometry);
        for (const i of ascending(found, finite).slice(n - dropped)) times[i]!++;
        for (const [i, score] of found.entries()) scores[i] = Math.max(scores[i]!, score);
      }
      const least = Math.min(...times);
      const order = ascending(times, finite);
      const kept = order.filter((i) => times[i] === least);
      const weights = [uniformOn(kept, n)];
      return {
        value: ops.combine(weights, x),
        weights,
        evidence: keptOf(order, kept.length, scores),
      };
    },
  };
}

/**
 * The rows with zeros in all columns but some that are drawn. A value is the middle one of itself, −c
 * and c: with c = ∞ it stays as it is, with c = 0 it is gone.
 */
function sampled(
  x: Matrix,
  ops: Ops,
  { coordinates, random }: { coordinates: number; random: { below(n: number): number } },
): Matrix {
  const chosen = drawn(x.cols, coordinates, random);
  const limit = (sign: 1 | -1) => ({
    cols: x.cols,
    read(from: number, to: number, into: Float32Array): void {
      into.fill(0 * sign);
      for (let k = firstFrom(chosen, from); k < chosen.length && chosen[k]! < to; k++) {
        into[chosen[k]! - from] = sign * Number.POSITIVE_INFINITY;
      }
    },
  });
  const limits = ops.matrix([limit(-1), limit(1)]);
  const rows = Array.from({ length: x.rows }, (_, i) =>
    ops.rankMean(ops.stack(ops.select(x, [i]), limits), 1, 2),
  );
  return stacked(rows, ops);
}

/** Floyd's way to draw `count` of the numbers 0 … n − 1; ascending. */
function drawn(n: number, count: number, random: { below(n: number): number }): Float64Array {
  const chosen = new Set<number>();
  for (let last = n - count; last < n; last++) {
    const one = random.below(last + 1);
    chosen.add(chosen.has(one) ? last : one);
  }
  return Float64Array.from(chosen).sort();
}

/** The place of the first entry that is no less. */
function firstFrom(sorted: Float64Array, least: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * DnC's line in the list.
 *
 * - Paper: Shejwalkar and Houmansadr 2021
 * - Guarantee: none; good against attackers that pull one way
 * - Cost: n²·d per iteration, then n³
 */
export const dncEntry: RuleEntry = defineRule<DncOptions>({
  name: 'dnc',
  parameters: {
    f,
    coordinates: optional(integer('coordinates that are looked at')),
    iterations: optional(integer('draws of coordinates')),
    filter: optional(real('how many times f rows are left out')),
    seed: optional(integer('of the draws')),
  },
  make: dnc,
  sample: ({ f }) => ({ f }),
});
