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

/**
 * Score: the least cosine distance to a member of the cluster, over the one at which the cluster came to
 * be; 1 for members. Deviation: by how much that is above 1. FLAME itself leaves out who is above at all,
 * which may be all but half of the clients.
 */
export const cluster: Detector = {
  name: 'cluster',
  looksAt: 'angle to the cluster of most directions',
  paper: 'Nguyen et al. 2022',
  threshold: 6,
  examine({ geometry }) {
    if (geometry.n < 3) return undefined;
    const { reach } = coreCluster(geometry);
    return Array.from(reach, (score) => ({
      score: bounded(score),
      deviation: bounded(score - 1),
      words: `is ${score.toPrecision(3)} times as far from the cluster of directions as its members are`,
    }));
  },
};
