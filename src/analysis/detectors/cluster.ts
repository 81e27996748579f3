/**
 * Cluster: an update whose direction is outside the cluster in which most are.
 *
 * The clustering of FLAME: Nguyen et al. "FLAME: taming backdoors in federated learning", USENIX
 * Security 2022.
 *
 * @module
 */

import { coreCluster } from '../../rules/core-cluster.ts';
import type { Detector } from '../detector.ts';
import { bounded } from '../statistics.ts';

/** A cluster is taken as no narrower: directions of cosine 0.9 are alike. */
const LEAST_DISTANCE = 0.1;

/**
 * Score: the least cosine distance to a member of the cluster, over the one at which the cluster came to
 * be; 1 for members. Deviation: by how much that is above 1, where a
 * narrow cluster counts as one of 0.1. FLAME itself leaves out who is above at all,
 * which may be all but half of the clients.
 */
export const cluster: Detector = {
  name: 'cluster',
  looksAt: 'angle to the cluster of most directions',
  paper: 'Nguyen et al. 2022',
  threshold: 2.5,
  examine({ geometry }) {
    if (geometry.n < 3) return undefined;
    const { reach, epsilon } = coreCluster(geometry);
    const unit = Math.max(epsilon, LEAST_DISTANCE) / Math.max(epsilon, Number.EPSILON);
    return Array.from(reach, (score) => ({
      score: bounded(score),
      deviation: bounded((score - 1) / unit),
      words: `is ${score.toPrecision(3)} times as far from the cluster of directions as its members are`,
    }));
  },
};
