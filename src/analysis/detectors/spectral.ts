/**
 * Spectrum: an update that stands out along the direction in which the updates spread most.
 *
 * The score of DnC: Shejwalkar, Houmansadr. "Manipulating the Byzantine: optimizing model poisoning
 * attacks and defenses for federated learning", NDSS 2021.
 *
 * @module
 */

import { spectralScores, topProjections } from '../../rules/spectral.ts';
import type { Detector } from '../detector.ts';
import { deviationsOf, medianOf } from '../statistics.ts';

/** Projections spread by no less than this share of the median norm. */
const LEAST_SPREAD = 0.1;

/**
 * Score: the squared projection on the top singular vector of the centred rows, as share of the largest;
 * all coordinates are looked at. Deviation: the robust z of the projection, to either side.
 */
export const spectral: Detector = {
  name: 'spectral',
  looksAt: 'projection on the direction of greatest spread',
  paper: 'Shejwalkar and Houmansadr 2021',
  threshold: 80,
  examine({ geometry, norms }) {
    if (geometry.n < 3) return undefined;
    const scores = spectralScores(geometry);
    const deviations = deviationsOf(topProjections(geometry), LEAST_SPREAD * medianOf(norms));
    return Array.from(scores, (score, i) => ({
      score,
      deviation: Math.abs(deviations[i]!),
      words: `lies ${Math.abs(deviations[i]!).toPrecision(3)} spreads out where updates differ most`,
    }));
  },
};
