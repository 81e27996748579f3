/**
 * SMEA, smallest maximum eigenvalue averaging: the mean of the n − f updates whose covariance has the
 * smallest top eigenvalue.
 *
 * Allouah, Guerraoui, Gupta, Pinot, Rizk. "Robust distributed learning: tight error bounds and
 * breakdown point under data heterogeneity", NeurIPS 2023.
 *
 * Found by branch and bound on the scatter, n − f times the covariance. A part of the search leaves some
 * rows out and must keep others; it is dropped once the bound of `scatter.ts` shows that each of its
 * subsets has a top eigenvalue above the least one seen. Otherwise the row that lies farthest out is left
 * out, then kept.
 *
 * @module
 */

import { assertInteger } from '../core/assert.ts';
import { integer, optional } from '../core/parameter.ts';
import { honestMajority, membersOf, requireClients, uniformOn } from './clients.ts';
import { defineRule, f, type RuleEntry } from './entry.ts';
import {
  distancesFrom,
  type Geometry,
  geometryOf,
  nearestTo,
  restrict,
  rowsToChooseFrom,
} from './geometry.ts';
import type { Rule } from './rule.ts';
import { type Part, resolutionFor, ScatterBound, type Sight, topOfScatter } from './scatter.ts';
import { firstSubset, SubsetSearch } from './subset-search.ts';

/** Options of {@link smea}. */
export interface SmeaOptions {
  /** Bound on the number of Byzantine clients. */
  readonly f: number;
  /** Partial subsets that may be looked at before giving up. Default 1,000,000. */
  readonly maxSubsets?: number;
}

const DEFAULT_MAX_SUBSETS = 1_000_000;

/**
 * The mean of the n − f rows whose covariance has the smallest top eigenvalue; among those whose
 * eigenvalues f64 cannot tell apart (n²·2⁻⁴² of them) the first subset in lexicographic order. Rows with
 * infinities are kept only where fewer than n − f others are there.
 *
 * Needs n ≥ 2f + 1. One pass of n²·d; on the host some 10·n² for each partial subset looked at. Those are
 * few where attackers stand out, and at worst, where no row stands out in any way, a small part of
 * C(n, f): some 2·10⁶ for n = 40 and f = 12. The event loop has its turns, and `round.signal` is heard.
 *
 * @throws {AggregationError} `cost-limit` on applying, when `maxSubsets` were not enough.
 */
export function smea({ f, maxSubsets = DEFAULT_MAX_SUBSETS }: SmeaOptions): Rule {
  assertInteger('f', f, 0);
  assertInteger('maxSubsets', maxSubsets, 1);
  const condition = honestMajority('smea', f);
  return {
    name: 'smea',
    laws: ['permutation', 'translation', 'scale', 'mean-without-faults', 'agreement', 'bounded'],
    minClients: condition.min,
    async apply(x, ops, { signal }) {
      const n = x.rows;
      requireClients(condition, n);
      const geometry = await geometryOf(x, ops);
      const rows = rowsToChooseFrom(geometry, n - f);
      const search = new SubsetSearch({ rule: 'smea', n, size: n - f, maxSubsets, signal });
      const kept = await smallestScatter(geometry, { rows, search });
      const weights = [uniformOn(kept, n)];
      const evidence = membersOf(kept, n, 'not in the subset of smallest top eigenvalue');
      return { value: ops.combine(weights, x), weights, evidence };
    },
  };
}

/** The first subset of the given rows, in lexicographic order, among those of least top eigenvalue. */
async function smallestScatter(
  all: Geometry,
  { rows, search }: { rows: readonly number[]; search: SubsetSearch },
): Promise<readonly number[]> {
  // With a single subset there is nothing to compare, and its rows may hold infinities.
  if (rows.length === search.limits.size) return rows;
  const subset = await new ScatterSearch(restrict(all, rows), search).first();
  return subset.map((k) => rows[k]!);
}

/** A subset in ascending order, and the top eigenvalue of its scatter or a bound on it from above. */
interface Subset {
  readonly rows: readonly number[];
  readonly top: number;
}

/** Where to look and for what. */
interface Quest {
  /** Rows that a subset may hold, and rows that it must. */
  readonly among: readonly number[];
  readonly kept: readonly number[];
  /** The greatest eigenvalue of interest; it may fall while the walk goes on. */
  readonly limit: () => number;
  /** Called for subsets within the limit. Whether the walk is over. */
  readonly reached: (subset: Subset) => boolean;
}

/** Looks for subsets of small top eigenvalue among rows, more than are to be kept. */
class ScatterSearch {
  readonly #geometry: Geometry;
  readonly #size: number;
  readonly #search: SubsetSearch;
  readonly #all: readonly number[];
  /** For each row the first that coincides with it. */
  readonly #twinOf: readonly number[];
  /** Eigenvalues that differ by less than this share are equal. */
  readonly #resolution: number;

