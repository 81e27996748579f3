/**
 * Neighbour distance: an update that is far from the others it is nearest to.
 *
 * The score of Krum: Blanchard, El Mhamdi, Guerraoui, Stainer. "Machine learning with adversaries:
 * Byzantine tolerant gradient descent", NeurIPS 2017.
 *
 * @module
 */

import { krumNeighbours, krumScores } from '../../rules/krum-scores.ts';
import type { Detector } from '../detector.ts';
import { deviationsOf, medianOf } from '../statistics.ts';

/** The spread of distances is taken as no less than this share of their median. */
const LEAST_SPREAD = 0.1;

/**
 * Score: the root mean squared distance to the n − f − 2 nearest others. Deviation: its robust z, above
 * alone: who is near to others is no outlier.
 */
export const neighbours: Detector = {
  name: 'neighbours',
  looksAt: 'distance to the nearest others',
  paper: 'Blanchard et al. 2017',
  threshold: 45,
  examine({ geometry, f }) {
    const { n } = geometry;
    if (n < 3) return undefined;
    const count = Math.min(n - 1, krumNeighbours('flower', n, f));
    const away = krumScores(geometry, count).map((score) => Math.sqrt(score / count));
    const median = medianOf(away);
    const deviations = deviationsOf(away, LEAST_SPREAD * median);
    return Array.from(away, (score, i) => ({
      score,
      deviation: deviations[i]!,
      words: `is ${times(score, median)} as far from its ${count} nearest others as is usual`,
    }));
  },
};

/** A ratio as people say it. */
function times(score: number, median: number): string {
  return score === median ? 'just' : `${(score / median).toPrecision(3)} times`;
}
