/**
 * Direction: an update that points away from where the round goes.
 *
 * @module
 */

import type { Detector, Measure } from '../detector.ts';
import { deviationsOf } from '../statistics.ts';

/** Cosines spread by no less. */
const LEAST_SPREAD = 0.1;

/** Score: the cosine to the geometric median of the round. Deviation: its robust z, below alone. */
export const direction: Detector = {
  name: 'direction',
  looksAt: 'angle to the geometric median of the round',
  paper: 'Pillutla et al. 2022',
  threshold: 5,
  examine({ agreement }) {
    return agreement.length < 3
      ? undefined
      : measuresOf(agreement, 'the geometric median of the round');
  },
};

/** Measures of cosines: the lower the worse. */
export function measuresOf(cosines: Float64Array, to: string): Measure[] {
  const deviations = deviationsOf(cosines, LEAST_SPREAD);
  return Array.from(cosines, (score, i) => ({
    score,
    deviation: -deviations[i]!,
    words: `has cosine ${score.toFixed(2)} to ${to}`,
  }));
}