  constructor(geometry: Geometry, search: SubsetSearch) {
    this.#geometry = geometry;
    this.#size = search.limits.size;
    this.#search = search;
    this.#all = [...geometry.finite.keys()];
    this.#twinOf = this.#all.map(
      (row) => this.#all.find((other) => coincide(geometry, row, other))!,
    );
    this.#resolution = resolutionFor(geometry.n);
  }

  /** The first subset in lexicographic order among those of least top eigenvalue. */
  async first(): Promise<readonly number[]> {
    const { best, alone } = await this.#least();
    if (alone) return best.rows;
    const limit = best.top * (1 + this.#resolution);
    return firstSubset({ known: best.rows, n: this.#geometry.n }, async (kept, among) => {
      let found: Subset | undefined;
      const reached = (subset: Subset): boolean => {
        found = subset;
        return true;
      };
      await this.#walk({ kept, among, limit: () => limit, reached });
      return found?.rows;
    });
  }

  /** A subset of least top eigenvalue, and whether it is known to be the only one. */
  async #least(): Promise<{ best: Subset; alone: boolean }> {
    let best = this.#guess();
    let alone = true;
    let halved = true;
    while (halved && best.top > 0) {
      const start = best.top;
      const limit = (): number => best.top * (1 + (alone ? 1 : -1) * this.#resolution);
      const reached = (subset: Subset): boolean => {
        if (subset.top < best.top * (1 - this.#resolution)) {
          best = subset;
          alone = true;
        } else if (!isSame(subset, best)) {
          alone = false;
        }
        // Far below what it started with, a new walk has sharper bounds.
        return best.top < start / 2;
      };
      halved = await this.#walk({ kept: [], among: this.#all, limit, reached });
    }
    return { best, alone: alone && best.top > 0 };
  }

  /**
   * The rows nearest to the best of all rows as centres. About their mean they scatter less than about
   * that row, where the sum of their squared distances is no less than the top eigenvalue.
   */
  #guess(): Subset {
    const guesses = this.#all.map((i) => {
      const rows = nearestTo(this.#geometry, i).slice(0, this.#size);
      const distances = distancesFrom(this.#geometry, i);
      const top = rows.reduce((sum, row) => sum + distances[row]!, 0);
      return { rows: rows.sort((a, b) => a - b), top };
    });
    return guesses.reduce((best, guess) => (guess.top < best.top ? guess : best));
  }

  /** Whether a walk through all subsets within the limit was ended by one of them. */
  async #walk({ among, kept, limit, reached }: Quest): Promise<boolean> {
    const start = limit();
    const reachable = this.#withinReach(among, start);
    if (reachable.length < this.#size) return false;
    if (!kept.every((row) => reachable.includes(row))) return false;
    // Rows that must be kept may be a whole subset already; then no other is looked at.
    const rows =
      kept.length === this.#size ? reachable.filter((row) => kept.includes(row)) : reachable;
    const bound = new ScatterBound(this.#geometry, { rows, size: this.#size, limit: start });
    const root: Part = {
      rows,
      kept: Uint8Array.from(this.#all, (row) => Number(kept.includes(row))),
      direction: new Float64Array(this.#all.length),
    };
    return this.#search.walk(root, (part) => {
      const sight = bound.look(part, limit());
      if (sight === undefined) return [];
      if (part.rows.length > this.#size) return this.#split(part, sight);
      const top = topOfScatter(this.#geometry, part.rows);
      return top <= limit() && reached({ rows: part.rows, top }) ? 'found' : [];
    });
  }

  /**
   * The rows that some subset within the limit may hold. Each of its pairs is at squared distance 2·limit
   * or less, so a row goes if more others are farther from it than may be left out. Of those that stay
   * any two have a row in common that is within that distance, so they are at 8·limit or less.
   */
  #withinReach(among: readonly number[], limit: number): readonly number[] {
    const farthest = 2 * limit * (1 + this.#resolution);
    let rows = among;
    for (;;) {
      const left = rows.filter((i) => {
        const distances = distancesFrom(this.#geometry, i);
        return rows.filter((j) => distances[j]! <= farthest).length >= this.#size;
      });
      if (left.length === rows.length) return rows;
      rows = left;
    }
  }

  /**
   * The part without the open row that lies farthest out, then the part that must hold it. Of rows that
   * coincide, as those of colluding clients may, only the first few are ever kept: any others are as good
   * and come later. So the first of them that is open is kept, or all that are open are left out.
   */
  #split({ rows, kept }: Part, { places, direction }: Sight): readonly Part[] {
    const open = rows.filter((row) => kept[row] === 0);
    const farthest = open.reduce((a, b) => (Math.abs(places[b]!) > Math.abs(places[a]!) ? b : a));
    const twins = open.filter((row) => this.#twinOf[row] === this.#twinOf[farthest]);
    const without = rows.filter((row) => !twins.includes(row));
    const alsoKept = kept.with(twins[0]!, 1);
    const isFull = rows.length - open.length + 1 === this.#size;
    const within = isFull ? rows.filter((row) => alsoKept[row] === 1) : rows;
    const parts = [{ rows: within, kept: alsoKept, direction }];
    return without.length < this.#size ? parts : [{ rows: without, kept, direction }, ...parts];
  }
}

/** Whether two rows are at distance 0, and at the same distance from every other. */
function coincide(geometry: Geometry, i: number, j: number): boolean {
  const [fromI, fromJ] = [distancesFrom(geometry, i), distancesFrom(geometry, j)];
  return fromI[j] === 0 && fromI.every((distance, k) => distance === fromJ[k]);
}

function isSame(a: Subset, b: Subset): boolean {
  return a.rows.every((row, k) => row === b.rows[k]);
}

/**
 * SMEA's line in the list.
 *
 * - Paper: Allouah et al. 2023
 * - Guarantee: bounded for n ≥ 2f + 1, error of optimal order
 * - Cost: n²·d, then a search: at worst a part of C(n, f)
 */
export const smeaEntry: RuleEntry = defineRule<SmeaOptions>({
  name: 'smea',
  parameters: { f, maxSubsets: optional(integer('partial subsets looked at before giving up')) },
  make: smea,
  sample: ({ f }) => ({ f }),
});
