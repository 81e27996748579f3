/**
 * The point with the least sum of distances to rows, found on their geometry alone: by Weiszfeld's steps
 * and Newton's.
 *
 * Steps that leave an input: Vardi, Zhang. "The multivariate L1-median and associated data depth",
 * PNAS 2000.
 *
 * @module
 */

import {
  distancesFrom,
  type Geometry,
  productsAround,
  squaredDistanceChange,
  squaredDistanceChanges,
  squaredDistancesTo,
  squaredNormOf,
  sumOf,
} from './geometry.ts';

/** The minimiser is found to this share of its objective. */
const TOLERANCE = 1e-9;
/** Some 20 rounds are enough, also where the updates all but lie on a line. */
const MAX_ROUNDS = 200;
/** Newton's step is not shortened below this share of it. */
const SHORTEST_STEP = 2 ** -20;
/** Newton's system is solved until its residual has shrunk by this factor. */
const SOLVED = 1e-10;
/** A distance of 0 is taken for this share of the least distance above it. */
const LEAST_DISTANCE = 2 ** -40;
/** Two sums of distances tie if they differ by no more than this share of what their terms do. */
const TIE = 1e-14;

/** Coefficients of the point with the least sum of distances to rows that are all finite. */
export function minimiser(geometry: Geometry): Float64Array {
  if (geometry.n === 0) return new Float64Array();
  const best = bestRows(geometry);
  const pull = pullAt(geometry, best[0]!);
  // A row is the minimiser if the others' unit pulls add to no more than the rows that lie on it.
  const gap = (2 * (pull.strength - pull.multiplicity)) / geometry.n;
  if (gap > TOLERANCE) return descend(geometry, pull.step);
  return normalised(geometry.finite.map((_, i) => (best.includes(i) ? 1 : 0)));
}

/**
 * The rows whose sum of distances to all rows is least: several where they tie up to rounding. By
 * convexity the mean of rows that tie is as good as they are.
 */
function bestRows(geometry: Geometry): number[] {
  let best = 0;
  for (let i = 1; i < geometry.n; i++) if (compareRows(geometry, best, i) < 0) best = i;
  return [...geometry.finite.keys()].filter((i) => compareRows(geometry, best, i) <= 0);
}

/** Sum of distances to row l minus that to row k; 0 where rounding may decide it. */
function compareRows(geometry: Geometry, k: number, l: number): number {
  const toK = distancesFrom(geometry, k);
  const toL = distancesFrom(geometry, l);
  return balance(
    toK.map((squared, i) => {
      const change = squaredDistanceChange(geometry, { i, from: k, to: l });
      return share(change, Math.sqrt(squared) + Math.sqrt(toL[i]!));
    }),
  );
}

/** How the other rows pull at row k, and the point to which Vardi and Zhang step from it. */
function pullAt(geometry: Geometry, k: number) {
  const away = distancesFrom(geometry, k).map(Math.sqrt);
  const weights = away.map((distance) => (distance > 0 ? 1 / distance : 0));
  const total = sumOf(weights);
  const multiplicity = away.filter((distance) => distance === 0).length;
  const pulls = Float64Array.from(weights);
  pulls[k]! -= total;
  const strength = Math.sqrt(squaredNormOf(geometry, pulls));
  const stay = Math.min(1, multiplicity / strength);
  const step = weights.map((weight) => ((1 - stay) * weight) / total);
  step[k]! += stay;
  return { strength, multiplicity, step };
}

/** A point, its distances, where Weiszfeld's step leads from it, and how far from minimal it may be. */
interface Place {
  readonly alpha: Float64Array;
  readonly away: Float64Array;
  /** 1/‖xᵢ − z‖, and their sum. */
  readonly pulls: Float64Array;
  readonly total: number;
  /** Upper bound on the share of the objective above its minimum. */
  readonly gap: number;
}

function placeAt(geometry: Geometry, alpha: Float64Array): Place {
  const away = squaredDistancesTo(geometry, alpha).map(Math.sqrt);
  const least = LEAST_DISTANCE * Math.min(...away.filter((distance) => distance > 0));
  const pulls = away.map((distance) => 1 / Math.max(least, distance));
  const total = sumOf(pulls);
  const gradient = alpha.map((share, i) => total * share - pulls[i]!);
  // By convexity the objective F is at most ‖gradient‖·‖z − z*‖ above its minimum F*, and
  // n·‖z − z*‖ ≤ F + F* ≤ 2F.
  const gap = (2 * Math.sqrt(squaredNormOf(geometry, gradient))) / geometry.n;
  return { alpha, away, pulls, total, gap };
}

/**
 * Down from a point that is better than every row, so that none is met on the way. A round goes to the
 * lower of Weiszfeld's point, which is always lower, and Newton's, which is much lower near the end.
 */
