/**
 * Centered clipping: the centre moves by the mean of the updates' clipped distances from it.
 *
 * Karimireddy, He, Jaggi. "Learning from history for Byzantine robust optimization", ICML 2021.
 *
 * @module
 */

import type { Matrix } from '../backend/kernels.ts';
import { assertInteger, assertOneOf, assertPositive } from '../core/assert.ts';
import { AggregationError } from '../core/errors.ts';
import { integer, optional, real, word } from '../core/parameter.ts';
import { defineRule, type RuleEntry } from './entry.ts';
import {
  finiteRows,
  type Geometry,
  geometryOf,
  restrict,
  spread,
  squaredDistancesTo,
  sumOf,
} from './geometry.ts';
import { iterate } from './iterate.ts';
import { sumsOf } from './lattice.ts';
import type { Releasable, Round, Rule } from './rule.ts';

/** Where the centre starts. */
export type CenteredClippingStart = 'reference' | 'zero';

const STARTS: readonly CenteredClippingStart[] = ['reference', 'zero'];

/** Options of {@link centeredClipping}. */
export interface CenteredClippingOptions {
  /** Greatest distance at which an update pulls in full, above 0. */
  readonly tau: number;
  /** Steps. Default 1. */
  readonly iterations?: number;
  /** Default: the round's reference where there is one, else zero. */
  readonly start?: CenteredClippingStart;
}

/**
 * `iterations` times v ← v + (1/n) Σ (xᵢ − v)·min(1, τ/‖xᵢ − v‖). The start is best the previous
 * aggregate. No step is longer than τ, whatever the clients send. A row with an infinity pulls with
 * nothing but counts in n. Evidence: distance to the centre and clip factor in the last step.
 *
 * A step does not lengthen what moved the centre, and adds 1/n of what moves the clipped rows: no more
 * than the rows move, and 2τ for each that does.
 *
 * One pass of n²·d, with the reference as one more row; a step is n² on the host. Steps are no longer
 * taken once they repeat, `round.signal` is heard, and the event loop has its turns.
 *
 * @throws {AggregationError} `constraint` if the start is a reference that is missing or not finite.
 */
export function centeredClipping(options: CenteredClippingOptions): Releasable<Rule> {
  const { tau, iterations = 1, start } = options;
  assertPositive('tau', tau);
  assertInteger('iterations', iterations, 1);
  if (start !== undefined) assertOneOf('start', start, STARTS);
  return {
    name: 'centered-clipping',
    laws: ['permutation', 'joint-scale', 'bounded'],
    minClients: 1,
    sensitivity({ rows, moved, single }) {
      const pulled = Math.min(moved, 2 * tau * (single ? 1 : rows));
      // The start is public: another client's reference would be one of the rows.
      return { rows: 1, norm: Infinity, moved: (iterations * pulled) / rows, single };
    },
    async apply(x, ops, round) {
      const reference = referenceOf(start, round);
      const points = reference === undefined ? x : ops.stack(x, reference);
      const all = await geometryOf(points, ops);
      if (all.finite[x.rows] === false) throw unusable('one without infinities');
      const rows = finiteRows(all);
      const clients = rows.filter((row) => row < x.rows).length;
      const geometry = restrict(all, rows);
      const steps = { tau, iterations, clients, n: x.rows, signal: round.signal };
      const { alpha, away, factors } = await clipTowards(geometry, steps);
      const weights = spread(alpha, rows, points.rows);
      const distances = spread(away, rows, points.rows);
      const clipFactors = spread(factors, rows, points.rows);
      return {
        value: ops.combine([weights], points),
        weights: [weights.slice(0, x.rows)],
        evidence: Array.from({ length: x.rows }, (_, i) => ({
          score: all.finite[i] ? distances[i]! : Number.POSITIVE_INFINITY,
          clipFactor: clipFactors[i]!,
        })),
      };
    },
    async onLattice(x, ops) {
      // The rows are differences from the start: a step from it is their mean, once they are clipped.
      if (iterations !== 1) {
        throw new RangeError(`centered-clipping takes one step on integers, got ${iterations}`);
      }
      if (x.norm > tau) {
        throw new RangeError(`centered-clipping needs rows clipped to tau = ${tau}, got ${x.norm}`);
      }
      return sumsOf(x, [Array.from({ length: x.words.rows }, (_, i) => i)], ops);
    },
  };
}

function referenceOf(
  start: CenteredClippingStart | undefined,
  { reference }: Round,
): Matrix | undefined {
  if (start === 'zero') return undefined;
  if (start === 'reference' && reference === undefined) throw unusable('one');
  if (reference !== undefined && reference.rows !== 1) throw unusable('one of a single row');
  return reference;
}

function unusable(wanted: string): AggregationError {
  return new AggregationError(
    'constraint',
    `centered-clipping starts from the round’s reference and needs ${wanted}`,
  );
}

interface Steps {
  readonly tau: number;
  readonly iterations: number;
  /** The first so many rows of the geometry are clients; a row after them is the start. */
  readonly clients: number;
  /** Clients to divide by, those with infinities included. */
  readonly n: number;
  readonly signal: AbortSignal | undefined;
}

/** Coefficients of the centre, with distances and clip factors of the last step. */
async function clipTowards(geometry: Geometry, { iterations, signal, ...steps }: Steps) {
  const start = new Float64Array(geometry.n);
  if (steps.clients < geometry.n) start[steps.clients] = 1;
  const next = (alpha: Float64Array): Float64Array => clipOnce(geometry, alpha, steps).alpha;
  const beforeLast = await iterate(start, next, { steps: iterations - 1, signal });
  return clipOnce(geometry, beforeLast, steps);
}

function clipOnce(
  geometry: Geometry,
  alpha: Float64Array,
  { tau, clients, n }: Pick<Steps, 'tau' | 'clients' | 'n'>,
) {
  const away = squaredDistancesTo(geometry, alpha).map(Math.sqrt);
  const factors = away.map((distance, i) =>
    i >= clients ? 0 : distance <= tau ? 1 : tau / distance,
  );
  const moved = sumOf(factors) / n;
  return { alpha: alpha.map((share, i) => share * (1 - moved) + factors[i]! / n), away, factors };
}

/**
 * Centered clipping's line in the list.
 *
 * - Paper: Karimireddy et al. 2021
 * - Guarantee: moves at most τ per step from its start
 * - Cost: n²·d, then n² per step
 */
export const centeredClippingEntry: RuleEntry = defineRule<CenteredClippingOptions>({
  name: 'centered-clipping',
  parameters: {
    tau: real('greatest distance at which an update pulls in full'),
    iterations: optional(integer('steps')),
    start: optional(word('where the centre starts', STARTS)),
  },
  make: centeredClipping,
  sample: () => ({ tau: 1, iterations: 3 }),
  variants: () => [{ tau: 10 }],
  scaled: ['tau'],
});
