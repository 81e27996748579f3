/**
 * CAF, the covariance-bound agnostic filter: rows that stand out along the direction of greatest
 * spread lose weight, step by step.
 *
 * Allouah, Guerraoui, Stephan. "Towards trustworthy federated learning with untrusted participants",
 * ICML 2025. arXiv:2505.01874. The filter itself: Diakonikolas, Kamath, Kane, Li, Moitra, Stewart.
 * "Being robust (in high dimensions) can be practical", ICML 2017.
 *
 * @module
 */

import { assertInteger, assertOneOf } from '../core/assert.ts';
import { optional, word } from '../core/parameter.ts';
import { topEigenpair } from '../core/symmetric.ts';
import { Turns } from '../core/turn.ts';
import { honestMajority, requireClients } from './clients.ts';
import { defineRule, f, type RuleEntry } from './entry.ts';
import {
  finiteRows,
  type Geometry,
  geometryOf,
  productsAround,
  restrict,
  spread,
  sumOf,
} from './geometry.ts';
import type { Law, Rule } from './rule.ts';

/**
 * Rows over which the greatest projection is taken.
 *
 * - `active`: rows that still have weight. Each step takes all weight from at least one row.
 * - `all`: every row, as byzfl does. A row that lost its weight and lies far away may keep all others
 *   from losing any, attackers among them; the filter ends there.
 */
export type CafTauMax = 'active' | 'all';

const TAU_MAX: readonly CafTauMax[] = ['active', 'all'];

/** Options of {@link caf}. */
export interface CafOptions {
  /** Bound on the number of Byzantine clients. */
  readonly f: number;
  /** Default `active`. */
  readonly tauMax?: CafTauMax;
}

/** A step must take at least this share of some row's weight. */
const LEAST_PROGRESS = 1e-9;
/** Bounds the steps of `all`, which may go on with little progress. */
const MAX_STEPS = 1000;

/**
 * Weights cᵢ start at 1. While they add to more than n − 2f: weighted mean μ, top eigenpair (λ, v) of the
 * weighted covariance, τᵢ = ⟨xᵢ − μ, v⟩², cᵢ ← cᵢ·(1 − τᵢ/max τ). The result is the μ of the smallest λ;
 * for f = 0 it is the mean. Rows with infinities start with weight 0.
 *
 * Needs n ≥ 2f + 1. One pass of n²·d; a step is n³ on the host, and `active` takes at most 2f.
 * Evidence: the weight that a row has in the result, as share of its start.
 */
export function caf({ f, tauMax = 'active' }: CafOptions): Rule {
  assertInteger('f', f, 0);
  assertOneOf('tauMax', tauMax, TAU_MAX);
  const condition = honestMajority('caf', f);
  const laws: Law[] = ['permutation', 'translation', 'scale', 'mean-without-faults', 'agreement'];
  return {
    name: 'caf',
    // A far row that `all` has removed shields the next one, so that may be as far as it likes.
    laws: tauMax === 'active' ? [...laws, 'bounded'] : laws,
    minClients: condition.min,
    async apply(x, ops, { signal }) {
      const n = x.rows;
      requireClients(condition, n);
      const all = await geometryOf(x, ops);
      const rows = finiteRows(all);
      const filtered = await filter(restrict(all, rows), { enough: n - 2 * f, tauMax, signal });
      const kept = spread(filtered, rows, n);
      const total = sumOf(kept);
      const weights = [kept.map((weight) => (total === 0 ? 0 : weight / total))];
      return {
        value: ops.combine(weights, x),
        weights,
        evidence: kept.map((score) => ({ score })),
      };
    },
  };
}

interface Filter {
  /** The weight at which there is enough left to end. */
  readonly enough: number;
  readonly tauMax: CafTauMax;
  readonly signal: AbortSignal | undefined;
}

/** The weights cᵢ whose weighted covariance has the smallest top eigenvalue of those met. */
async function filter(
  geometry: Geometry,
  { enough, tauMax, signal }: Filter,
): Promise<Float64Array> {
  const turns = new Turns(signal);
  let weights = new Float64Array(geometry.n).fill(1);
  let best = { weights, spread: Number.POSITIVE_INFINITY };
  for (let step = 0; step < MAX_STEPS && sumOf(weights) > enough; step++) {
    if (turns.due) await turns.take();
    const { spread, squares } = topDirection(geometry, weights);
    if (spread < best.spread) best = { weights, spread };
    const counted = tauMax === 'all' ? squares : squares.filter((_, i) => weights[i]! > 0);
    const largest = Math.max(...counted);
    if (!(largest > 0)) break;
    const next = weights.map((weight, i) => weight * Math.max(0, 1 - squares[i]! / largest));
    if (isStalled(weights, next)) break;
    weights = next;
  }
  return best.weights;
}

/**
 * Whether a step has stalled. Each row is held against its own weight: rounding may leave a far row a
 * last 10⁻¹⁶, and the step that takes it is the one that matters.
 */
function isStalled(before: Float64Array, after: Float64Array): boolean {
  return after.every((weight, i) => weight >= before[i]! * (1 - LEAST_PROGRESS));
}

/** The top eigenvalue of the weighted covariance, and τᵢ = ⟨xᵢ − μ, v⟩² along its eigenvector. */
function topDirection(geometry: Geometry, weights: Float64Array) {
  const n = geometry.n;
  const total = sumOf(weights);
  const shares = weights.map((weight) => weight / total);
  const around = productsAround(geometry, shares);
  // With Y the rows (xᵢ − μ)·√pᵢ the covariance is YᵀY. Its eigenvalues above 0 are those of YYᵀ, and
  // v = Yᵀu/√λ for an eigenvector u of that matrix, which rows without weight do not enter.
  const roots = shares.map(Math.sqrt);
  const active = finiteRows(geometry).filter((i) => roots[i]! > 0);
  const size = active.length;
  const products = new Float64Array(size * size);
  for (const [k, i] of active.entries()) {
    const row = around.subarray(i * n, (i + 1) * n);
    for (let l = 0; l < size; l++)
      products[k * size + l] = row[active[l]!]! * roots[i]! * roots[active[l]!]!;
  }
  const { value, vector } = topEigenpair(products, size);
  const squares = Float64Array.from({ length: n }, (_, i) => {
    let projection = 0;
    for (const [k, j] of active.entries()) {
      projection += around[i * n + j]! * roots[j]! * vector[k]!;
    }
    return value > 0 ? projection ** 2 / value : 0;
  });
  return { spread: value, squares };
}

/**
 * CAF's line in the list.
 *
 * - Paper: Allouah et al. 2025
 * - Guarantee: bounded for n ≥ 2f + 1 with tauMax = active
 * - Cost: n²·d, then up to 2f·n³
 */
export const cafEntry: RuleEntry = defineRule<CafOptions>({
  name: 'caf',
  parameters: { f, tauMax: optional(word('rows that set the scale of a step', TAU_MAX)) },
  make: caf,
  sample: ({ f }) => ({ f }),
  variants: ({ f }) => [{ f, tauMax: 'all' }],
});
