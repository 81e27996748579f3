/**
 * MDA, minimum diameter averaging: the mean of the n − f updates that lie closest together.
 *
 * El Mhamdi, Guerraoui, Guirguis, Hoang, Rouault. "Genuinely distributed Byzantine machine learning",
 * PODC 2020.
 *
 * A subset has diameter at most δ if it holds no pair farther apart than δ: with such pairs as the
 * edges of a graph, the rows left out cover every edge. So the least diameter is found by halving over
 * the sorted distances, asking each time whether f rows cover the graph. The answer takes at most
 * about 1.47^f steps (a row with three or more edges is left out, or all its neighbours are), not the
 * number of subsets, C(n, f).
 *
 * @module
 */

import { assertInteger } from '../core/assert.ts';
import { integer, optional } from '../core/parameter.ts';
import { honestMajority, membersOf, requireClients, uniformOn } from './clients.ts';
import { defineRule, f, type RuleEntry } from './entry.ts';
import { type Geometry, geometryOf, restrict, rowsToChooseFrom } from './geometry.ts';
import type { Rule } from './rule.ts';
import { SubsetSearch } from './subset-search.ts';

/** Options of {@link mda}. */
export interface MdaOptions {
  /** Bound on the number of Byzantine clients. */
  readonly f: number;
  /** Partial subsets that may be looked at before giving up. Default 1,000,000. */
  readonly maxSubsets?: number;
}

const DEFAULT_MAX_SUBSETS = 1_000_000;

/**
 * The mean of the n − f rows with the least diameter, the greatest distance of any two; among equal
 * diameters the first subset in lexicographic order. Rows with infinities are kept only where fewer
 * than n − f others are there.
 *
 * Needs n ≥ 2f + 1. One pass of n²·d; on the host n²·log n and at most about n·1.47^f·n. The event loop
 * has its turns, and `round.signal` is heard.
 *
 * @throws {AggregationError} `cost-limit` on applying, when `maxSubsets` were not enough.
 */
export function mda({ f, maxSubsets = DEFAULT_MAX_SUBSETS }: MdaOptions): Rule {
  assertInteger('f', f, 0);
  assertInteger('maxSubsets', maxSubsets, 1);
  const condition = honestMajority('mda', f);
  return {
    name: 'mda',
    // No permutation: a diameter is that of one pair, and the subsets that hold this pair often tie.
    laws: ['translation', 'scale', 'mean-without-faults', 'agreement', 'bounded'],
    minClients: condition.min,
    async apply(x, ops, { signal }) {
      const n = x.rows;
      requireClients(condition, n);
      const geometry = await geometryOf(x, ops);
      const rows = rowsToChooseFrom(geometry, n - f);
      const search = new SubsetSearch({ rule: 'mda', n, size: n - f, maxSubsets, signal });
      const subset = await new DiameterSearch(restrict(geometry, rows), search).first();
      const kept = subset.map((k) => rows[k]!);
      const weights = [uniformOn(kept, n)];
      const evidence = membersOf(kept, n, 'not in the subset of least diameter');
      return { value: ops.combine(weights, x), weights, evidence };
    },
  };
}

/** Looks for the subset of least diameter. */
class DiameterSearch {
  readonly #geometry: Geometry;
  readonly #search: SubsetSearch;

  constructor(geometry: Geometry, search: SubsetSearch) {
    this.#geometry = geometry;
    this.#search = search;
  }

