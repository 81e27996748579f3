/**
 * Signs: an update with unusual shares of positive, zero and negative entries.
 *
 * The statistics of SignGuard: Xu, Huang, Song, Lan. "Byzantine-robust federated learning through
 * collaborative malicious gradient filtering", ICDCS 2022.
 *
 * @module
 */

import { signCluster, signStatistics } from '../../rules/signs.ts';
import type { Detector } from '../detector.ts';
import { deviationsOf } from '../statistics.ts';

/** Distances between shares spread by no less; of d entries, by no less than 1/√d. */
const LEAST_SPREAD = 0.02;

/**
 * Score: the distance of the shares from the centre of their largest cluster. Deviation: its robust z,
 * above alone. One pass of its own.
 */
export const signs: Detector = {
  name: 'signs',
  looksAt: 'shares of positive, zero and negative entries',
  paper: 'Xu et al. 2022',
  threshold: 25,
  async examine({ x, ops }) {
    if (x.rows < 3) return undefined;
    const { shares } = await signStatistics(x, ops);
    const { away } = signCluster(shares);
    const deviations = deviationsOf(away, Math.max(LEAST_SPREAD, 1 / Math.sqrt(x.cols)));
    return shares.map((own, i) => ({
      score: away[i]!,
      deviation: deviations[i]!,
      words: `has ${own.map((share) => Math.round(100 * share)).join('/')} % of positive, zero and negative entries`,
    }));
  },
};
