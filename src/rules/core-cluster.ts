/**
 * The one dense cluster of directions, as HDBSCAN finds it when more than half of the rows are to be in
 * it: shared by FLAME and who looks for attackers.
 *
 * Campello, Moulavi, Sander. "Density-based clustering based on hierarchical density estimates",
 * PAKDD 2013.
 *
 * @module
 */

import { cosineDistances } from './cosines.ts';
import type { Geometry } from './geometry.ts';

/** Distances that differ by less tie: so much rounding may do to a cosine. */
const TIE = 2 ** -40;

/** The cluster of directions, and how far each row is from it. */
export interface CoreCluster {
  /** Ascending. */
  readonly members: readonly number[];
  /** The cosine distance at which a row joins, over that at which the cluster came to be; 1 for members. */
  readonly reach: Float64Array;
  /** The cosine distance at which the cluster came to be. */
  readonly epsilon: number;
}

/** The rows whose directions hang together by the least steps: see FLAME. O(n² log n) */
export function coreCluster(geometry: Geometry): CoreCluster {
  const { n, finite } = geometry;
  const distances = cosineDistances(geometry);
  const able = [...finite.keys()].filter((i) => finite[i]);
  const size = Math.min(Math.floor(n / 2) + 1, able.length);
  const links = able
    .flatMap((i, k) => able.slice(0, k).map((j) => ({ i, j, distance: distances[i * n + j]! })))
    .sort((a, b) => a.distance - b.distance);
  // Kruskal's way: sets grow together by the shortest links.
  const sets = new Map(able.map((i) => [i, [i]]));
  let epsilon = size > 1 ? Number.POSITIVE_INFINITY : 0;
  const reach = new Float64Array(n).fill(Number.POSITIVE_INFINITY);
  let core: readonly number[] | undefined;
  for (const { i, j, distance } of links) {
    if (core && distance > epsilon + TIE) break;
    const [one, other] = [sets.get(i)!, sets.get(j)!];
    if (one === other) continue;
    const joined = [...one, ...other];
    for (const row of joined) sets.set(row, joined);
    if (joined.length < size) continue;
    // Whatever joins later by a step that ties belongs to it as well.
    if (core === undefined) epsilon = distance;
    core = joined;
  }
  const members = [...(core ?? able.slice(0, size))].sort((a, b) => a - b);
  for (const i of able) {
    const nearest = Math.min(...members.map((j) => (i === j ? 0 : distances[i * n + j]!)));
    reach[i] = members.includes(i) ? 1 : nearest / Math.max(epsilon, TIE);
  }
  return { members, reach, epsilon };
}
