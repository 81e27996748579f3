/**
 * FoolsGold: a client whose updates are, in all, like those of another.
 *
 * Fung, Yoon, Beschastnikh. "The limitations of federated learning in sybil settings", RAID 2020.
 *
 * @module
 */

import { cosineDistances } from '../../rules/cosines.ts';
import { sybilShares } from '../../rules/sybil-shares.ts';
import type { Detector, Scene } from '../detector.ts';
import { sketchCosine, sumWith } from '../memory.ts';
import { bounded, medianOf } from '../statistics.ts';

/**
 * Score: FoolsGold's share, 0 for the least trusted, from cosines between the sums of what clients have
 * sent; without memories, of this round alone. Deviation: ½·ln((1 + s)/(1 − s)) of the largest cosine s
 * to another client, Fisher's z, above its median.
 *
 * Who copies and who is copied look the same: this detector never suspects alone.
 */
export const foolsGold: Detector = {
  name: 'fools-gold',
  looksAt: 'likeness to another client, over all rounds',
  paper: 'Fung et al. 2020',
  threshold: 3,
  corroborates: true,
  examine(scene) {
    const { n } = scene.geometry;
    if (n < 3) return undefined;
    const distances = distancesOf(scene);
    const shares = sybilShares(distances, scene.geometry.finite);
    const closest = shares.map((_, i) => {
      const others = distances.subarray(i * n, (i + 1) * n).filter((_, j) => j !== i);
      return 1 - Math.min(...others);
    });
    const likeness = closest.map((cosine) =>
      bounded(Math.atanh(Math.max(0, Math.min(cosine, MOST)))),
    );
    const usual = medianOf(likeness);
    return Array.from(shares, (score, i) => ({
      score,
      deviation: likeness[i]! - usual,
      words: `has cosine ${closest[i]!.toFixed(3)} to another client over all that both have sent`,
    }));
  },
};

/** Cosines above it are as good as 1. */
const MOST = 1 - 1e-9;

function distancesOf({ geometry, norms, past }: Scene): Float64Array {
  if (past === undefined) return cosineDistances(geometry);
  const medianNorm = medianOf(norms);
  const sums = past.sketches.map((sketch, i) =>
    sumWith(past.memories[i]?.sum, { sketch, norm: norms[i]!, medianNorm }),
  );
  const { n } = geometry;
  const distances = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      distances[i * n + j] = distances[j * n + i] = 1 - sketchCosine(sums[i]!, sums[j]!);
    }
  }
  return distances;
}
