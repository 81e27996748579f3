/**
 * Shares of positive, zero and negative entries, and the cluster in which most updates have alike ones:
 * shared by SignGuard and who looks for attackers.
 *
 * Xu, Huang, Song, Lan. "Byzantine-robust federated learning through collaborative malicious gradient
 * filtering", ICDCS 2022. Comaniciu, Meer. "Mean shift: a robust approach toward feature space
 * analysis", IEEE PAMI 24, 2002.
 *
 * @module
 */

import type { Matrix, Ops } from '../backend/kernels.ts';
import { stacked } from './coordinates.ts';

/** A kernel is as wide as this share of the others are near, on average. */
const QUANTILE = 0.5;
const MAX_STEPS = 300;
/** Shares are quotients of integers: what lies on an edge shall not depend on their last bits. */
const EDGE = 1e-9;

/** Shares of a row's entries that are positive, zero and negative. */
export type SignShares = readonly [positive: number, zero: number, negative: number];

/** Norms and shares of signs of each row, exact shares, in one pass over the rows. */
export async function signStatistics(
  x: Matrix,
  ops: Ops,
): Promise<{ norms: Float64Array; shares: SignShares[] }> {
  const { rows: n, cols: d } = x;
  // The sum of signs of a single row is its signs s: ‖s‖² is how many are not zero. The larger of s and
  // 0, in each column, counts those above it.
  const signs = Array.from({ length: n }, (_, i) => ops.signSum(ops.select(x, [i])));
  const zero = ops.combine([new Float64Array(n)], x);
  const above = signs.map((own) => ops.rankMean(ops.stack(own, zero), 1, 2));
  const squares = await ops.squaredNorms(ops.stack(x, stacked([...signs, ...above], ops)));
  const shares = Array.from({ length: n }, (_, i): SignShares => {
    const [signed, positive] = [squares[n + i]!, squares[2 * n + i]!];
    return [positive / d, (d - signed) / d, (signed - positive) / d];
  });
  return { norms: squares.slice(0, n).map(Math.sqrt), shares };
}

/** The largest cluster of some points, and how far each point is from its centre. */
export interface SignCluster {
  /** Ascending. */
  readonly members: readonly number[];
  readonly away: Float64Array;
}

/**
 * Mean shift from each point: its place becomes the mean of the points within the bandwidth, until it
 * stays. The bandwidth is the mean over the points of the distance within which half of all points lie.
 * Places within a bandwidth of one that more points led to are one with it; a point belongs to the
 * nearest. Ties: the place with more positive entries, then with more zeros, whoever sent what.
 * O(n²) for each step
 */
export function signCluster(points: readonly SignShares[]): SignCluster {
  const n = points.length;
  if (n === 0) return { members: [], away: new Float64Array() };
  const near = Math.max(1, Math.floor(QUANTILE * n));
  const radii = points.map(
    (p) => Float64Array.from(points, (q) => distance(p, q)).sort()[near - 1]!,
  );
  const bandwidth = radii.reduce((sum, radius) => sum + radius, 0) / n;
  const places = points.map((point) => settled(point, points, bandwidth));
  const counts = places.map((place) => within(place, points, bandwidth).length);
  const order = [...places.keys()].sort(
    (a, b) => counts[b]! - counts[a]! || compared(places[b]!, places[a]!),
  );
  const centers: SignShares[] = [];
  for (const k of order) {
    const place = places[k]!;
    if (centers.every((center) => distance(center, place) > bandwidth + EDGE)) centers.push(place);
  }
  const labels = points.map((p) => {
    const distances = centers.map((center) => distance(center, p));
    const nearest = Math.min(...distances);
    return distances.findIndex((own) => own <= nearest + EDGE);
  });
  const sizes = centers.map((_, label) => labels.filter((own) => own === label).length);
  const largest = sizes.indexOf(Math.max(...sizes));
  const away = Float64Array.from(points, (p) => distance(p, centers[largest]!));
  return { members: [...labels.keys()].filter((k) => labels[k] === largest), away };
}

/** By their coordinates, as far as rounding leaves them alone. */
function compared(p: SignShares, q: SignShares): number {
  const axis = p.findIndex((share, k) => Math.abs(share - q[k]!) > EDGE);
  return axis < 0 ? 0 : p[axis]! - q[axis]!;
}

function settled(start: SignShares, points: readonly SignShares[], bandwidth: number): SignShares {
  let place = start;
  for (let step = 0; step < MAX_STEPS; step++) {
    const near = within(place, points, bandwidth);
    const next = [0, 1, 2].map((axis) => {
      return near.reduce((sum, point) => sum + point[axis]!, 0) / near.length;
    }) as unknown as SignShares;
    if (near.length === 0 || distance(next, place) <= EDGE) break;
    place = next;
  }
  return place;
}

function within(place: SignShares, points: readonly SignShares[], radius: number): SignShares[] {
  return points.filter((point) => distance(point, place) <= radius + EDGE);
}

function distance(p: SignShares, q: SignShares): number {
  return Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
}