  /** The first subset of `size` rows, in lexicographic order, among those of least diameter. */
  async first(): Promise<number[]> {
    const { n, squaredDistances: D } = this.#geometry;
    const { size } = this.#search.limits;
    const diameters = Float64Array.from(new Set(D)).sort();
    let [low, high] = [0, diameters.length - 1];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const graph = new ConflictGraph(this.#geometry, diameters[middle]!);
      if (await this.#coverable(graph, n - size)) high = middle;
      else low = middle + 1;
    }
    return this.#firstWithin(new ConflictGraph(this.#geometry, diameters[high]!));
  }

  /** Row by row, keeps a row wherever the rest can still be completed. */
  async #firstWithin(graph: ConflictGraph): Promise<number[]> {
    const { size } = this.#search.limits;
    const kept: number[] = [];
    let budget = graph.n - size;
    for (let row = 0; kept.length < size; row++) {
      if (!graph.alive[row]) continue;
      const mark = graph.mark();
      const conflicting = graph.aliveNeighbours(row);
      for (const other of conflicting) graph.remove(other);
      graph.remove(row);
      const left = budget - conflicting.length;
      if (left >= 0 && (await this.#coverable(graph, left))) {
        budget = left;
        kept.push(row);
      } else {
        graph.restore(mark);
        graph.remove(row);
        budget--;
      }
    }
    return kept;
  }

  /**
   * Whether at most `budget` rows cover all edges among the rows that are alive. A cover holds the row
   * with most edges or all its neighbours; b rows of at most k edges each cover b·k edges or fewer.
   */
  async #coverable(graph: ConflictGraph, budget: number): Promise<boolean> {
    const start = graph.mark();
    const root: Cover = { mark: start, removed: [], budget };
    const found = await this.#search.walk(root, ({ mark, removed, budget }) => {
      graph.restore(mark);
      for (const row of removed) graph.remove(row);
      const { row, degree } = graph.busiest();
      if (degree === 0) return 'found';
      if (budget <= 0 || graph.edges > budget * degree) return [];
      if (degree <= 2) return graph.coverOfChains() <= budget ? 'found' : [];
      const here = graph.mark();
      const without: Cover = { mark: here, removed: [row], budget: budget - 1 };
      if (degree > budget) return [without];
      const neighbours = graph.aliveNeighbours(row);
      return [without, { mark: here, removed: neighbours, budget: budget - degree }];
    });
    graph.restore(start);
    return found;
  }
}

/** Rows to remove from a graph in some state, and how many more may be removed then. */
interface Cover {
  readonly mark: number;
  readonly removed: readonly number[];
  readonly budget: number;
}

/** Rows, and an edge for each pair that is farther apart than a diameter allows. */
class ConflictGraph {
  readonly n: number;
  readonly alive: boolean[];
  /** Edges of each row to rows that are alive. */
  readonly degree: number[];
  edges = 0;
  readonly #neighbours: readonly (readonly number[])[];
  /** Removed rows, in order. */
  readonly #removed: number[] = [];

  constructor({ n, squaredDistances: D }: Geometry, diameter: number) {
    const rows = Array.from({ length: n }, (_, i) => i);
    this.n = n;
    this.alive = rows.map(() => true);
    this.#neighbours = rows.map((i) => rows.filter((j) => D[i * n + j]! > diameter));
    this.degree = this.#neighbours.map(({ length }) => length);
    this.edges = this.degree.reduce((sum, degree) => sum + degree, 0) / 2;
  }

  /** The row that is alive and has most edges, and how many. */
  busiest(): { row: number; degree: number } {
    let best = { row: 0, degree: 0 };
    for (let row = 0; row < this.n; row++) {
      const degree = this.alive[row] ? this.degree[row]! : 0;
      if (degree > best.degree) best = { row, degree };
    }
    return best;
  }

  aliveNeighbours(row: number): number[] {
    return this.#neighbours[row]!.filter((other) => this.alive[other]);
  }

  remove(row: number): void {
    this.alive[row] = false;
    this.#removed.push(row);
    this.edges -= this.degree[row]!;
    for (const other of this.#neighbours[row]!) this.degree[other]!--;
  }

  /** A state to which `restore` goes back. */
  mark(): number {
    return this.#removed.length;
  }

  restore(mark: number): void {
    while (this.#removed.length > mark) {
      const row = this.#removed.pop()!;
      for (const other of this.#neighbours[row]!) this.degree[other]!++;
      this.edges += this.degree[row]!;
      this.alive[row] = true;
    }
  }

  /** Least cover where no row has more than two edges: ⌈e/2⌉ for each chain or ring of e edges. */
  coverOfChains(): number {
    const seen = new Set<number>();
    let cover = 0;
    for (let start = 0; start < this.n; start++) {
      if (!this.alive[start] || seen.has(start)) continue;
      let ends = 0;
      const open = [start];
      seen.add(start);
      for (const row of open) {
        ends += this.degree[row]!;
        for (const other of this.aliveNeighbours(row)) {
          if (seen.has(other)) continue;
          seen.add(other);
          open.push(other);
        }
      }
      cover += Math.ceil(ends / 4);
    }
    return cover;
  }
}

/**
 * MDA's line in the list.
 *
 * - Paper: El Mhamdi et al. 2020
 * - Guarantee: bounded for n ≥ 2f + 1
 * - Cost: n²·d, then up to n²·1.47^f
 */
export const mdaEntry: RuleEntry = defineRule<MdaOptions>({
  name: 'mda',
  parameters: { f, maxSubsets: optional(integer('partial subsets looked at before giving up')) },
  make: mda,
  sample: ({ f }) => ({ f }),
});
