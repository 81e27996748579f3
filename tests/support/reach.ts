/**
 * How far f Byzantine rows can move the result of each rule: where it must lie, given only what the
 * honest clients sent. n ≥ 2f + 1 everywhere, N = n − f honest rows of diameter δ.
 *
 * @module
 */

import type { Options } from '../../src/core/parameter.ts';
import type { Cohort } from '../../src/rules/entry.ts';
import { diameterOf, normOf, type Rows, squaredDistance } from './vectors.ts';

/** How far a row lies outside the place where it must be; at most 0 inside. */
export type Excess = (row: readonly number[]) => number;

interface Known extends Cohort {
  readonly honest: Rows;
  readonly options: Options;
}

type Reach = (known: Known) => Excess;

const REACH: Readonly<Record<string, Reach>> = {
  // At most f values lie beyond either end of the honest ones: the ranks in use lie between these.
  median: insideRange(0),
  'trimmed-mean': insideRange(0),
  'trimmed-mean-beta': insideRange(0),
  // The center is between honest values (of Bulyan's picks at most f of n − 2f ≥ 2f + 3 are
  // Byzantine), and there are enough honest values that all kept ones are as near as honest ones.
  'mea-med': insideRange(1),
  phocas: insideRange(1),
  bulyan: insideRange(1),
  // An honest row has at least q honest others, so its score is at most qδ². So then is that of each
  // kept row; with f − 1 accomplices it has q − f + 1 honest neighbours or more.
  krum: (known) => nearHonest(krumRadius(known))(known),
  'multi-krum': (known) => nearHonest(krumRadius(known))(known),
  // Σ‖xᵢ − z‖ ≤ Σ‖xᵢ − μ‖ with μ the honest mean gives (n − 2f)‖z − μ‖ ≤ 2Σ‖xᵢ − μ‖ over honest i.
  'geometric-median': (known) =>
    known.options.iterations === undefined
      ? nearHonest(1 + (2 * (known.n - known.f)) / (known.n - 2 * known.f))(known)
      : withinNorm(smoothedRadius(known)),
  'centered-clipping': ({ options }) =>
    withinNorm(Number(options.iterations ?? 1) * Number(options.tau)),
  'sign-vote': () => (row) => Math.max(...row.map(Math.abs)) - 1,
  // All kept rows are within δ of each other, and at least n − 2f of them are honest.
  mda: nearHonest(2),
  // See the κ of SMEA in `robustness.test.ts`: within 2√(λf/(n − 2f)) of the honest mean, and λ ≤ δ².
  smea: (known) => nearHonest(1 + 2 * Math.sqrt(known.f / (known.n - 2 * known.f)))(known),
  // The mean of rows within δ of an honest one.
  nnm: nearHonest(2),
  // A bucket of honest rows lies among them.
  bucketing: nearHonest(1),
  'clip-norm': ({ options }) => withinNorm(Number(options.max)),
  // ⌊2f(n − f)/n⌋ ≥ f rows are clipped, so the longest row left is no longer than an honest one.
  arc: ({ honest }) => withinNorm(Math.max(...honest.map(normOf))),
};

/**
 * The place of a rule's result. Of rules without a line above, and of pipelines, no more is asked than a
 * norm of at most 4n times that of the longest honest row, or 4n where all are shorter than 1.
 */
export function reachOf(entry: string, known: Known): Excess {
  const reach = REACH[entry];
  if (reach !== undefined) return reach(known);
  const longest = Math.max(1, ...known.honest.map(normOf));
  return withinNorm(4 * known.n * longest);
}

/** Per coordinate between the honest values, or outside by at most `times` their range. */
function insideRange(times: number): Reach {
  return ({ honest }) => {
    const column = (j: number): number[] => honest.map((row) => row[j]!);
    const bounds = honest[0]!.map((_, j) => {
      const [low, high] = [Math.min(...column(j)), Math.max(...column(j))];
      return { low: low - times * (high - low), high: high + times * (high - low) };
    });
    return (row) =>
      Math.max(...row.map((value, j) => Math.max(bounds[j]!.low - value, value - bounds[j]!.high)));
  };
}

/** At most `times` the honest diameter away from every honest row. */
function nearHonest(times: number): Reach {
  return ({ honest }) => {
    const radius = times * diameterOf(honest);
    return (row) => Math.sqrt(Math.max(...honest.map((h) => squaredDistance(row, h)))) - radius;
  };
}

function withinNorm(radius: number): Excess {
  return (row) => normOf(row) - radius;
}

function krumRadius({ n, f, options: { preset } }: Known): number {
  const q = preset === 'byzfl' ? n - f - 1 : Math.max(1, n - f - 2);
  return 1 + Math.sqrt(q / Math.max(1, q - f + 1));
}

/**
 * One step moves z by Σ wᵢ(xᵢ − z) / Σ wᵢ. No term is longer than 1, and the honest ones alone make
 * Σ wᵢ ≥ N / max(ν, longest ‖xᵢ − z‖).
 */
function smoothedRadius({ honest, n, options }: Known): number {
  const longest = Math.max(...honest.map(normOf));
  let radius = 0;
  for (let step = 0; step < Number(options.iterations); step++) {
    radius += (n / honest.length) * Math.max(Number(options.nu), longest + radius);
  }
  return radius;
}