function descend(geometry: Geometry, start: Float64Array): Float64Array {
  let here = placeAt(geometry, start);
  for (let round = 0; round < MAX_ROUNDS && here.gap > TOLERANCE; round++) {
    const weiszfeld = placeAt(geometry, normalised(here.pulls));
    const newton = newtonPlace(geometry, here);
    const lower = rise(geometry, weiszfeld, newton) < 0 ? newton : weiszfeld;
    // In f64 a point may be as low as it gets before the bound can show it.
    if (rise(geometry, here, lower) >= 0) return here.alpha;
    here = lower;
  }
  return here.alpha;
}

/** Where Newton's step leads, shortened until it leads down. */
function newtonPlace(geometry: Geometry, here: Place): Place {
  const step = newtonStep(geometry, here);
  for (let length = 1; ; length /= 4) {
    const alpha = here.alpha.map((share, i) => share + length * step[i]!);
    const place = placeAt(geometry, normalised(alpha));
    if (length < SHORTEST_STEP || rise(geometry, here, place) < 0) return place;
  }
}

/**
 * Coefficients of Newton's step. With rᵢ = ‖xᵢ − z‖, uᵢ = (xᵢ − z)/rᵢ and W = Σ 1/rᵢ, the Hessian is
 * W·I − Σ uᵢuᵢᵀ/rᵢ and the gradient −Σ uᵢ. The step is Weiszfeld's, Σ uᵢ/W, plus Σ yᵢ uᵢ/√rᵢ, where y
 * solves the n×n system (W·I − C)·y = b with Cᵢⱼ = ⟨uᵢ, uⱼ⟩/√(rᵢrⱼ) and bᵢ = Σⱼ ⟨uᵢ, uⱼ⟩/(W·√rᵢ).
 * Written so, rows that are very far away enter with their unit vectors and no more.
 */
function newtonStep(geometry: Geometry, { alpha, pulls, total }: Place): Float64Array {
  const n = geometry.n;
  const cosines = productsAround(geometry, alpha).map(
    (product, ij) => product * pulls[Math.floor(ij / n)]! * pulls[ij % n]!,
  );
  const roots = pulls.map(Math.sqrt);
  const times = (v: Float64Array): Float64Array =>
    v.map((_, i) => roots[i]! * dot(cosines.subarray(i * n, (i + 1) * n), v));
  const b = times(new Float64Array(n).fill(1 / total));
  const y = solve(b, (v) => {
    const image = times(v.map((value, i) => roots[i]! * value));
    return image.map((value, i) => total * v[i]! - value);
  });
  const onRows = y.map((value, i) => pulls[i]! * (1 / total + roots[i]! * value));
  const onCentre = sumOf(onRows);
  return onRows.map((value, i) => value - onCentre * alpha[i]!);
}

/** Conjugate gradients: x with apply(x) = b for a positive definite apply, from x = 0. */
function solve(b: Float64Array, apply: (v: Float64Array) => Float64Array): Float64Array {
  const x = new Float64Array(b.length);
  const residual = Float64Array.from(b);
  let direction = Float64Array.from(b);
  let square = dot(residual, residual);
  const enough = square * SOLVED ** 2;
  for (let k = 0; k < 2 * b.length && square > enough; k++) {
    const image = apply(direction);
    const curvature = dot(direction, image);
    if (!(curvature > 0)) break;
    const length = square / curvature;
    for (let i = 0; i < x.length; i++) {
      x[i]! += length * direction[i]!;
      residual[i]! -= length * image[i]!;
    }
    const before = square;
    square = dot(residual, residual);
    direction = direction.map((p, i) => residual[i]! + (square / before) * p);
  }
  return x;
}

/**
 * How much higher the objective is at one place than at another, 0 where rounding may decide it. It is
 * added up from differences: in the sums themselves a few attackers far away would drown all that
 * honest rows have to say.
 */
function rise(geometry: Geometry, from: Place, to: Place): number {
  const changes = squaredDistanceChanges(geometry, from.alpha, to.alpha);
  return balance(changes.map((change, i) => share(change, from.away[i]! + to.away[i]!)));
}

/** √b − √a from b − a and √b + √a. */
function share(change: number, both: number): number {
  return both === 0 ? 0 : change / both;
}

/** The sum of the terms, 0 where it is no more than their rounding. */
function balance(terms: Float64Array): number {
  const sum = sumOf(terms);
  return Math.abs(sum) <= TIE * sumOf(terms.map(Math.abs)) ? 0 : sum;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Weights over their sum. */
export function normalised(weights: ArrayLike<number>): Float64Array {
  const shares = Float64Array.from(weights);
  const total = sumOf(shares);
  return shares.map((weight) => weight / total);
}
